"""Models on the Hugging Face Hub: their addresses, what is stored of them, getting and putting them."""
