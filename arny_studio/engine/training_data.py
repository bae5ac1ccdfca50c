"""Dataset files → tokenized rows ready for the trainer. Rows that cannot be used are skipped, counted and named.

Knows tokens and files, and nothing of torch: a dataset that cannot be trained on is refused before any heavy import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from arny_studio.dataset.reading import read_samples
from arny_studio.dataset.samples import RowProblem, Sample
from arny_studio.engine.rendering import Rendered, Renderer
from arny_studio.errors import BadInput
from arny_studio.jobs.events import Log

BLOCK_ROWS = 1000  # rows rendered and tokenized in one go
NAMED_PROBLEMS = 20  # problems of one kind of file that are named one by one; the rest are counted

Tokens = NDArray[np.int32]


class Row(Struct, frozen=True):
    """One tokenized conversation; both arrays have the shape (length,). `line` is its place in the file, from 1."""

    ids: Tokens
    labels: Tokens
    line: int = 0


class TrainingRows(Struct):
    """The usable rows of a file, and what became of the others."""

    file: Path
    rows: list[Row] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)  # why rows were skipped, by line
    truncated_lines: list[int] = field(default_factory=list)
    supervised: int = 0  # tokens under the loss

    @property
    def skipped(self) -> int:
        """Rows that cannot be used."""
        return len(self.problems)

    @property
    def truncated(self) -> int:
        """Rows that were cut at their end."""
        return len(self.truncated_lines)

    @property
    def tokens(self) -> int:
        """All tokens, supervised or not."""
        return sum(len(row.ids) for row in self.rows)

    @property
    def lengths(self) -> list[int]:
        """Tokens per row."""
        return [len(row.ids) for row in self.rows]


def read_training_rows(
    path: Path, renderer: Renderer, *, max_length: int, say: Callable[[Log], None], limit: int = 0
) -> TrainingRows:
    """Render and tokenize a file; every row that is skipped or cut is said through `say`. `limit` 0 takes all rows.

    Raises MissingFile without a file, BadInput where no row is left to learn from.
    """
    found = tokenized_rows(path, renderer, max_length=max_length, limit=limit)
    for text in _said(found, max_length):
        say(Log(text=text, level="warning"))
    _refuse_if_empty(found)
    return found


def tokenized_rows(path: Path, renderer: Renderer, *, max_length: int, limit: int = 0) -> TrainingRows:
    """Render and tokenize a file, be it that no row is left. `limit` 0 takes all. Raises MissingFile without a file."""
    found = TrainingRows(path)
    lines = read_samples(path)
    while block := list(islice(lines, BLOCK_ROWS)):
        found.problems += _take_block(block, found, renderer, max_length, limit)
        if limit and len(found.rows) >= limit:
            break
    return found


def _take_block(
    block: list[Sample | RowProblem], found: TrainingRows, renderer: Renderer, max_length: int, limit: int
) -> list[RowProblem]:
    """Add the block's usable rows to `found`; returns why the others are not among them."""
    problems = [item for item in block if isinstance(item, RowProblem)]
    samples = [item for item in block if isinstance(item, Sample)]
    rendered = renderer.encode_many((sample.messages for sample in samples), max_length=max_length)
    for sample, result in zip(samples, rendered, strict=True):
        reason = _reason_to_skip(result, max_length)
        if isinstance(result, BadInput) or reason:
            problems.append(RowProblem(file=found.file.name, line=sample.line, sentence=reason))
            continue
        if limit and len(found.rows) >= limit:
            break
        found.rows.append(Row(np.array(result.ids, np.int32), np.array(result.labels, np.int32), sample.line))
        if result.is_truncated:
            found.truncated_lines.append(sample.line)
        found.supervised += result.supervised
    return sorted(problems, key=lambda problem: problem.line)


def _reason_to_skip(result: Rendered | BadInput, max_length: int) -> str:
    if isinstance(result, BadInput):
        return result.sentence
    if result.supervised:
        return ""
    if result.is_truncated:
        return f"Its {result.full_length} tokens are cut at {max_length}, before the assistant says anything."
    return "The assistant says nothing in it, so there is nothing to learn."


def _said(found: TrainingRows, max_length: int) -> Iterator[str]:
    problems = found.problems
    yield from (f"Skipped {problem}" for problem in problems[:NAMED_PROBLEMS])
    if len(problems) > NAMED_PROBLEMS:
        yield f"Skipped {len(problems) - NAMED_PROBLEMS} more rows of {found.file.name}."
    if found.truncated:
        yield (
            f"{found.truncated} of {len(found.rows)} rows of {found.file.name} are longer than {max_length} tokens "
            "and were cut at their end."
        )


def _refuse_if_empty(found: TrainingRows) -> None:
    if found.rows:
        return
    if not found.problems:
        raise BadInput(f"{found.file} has no rows.", hint="A row is a JSON object with a list of messages.")
    raise BadInput(
        f"{found.file} has no usable row: all {found.skipped} were skipped.", hint=f"The first: {found.problems[0]}"
    )


def pack(lengths: list[int], size: int) -> list[list[int]]:
    """Which rows share a pack of at most `size` tokens: best fit, longest first. No row is split or dropped.

    Every row must be no longer than `size`. Packs come in the order of their first row, rows in the order they fit.
    """
    room: dict[int, list[int]] = {}  # free tokens → packs with that much room
    packs: list[list[int]] = []
    occupied = np.zeros(size + 1, dtype=bool)  # which amounts of room exist
    for index in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        length = lengths[index]
        fitting = np.flatnonzero(occupied[length:])
        if len(fitting):
            free = int(fitting[0]) + length
            number = room[free].pop()
            occupied[free] = bool(room[free])
        else:
            free, number = size, len(packs)
            packs.append([])
        packs[number].append(index)
        room.setdefault(free - length, []).append(number)
        occupied[free - length] = True
    return packs


def epoch_order(lengths: list[int], batch_size: int, *, seed: int, epoch: int, window_batches: int = 50) -> list[int]:
    """The order of the rows in one epoch: shuffled, then rows of like length beside each other within windows.

    Depends on nothing but its arguments, so a resumed run sees the same batches. Sorting within `window_batches`
    batches keeps padding small while the batches still mix; their order is shuffled again. The longest batch of the
    epoch comes first, so that a lack of memory shows at once.
    """
    rng = np.random.default_rng((seed, epoch))
    shuffled = rng.permutation(len(lengths))
    if batch_size == 1:
        return shuffled.tolist()
    sizes = np.asarray(lengths)
    window = batch_size * window_batches
    batches: list[NDArray[np.int64]] = []
    for start in range(0, len(shuffled), window):
        part = shuffled[start : start + window]
        part = part[np.argsort(-sizes[part], kind="stable")]
        batches += [part[at : at + batch_size] for at in range(0, len(part), batch_size)]
    return np.concatenate(_whole_first(batches, batch_size, sizes, rng)).tolist()


def _whole_first(
    batches: list[NDArray[np.int64]], batch_size: int, sizes: NDArray[np.int64], rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Shuffled batches with the longest in front and one that is not full at the end, where it shifts no other."""
    partial = [batch for batch in batches if len(batch) < batch_size]
    whole = [batch for batch in batches if len(batch) == batch_size]
    order = [whole[index] for index in rng.permutation(len(whole))]
    if order:
        longest = max(range(len(order)), key=lambda index: int(sizes[order[index]].max()))
        order.insert(0, order.pop(longest))
    return order + partial
