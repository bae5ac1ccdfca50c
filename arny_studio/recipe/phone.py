"""What one simulated phone holds and how it decides."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from arny_studio.device.profiles import DeviceProfile
from arny_studio.recipe.base import Recipe

Threshold = Annotated[int, Meta(ge=0, le=101, description="Scores from here on go to Tier-2.")]
Floor = Annotated[float, Meta(ge=0, le=1, description="Below this confidence the router asks.")]
Temperature = Annotated[float, Meta(ge=0, le=2, description="Sampling temperature; 0: greedy.")]
DecisionTokens = Annotated[int, Meta(ge=1, le=4096, description="Longest decision, in tokens.")]
AnswerTokens = Annotated[int, Meta(ge=1, le=8192, description="Longest answer, in tokens.")]
Seed = Annotated[int, Meta(ge=0, description="Seed of sampling.")]
Constrained = Annotated[bool, Meta(description="Decode the decision under the contract's schema.")]


class AskSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one request is routed and answered; may differ from request to request without a restart.

    The source document samples the router at 0.3 and the reasoner at 0.7; the router is greedy here unless told so.
    """

    complexity_threshold: Threshold = 60
    confidence_floor: Floor = 0.5
    constrained: Constrained = True
    router_temperature: Temperature = 0.0
    router_max_tokens: DecisionTokens = 256
    reasoner_temperature: Temperature = 0.7
    reasoner_max_tokens: AnswerTokens = 512
    seed: Seed = 1


class PhoneRecipe(Recipe, tag="phone", frozen=True, kw_only=True):
    """One simulated phone."""

    tier1: Annotated[str, Meta(description="GGUF of the router.")]
    tier2: Annotated[str, Meta(description="GGUF of the reasoner; empty: none.")] = ""
    device: Annotated[str, Meta(description="Profile id (4gb, 6gb, 12gb) or a profile file.")] = "6gb"
    profile: Annotated[DeviceProfile | None, Meta(description="The profile itself; then `device` is its name.")] = None
    contract: Annotated[str, Meta(description="Contract id or file.")] = "router-v1"
    connectors: Annotated[str, Meta(description="Connector file; empty: the offline sandbox for everything.")] = ""
    complexity_threshold: Threshold = 60
    confidence_floor: Floor = 0.5
    constrained: Constrained = True
    router_temperature: Temperature = 0.0
    router_max_tokens: DecisionTokens = 256
    reasoner_temperature: Temperature = 0.7
    reasoner_max_tokens: AnswerTokens = 512
    seed: Seed = 1
    queries: Annotated[str, Meta(description="JSONL file with {query} lines to run; empty: wait for commands.")] = ""
    threads: Annotated[int, Meta(ge=0, description="Threads; 0: one less than there are cores.")] = 0

    @property
    def ask_settings(self) -> AskSettings:
        """How a request is answered that names no settings of its own."""
        values = msgspec.structs.asdict(self)
        return AskSettings(**{name: values[name] for name in AskSettings.__struct_fields__})
