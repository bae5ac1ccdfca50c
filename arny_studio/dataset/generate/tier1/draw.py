"""Drawing one query: the state of a draw, and trees of the grammar compiled to functions that speak.

Compiled once per split; speaking is then only calls of closures, which is what makes the generator fast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Sequence as Seq
from typing import Literal

from arny_studio.dataset.generate.tier1.agreement import agreeing
from arny_studio.dataset.generate.tier1.grammar import Choice, Node, Rest, Sequence, Slot, Text

Fill = Literal["all", "some", "any"]


class Draw:
    """What is known while one query is spoken. `values` are the slots said so far, in order."""

    __slots__ = ("answer", "carried", "fill", "random", "values")

    def __init__(self, random: Callable[[], float], fill: Fill) -> None:
        self.random = random
        self.fill = fill
        self.values: dict[str, str] = {}
        self.answer: str | None = None
        self.carried: frozenset[str] = frozenset()

    def pick(self, count: int) -> int:
        """A whole number from 0 up to `count` - 1."""
        return int(self.random() * count)


Speak = Callable[[Draw, list[str]], None]
Source = Callable[[Draw], str]
Scope = Callable[[str], Speak]


class Carriers:
    """How `{...}` puts the slots of one intent into a sentence."""

    __slots__ = ("optional", "phrases", "required")

    def __init__(self, required: Seq[str], optional: Seq[str], phrases: Mapping[str, Seq[Speak]]) -> None:
        self.required = [name for name in required if name in phrases]
        self.optional = [name for name in optional if name in phrases]
        self.phrases = phrases

    def speak(self, draw: Draw, out: list[str]) -> None:
        """Say a random subset of the slots that are still open, each by one of its phrases."""
        for name in self._chosen(draw):
            if name not in draw.values:  # one phrase may have said two slots
                options = self.phrases[name]
                out.append(" ")
                options[draw.pick(len(options))](draw, out)

    def _chosen(self, draw: Draw) -> list[str]:
        taken = draw.carried | draw.values.keys()
        required = [name for name in self.required if name not in taken]
        chosen = shuffled(draw, required)[: self._how_many(draw, len(required))]
        chosen += [name for name in self.optional if name not in taken and draw.random() < 0.3]
        return shuffled(draw, chosen)

    @staticmethod
    def _how_many(draw: Draw, open_count: int) -> int:
        if draw.fill == "all":
            return open_count
        return draw.pick(open_count) if draw.fill == "some" else draw.pick(open_count + 1)


def shuffled(draw: Draw, items: list[str]) -> list[str]:
    """A new list in random order."""
    items = list(items)
    for at in range(len(items) - 1, 0, -1):
        other = draw.pick(at + 1)
        items[at], items[other] = items[other], items[at]
    return items


def compile_node(node: Node, scope: Scope, carriers: Carriers | None = None) -> Speak:
    """Turn a tree into a function that appends its words to a list. `scope` finds what says a slot."""
    match node:
        case Text(value):
            return lambda draw, out: out.append(value)
        case Slot(name, str(words)):
            return say_slot(name, one_of([words]))
        case Slot(name):
            return scope(name)
        case Rest():
            return carriers.speak if carriers is not None else _silence
        case Sequence(parts):
            return _in_order([compile_node(part, scope, carriers) for part in parts])
        case Choice(branches):
            return _one_of([compile_node(branch, scope, carriers) for branch in branches])


class SlotValue(str):
    """A slot's value among the words of a query, so that its phrasing can be told from what fills it."""

    __slots__ = ()


def joined(words: list[str]) -> str:
    """The words as one text, in which “a”, “on” and their like agree with the values after them."""
    said, tail = "", ""  # `tail`: what stands after the last value, whose words are never touched
    for word in words:
        is_value = type(word) is SlotValue
        if word and tail[-1:] == " ":
            tail = agreeing(tail, word, is_value=is_value)
        if is_value:
            said, tail = said + tail + word, ""
        else:
            tail += word
    return said + tail


def phrasing(words: list[str]) -> str:
    """The query with a bare mark in place of every slot's value: two queries with the same one say it the same way."""
    return "".join(["{}" if type(word) is SlotValue else word for word in words])


def say_slot(name: str, source: Source) -> Speak:
    """Say a slot's value and remember it; said twice in one query it is the same value."""

    def speak(draw: Draw, out: list[str]) -> None:
        values = draw.values
        value = values.get(name)
        if value is None:
            before = dict(values)
            value = source(draw)
            if value in before.values():  # “from boston to boston”
                values.clear()
                values.update(before)
                value = source(draw)
            values[name] = value
        out.append(SlotValue(value))

    return speak


def spoken(speak: Speak) -> Source:
    """A source whose values are themselves spoken phrases."""

    def source(draw: Draw) -> str:
        out: list[str] = []
        speak(draw, out)
        return joined(out)

    return source


def one_of(values: Seq[str]) -> Source:
    """A source that takes any value of the list."""
    fixed, count = tuple(values), len(values)
    return lambda draw: fixed[int(draw.random() * count)]


def _silence(draw: Draw, out: list[str]) -> None:
    """Say nothing."""


def _in_order(parts: list[Speak]) -> Speak:
    def speak(draw: Draw, out: list[str]) -> None:
        for part in parts:
            part(draw, out)

    return speak


def _one_of(branches: list[Speak]) -> Speak:
    count = len(branches)

    def speak(draw: Draw, out: list[str]) -> None:
        branches[int(draw.random() * count)](draw, out)

    return speak


choose = _one_of
