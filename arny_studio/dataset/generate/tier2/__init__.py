"""The Tier-2 generator: topic sheets, ten planners, answers that hold apart."""

from arny_studio.dataset.generate.tier2.generate import generate_tier2

__all__ = ["generate_tier2"]
