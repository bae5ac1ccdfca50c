"""Generators of training rows: Tier-1 routing decisions and Tier-2 long answers."""
