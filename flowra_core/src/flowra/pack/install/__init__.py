"""Installing: packs come, go and change, in an environment that stays whole whatever happens on the way."""
