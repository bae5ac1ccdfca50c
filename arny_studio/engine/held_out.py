"""Which prompts the parity gate replays: a named file's, the training run's validation rows, or generated ones.

Generated rows are of phrases and entities that the training generators never use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from msgspec import Struct

from arny_studio.contract import Contract, encode
from arny_studio.dataset.generate.rows import generated_rows
from arny_studio.dataset.reading import read_samples
from arny_studio.dataset.samples import RowProblem, Sample
from arny_studio.engine.chat_template import Message
from arny_studio.engine.lineage import sha256_of
from arny_studio.engine.replay import HeldOut, refuse_no_prompts
from arny_studio.engine.scoring import TruthRow, read_truth
from arny_studio.errors import MissingFile

_SEED = 20_261
_MOST_ROWS = 20_000  # read of a file; the prompts are spread over these


class Prompts(Struct, frozen=True, kw_only=True):
    """The prompts and where they are from, in words. `decides` says whether their answers are routing decisions."""

    held_out: list[HeldOut]
    source: str
    decides: bool


def held_out_prompts(
    count: int, *, data: str, tier: str, contract: Contract, training: dict[str, Any] | None
) -> Prompts:
    """`count` prompts, always the same for the same source. `training` is what lineage says of the training run.

    Raises MissingFile where a named file is not there, BadInput where it holds no usable prompt.
    """
    if data:
        path, source = Path(data).expanduser(), Path(data).name
        if not path.is_file():
            raise MissingFile(f"There is no file of held-out prompts at {data}.")
    else:
        path = _validation_file(training)
        source = _validation_rows(path, training) if path is not None else ""
    if path is None:
        return _generated(count, tier, contract)
    prompts = _of_file(path, tier, contract)
    chosen = _spread(prompts, count)
    refuse_no_prompts(chosen, str(path))
    return Prompts(held_out=chosen, source=source, decides=tier == "tier1")


def _validation_file(training: dict[str, Any] | None) -> Path | None:
    named = (training or {}).get("recipe", {}).get("validation_data", "")
    return Path(named) if named and Path(named).is_file() else None


def _validation_rows(path: Path, training: dict[str, Any] | None) -> str:
    """Where the prompts are from, and whether somebody edited them since: training may then have seen what is asked."""
    recorded = {str(entry.get("path")): entry.get("sha256") for entry in (training or {}).get("inputs") or []}
    digest = recorded.get(str(path), recorded.get(str(path.resolve())))
    changed = ", changed since" if digest and digest != sha256_of(path) else ""
    return f"validation rows of the training run ({path.name}{changed})"


def _generated(count: int, tier: str, contract: Contract) -> Prompts:
    """A model that is of no tier is read with the reasoner's answers, which are plain prose."""
    decides = tier == "tier1"
    rows = generated_rows("tier1" if decides else "tier2", count, seed=_SEED, contract=contract, phrases="test")
    held_out = [_of_messages(str(row.get("id", number)), row["messages"]) for number, row in enumerate(rows)]
    return Prompts(held_out=held_out, source="generated rows of held-out phrases", decides=decides)


def _of_file(path: Path, tier: str, contract: Contract) -> list[HeldOut]:
    if tier == "tier1":
        rows: Iterable[TruthRow | RowProblem] = islice(read_truth(path, contract), _MOST_ROWS)
        return [_of_truth(row, contract) for row in rows if isinstance(row, TruthRow)]
    samples: Iterable[Sample | RowProblem] = islice(read_samples(path), _MOST_ROWS)
    return [
        HeldOut(id=row.id, messages=[Message(turn.role, turn.content) for turn in row.prompt], answer=row.answer)
        for row in samples
        if isinstance(row, Sample) and row.prompt
    ]


def _of_truth(row: TruthRow, contract: Contract) -> HeldOut:
    answer = encode(contract, row.decision) if row.decision is not None else ""
    return HeldOut(id=row.id, messages=list(row.messages), answer=answer)


def _of_messages(number: str, messages: Sequence[dict[str, str]]) -> HeldOut:
    turns = [Message(turn["role"], turn["content"]) for turn in messages]
    return HeldOut(id=number, messages=turns[:-1], answer=turns[-1].content)


def _spread(prompts: list[HeldOut], count: int) -> list[HeldOut]:
    """Evenly over the file, so that a sorted one is not judged by its first journey."""
    if len(prompts) <= count:
        return prompts
    return [prompts[number * len(prompts) // count] for number in range(count)]
