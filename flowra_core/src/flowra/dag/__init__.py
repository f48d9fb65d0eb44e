"""Nodes, graphs, and the plans that are made of them."""
