"""Images and masks on disk, which of them play which part, and the streams that training reads."""
