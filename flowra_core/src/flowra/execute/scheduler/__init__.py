"""Runs the nodes of a plan on threads: what is ready when, who runs it, and what becomes of the values."""
