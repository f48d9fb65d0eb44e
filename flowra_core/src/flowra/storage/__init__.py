"""Where values and results are kept: references, codecs, the store interface and the local store."""
