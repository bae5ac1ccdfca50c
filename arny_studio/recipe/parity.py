"""How an exported file is held against its F16 before it may be called ready, and from where on it may not.

Every measure is a loss: 0 is "the same as F16", larger is worse. Up to `amber` a file is green, above `red` it is red.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class Limit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The two edges of one measure."""

    amber: Annotated[float, Meta(ge=0, description="Above this the file is amber.")]
    red: Annotated[float, Meta(ge=0, description="Above this the file is red.")]


class ParityLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file may lose against F16. Shares are 0 to 1."""

    json_lost: Annotated[Limit, Meta(description="Share of prompts whose decision was valid and no longer is.")] = (
        Limit(amber=0.0, red=0.05)
    )
    flips: Annotated[Limit, Meta(description="Share of prompts that would be routed otherwise.")] = Limit(
        amber=0.05, red=0.25
    )
    fields_changed: Annotated[Limit, Meta(description="Share of decision fields, free text aside, that differ.")] = (
        Limit(amber=0.05, red=0.2)
    )
    kl: Annotated[Limit, Meta(description="Mean KL divergence per token, in nats.")] = Limit(amber=0.05, red=0.3)
    top_token_changed: Annotated[Limit, Meta(description="Share of tokens whose likeliest token differs.")] = Limit(
        amber=0.06, red=0.2
    )
    perplexity_rise: Annotated[Limit, Meta(description="Rise of the perplexity on the held-out answers.")] = Limit(
        amber=0.05, red=0.25
    )


class ParitySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parity gate: on which prompts, how many, and with which limits."""

    prompts: Annotated[int, Meta(ge=0, le=10_000, description="Held-out prompts to replay; 0: no parity gate.")] = 32
    data: Annotated[
        str,
        Meta(
            description="JSONL file with the prompts; empty: the run's validation file, else generated held-out rows."
        ),
    ] = ""
    trainer_prompts: Annotated[
        int,
        Meta(ge=0, le=1000, description="Prompts that the trained model itself replays too (needs torch); 0: none."),
    ] = 8
    limits: ParityLimits = ParityLimits()
