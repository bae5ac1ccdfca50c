"""Topic sheets: what Tier-2 answers may say, as typed facts in several wordings.

A sheet is a TOML file. Its tables are fact types, their keys name the facts, and each value lists the wordings of that
fact: whole sentences that stand on their own, all saying the same thing.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from arny_studio.dataset.generate.tier2.plan import FACT_TYPES, FactType
from arny_studio.errors import BadInput
from arny_studio.paths import DATA_DIR

SHEETS_DIR: Path = DATA_DIR / "generator" / "tier2"

Wordings = Annotated[tuple[str, ...], Meta(min_length=2)]
FactTable = Annotated[dict[str, Wordings], Meta(min_length=1)]


class Fact(Struct, frozen=True):
    """One true statement about a topic; every wording is one sentence."""

    id: str
    type: FactType
    wordings: tuple[str, ...]


class TopicSheet(Struct, frozen=True, kw_only=True):
    """A topic with its facts and the phrases that frames speak of it with.

    `core` is a noun phrase (the main idea), `why` a clause that follows "because", `stake` a noun phrase (what depends
    on it), `audience` a plural noun phrase, `practice` the activity that surrounds a topic which is itself a phenomenon
    (for "dark matter": "dark matter research"), elsewhere the topic.
    """

    topic: str
    field: Literal["technology", "science", "business", "social"]
    aliases: tuple[str, ...]
    practice: str
    compare_with: str
    core: str
    why: str
    stake: str
    audience: str
    facts: tuple[Fact, ...]

    def of_type(self, fact_type: FactType) -> tuple[Fact, ...]:
        """The facts of one type, in the order of the sheet."""
        return tuple(fact for fact in self.facts if fact.type == fact_type)


class _SheetFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    topic: str
    field: Literal["technology", "science", "business", "social"]
    compare_with: str
    core: str
    why: str
    stake: str
    audience: str
    definition: FactTable
    mechanism: FactTable
    history: FactTable
    application: FactTable
    challenge: FactTable
    limit: FactTable
    comparison: FactTable
    ethics: FactTable
    future: FactTable
    impact: FactTable
    figure: dict[str, Wordings] = msgspec.field(default_factory=dict)
    example: dict[str, Wordings] = msgspec.field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    practice: str | None = None


def read_sheet(path: Path) -> TopicSheet:
    """The topic sheet in `path`; raises `BadInput` where the file is not one."""
    try:
        raw = msgspec.toml.decode(path.read_bytes(), type=_SheetFile)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"The topic sheet {path} cannot be used: {error}.") from error
    return TopicSheet(
        topic=raw.topic,
        field=raw.field,
        aliases=raw.aliases,
        practice=raw.practice or raw.topic,
        compare_with=raw.compare_with,
        core=raw.core,
        why=raw.why,
        stake=raw.stake,
        audience=raw.audience,
        facts=tuple(_facts(raw, path.stem)),
    )


def _facts(raw: _SheetFile, stem: str) -> list[Fact]:
    """The facts of a file, typed by the table they stand in and named `<file>/<type>/<key>`."""
    return [
        Fact(f"{stem}/{fact_type}/{key}", fact_type, wordings)
        for fact_type in FACT_TYPES
        for key, wordings in getattr(raw, fact_type).items()
    ]


@cache
def load_sheets(folder: Path = SHEETS_DIR) -> tuple[TopicSheet, ...]:
    """Every topic sheet of a folder, by file name; raises `BadInput` where there is none or one cannot be read."""
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise BadInput(f"There are no topic sheets in {folder}.")
    return tuple(read_sheet(path) for path in paths)
