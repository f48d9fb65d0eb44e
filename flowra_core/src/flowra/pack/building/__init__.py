"""Building: from a pack's source tree to a `.nodebin` that is proved to install and to run."""
