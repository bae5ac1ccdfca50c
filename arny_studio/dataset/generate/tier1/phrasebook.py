"""The banks compiled for one split: every intent ready to be spoken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain

from arny_studio.dataset.generate.tier1.arithmetic import ARITHMETIC
from arny_studio.dataset.generate.tier1.banks import (
    Bank,
    BankError,
    Entities,
    FactTable,
    Intent,
    load_banks,
    load_entities,
    load_facts,
)
from arny_studio.dataset.generate.tier1.conversion import CONVERSIONS
from arny_studio.dataset.generate.tier1.draw import (
    Carriers,
    Draw,
    Fill,
    Source,
    Speak,
    choose,
    compile_node,
    joined,
    one_of,
    phrasing,
    say_slot,
    spoken,
)
from arny_studio.dataset.generate.tier1.entities import EntitySplit, Split, is_open, stable_hash, title_all
from arny_studio.dataset.generate.tier1.grammar import Node, parse_template, slot_names
from arny_studio.dataset.generate.tier1.invented import inventing
from arny_studio.dataset.generate.tier1.slots import TYPED
from arny_studio.dataset.generate.tier1.words import FROM_WORDS

_SOURCES: dict[str, Source] = {**TYPED, **ARITHMETIC, **CONVERSIONS}


_MOST_TRIES = 40
_HELD_OUT_ONE_IN = 6
_FEWEST_HELD_OUT_WORDS = 3


def is_held_out(phrasing: str) -> bool:
    """Whether a phrasing is kept for the test split: one in six, by its hash, save for the shortest (“hello”, “{}?”)."""
    words = len(phrasing.replace("{}", "").split())
    return words >= _FEWEST_HELD_OUT_WORDS and stable_hash(phrasing) % _HELD_OUT_ONE_IN == 0


class Spoken:
    """One intent said once: the words, the slots they carry, what is missing, the answer where one is known."""

    __slots__ = ("answer", "intent", "missing", "template", "text", "values")

    def __init__(self, intent: SpokenIntent, text: str, draw: Draw, template: str) -> None:
        self.intent = intent
        self.text = text
        self.values = draw.values
        self.answer = draw.answer
        self.template = template
        self.missing = [name for name in intent.spec.required if name not in draw.values]


class _Template:
    """A compiled line of a bank. With its choices made, it gives many phrasings."""

    __slots__ = ("carried", "speak")

    def __init__(self, node: Node, speak: Speak) -> None:
        self.carried = frozenset(slot_names(node))
        self.speak = speak


class SpokenIntent:
    """An intent of a bank with its templates compiled."""

    def __init__(self, journey: str, spec: Intent, templates: list[_Template], scope: _Scope, split: Split) -> None:
        self.journey = journey
        self.spec = spec
        self.sayable = len(spec.required) + len(spec.optional)
        self.phrases = {
            name: [compile_node(parse_template(text), scope) for text in spec.phrases.get(name, ("{" + name + "}",))]
            for name in (*spec.required, *spec.optional)
        }
        self._split: Split = split
        self._templates = templates
        self._answers = [_Answer(text) for text in spec.answers]

    def say(self, random: Callable[[], float], fill: Fill) -> Spoken | None:
        """Speak in a phrasing of the split. None where none came up, as in an intent with very few of them."""
        for _ in range(_MOST_TRIES):
            said = self._say(random, fill)
            if said is not None:
                return said
        return None

    def _say(self, random: Callable[[], float], fill: Fill) -> Spoken | None:
        template = self._templates[int(random() * len(self._templates))]
        draw = Draw(random, fill)
        draw.carried = template.carried
        out: list[str] = []
        template.speak(draw, out)
        said = phrasing(out)
        if self._split != "shapes" and is_held_out(said) == (self._split == "train"):
            return None
        return Spoken(self, joined(out), draw, f"{self.spec.name}:{stable_hash(said):08x}")

    def said(self, values: Mapping[str, str]) -> int:
        """How many of the intent's own slots are among `values`."""
        return sum(name in values for name in self.phrases)

    def answer(self, spoken: Spoken, random: Callable[[], float], names: Mapping[str, str]) -> str | None:
        """A direct answer, of those that repeat the most slots of the query; None where the intent gives none."""
        if spoken.answer is not None:
            return spoken.answer
        fits = [answer for answer in self._answers if answer.fits(spoken.values)]
        most = max((len(answer.names) for answer in fits), default=0)
        fitting = [answer for answer in fits if len(answer.names) == most]
        return fitting[int(random() * len(fitting))].filled(spoken.values, names) if fitting else None


class _Answer:
    """The text of an answer, split at its slots."""

    __slots__ = ("names", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.names = frozenset(slot_names(parse_template(text)))

    def fits(self, values: Mapping[str, str]) -> bool:
        return self.names <= values.keys()

    def filled(self, values: Mapping[str, str], names: Mapping[str, str]) -> str:
        text = self.text
        for name in self.names:
            text = text.replace("{" + name + "}", names.get(values[name], values[name]))
        return text[:1].upper() + text[1:]


class _Scope:
    """Finds what a slot name of one bank stands for: the bank's own list, a typed slot, a shared list."""

    def __init__(self, bank: Bank, shared: Entities, split: Split, entity_split: EntitySplit, invented: float) -> None:
        self._bank = bank
        self._shared = {**shared.proper, **shared.common}
        self._macros = shared.phrases
        self._entities = entity_lists(bank)
        self._split: Split = split
        self._entity_split = entity_split
        self._invented = invented
        self._compiled: dict[str, Speak] = {}

    def __call__(self, name: str) -> Speak:
        if name not in self._compiled:
            self._compiled[name] = self._compile(name)
        return self._compiled[name]

    def _compile(self, name: str) -> Speak:
        if name in self._macros and name not in self._bank.slots:
            return choose([compile_node(parse_template(text), self) for text in self._macros[name]])
        return say_slot(name, self._source(name, name))

    def _source(self, name: str, asked: str) -> Source:
        own = self._bank.slots.get(name)
        if isinstance(own, str):
            return self._source(own.removeprefix("@"), asked)
        if own is not None:
            return self._listed(own if name in self._entities else None, own)
        if name in _SOURCES:
            return _SOURCES[name]
        if name in FROM_WORDS:
            return FROM_WORDS[name](self._entity_split.values(self._shared["word"], self._split))
        if name in self._shared:
            return self._listed(self._shared[name], self._shared[name])
        raise BankError(f"Phrase bank {self._bank.journey}: nothing is known to fill the slot {{{asked}}}.")

    def _listed(self, entities: tuple[str, ...] | None, values: Sequence[str]) -> Source:
        if entities is None:
            return self._one_of(values)
        source = self._one_of(self._entity_split.values(entities, self._split))
        return inventing(source, self._invented) if self._invented and is_open(entities) else source

    def _one_of(self, values: Sequence[str]) -> Source:
        if not any(mark in value for value in values for mark in "({\\"):
            return one_of(values)
        return spoken(choose([compile_node(parse_template(value), self) for value in values]))


def entity_lists(bank: Bank) -> list[str]:
    """The bank's lists whose values are exchangeable: those that requests and quick answers draw on.

    A list that only explanations, plans and unclear queries use names topics. The topic alone then says which agent is
    meant (“explain offside”), so it is vocabulary to be learnt and is not split.
    """
    texts: list[str] = []
    for intent in bank.intents:
        if intent.situation in ("tool", "answer", "chat"):
            texts += [*intent.templates, *intent.held_out, *chain.from_iterable(intent.phrases.values())]
    found: dict[str, None] = {}
    while texts:
        for name in slot_names(parse_template(texts.pop())):
            if name in bank.slots and name not in found:
                found[name] = None
                values = bank.slots[name]
                texts += ["{" + values.removeprefix("@") + "}"] if isinstance(values, str) else values
    return list(found)


class Phrasebook:
    """All intents of one split, and the capitals of all names. `invented`: share of open values that nobody knows."""

    def __init__(self, split: Split, invented: float = 0.0) -> None:
        entities = load_entities()
        banks = load_banks()
        facts = load_facts()
        entity_split = EntitySplit(_all_lists(banks, entities, facts))
        self.names = title_all(entities.proper)
        self.held_out_values = frozenset(entity_split.held_out)
        scopes = [_Scope(bank, entities, split, entity_split, invented) for bank in banks]
        self.intents = [
            _compiled(bank, spec, split, scope, facts, entity_split)
            for bank, scope in zip(banks, scopes, strict=True)
            for spec in bank.intents
        ]


@lru_cache(maxsize=4)
def phrasebook(split: Split, invented: float = 0.0) -> Phrasebook:
    """The shipped banks, compiled once per process, split and share of invented values."""
    return Phrasebook(split, invented)


def _compiled(
    bank: Bank, spec: Intent, split: Split, scope: _Scope, facts: Mapping[str, FactTable], entity_split: EntitySplit
) -> SpokenIntent:
    def find(name: str) -> Speak:
        if name == "subject" and spec.answer_from is not None and spec.answer_from in facts:
            table = facts[spec.answer_from]
            is_split = spec.answer_from in _general_tables((bank,))
            subjects = entity_split.values(table.entries, split) if is_split else list(table.entries)
            return say_slot(name, _fact_source(table, subjects))
        return scope(name)

    try:
        named = {name: [compile_node(parse_template(t), scope) for t in texts] for name, texts in spec.phrases.items()}
        carriers = Carriers(spec.required, spec.optional, named)
        templates = []
        for text in spec.held_out if split == "shapes" else spec.templates:
            node = parse_template(text)
            templates.append(_Template(node, compile_node(node, find, carriers)))
        return SpokenIntent(bank.journey, spec, templates, scope, split)
    except BankError as error:
        raise BankError(f"{error.sentence} (intent {spec.name})") from error


def _fact_source(table: FactTable, subjects: Sequence[str]) -> Source:
    pick = one_of(subjects)

    def source(draw: Draw) -> str:
        subject = pick(draw)
        draw.answer = table.answer.replace("{value}", table.entries[subject]).replace("{subject}", subject)
        return subject

    return source


def _all_lists(banks: tuple[Bank, ...], entities: Entities, facts: Mapping[str, FactTable]) -> Iterator[Sequence[str]]:
    yield from chain(entities.proper.values(), entities.common.values())
    for bank in banks:
        for name in entity_lists(bank):
            values = bank.slots[name]
            if not isinstance(values, str):
                yield values
    yield from (tuple(facts[name].entries) for name in sorted(_general_tables(banks)) if name in facts)


def _general_tables(banks: tuple[Bank, ...]) -> set[str]:
    """Fact tables whose subjects are split: general ones. A domain's subjects are topics (see `entity_lists`)."""
    simple = (bank for bank in banks if bank.journey == "general")
    return {intent.answer_from for bank in simple for intent in bank.intents if intent.answer_from is not None}
