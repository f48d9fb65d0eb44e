"""Templates of packs: finding one, rendering it, and bringing a later one into a pack that was made from it."""
