"""Tier-1 training rows: queries spoken from phrase banks, and the routing decisions that follow from them."""

from arny_studio.dataset.generate.tier1.generator import SIMPLE_JOURNEYS, conversations, generate_tier1
from arny_studio.dataset.generate.tier1.mix import Tier1Mix

__all__ = ["SIMPLE_JOURNEYS", "Tier1Mix", "conversations", "generate_tier1"]
