"""What a Tier-1 dataset is made of: shares of journeys, situations and ways of typing."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class Tier1Mix(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shares (0–1) of a Tier-1 dataset. What no field claims falls to the last kind named in its group's help."""

    domain: Annotated[
        float, Meta(ge=0, le=1, description="Rows of the agents; the rest is simple questions and talk.")
    ] = 0.70
    unclear: Annotated[
        float,
        Meta(ge=0, le=0.3, description="Rows that are vague, out of scope or gibberish, taken from the simple ones."),
    ] = 0.06

    all_parameters: Annotated[float, Meta(ge=0, le=1, description="Domain rows that name every required slot.")] = 0.36
    missing_parameters: Annotated[float, Meta(ge=0, le=1, description="Domain rows that lack required slots.")] = 0.20
    multi_domain: Annotated[float, Meta(ge=0, le=1, description="Domain rows with requests to two agents.")] = 0.09
    follow_up: Annotated[float, Meta(ge=0, le=1, description="Domain rows that continue an earlier turn.")] = 0.09
    planning: Annotated[float, Meta(ge=0, le=1, description="Domain rows that need the Tier-2 reasoner.")] = 0.09
    fact: Annotated[float, Meta(ge=0, le=1, description="Domain rows that are answered at once.")] = 0.17

    greeting: Annotated[
        float, Meta(ge=0, le=1, description="Simple rows that are talk: greetings, thanks, who are you.")
    ] = 0.32
    simple_tool: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Simple rows that need the device (time, date, weather); the rest are facts and sums.",
        ),
    ] = 0.16
    topic_question: Annotated[
        float, Meta(ge=0, le=1, description="Simple rows that ask about a topic in depth, which Tier-2 answers.")
    ] = 0.14

    journeys: Annotated[
        dict[str, Annotated[float, Meta(ge=0)]],
        Meta(description="Weight of a journey among its kind; by default the number of its intents, dampened."),
    ] = {}

    cased: Annotated[float, Meta(ge=0, le=1, description="Queries with capitals; most of them end in a mark.")] = 0.28
    shouted: Annotated[float, Meta(ge=0, le=1, description="Queries in capitals only.")] = 0.01
    typos: Annotated[float, Meta(ge=0, le=1, description="Queries with a misspelt word.")] = 0.12
    abbreviations: Annotated[float, Meta(ge=0, le=1, description="Queries with pls, u, tmrw and the like.")] = 0.07
    wrapped: Annotated[
        float, Meta(ge=0, le=1, description="Queries with a word of address or politeness around them.")
    ] = 0.12

    invented: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Names and things nobody has heard of, so that a router tells them by where they stand.",
        ),
    ] = 0.0
