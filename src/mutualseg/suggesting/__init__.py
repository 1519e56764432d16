"""Which images to label next, and masks to begin with: what `mutualseg suggest` is made of."""
