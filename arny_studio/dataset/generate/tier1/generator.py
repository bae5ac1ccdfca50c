"""Tier-1 rows, one after the other: a situation is drawn, an intent for it, and a conversation about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from random import Random
from typing import Any

import orjson

from arny_studio.contract import Contract, load_contract
from arny_studio.dataset.generate.tier1.banks import BankError
from arny_studio.dataset.generate.tier1.consistency import SaidBefore
from arny_studio.dataset.generate.tier1.entities import Split
from arny_studio.dataset.generate.tier1.mix import Tier1Mix
from arny_studio.dataset.generate.tier1.noise import NoiseShares
from arny_studio.dataset.generate.tier1.phrasebook import Phrasebook, SpokenIntent, phrasebook
from arny_studio.dataset.generate.tier1.situations import Conversation, Situation, Speaker

DEFAULT_MIX = Tier1Mix()
SIMPLE_JOURNEYS = frozenset(("general", "math_solver"))
"""Journeys of simple questions and talk; all others are domains."""

_DAMPING = 0.7  # a journey with twice the intents gets 1.6 times the rows


def generate_tier1(
    rows: int,
    *,
    seed: int,
    contract: Contract | None = None,
    split: Split = "train",
    mix: Tier1Mix = DEFAULT_MIX,
) -> Iterator[dict[str, Any]]:
    """Yield `rows` rows in OpenAI messages form, the same ones for the same arguments.

    The last assistant message is the decision as compact JSON in contract order. The first rows of a longer dataset are
    those of a shorter one. `split="phrasings"` says phrasings that `train` never says, `"test"` phrasings and entities,
    `"shapes"` (harder) sentence shapes and entities, joined and wrapped by words that the others never use (“as well as”, “excuse me”).
    Ids outside of `train` carry the split: `t1-7-3`, `t1-7-test-3`. No query is decided in two ways.
    """
    system = {"role": "system", "content": (contract or load_contract("router-v1")).system_prompt("tier1")}
    prefix = f"t1-{seed}" if split == "train" else f"t1-{seed}-{split}"
    for number, talk in enumerate(conversations(rows, seed=seed, split=split, mix=mix)):
        yield _row(f"{prefix}-{number}", talk, system, split)


def conversations(
    rows: int, *, seed: int, split: Split = "train", mix: Tier1Mix = DEFAULT_MIX
) -> Iterator[Conversation]:
    """The conversations behind `generate_tier1`, with the slots as they were drawn."""
    draw = _Drawing(phrasebook(split, mix.invented), mix, seed, split)
    said_before = SaidBefore(load_contract("router-v1").threshold)
    for _ in range(rows):
        talk = draw.conversation()
        while said_before.contradicts(talk):
            talk = draw.conversation()
        yield talk


class _Weighted:
    """Options with weights, drawn in logarithmic time."""

    def __init__(self, options: Sequence[Any], weights: Sequence[float]) -> None:
        self._options = options
        self._cumulative = list(accumulate(weights))

    def draw(self, random: Random) -> Any:
        return random.choices(self._options, cum_weights=self._cumulative)[0]


class _Drawing:
    """The random stream of one dataset."""

    def __init__(self, book: Phrasebook, mix: Tier1Mix, seed: int, split: Split) -> None:
        self._random = Random(f"tier1/{split}/{seed}")
        self._mix = mix
        shares = NoiseShares(mix.cased, mix.shouted, mix.typos, mix.abbreviations, mix.wrapped)
        self._speaker = Speaker(book, self._random.random, shares, held_out=split == "shapes")
        self._groups = {
            (is_simple, situation): _journeys(intents, mix)
            for (is_simple, situation), intents in _by_situation(book).items()
        }
        self._kinds = self._kind_weights()

    def conversation(self) -> Conversation:
        while True:
            kind = self._kinds.draw(self._random)
            talk = self._talk(kind, kind[1])
            if talk is not None:
                return talk

    def _talk(self, kind: tuple[bool, Situation], situation: Situation) -> Conversation | None:
        intent = self._intent(kind)
        if situation == "multi_domain":
            second = self._intent(kind)
            while second.journey == intent.journey:
                second = self._intent(kind)
            return self._speaker.multi_domain(intent, second)
        if situation == "follow_up":
            return self._speaker.follow_up(intent)
        return self._speaker.once(intent, situation)

    def _intent(self, kind: tuple[bool, Situation]) -> SpokenIntent:
        return self._groups[kind].draw(self._random).draw(self._random)

    def _kind_weights(self) -> _Weighted:
        mix = self._mix
        simple = max(0.0, 1 - mix.domain - mix.unclear)
        weights: dict[tuple[bool, Situation], float] = {(True, "unclear"): mix.unclear}
        domain: dict[Situation, float] = {
            "all_parameters": mix.all_parameters,
            "missing_parameters": mix.missing_parameters,
            "multi_domain": mix.multi_domain,
            "follow_up": mix.follow_up,
            "planning": mix.planning,
            "fact": mix.fact,
        }
        total = sum(domain.values())
        if not total:
            raise BankError("The shares of the domain situations add up to nothing: give at least one of them a share.")
        weights |= {(False, situation): mix.domain * share / total for situation, share in domain.items()}
        weights[True, "greeting"] = simple * mix.greeting
        weights[True, "all_parameters"] = simple * mix.simple_tool * 0.7
        weights[True, "missing_parameters"] = simple * mix.simple_tool * 0.3
        weights[True, "planning"] = simple * mix.topic_question
        weights[True, "fact"] = simple * max(0.0, 1 - mix.greeting - mix.simple_tool - mix.topic_question)
        kinds = [kind for kind in weights if kind in self._groups]
        return _Weighted(kinds, [weights[kind] for kind in kinds])


def _by_situation(book: Phrasebook) -> dict[tuple[bool, Situation], list[SpokenIntent]]:
    groups: dict[tuple[bool, Situation], list[SpokenIntent]] = defaultdict(list)
    for intent in book.intents:
        for situation in _situations(intent):
            groups[intent.journey in SIMPLE_JOURNEYS, situation].append(intent)
    return groups


def _situations(intent: SpokenIntent) -> tuple[Situation, ...]:
    match intent.spec.situation:
        case "chat":
            return ("greeting",)
        case "plan":
            return ("planning",)
        case "unclear":
            return ("unclear",)
        case "answer" | "explain":
            return ("fact",)
        case "tool":
            pass
    if intent.journey in SIMPLE_JOURNEYS or not intent.spec.required:
        return ("all_parameters", "multi_domain") if intent.journey not in SIMPLE_JOURNEYS else _simple_tool(intent)
    return ("all_parameters", "missing_parameters", "multi_domain", "follow_up")


def _simple_tool(intent: SpokenIntent) -> tuple[Situation, ...]:
    return ("all_parameters", "missing_parameters") if intent.spec.required else ("all_parameters",)


def _journeys(intents: list[SpokenIntent], mix: Tier1Mix) -> _Weighted:
    """Journeys by weight, each with its intents by weight."""
    grouped: dict[str, list[SpokenIntent]] = defaultdict(list)
    for intent in intents:
        grouped[intent.journey].append(intent)
    drawn = [_Weighted(group, [intent.spec.weight for intent in group]) for group in grouped.values()]
    weights = [
        mix.journeys[journey] if journey in mix.journeys else sum(intent.spec.weight for intent in group) ** _DAMPING
        for journey, group in grouped.items()
    ]
    return _Weighted(drawn, weights)


def _row(row_id: str, talk: Conversation, system: dict[str, str], split: Split) -> dict[str, Any]:
    messages = [system]
    for text, decision in talk.turns:
        messages.append({"role": "user", "content": text})
        messages.append({"role": "assistant", "content": orjson.dumps(decision).decode()})
    decision = talk.turns[-1][1]
    return {
        "id": row_id,
        "messages": messages,
        "meta": {
            "journey": decision["primary_journey"],
            "intent": decision["intent"],
            "situation": talk.situation,
            "split": split,
            "template": talk.template,
        },
    }
