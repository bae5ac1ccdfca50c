"""The phrase banks as they stand in `data/generator/tier1/*.toml`: read, checked, not yet compiled."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from arny_studio.errors import ArnyError
from arny_studio.paths import DATA_DIR

BANKS_DIR = DATA_DIR / "generator" / "tier1"
FACTS_FILE = DATA_DIR / "generator" / "facts.toml"
ENTITIES_FILE = BANKS_DIR / "entities.toml"

Situation = Literal["tool", "answer", "explain", "plan", "chat", "unclear"]
Execution = Literal["cloud_agent", "device_action", "api_call"]
Style = Literal["plain", "list", "table", "steps", "card"]
Score = Annotated[int, Meta(ge=0, le=100)]
Share = Annotated[float, Meta(ge=0, le=1)]

BANDS: dict[Situation, tuple[int, int]] = {
    "chat": (0, 10),
    "answer": (0, 59),
    "unclear": (0, 20),
    "tool": (0, 59),
    "explain": (41, 59),
    "plan": (60, 100),
}
"""What complexity an intent of each situation may have (score, inclusive)."""

T = TypeVar("T")


class BankError(ArnyError):
    """A phrase bank cannot be read or contradicts itself."""


class Intent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing people ask for: how they say it, and what the decision about it is."""

    name: str
    situation: Situation
    complexity: tuple[Score, Score]
    templates: tuple[str, ...]
    held_out: tuple[str, ...]
    execution: Execution | None = None
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    style: Style = "plain"
    also: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    answer_from: str | None = None
    phrases: dict[str, tuple[str, ...]] = {}
    questions: dict[str, str] = {}
    clarification: str | None = None
    confidence: Share | None = None
    weight: Annotated[float, Meta(gt=0)] = 1.0


class Bank(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that is said to one journey."""

    journey: str
    intents: tuple[Intent, ...]
    slots: dict[str, tuple[str, ...] | str] = {}


class Entities(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Word lists that all banks share."""

    proper: dict[str, tuple[str, ...]]
    common: dict[str, tuple[str, ...]]
    phrases: dict[str, tuple[str, ...]]


class FactTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Things that are asked and what is answered: `{value}` in `answer` is the table's entry."""

    entries: dict[str, str]
    answer: str = "{value}"


def load_banks(folder: Path = BANKS_DIR) -> tuple[Bank, ...]:
    """All banks of a folder, by file name. Raises `BankError` naming file and field."""
    files = sorted(path for path in folder.glob("*.toml") if path.name != ENTITIES_FILE.name)
    if not files:
        raise BankError(f"No phrase banks (*.toml) in {folder}: reinstall the application's data.")
    return tuple(_checked(_read(path, Bank), path) for path in files)


def load_entities(path: Path = ENTITIES_FILE) -> Entities:
    """The shared word lists. Raises `BankError`."""
    return _read(path, Entities)


def load_facts(path: Path = FACTS_FILE) -> dict[str, FactTable]:
    """The fact tables by name. Raises `BankError`."""
    return _read(path, dict[str, FactTable])


def _read(path: Path, kind: type[T]) -> T:
    try:
        content: Any = tomllib.loads(path.read_text(encoding="utf-8"))
        return msgspec.convert(content, kind)
    except OSError as error:
        raise BankError(f"{path}: cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise BankError(f"{path}: {error}") from error


def _checked(bank: Bank, path: Path) -> Bank:
    names = [intent.name for intent in bank.intents]
    for intent in bank.intents:
        if names.count(intent.name) > 1 and intent.situation != "unclear":
            raise BankError(f"{path}: intent {intent.name} stands there twice.")
        for problem in _problems(intent):
            raise BankError(f"{path}: intent {intent.name}: {problem}.")
    return bank


def _problems(intent: Intent) -> list[str]:
    low, high = BANDS[intent.situation]
    checks = {
        f"complexity must rise within {low}–{high}": low <= intent.complexity[0] <= intent.complexity[1] <= high,
        "templates are missing": bool(intent.templates and intent.held_out),
        "a template is both for training and held out": not set(intent.templates) & set(intent.held_out),
        "a tool needs an execution, nothing else may have one": (intent.situation == "tool") == bool(intent.execution),
        "an answer is missing": intent.situation not in ("answer", "explain", "chat")
        or bool(intent.answers or intent.answer_from),
        "an unclear intent needs a clarification and a confidence": intent.situation != "unclear"
        or (intent.clarification is not None and intent.confidence is not None),
        "only tools have required slots": intent.situation == "tool" or not intent.required,
    }
    return [problem for problem, holds in checks.items() if not holds]
