"""From a graph to what is to be run: checked, typed, expanded, pruned."""
