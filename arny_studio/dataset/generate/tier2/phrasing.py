"""Small surface forms: filled-in templates, capitals, and the connectives that tie a fact to the one before it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from arny_studio.dataset.generate.tier2.plan import FactType
from arny_studio.dataset.generate.tier2.sheets import TopicSheet

_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")

# A fact that opens with one of these already has an adverbial of its own; a second one in front would pile up.
_OPENS_WITH_ADVERBIAL = frozenset(
    "After Already Although As At Because Before Beyond By Critics Despite During Even For From How If In Instead Later "
    "On Once Over Since So Some Still Through Throughout To Today Under Unless Unlike Until What When Whenever Where "
    "Whereas Whether While Who With Within Without".split()
)

_BY_TYPE: dict[FactType, tuple[str, ...]] = {
    "definition": (),
    "history": (),
    "mechanism": ("Behind the scenes, ", "At the core, "),
    "application": ("In practice, ", "In daily use, "),
    "example": ("For example, ", "For instance, "),
    "figure": ("In numbers, ",),
    "challenge": ("At the same time, ", "In reality, "),
    "limit": ("Even so, ", "However, ", "Still, "),
    "comparison": ("In comparison, ", "Side by side, "),
    "ethics": ("At the same time, ", "From an ethical point of view, "),
    "impact": ("More broadly, ", "On a larger scale, "),
    "future": ("Looking ahead, ", "In the years to come, "),
}
_AFTER_SAME_TYPE = ("In addition, ", "Beyond that, ", "What is more, ", "Besides, ")

CONNECTIVES: frozenset[str] = frozenset(_AFTER_SAME_TYPE).union(*_BY_TYPE.values())


def slots(sheet: TopicSheet) -> dict[str, str]:
    """The values of a sheet's template slots, each also capitalised for the start of a sentence."""
    names = ("topic", "practice", "compare_with", "core", "why", "stake", "audience")
    plain = {name: getattr(sheet, name) for name in names}
    return plain | {name.capitalize(): capitalised(value) for name, value in plain.items()}


def capitalised(text: str) -> str:
    """The text with its first letter in upper case, the rest untouched."""
    return text[:1].upper() + text[1:]


def connectives(fact_type: FactType, previous: FactType | None) -> tuple[str, ...]:
    """What may lead from a fact of type `previous` (None: nothing before it) to one of `fact_type`."""
    if previous is None or fact_type in ("definition", "history"):
        return ()
    return _AFTER_SAME_TYPE if previous == fact_type else _BY_TYPE[fact_type]


class Lowering:
    """Knows which first words of sentences are ordinary words, by how they are written inside the sentences."""

    def __init__(self, sentences: Iterable[str]) -> None:
        self._inside = Counter(word for sentence in sentences for word in _WORD.findall(sentence)[1:])

    def after_connective(self, sentence: str) -> str | None:
        """The sentence as it goes on after "However, "; None where that would not read well."""
        first = sentence.split(" ", 1)[0]
        if first in _OPENS_WITH_ADVERBIAL or sentence.split(",", 1)[0].count(" ") < 2:
            return None
        as_it_stands, lowered = self._inside[first], self._inside[first[0].lower() + first[1:]]
        if not as_it_stands and not lowered:
            return None
        return sentence if as_it_stands > lowered else sentence[0].lower() + sentence[1:]
