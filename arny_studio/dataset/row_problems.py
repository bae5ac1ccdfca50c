"""Everything that is wrong with one row by itself, in sentences, each with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta, Struct

from arny_studio.contract import Contract, Problem, decode
from arny_studio.dataset import encoding
from arny_studio.dataset.duplicate_keys import first_repeated_key
from arny_studio.dataset.problems import kind_of
from arny_studio.dataset.reading import parse_row
from arny_studio.dataset.samples import RowProblem, Sample

_CHARACTERS_PER_TOKEN = 3.6  # of Qwen's tokenizer over routing rows, JSON and English together
_TOKENS_PER_TURN = 5  # <|im_start|>role ⏎ … <|im_end|> ⏎


class Limits(Struct, frozen=True, kw_only=True):
    """How long a conversation may be before training cuts its answer off. None: no limit."""

    max_tokens: Annotated[int, Meta(ge=1, description="Longest conversation, in tokens.")] | None = None
    max_characters: Annotated[int, Meta(ge=1, description="Longest conversation, in characters.")] | None = None

    def is_exceeded(self, tokens: int, characters: int) -> bool:
        """Whether a conversation of this length is cut off."""
        too_many_tokens = self.max_tokens is not None and tokens > self.max_tokens
        return too_many_tokens or (self.max_characters is not None and characters > self.max_characters)


def estimated_tokens(characters: int, turns: int) -> int:
    """About how many tokens a rendered conversation has, where no tokenizer is at hand."""
    return int(characters / _CHARACTERS_PER_TOKEN) + 1 + _TOKENS_PER_TURN * turns


def tokens_estimated(characters: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """`estimated_tokens` of many conversations, (rows,) uint32; 0 where there are no turns."""
    estimated = (characters / _CHARACTERS_PER_TOKEN).astype(np.uint32) + 1 + _TOKENS_PER_TURN * turns
    return np.where(turns > 0, estimated, 0).astype(np.uint32)


def is_in_order(roles: Sequence[str]) -> bool:
    """An optional system turn, then user and assistant in turn, the assistant last."""
    turns = roles[1:] if roles[:1] == ("system",) else roles
    expected = ("user", "assistant")
    return len(turns) >= 2 and len(turns) % 2 == 0 and all(role == expected[n % 2] for n, role in enumerate(turns))


class RowExaminer:
    """Examines rows under one contract: what `RowChecker` says in bits, in sentences."""

    def __init__(
        self,
        contract: Contract,
        limits: Limits,
        count_tokens: Callable[[Sequence[tuple[str, str]]], int] | None = None,
    ) -> None:
        self._contract = contract
        self._limits = limits
        self._count_tokens = count_tokens
        schema = contract.schema["properties"]
        self._journey_paths = (f"$.{contract.roles.journey}", f"$.{contract.roles.journeys}[")
        self._has_journey_list = "enum" in schema[contract.roles.journey]

    def problems_of(self, raw: bytes, *, file: str = "", line: int = 0) -> list[RowProblem]:
        """Every problem of a row, in the order of the row."""
        sample = parse_row(raw, file=file, line=line)
        if isinstance(sample, RowProblem):
            problems = [msgspec.structs.replace(sample, rule=kind_of(sample.rule).id)]
        else:
            problems = list(self._problems_of(sample, file))
        if not problems or problems[0].rule != "unreadable":
            problems.extend(_repeated_key(raw, file, line))
        return problems

    def decision_problems(self, answer: str) -> list[Problem]:
        """What the contract has against a decision; a missing field only as a warning."""
        return [self._sorted_in(problem) for problem in decode(self._contract, answer).problems]

    def _problems_of(self, sample: Sample, file: str) -> Iterator[RowProblem]:
        def problem(kind: str, path: str, sentence: str) -> RowProblem:
            severity = kind_of(kind).severity
            return RowProblem(
                file=file, line=sample.line, path=path, rule=kind, severity=severity, sentence=sentence
            )  # fmt: skip

        for kind, path, sentence in (*_turn_problems(sample), *self._length_problems(sample)):
            yield problem(kind, path, sentence)
        answer_path = f"$.messages[{_answer_index(sample)}].content"
        if sample.is_routing:
            for found in self.decision_problems(sample.answer):
                path = answer_path + found.path.removeprefix("$").replace(".", " › ", 1)
                yield problem(found.rule, path, found.sentence)
        elif self._should_be_decision(sample):
            yield problem("decision-syntax", answer_path, "The router is asked here, but the answer is no JSON object.")
        for kind, path, sentence in self._encoding_problems(sample):
            yield problem(kind, path, sentence)

    def _should_be_decision(self, sample: Sample) -> bool:
        first = sample.messages[0]
        is_router = first.role == "system" and first.content == self._contract.system_prompt("tier1")
        return is_router and bool(sample.answer)

    def _sorted_in(self, problem: Problem) -> Problem:
        """A contract's problem under the id of a kind, where it is no rule of the contract's own."""
        rule = problem.rule
        if rule == "syntax":
            rule = "decision-syntax"
        elif rule == "schema" and self._has_journey_list and problem.path.startswith(self._journey_paths):
            rule = "unknown-journey"
        return msgspec.structs.replace(problem, rule=rule, severity=kind_of(rule).severity)

    def _length_problems(self, sample: Sample) -> Iterator[tuple[str, str, str]]:
        characters = sum(len(turn.content) for turn in sample.messages)
        if self._count_tokens is None:
            tokens, about = estimated_tokens(characters, len(sample.messages)), "about "
        else:
            tokens, about = self._count_tokens([(turn.role, turn.content) for turn in sample.messages]), ""
        if not self._limits.is_exceeded(tokens, characters):
            return
        most_tokens, most_characters = self._limits.max_tokens, self._limits.max_characters
        if most_tokens is not None and tokens > most_tokens:
            said = f"It has {about}{tokens:,} tokens; training cuts it at {most_tokens:,}, inside the answer."
        else:
            said = f"It has {characters:,} characters; training cuts it at {most_characters:,}, inside the answer."
        yield "truncated", "$.messages", said

    def _encoding_problems(self, sample: Sample) -> Iterator[tuple[str, str, str]]:
        last = _answer_index(sample)
        for index, turn in enumerate(sample.messages):
            decision = sample.decision() if index == last and sample.is_routing else None
            text = turn.content if decision is None else "\n".join(texts_in(decision))
            path = f"$.messages[{index}].content"
            if encoding.has_control_characters(text):
                found = encoding.CONTROL.search(text)
                assert found is not None
                yield "control", path, f"It holds the invisible character U+{ord(found[0]):04X}."
            if encoding.has_mojibake(text):
                yield "mojibake", path, f"It looks wrongly decoded: {_garbled_part(text)}"


def texts_in(value: object) -> Iterator[str]:
    """Every text inside a JSON value; keys are left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts_in(part)


def _turn_problems(sample: Sample) -> Iterator[tuple[str, str, str]]:
    turns = sample.messages[1:] if sample.messages[0].role == "system" else sample.messages
    first = len(sample.messages) - len(turns)
    yield from _order_problem([turn.role for turn in turns], first)
    for index, turn in enumerate(sample.messages):
        if turn.role != "system" and not turn.content.strip():
            yield "empty-turn", f"$.messages[{index}].content", f"The turn of the {turn.role} is empty."


def _order_problem(roles: list[str], first: int) -> Iterator[tuple[str, str, str]]:
    for offset, role in enumerate(roles):
        expected = "user" if offset % 2 == 0 else "assistant"
        if role != expected:
            sentence = f"A turn of the {expected} was expected here, not of the {role}."
            yield "order", f"$.messages[{first + offset}].role", sentence
            return
    if not roles or roles[-1] != "assistant":
        yield "order", "$.messages", "The last turn must be the assistant's, since that is what is learned."


def _answer_index(sample: Sample) -> int:
    roles = [turn.role for turn in sample.messages]
    return len(roles) - 1 - roles[::-1].index("assistant") if "assistant" in roles else len(roles) - 1


def _repeated_key(raw: bytes, file: str, line: int) -> Iterator[RowProblem]:
    key = first_repeated_key(raw)
    if key is not None:
        sentence = f"The key {key!r} occurs twice in one object; only its last value counts."
        yield RowProblem(file=file, line=line, rule="duplicate-key", sentence=sentence)


def _garbled_part(text: str, around: int = 24) -> str:
    """The neighbourhood of the first suspicious place, in quotes."""
    start = max(0, encoding.first_garbled(text) - around // 2)
    part = text[start : start + around].replace("\n", " ")
    return f"“{'…' if start else ''}{part}{'…' if start + around < len(text) else ''}”."
