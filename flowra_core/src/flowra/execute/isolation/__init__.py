"""Runs nodes that declare `isolation = "process"` in supervised child processes that are kept warm."""
