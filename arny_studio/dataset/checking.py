"""Checking rows one by one, fast: what the columns hold of a row, its problems as bits.

A row that is surely well is recognised without being taken apart; `row_problems` says of every other one in sentences
what is wrong. Both give the same bits (a test holds them together).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import orjson
import xxhash

from arny_studio.contract import Contract
from arny_studio.dataset.decision_facts import NO_DECISION, NOT_A_DECISION, DecisionFacts, DecisionReader, encoding_bits
from arny_studio.dataset.duplicate_keys import repeats_a_key
from arny_studio.dataset.problems import mask_of
from arny_studio.dataset.row_columns import NAN, RowColumns
from arny_studio.dataset.row_hash import row_hash
from arny_studio.dataset.row_problems import Limits, RowExaminer, estimated_tokens, is_in_order
from arny_studio.dataset.samples import ROLES, RowProblem

CountTokens = Callable[[Sequence[tuple[str, str]]], int]  # turns as (role, text) → tokens as trained

_MOST_REMEMBERED = 1 << 14
_UNREADABLE, _SHAPE = mask_of("unreadable"), mask_of("shape")
_ORDER, _EMPTY, _TRUNCATED = mask_of("order"), mask_of("empty-turn"), mask_of("truncated")
_REPEATED = mask_of("duplicate-key")


class _Course(NamedTuple):
    """What a sequence of roles says of its conversation, whatever its words."""

    problems: int
    seed: int  # of the hash over the texts, so that roles count in it
    asked: slice  # the turns before the answer but the system's
    answer: int  # place of the last assistant turn, -1 where there is none
    has_system: bool


class RowChecker:
    """Looks at rows under one contract. Remembers decisions it has seen; use one from one thread at a time."""

    def __init__(
        self, contract: Contract, limits: Limits | None = None, count_tokens: CountTokens | None = None
    ) -> None:
        self.contract = contract
        self.limits = limits or Limits()
        self._has_limits = self.limits != Limits()
        self._count_tokens = count_tokens
        self._examiner = RowExaminer(contract, self.limits, count_tokens)
        self._reader = DecisionReader(contract, self._examiner)
        self._router_prompt = contract.system_prompt("tier1")
        self._courses: dict[tuple[str, ...], _Course] = {}

    def columns_of(self, raw: bytes) -> RowColumns:
        """What the columns hold of a row."""
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return _bare(raw, _UNREADABLE)
        try:
            turns = value["messages"]
            roles = tuple([turn["role"] for turn in turns])
            contents = [turn["content"] for turn in turns]
            joined = "\x1e".join(contents)
            course = self._courses.get(roles) or self._course_of(roles)
        except (TypeError, KeyError):
            return _shapeless(raw, value)
        if course.problems & _SHAPE:
            return _shapeless(raw, value)
        return self._columns(raw, value, roles, contents, joined, course)

    def problems_of(self, raw: bytes, *, file: str = "", line: int = 0) -> list[RowProblem]:
        """Everything that is wrong with one row by itself, in sentences. `rule` is a kind's id or a contract's rule."""
        return self._examiner.problems_of(raw, file=file, line=line)

    def _columns(
        self, raw: bytes, value: Any, roles: tuple[str, ...], contents: list[str], joined: str, course: _Course
    ) -> RowColumns:
        answer = contents[course.answer] if course.answer >= 0 else ""
        facts = self._facts(answer, contents, course)
        problems = course.problems | facts.problems | _text_bits(roles, contents, course.answer if facts.flags else -1)
        if repeats_a_key(raw, value):
            problems |= _REPEATED
        characters = len(joined) - len(contents) + 1
        if self._count_tokens is None:
            tokens = estimated_tokens(characters, len(contents))
        else:
            tokens = self._count_tokens(list(zip(roles, contents, strict=True)))
        if self._has_limits and self.limits.is_exceeded(tokens, characters):
            problems |= _TRUNCATED
        content = xxhash.xxh3_64_intdigest(joined.encode(), course.seed)
        return RowColumns._make(
            (row_hash(raw), content, _query_hash(contents[course.asked]), *facts[1:],
             len(contents), characters, len(raw), tokens, problems)
        )  # fmt: skip

    def _course_of(self, roles: tuple[str, ...]) -> _Course:
        """The course that a sequence of roles stands for, remembered."""
        if len(self._courses) > _MOST_REMEMBERED:
            self._courses.clear()
        course = self._courses[roles] = _course(roles)
        return course

    def _facts(self, answer: str, contents: list[str], course: _Course) -> DecisionFacts:
        if answer[:1] == "{" or answer.lstrip()[:1] == "{":
            return self._reader.facts(answer)
        is_expected = course.has_system and contents[0] == self._router_prompt and answer
        return NOT_A_DECISION if is_expected else NO_DECISION


def _bare(raw: bytes, problems: int) -> RowColumns:
    """The columns of a row that is no conversation."""
    return RowColumns(row_hash(raw), 0, 0, 0, "", "", "", "", 0, NAN, NAN, 0, 0, 0, len(raw), 0, problems)


def _shapeless(raw: bytes, value: Any) -> RowColumns:
    return _bare(raw, _SHAPE | (_REPEATED if repeats_a_key(raw, value) else 0))


def _course(roles: tuple[str, ...]) -> _Course:
    is_known = bool(roles) and all(role in ROLES for role in roles)
    if not is_known:
        return _Course(_SHAPE, 0, slice(0), -1, False)
    answer = len(roles) - 1 - roles[::-1].index("assistant") if "assistant" in roles else -1
    end = len(roles) - 1 if roles[-1] == "assistant" else len(roles)
    has_system = roles[0] == "system"
    seed = xxhash.xxh3_64_intdigest("\x1e".join(roles).encode())
    return _Course(0 if is_in_order(roles) else _ORDER, seed, slice(int(has_system), end), answer, has_system)


def _text_bits(roles: tuple[str, ...], contents: list[str], decision: int) -> int:
    """Bits for what the turns' texts say of themselves; the turn `decision` has been looked at already."""
    bits = 0
    for place, content in enumerate(contents):
        if place != decision:
            if (not content or content.isspace()) and roles[place] != "system":
                bits |= _EMPTY
            if not (content.isascii() and content.isprintable()):
                bits |= encoding_bits(content)
    return bits


def _query_hash(asked: list[str]) -> int:
    """Of everything that is asked, case and spacing aside; 0 for nothing."""
    if not asked:
        return 0
    text = asked[0] if len(asked) == 1 else " ".join(asked)
    return xxhash.xxh3_64_intdigest(" ".join(text.split()).casefold().encode())
