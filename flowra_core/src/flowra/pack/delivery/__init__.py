"""Packs from the driver of a cluster to its workers, as wheels: `flowra run --sync-packs`."""
