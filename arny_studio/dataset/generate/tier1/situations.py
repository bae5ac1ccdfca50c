"""Conversations of each situation: what the user says, turn by turn, and the decision that follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

from arny_studio.dataset.generate.tier1 import labels
from arny_studio.dataset.generate.tier1.draw import Draw, Fill, joined, shuffled
from arny_studio.dataset.generate.tier1.noise import NoiseShares, Surface, typed
from arny_studio.dataset.generate.tier1.phrasebook import Phrasebook, Spoken, SpokenIntent

Situation = Literal[
    "greeting", "fact", "all_parameters", "missing_parameters", "multi_domain", "follow_up", "planning", "unclear"
]
Decision = dict[str, Any]

_JOINERS = (
    " and ",
    " and also ",
    " and then ",
    ", and ",
    " then ",
    ", then ",
    " also ",
    " and please ",
    ", also ",
    " plus ",
)
_HELD_OUT_JOINERS = (", after that ", " as well as ", " and while you are at it ")
_LEADS = (
    "",
    "",
    "",
    "ok ",
    "it's ",
    "sure, ",
    "let's say ",
    "make it ",
    "oh right, ",
    "sorry, ",
    "ah ok ",
    "yes, ",
    "i think ",
)
_HELD_OUT_LEADS = ("", "um, ", "that would be ", "should be ")
_CHANGES = (
    "actually ",
    "no wait, ",
    "actually make it ",
    "hmm, rather ",
    "change that to ",
    "sorry i meant ",
    "no, ",
    "better ",
)
_HELD_OUT_CHANGES = ("on second thought ", "hold on, ")
_FILLS: dict[Situation, Fill] = {"all_parameters": "all", "missing_parameters": "some"}
_MOST_TRIES = 12
_MOST_JOURNEYS = 4


class Conversation:
    """The turns of one row: (user text, decision) pairs, and what it shows."""

    __slots__ = ("situation", "spoken", "template", "turns")

    def __init__(
        self, situation: Situation, turns: list[tuple[str, Decision]], template: str, spoken: list[Spoken]
    ) -> None:
        self.situation: Situation = situation
        self.turns = turns
        self.template = template
        self.spoken = spoken


class Speaker:
    """Says conversations about intents of one phrasebook. Holds the random stream they are drawn from."""

    def __init__(self, book: Phrasebook, random: Callable[[], float], shares: NoiseShares, *, held_out: bool) -> None:
        self._book = book
        self._random = random
        self._shares = shares
        self._held_out = held_out
        self._joiners = _HELD_OUT_JOINERS if held_out else _JOINERS
        self._leads = _HELD_OUT_LEADS if held_out else _LEADS
        self._changes = _HELD_OUT_CHANGES if held_out else _CHANGES

    def once(self, intent: SpokenIntent, situation: Situation) -> Conversation | None:
        """A single turn. None where the intent did not come out in that situation."""
        spoken = self._said(intent, situation)
        if spoken is None:
            return None
        surface = self._typed(
            spoken.text, spoken.values.values(), wrap=intent.spec.situation not in ("chat", "unclear")
        )
        decision = self._decide(spoken, surface)
        return Conversation(situation, [(surface.text, decision)], spoken.template, [spoken])

    def multi_domain(self, first: SpokenIntent, second: SpokenIntent) -> Conversation | None:
        """Two requests in one sentence; the first one leads."""
        one, two = first.say(self._random, "any"), second.say(self._random, "any")
        if one is None or two is None:
            return None
        two.text = two.text.removeprefix("please ")
        surface = self._typed(
            one.text + self._pick(self._joiners) + two.text, (*one.values.values(), *two.values.values())
        )
        decision = self._decide_both(one, two, surface)
        return Conversation("multi_domain", [(surface.text, decision)], f"{one.template}+{two.template}", [one, two])

    def follow_up(self, intent: SpokenIntent) -> Conversation | None:
        """A first turn, and a second one that fills what was asked for or changes a slot."""
        changes = self._random() < 0.25
        spoken = self._said(intent, "all_parameters" if changes else "missing_parameters")
        if spoken is None:
            return None
        surface = self._typed(spoken.text, spoken.values.values())
        first = (surface.text, self._decide(spoken, surface))
        reply = self._change(spoken) if changes else self._reply(spoken)
        if reply is None:
            return None
        surface = self._typed(reply, spoken.values.values(), wrap=False)
        second = (surface.text, self._decide(spoken, surface))
        return Conversation("follow_up", [first, second], spoken.template, [spoken])

    def _said(self, intent: SpokenIntent, situation: Situation) -> Spoken | None:
        fill = _FILLS.get(situation, "any")
        for _ in range(_MOST_TRIES):
            spoken = intent.say(self._random, fill)
            if spoken is not None and (fill == "any" or bool(spoken.missing) == (fill == "some")):
                return spoken
        return None

    def _reply(self, spoken: Spoken) -> str:
        """Say some of the missing slots (mostly all); they count as known from then on."""
        draw = Draw(self._random, "any")
        draw.values = spoken.values
        asked = spoken.missing
        given = asked if self._random() < 0.7 else shuffled(draw, asked)[: 1 + draw.pick(len(asked))]
        text = self._pick(self._leads) + self._phrased(spoken.intent, given, draw)
        spoken.missing = [name for name in asked if name not in draw.values]
        return text

    def _change(self, spoken: Spoken) -> str | None:
        """Say one of the slots again with another value."""
        draw = Draw(self._random, "any")
        draw.values = dict(spoken.values)
        sayable = [name for name in spoken.intent.spec.required if draw.values.pop(name, None) is not None]
        if not sayable:
            return None
        text = self._pick(self._changes) + self._phrased(spoken.intent, [sayable[draw.pick(len(sayable))]], draw)
        spoken.values.update(draw.values)
        return text

    def _phrased(self, intent: SpokenIntent, names: list[str], draw: Draw) -> str:
        said = []
        for name in names:
            if name not in draw.values:
                out: list[str] = []
                options = intent.phrases[name]
                options[draw.pick(len(options))](draw, out)
                said.append(joined(out).strip())
        return (", ", " ")[draw.random() < 0.5].join(said)

    def _typed(self, text: str, values: Iterable[str], *, wrap: bool = True) -> Surface:
        return typed(
            text,
            values,
            self._random,
            self._shares,
            names=self._book.names,
            held_out=self._held_out,
            wrap=wrap,
        )

    def _pick(self, options: tuple[str, ...]) -> str:
        return options[int(self._random() * len(options))]

    def _decide(self, spoken: Spoken, surface: Surface) -> Decision:
        spec = spoken.intent.spec
        if spec.situation == "unclear":
            return _unclear(spoken)
        missing = spoken.missing
        said = spoken.intent.said(spoken.values)
        return {
            "intent": spec.name,
            "primary_journey": spoken.intent.journey,
            "journeys": [spoken.intent.journey, *spec.also],
            "direct_answer": spoken.intent.answer(spoken, self._random, self._book.names),
            "missing_fields": missing,
            "needs_clarification": bool(missing),
            "clarification": labels.clarification(missing, spec.questions) if missing else None,
            "needs_execution": spec.execution is not None,
            "execution_type": spec.execution,
            "complexity_score": labels.complexity(spec.complexity, said, spoken.intent.sayable),
            "routing_confidence": labels.confidence(surface.text, has_typos=surface.has_typos, missing=len(missing)),
            "formatting_style": spec.style,
        }

    def _decide_both(self, one: Spoken, two: Spoken, surface: Surface) -> Decision:
        first, second = self._decide(one, surface), self._decide(two, surface)
        missing = list(dict.fromkeys((*one.missing, *two.missing)))
        questions = {**two.intent.spec.questions, **one.intent.spec.questions}
        return {
            **first,
            "journeys": list(
                dict.fromkeys((one.intent.journey, two.intent.journey, *first["journeys"], *second["journeys"]))
            )[:_MOST_JOURNEYS],
            "missing_fields": missing,
            "needs_clarification": bool(missing),
            "clarification": labels.clarification(missing, questions) if missing else None,
            "complexity_score": labels.joint_complexity(first["complexity_score"], second["complexity_score"]),
            "routing_confidence": labels.confidence(
                surface.text, has_typos=surface.has_typos, missing=len(missing), requests=2
            ),
        }


def _unclear(spoken: Spoken) -> Decision:
    spec = spoken.intent.spec
    return {
        "intent": "unclear",
        "primary_journey": spoken.intent.journey,
        "journeys": [spoken.intent.journey],
        "direct_answer": None,
        "missing_fields": ["request"],
        "needs_clarification": True,
        "clarification": spec.clarification,
        "needs_execution": False,
        "execution_type": None,
        "complexity_score": spec.complexity[0],
        "routing_confidence": spec.confidence,
        "formatting_style": spec.style,
    }
