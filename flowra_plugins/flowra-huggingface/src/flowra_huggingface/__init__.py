"""Models from Hugging Face."""
