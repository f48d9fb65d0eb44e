"""The `.nodebin` format: a node pack in one file, readable without running anything in it.

`read_nodebin` trusts nothing, `write_nodebin` writes the same bytes for the same content. docs/nodebin.md describes the
format.
"""
