"""What one simulated phone holds and how it decides."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from arny_studio.recipe.base import Recipe


class PhoneRecipe(Recipe, tag="phone", frozen=True, kw_only=True):
    """One simulated phone."""

    tier1: Annotated[str, Meta(description="GGUF of the router.")]
    tier2: Annotated[str, Meta(description="GGUF of the reasoner; empty: none.")] = ""
    device: Annotated[str, Meta(description="Profile id (4gb, 6gb, 12gb) or a profile file.")] = "6gb"
    contract: Annotated[str, Meta(description="Contract id or file.")] = "router-v1"
    complexity_threshold: Annotated[int, Meta(ge=0, le=101, description="Scores from here on go to Tier-2.")] = 60
    confidence_floor: Annotated[float, Meta(ge=0, le=1, description="Below this the router asks.")] = 0.5
    constrained: Annotated[bool, Meta(description="Decode the decision under the contract's schema.")] = True
    router_temperature: Annotated[float, Meta(ge=0, le=2, description="0: greedy.")] = 0.0
    router_max_tokens: Annotated[int, Meta(ge=1, le=4096, description="Longest decision, in tokens.")] = 256
    reasoner_temperature: Annotated[float, Meta(ge=0, le=2, description="Sampling temperature of Tier-2.")] = 0.7
    reasoner_max_tokens: Annotated[int, Meta(ge=1, le=8192, description="Longest answer, in tokens.")] = 512
    seed: Annotated[int, Meta(ge=0, description="Seed of sampling.")] = 1
    queries: Annotated[str, Meta(description="JSONL file with {query} lines to run; empty: wait for commands.")] = ""
    threads: Annotated[int, Meta(ge=0, description="Threads; 0: one less than there are cores.")] = 0
