"""What is known of an answer that looks like a decision: its problems as bits, its fields for the columns.

A decision that is surely well is recognised by a compiled validator and by the truth values its rules look at, which
are remembered; only the others are taken apart by the contract itself. Whole answers are remembered, too: in a router's
dataset the same few thousand decisions come up again and again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from operator import gt, itemgetter
from typing import Any, NamedTuple

import jsonschema_rs
import orjson
import xxhash

from arny_studio.contract import Contract
from arny_studio.contract.rules import Condition, Iff, Implies, Member, Unique, broken_rules
from arny_studio.dataset.duplicate_keys import repeats_a_key
from arny_studio.dataset.problems import kind_of, mask_of
from arny_studio.dataset.row_columns import FLAGS, NAN
from arny_studio.dataset.row_problems import RowExaminer, texts_in
from arny_studio.dataset.turn_courses import encoding_bits

_MOST_REMEMBERED = 1 << 16
_LONG_NUMBER = re.compile("[0-9]{19}")  # orjson reads whole numbers beyond 64 bits as floats
_SYNTAX = mask_of("decision-syntax")
_ROUTING, _ANSWERS, _ASKS = FLAGS["routing"], FLAGS["answers"], FLAGS["asks"]
_EXECUTES, _REASONS, _SEVERAL = FLAGS["executes"], FLAGS["reasons"], FLAGS["several"]


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


NO_DECISION = DecisionFacts(0, 0, "", "", "", "", 0, NAN, NAN, 0)
NOT_A_DECISION = NO_DECISION._replace(problems=_SYNTAX)


class DecisionReader:
    """Reads answers under one contract, and remembers them."""

    def __init__(self, contract: Contract, examiner: RowExaminer) -> None:
        self._contract = contract
        self._examiner = examiner
        self._is_valid = jsonschema_rs.Draft202012Validator(contract.schema).is_valid
        self._features = _RuleFeatures(contract)
        self._kept_rules: dict[tuple[Any, ...], bool] = {}
        self._known: dict[str, DecisionFacts] = {}
        roles = contract.roles
        self._names = (
            roles.intent, roles.journey, roles.journeys, roles.missing, roles.needs_clarification,
            roles.needs_execution, roles.execution, roles.score, roles.confidence, roles.style, roles.answer,
        )  # fmt: skip
        self._values = itemgetter(*self._names)

    def facts(self, answer: str) -> DecisionFacts:
        """What is known of an answer that begins with a brace."""
        facts = self._known.get(answer)
        if facts is None:
            if len(self._known) > _MOST_REMEMBERED:
                self._known.clear()
            facts = self._known[answer] = self._read(answer)
        return facts

    def _read(self, answer: str) -> DecisionFacts:
        try:
            decision = orjson.loads(answer)
        except orjson.JSONDecodeError:
            decision = None
        if not isinstance(decision, dict):
            return NOT_A_DECISION
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
                    self._contract.block.rules, decision, self._contract.threshold
                )
            return self._kept_rules[features]
        except (TypeError, KeyError):  # a contract whose fields are optional or of unhashable types
            return not broken_rules(self._contract.block.rules, decision, self._contract.threshold)

    def _facts_of(self, decision: dict[str, Any], problems: int) -> DecisionFacts:
        try:
            values = self._values(decision)
        except KeyError:
            values = tuple(map(decision.get, self._names))
        intent, journey, journeys, missing, asks, executes, execution, score, confidence, style, answer = values
        named = len(journeys) if isinstance(journeys, list) else 0
        complexity = _number(score)
        reasons = complexity >= self._contract.threshold  # not where it is nan
        flags = _ROUTING | (_REASONS if reasons else 0) | (_SEVERAL if named > 1 else 0)
        flags |= (_ANSWERS if isinstance(answer, str) else 0) | (_ASKS if asks is True else 0)
        flags |= _EXECUTES if executes is True else 0
        # Two decisions with the same label send the request the same way, whatever words they use.
        told = (
            intent, journey, _in_any_order(journeys), _in_any_order(missing), asks, executes, execution, reasons,
        )  # fmt: skip
        return DecisionFacts(
            problems, hash_of(orjson.dumps(told)), _text(intent), _text(journey), _text(style), _text(execution),
            min(named, 255), complexity, _number(confidence), flags,
        )  # fmt: skip


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


def hash_of(data: bytes) -> int:
    """xxh3-64."""
    return xxhash.xxh3_64_intdigest(data)


def _decision_text_bits(answer: str, decision: dict[str, Any]) -> int:
    """A decision's texts are looked at as they read, not as JSON spells them."""
    spells_none = "\\" not in answer or ("\\u" not in answer and "\\b" not in answer)
    if spells_none and answer.isascii() and "\x7f" not in answer:
        return 0  # JSON spells every other control character as an escape
    return encoding_bits("\n".join(texts_in(decision)))


def _is_read_exactly(text: str, value: Any) -> bool:
    """Whether orjson's reading of a text loses nothing: no key that occurs twice, no whole number beyond 64 bits."""
    encoded = text.encode()
    if orjson.dumps(value) == encoded:
        return True
    return _LONG_NUMBER.search(text) is None and not repeats_a_key(encoded, value)


def _in_any_order(items: object) -> object:
    return sorted(map(str, items)) if isinstance(items, list) and len(items) > 1 else items


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else NAN
