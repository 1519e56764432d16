"""`--logger`: where the curves and pictures of a run go, beside its own files."""
