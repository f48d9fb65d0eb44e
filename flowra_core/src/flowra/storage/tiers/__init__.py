"""A store of two tiers: a local one that answers first, and a remote one behind it that machines share."""
