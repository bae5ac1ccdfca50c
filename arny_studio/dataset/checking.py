"""Checking a row, fast: what the columns hold of it, its problems as bits.

A row that is surely well is recognised without being taken apart; `row_problems` says of every other one in sentences
what is wrong, and `page_checking` looks at thousands together. All give the same bits (tests hold them together).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson
import xxhash

from arny_studio.contract import Contract
from arny_studio.dataset.decision_facts import NO_DECISION, NOT_A_DECISION, DecisionFacts, DecisionReader
from arny_studio.dataset.duplicate_keys import repeats_a_key
from arny_studio.dataset.problems import mask_of
from arny_studio.dataset.row_columns import NAN, RowColumns
from arny_studio.dataset.row_hash import row_hash
from arny_studio.dataset.row_problems import Limits, RowExaminer, estimated_tokens
from arny_studio.dataset.samples import RowProblem
from arny_studio.dataset.turn_courses import SEPARATOR, SHAPE, Course, Courses, query_hash, text_bits

CountTokens = Callable[[Sequence[tuple[str, str]]], int]  # turns as (role, text) → tokens as trained

_UNREADABLE, _TRUNCATED, _REPEATED = mask_of("unreadable"), mask_of("truncated"), mask_of("duplicate-key")


class RowChecker:
    """Looks at rows under one contract. Remembers decisions it has seen; use one from one thread at a time."""

    def __init__(
        self, contract: Contract, limits: Limits | None = None, count_tokens: CountTokens | None = None
    ) -> None:
        self.contract = contract
        self.limits = limits or Limits()
        self._has_limits = self.limits != Limits()
        self.count_tokens = count_tokens
        self._examiner = RowExaminer(contract, self.limits, count_tokens)
        self._reader = DecisionReader(contract, self._examiner)
        self._router_prompt = contract.system_prompt("tier1")
        self.courses = Courses()

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
            joined = SEPARATOR.join(contents)
            course = self.courses[roles]
        except (TypeError, KeyError):
            return _shapeless(raw, value)
        if course.problems & SHAPE:
            return _shapeless(raw, value)
        return self._columns(raw, value, roles, contents, joined, course)

    def problems_of(self, raw: bytes, *, file: str = "", line: int = 0) -> list[RowProblem]:
        """Everything that is wrong with one row by itself, in sentences. `rule` is a kind's id or a contract's rule."""
        return self._examiner.problems_of(raw, file=file, line=line)

    def _columns(
        self, raw: bytes, value: Any, roles: tuple[str, ...], contents: list[str], joined: str, course: Course
    ) -> RowColumns:
        answer = contents[course.answer] if course.answer >= 0 else ""
        facts = self.answer_facts(answer, contents, course)
        problems = course.problems | facts.problems | text_bits(roles, contents, course.answer if facts.flags else -1)
        if repeats_a_key(raw, value):
            problems |= _REPEATED
        characters = len(joined) - len(contents) + 1
        if self.count_tokens is None:
            tokens = estimated_tokens(characters, len(contents))
        else:
            tokens = self.count_tokens(list(zip(roles, contents, strict=True)))
        if self._has_limits and self.limits.is_exceeded(tokens, characters):
            problems |= _TRUNCATED
        content = xxhash.xxh3_64_intdigest(joined.encode(), course.seed)
        return RowColumns._make(
            (row_hash(raw), content, query_hash(contents[course.asked]), *facts[1:],
             len(contents), characters, len(raw), tokens, problems)
        )  # fmt: skip

    def answer_facts(self, answer: str, contents: Sequence[str], course: Course) -> DecisionFacts:
        """What is known of the answer of a conversation with these turns."""
        if answer[:1] == "{" or answer.lstrip()[:1] == "{":
            return self._reader.facts(answer)
        is_expected = course.has_system and contents[0] == self._router_prompt and answer
        return NOT_A_DECISION if is_expected else NO_DECISION


def _bare(raw: bytes, problems: int) -> RowColumns:
    """The columns of a row that is no conversation."""
    return RowColumns(row_hash(raw), 0, 0, 0, "", "", "", "", 0, NAN, NAN, 0, 0, 0, len(raw), 0, problems)


def _shapeless(raw: bytes, value: Any) -> RowColumns:
    return _bare(raw, SHAPE | (_REPEATED if repeats_a_key(raw, value) else 0))
