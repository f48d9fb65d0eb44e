"""`flowra debug`: what is run, what is measured, and how it is shown."""
