"""What networks see of an image: geometry drawn once, weak and strong colors, CutMix."""
