"""The page behind `mutualseg app`: what it draws and keeps is plain Python; `wiring` alone knows Gradio."""
