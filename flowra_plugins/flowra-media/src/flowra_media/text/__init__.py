"""Text and JSON: files, paths into data, templates, replacing."""
