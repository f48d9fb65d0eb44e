"""`flowra run` over many items: where they come from, how it looks, and what is written of them."""
