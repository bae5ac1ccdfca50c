"""A contract is a file: JSON Schema (draft 2020-12) in trained and decoded order, plus an `x-arny` block."""

from __future__ import annotations

import json
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import jsonschema_rs
import msgspec
from msgspec import Struct

from arny_studio.contract.rules import Rule, broken_rules
from arny_studio.errors import BadInput, MissingFile
from arny_studio.paths import DATA_DIR

CONTRACTS_DIR = DATA_DIR / "contracts"

# What both the validator and the constrained decoder (llguidance) carry. `if/then` and friends would be
# validated and then silently not decoded, so a contract that uses them is refused when it is loaded.
SUPPORTED_KEYWORDS = frozenset(
    "$schema $id title description type properties required additionalProperties items enum const pattern "
    "minItems maxItems minLength maxLength minimum maximum anyOf oneOf default examples x-guidance x-arny".split()
)

Severity = Literal["error", "warning"]


class Problem(Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a decision. `path` is a JSON path such as `$.journeys[1]`."""

    path: str
    sentence: str
    severity: Severity = "error"
    rule: str = "schema"  # the id of the broken rule, `schema`, `syntax` or `missing-field`


class Roles(Struct, frozen=True, forbid_unknown_fields=True):
    """Which field of this contract plays which part in routing; values are field names."""

    intent: str
    journey: str
    journeys: str
    answer: str
    missing: str
    needs_clarification: str
    clarification: str
    needs_execution: str
    execution: str
    score: str
    confidence: str
    style: str


class ContractBlock(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The `x-arny` block of a contract file."""

    id: str
    version: str
    title: str
    prompts: dict[str, str]
    threshold: int
    confidence_floor: float
    roles: Roles
    deciding: tuple[str, ...]
    rules: tuple[Rule, ...]


class Contract:
    """A loaded contract. Immutable by convention: load another file instead of changing one."""

    def __init__(self, schema: dict[str, Any], *, source: str) -> None:
        self.schema = schema
        self.source = source
        self.block = _block_of(schema, source)
        self._refuse_unsupported_keywords(schema, "$")
        self._refuse_unknown_fields()

    id = property(lambda self: self.block.id)
    version = property(lambda self: self.block.version)
    roles = property(lambda self: self.block.roles)
    threshold = property(lambda self: self.block.threshold)
    confidence_floor = property(lambda self: self.block.confidence_floor)

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Field names in trained and decoded order."""
        return tuple(self.schema["properties"])

    @cached_property
    def journeys(self) -> tuple[str, ...]:
        """Every journey a decision may name."""
        return tuple(self.schema["properties"][self.roles.journey]["enum"])

    @cached_property
    def _validator(self) -> jsonschema_rs.Draft202012Validator:
        return jsonschema_rs.Draft202012Validator({**self.schema, "required": []})

    def system_prompt(self, tier: Literal["tier1", "tier2"]) -> str:
        """The system message that is trained and served for a tier."""
        return self.block.prompts[tier]

    def check(self, decision: object, *, strict: bool = True, threshold: int | None = None) -> list[Problem]:
        """Every problem of a decision: schema first, then cross-field rules; empty where it is valid.

        `strict=False` is for imported data: a missing field is then a warning, not an error.
        """
        if not isinstance(decision, dict):
            return [Problem(path="$", sentence=f"A decision is a JSON object, not {_json_type(decision)}.")]
        problems = self._missing_fields(decision, "error" if strict else "warning")
        problems += [_from_schema_error(error) for error in self._validator.iter_errors(decision)]
        broken = broken_rules(self.block.rules, decision, self.threshold if threshold is None else threshold)
        problems += [_from_rule(rule) for rule in broken]
        return problems

    def ordered(self, decision: dict[str, Any]) -> dict[str, Any]:
        """The same decision in contract order; unknown fields last, in their own order."""
        known = {name: decision[name] for name in self.fields if name in decision}
        return known | {name: value for name, value in decision.items() if name not in known}

    def _missing_fields(self, decision: dict[str, Any], severity: Severity) -> list[Problem]:
        absent = [name for name in self.schema.get("required", ()) if name not in decision]
        return [
            Problem(path=f"$.{name}", sentence=f"The field {name} is missing.", severity=severity, rule="missing-field")
            for name in absent
        ]

    def _refuse_unsupported_keywords(self, node: Any, path: str) -> None:
        for keyword in node:
            if keyword not in SUPPORTED_KEYWORDS:
                raise BadInput(
                    f"{self.source}: the schema keyword {keyword!r} at {path} is not supported by the decoder.",
                    hint="Say it as a rule in x-arny.rules, or leave it out.",
                )
        for name, child in node.get("properties", {}).items():
            self._refuse_unsupported_keywords(child, f"{path}.{name}")
        for keyword in ("items", "additionalProperties"):
            if isinstance(node.get(keyword), dict):
                self._refuse_unsupported_keywords(node[keyword], f"{path}.{keyword}")
        for keyword in ("anyOf", "oneOf"):
            for child in node.get(keyword, ()):
                self._refuse_unsupported_keywords(child, f"{path}.{keyword}")

    def _refuse_unknown_fields(self) -> None:
        named = list(msgspec.structs.astuple(self.roles)) + list(self.block.deciding)
        named += [name for rule in self.block.rules for name in rule.fields()]
        for name in named:
            if name not in self.schema["properties"]:
                raise BadInput(f"{self.source}: x-arny names the field {name!r}, which the schema does not have.")


def load_contract(name_or_path: str | Path = "router-v1") -> Contract:
    """A built-in contract by id, or any contract file by path.

    Raises MissingFile where there is no such file and BadInput where it is not a contract.
    """
    path = Path(name_or_path)
    if path.suffix != ".json":
        path = CONTRACTS_DIR / f"{name_or_path}.json"
    if not path.is_file():
        known = ", ".join(built_in_contracts())
        raise MissingFile(
            f"There is no contract {str(name_or_path)!r}.", hint=f"Built in: {known}; or name a .json file."
        )
    return _load(path, path.stat().st_mtime_ns)


def built_in_contracts() -> list[str]:
    """Ids of the contracts that ship with the product."""
    return sorted(path.stem for path in CONTRACTS_DIR.glob("*.json"))


@lru_cache(maxsize=16)
def _load(path: Path, _mtime_ns: int) -> Contract:
    try:
        schema = json.loads(path.read_bytes())
    except ValueError as error:
        raise BadInput(f"{path.name} is not JSON: {error}.") from error
    if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict):
        raise BadInput(f"{path.name} is not a contract: it has no object of properties.")
    try:
        return Contract(schema, source=path.name)
    except (jsonschema_rs.ValidationError, KeyError) as error:
        raise BadInput(f"{path.name} is not a usable contract: {error}.") from error


def _block_of(schema: dict[str, Any], source: str) -> ContractBlock:
    if "x-arny" not in schema:
        raise BadInput(f"{source} has no x-arny block, so it says nothing of prompts, roles and rules.")
    try:
        return msgspec.convert(schema["x-arny"], ContractBlock)
    except msgspec.ValidationError as error:
        raise BadInput(f"{source}: x-arny: {error}.") from error


def _from_schema_error(error: Any) -> Problem:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path]
    return Problem(path="$" + "".join(parts), sentence=f"{_shortened(error.message)}.")


def _from_rule(rule: Rule) -> Problem:
    return Problem(path=f"$.{rule.fields()[0]}", sentence=f"Rule {rule.id}: {rule.sentence}.", rule=rule.id)


def _shortened(message: str, limit: int = 300) -> str:
    return message if len(message) <= limit else message[: limit - 1] + "…"


def _json_type(value: object) -> str:
    names = {list: "a list", str: "a text", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "null")
