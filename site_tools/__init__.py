"""What makes pages of the documentation site from the program itself."""
