"""What a run shows: pictures, progress, tables."""
