"""Checking rows one by one, fast: what the columns hold of a row, its problems as bits.

A row that is surely well is recognised without being taken apart; every other one goes through `row_problems`, which
says in sentences what is wrong. Both give the same bits (a test holds them together).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from operator import gt
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema_rs
import orjson
import xxhash
from msgspec import Struct

from arny_studio.contract import Contract
from arny_studio.contract.rules import Condition, Iff, Implies, Member, Unique, broken_rules
from arny_studio.dataset import encoding
from arny_studio.dataset.duplicate_keys import repeats_a_key
from arny_studio.dataset.problems import kind_of, mask_of
from arny_studio.dataset.reading import parse_row, read_lines
from arny_studio.dataset.row_columns import FLAGS, NAN, RowColumns
from arny_studio.dataset.row_hash import row_hash
from arny_studio.dataset.row_problems import Limits, RowExaminer, estimated_tokens, is_in_order, texts_in
from arny_studio.dataset.samples import ROLES, RowProblem, Sample

CountTokens = Callable[[Sequence[tuple[str, str]]], int]  # turns as (role, text) → tokens as trained

_MOST_REMEMBERED = 1 << 16
_LONG_NUMBER = re.compile("[0-9]{19}")  # orjson reads whole numbers beyond 64 bits as floats
_UNREADABLE, _SHAPE = mask_of("unreadable"), mask_of("shape")
_ORDER, _EMPTY, _TRUNCATED = mask_of("order"), mask_of("empty-turn"), mask_of("truncated")
_REPEATED, _MOJIBAKE, _CONTROL = mask_of("duplicate-key"), mask_of("mojibake"), mask_of("control")


class DecisionFacts(NamedTuple):
    """What is known of an answer that looks like a decision, whichever row it stands in."""

    problems: int
    label: int
    intent: str
    journey: str
    style: str
    execution: str
    journeys: int
    complexity: float
    confidence: float
    flags: int


_NO_DECISION = DecisionFacts(0, 0, "", "", "", "", 0, NAN, NAN, 0)


class RowChecker:
    """Looks at rows under one contract. Remembers decisions it has seen; use one from one thread at a time."""

    def __init__(
        self, contract: Contract, limits: Limits | None = None, count_tokens: CountTokens | None = None
    ) -> None:
        self.contract = contract
        self.limits = limits or Limits()
        self._count_tokens = count_tokens
        self._examiner = RowExaminer(contract, self.limits, count_tokens)
        self._is_valid = jsonschema_rs.Draft202012Validator(contract.schema).is_valid
        self._features = _RuleFeatures(contract)
        self._kept_rules: dict[tuple, bool] = {}
        self._decisions: dict[str, DecisionFacts] = {}
        self._orders: dict[tuple[str, ...], int] = {}

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
            problems = self._orders[roles] if roles in self._orders else self._order_of(roles)
        except (TypeError, KeyError):
            return _shapeless(raw, value)
        if problems & _SHAPE:
            return _shapeless(raw, value)
        return self._columns(raw, value, roles, contents, joined, problems)

    def problems_of(self, raw: bytes, *, file: str = "", line: int = 0) -> list[RowProblem]:
        """Everything that is wrong with one row by itself, in sentences. `rule` is a kind's id or a contract's rule."""
        return self._examiner.problems_of(raw, file=file, line=line)

    def _columns(
        self, raw: bytes, value: Any, roles: tuple[str, ...], contents: list[str], joined: str, problems: int
    ) -> RowColumns:
        is_answered = roles[-1] == "assistant"
        answer = contents[-1] if is_answered else _last_answer(roles, contents)
        facts = self._facts(answer, roles, contents)
        problems |= facts.problems
        if repeats_a_key(raw, value):
            problems |= _REPEATED
        problems |= _content_bits(roles, contents, answer if facts.flags else None)
        characters = len(joined) - len(contents) + 1
        tokens = self._tokens(roles, contents, characters)
        if self.limits.is_exceeded(tokens, characters):
            problems |= _TRUNCATED
        return RowColumns(
            row_hash(raw), _hash(f"{roles}{joined}".encode()), _query_hash(roles, contents, is_answered), *facts[1:],
            len(contents), characters, len(raw), tokens, problems,
        )  # fmt: skip

    def _tokens(self, roles: tuple[str, ...], contents: list[str], characters: int) -> int:
        if self._count_tokens is None:
            return estimated_tokens(characters, len(contents))
        return self._count_tokens(list(zip(roles, contents, strict=True)))

    def _order_of(self, roles: tuple[str, ...]) -> int:
        """The bits that a sequence of roles stands for, remembered."""
        if len(self._orders) > _MOST_REMEMBERED:
            self._orders.clear()
        bits = _SHAPE if not roles or any(role not in ROLES for role in roles) else 0
        if not bits and not is_in_order(roles):
            bits = _ORDER
        self._orders[roles] = bits
        return bits

    def _facts(self, answer: str, roles: tuple[str, ...], contents: list[str]) -> DecisionFacts:
        if answer[:1] != "{" and answer.lstrip()[:1] != "{":
            is_expected = roles[0] == "system" and contents[0] == self.contract.system_prompt("tier1") and answer
            return _NO_DECISION if not is_expected else _NO_DECISION._replace(problems=mask_of("decision-syntax"))
        facts = self._decisions.get(answer)
        if facts is None:
            if len(self._decisions) > _MOST_REMEMBERED:
                self._decisions.clear()
            facts = self._decisions[answer] = self._read_decision(answer)
        return facts

    def _read_decision(self, answer: str) -> DecisionFacts:
        try:
            decision = orjson.loads(answer)
        except orjson.JSONDecodeError:
            decision = None
        if not isinstance(decision, dict):
            return _NO_DECISION._replace(problems=mask_of("decision-syntax"))
        problems = _decision_text_bits(answer, decision)
        if not (_is_read_exactly(answer, decision) and self._is_surely_well(decision)):
            for problem in self._examiner.decision_problems(answer):
                problems |= kind_of(problem.rule).mask
        return self._facts_of(decision, problems)

    def _is_surely_well(self, decision: dict[str, Any]) -> bool:
        if not self._is_valid(decision):
            return False
        try:
            features = self._features.of(decision)
            if features not in self._kept_rules:
                self._kept_rules[features] = not broken_rules(
                    self.contract.block.rules, decision, self.contract.threshold
                )
            return self._kept_rules[features]
        except (TypeError, KeyError):  # a contract whose fields are optional or of unhashable types
            return not broken_rules(self.contract.block.rules, decision, self.contract.threshold)

    def _facts_of(self, decision: dict[str, Any], problems: int) -> DecisionFacts:
        roles, get = self.contract.roles, decision.get
        score, journeys = get(roles.score), get(roles.journeys)
        named = len(journeys) if isinstance(journeys, list) else 0
        complexity = _number(score)
        reasons = complexity >= self.contract.threshold  # not where it is nan
        flags = FLAGS["routing"] | (FLAGS["reasons"] if reasons else 0) | (FLAGS["several"] if named > 1 else 0)
        flags |= FLAGS["answers"] if isinstance(get(roles.answer), str) else 0
        flags |= FLAGS["asks"] if get(roles.needs_clarification) is True else 0
        flags |= FLAGS["executes"] if get(roles.needs_execution) is True else 0
        return DecisionFacts(
            problems, self._label(decision, reasons), _text(get(roles.intent)), _text(get(roles.journey)),
            _text(get(roles.style)), _text(get(roles.execution)), min(named, 255),
            complexity, _number(get(roles.confidence)), flags,
        )  # fmt: skip

    def _label(self, decision: dict[str, Any], reasons: bool) -> int:
        """Two decisions with the same label send the request the same way, whatever words they use."""
        roles, get = self.contract.roles, decision.get
        journeys, missing = get(roles.journeys), get(roles.missing)
        parts = (
            get(roles.intent), get(roles.journey),
            _in_any_order(journeys), _in_any_order(missing),
            get(roles.needs_clarification), get(roles.needs_execution), get(roles.execution), reasons,
        )  # fmt: skip
        return _hash(orjson.dumps(parts))


class _RuleFeatures:
    """Everything the contract's rules look at, each once: decisions with equal features keep the same rules."""

    def __init__(self, contract: Contract) -> None:
        read: dict[tuple[str, str], Callable[[Any], Any]] = {}
        for rule in contract.block.rules:
            match rule:
                case Member():
                    read[rule.field, "value"] = _itself
                    read[rule.of, "items"] = tuple
                case Unique():
                    read[rule.field, "items"] = tuple
                case Iff():
                    read |= {(one.field, one.state): _reader_of(one, contract.threshold) for one in rule.all}
                case Implies():
                    both = rule.given + rule.then
                    read |= {(one.field, one.state): _reader_of(one, contract.threshold) for one in both}
        self._readers = [(field, reader) for (field, _), reader in read.items()]

    def of(self, decision: dict[str, Any]) -> tuple[Any, ...]:
        """The features of a decision. Raises KeyError or TypeError where a field is missing or of another type."""
        return tuple([reader(decision[field]) for field, reader in self._readers])


def _reader_of(condition: Condition, threshold: int) -> Callable[[Any], Any]:
    """What a condition looks at in a field's value, without the detour over the whole decision."""
    match condition.state:
        case "true" | "false":
            return _itself
        case "null" | "not_null":
            return _is_null
        case "not_empty":
            return bool
        case "below_threshold":
            return partial(gt, threshold)


def _itself(value: Any) -> Any:
    return (value, type(value))  # 1 and True are one key in a dict


def _is_null(value: Any) -> bool:
    return value is None


def check_sample(sample: Sample, contract: Contract, *, file: str) -> Iterator[RowProblem]:
    """Every problem of one sample."""
    raw = orjson.dumps(sample.value)
    yield from RowExaminer(contract, Limits()).problems_of(raw, file=file, line=sample.line)


class CheckSummary(Struct, frozen=True, kw_only=True):
    """Counts of a checked file. A row with only warnings is usable."""

    rows: int
    usable: int
    errors: int
    warnings: int


def summarise(items: Iterable[Sample | RowProblem]) -> tuple[CheckSummary, list[RowProblem]]:
    """Fold the stream of `check_file` into counts and the list of problems."""
    usable, problems = 0, []
    for item in items:
        if isinstance(item, Sample):
            usable += 1
        else:
            problems.append(item)
    errors = [problem for problem in problems if problem.severity == "error"]
    rows = usable + len({problem.line for problem in errors})
    return CheckSummary(
        rows=rows, usable=usable, errors=len(errors), warnings=len(problems) - len(errors)
    ), problems  # fmt: skip


def check_file(path: Path, contract: Contract) -> Iterator[Sample | RowProblem]:
    """Stream a file: each usable sample, and each problem as it is met.

    Only what a row says by itself is looked at; raises MissingFile where there is no such file.
    """
    examiner = RowExaminer(contract, Limits())
    for line, raw in read_lines(path):
        problems = examiner.problems_of(raw, file=path.name, line=line)
        yield from problems
        if not any(problem.severity == "error" for problem in problems):
            sample = parse_row(raw, file=path.name, line=line)
            assert isinstance(sample, Sample)
            yield sample


def _bare(raw: bytes, problems: int) -> RowColumns:
    """The columns of a row that is no conversation."""
    return RowColumns(row_hash(raw), 0, 0, 0, "", "", "", "", 0, NAN, NAN, 0, 0, 0, len(raw), 0, problems)


def _shapeless(raw: bytes, value: Any) -> RowColumns:
    return _bare(raw, _SHAPE | (_REPEATED if repeats_a_key(raw, value) else 0))


def _content_bits(roles: tuple[str, ...], contents: list[str], decision: str | None) -> int:
    """Bits for what the turns' texts say of themselves; a decision's text has been looked at already."""
    bits = 0
    for role, content in zip(roles, contents, strict=True):
        if (not content or content.isspace()) and role != "system":
            bits |= _EMPTY
        if content is not decision and not (content.isascii() and content.isprintable()):
            bits |= _encoding_bits(content)
    return bits


def _decision_text_bits(answer: str, decision: dict[str, Any]) -> int:
    """A decision's texts are looked at as they read, not as JSON spells them."""
    if answer.isascii() and answer.isprintable() and "\\u" not in answer and "\\b" not in answer:
        return 0
    return _encoding_bits("\n".join(texts_in(decision)))


def _encoding_bits(text: str) -> int:
    control = _CONTROL if encoding.has_control_characters(text) else 0
    return control | (_MOJIBAKE if encoding.has_mojibake(text) else 0)


def _is_read_exactly(text: str, value: Any) -> bool:
    """Whether orjson's reading of a text loses nothing: no key that occurs twice, no whole number beyond 64 bits."""
    encoded = text.encode()
    if orjson.dumps(value) == encoded:
        return True
    return _LONG_NUMBER.search(text) is None and not repeats_a_key(encoded, value)


def _last_answer(roles: tuple[str, ...], contents: list[str]) -> str:
    turns = zip(reversed(roles), reversed(contents), strict=True)
    return next((content for role, content in turns if role == "assistant"), "")


def _query_hash(roles: tuple[str, ...], contents: list[str], is_answered: bool) -> int:
    end = len(roles) - 1 if is_answered else len(roles)
    start = 1 if roles[0] == "system" else 0
    if end <= start:
        return 0
    asked = " ".join(contents[start:end]) if end - start > 1 else contents[start]
    return _hash(" ".join(asked.split()).casefold().encode())


def _in_any_order(items: object) -> object:
    return sorted(map(str, items)) if isinstance(items, list) and len(items) > 1 else items


def _hash(data: bytes) -> int:
    return xxhash.xxh3_64_intdigest(data)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else NAN
