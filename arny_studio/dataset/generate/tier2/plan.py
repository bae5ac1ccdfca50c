"""What a planner is: the data that turns one topic sheet into answers to one type of question.

A planner knows no topic. It says which kinds of facts fit its question, in which paragraphs they stand and which
sentences hold them together; `composing` does the rest.
"""

from typing import Literal, get_args

from msgspec import Struct

FactType = Literal[
    "definition",
    "mechanism",
    "history",
    "application",
    "challenge",
    "limit",
    "comparison",
    "ethics",
    "future",
    "impact",
    "figure",
    "example",
]
FACT_TYPES: tuple[FactType, ...] = get_args(FactType)

QuestionType = Literal[
    "explanation",
    "comparison",
    "application",
    "history",
    "challenges",
    "future_predictions",
    "societal_impact",
    "technical_deep_dive",
    "ethical_considerations",
    "limitations",
]
QUESTION_TYPES: tuple[QuestionType, ...] = get_args(QuestionType)


class Pick(Struct, frozen=True):
    """Between `at_least` and `at_most` unused facts of the given types, told in the order of the sheet."""

    types: tuple[FactType, ...]
    at_least: int
    at_most: int


class Paragraph(Struct, frozen=True):
    """An optional leading sentence, facts, an optional closing sentence; `lead` and `end` name a group of frames."""

    picks: tuple[Pick, ...]
    lead: str | None = None
    end: str | None = None


Layout = tuple[Paragraph, ...]


class Planner(Struct, frozen=True):
    """One type of question: how it is asked, which facts answer it, how the answer is laid out.

    Questions and frames are `str.format` templates over the text fields of a topic sheet: `{topic}`, `{practice}`,
    `{compare_with}`, `{core}`, `{why}`, `{stake}`, `{audience}`; with a capital (`{Topic}`, `{Core}`, …) the value
    starts a sentence. Questions also have `{name}` (the topic or one of its aliases) and `{practice_name}`.
    """

    question_type: QuestionType
    fits: frozenset[FactType]
    layouts: tuple[Layout, ...]
    frames: dict[str, tuple[str, ...]]
    questions: tuple[str, ...]
    held_out_questions: tuple[str, ...]


def one(*types: FactType) -> Pick:
    """Exactly one fact of one of the types."""
    return Pick(types, 1, 1)


def two(*types: FactType) -> Pick:
    """Exactly two facts of the types."""
    return Pick(types, 2, 2)


def one_or_two(*types: FactType) -> Pick:
    """One or two facts of the types."""
    return Pick(types, 1, 2)


def maybe(*types: FactType) -> Pick:
    """At most one fact of the types."""
    return Pick(types, 0, 1)
