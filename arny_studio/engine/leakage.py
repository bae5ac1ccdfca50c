"""Validation rows that the training has seen: the same conversation by content hash, or one that hardly differs."""

from __future__ import annotations

import numpy as np
import xxhash
from msgspec import Struct

from arny_studio.dataset.near_duplicates import band_keys, comparable_text, near_groups
from arny_studio.engine.training_data import Row, TrainingRows


class Leaks(Struct, frozen=True):
    """Lines of the validation file that stand in the training file, exactly or nearly; none stands in both lists."""

    exact: list[int]
    near: list[int]


def leaks_of(train: TrainingRows, validation: TrainingRows) -> Leaks:
    """Compare tokens for sameness, and what is said (system turn and decision left out) for likeness."""
    seen = {_hash(row) for row in train.rows}
    exact = [row.line for row in validation.rows if _hash(row) in seen]
    near = _near_lines(train, validation)
    return Leaks(exact, sorted(near - set(exact)))


def _near_lines(train: TrainingRows, validation: TrainingRows) -> set[int]:
    """Validation lines in one group of near-duplicates with a training row (exact Jaccard, dataset/near_duplicates)."""
    texts = _texts(train)
    count = len(texts)
    texts += _texts(validation)
    groups = near_groups(band_keys(texts), lambda row: texts[row])
    with_training = np.unique(groups[:count][groups[:count] >= 0])
    found = np.flatnonzero(np.isin(groups[count:], with_training))
    return {validation.rows[row].line for row in found}


def _texts(found: TrainingRows) -> list[bytes]:
    """The comparable text of each usable row, in their order."""
    wanted = {row.line for row in found.rows}
    with found.file.open("rb") as file:
        return [comparable_text(line) for number, line in enumerate(file, start=1) if number in wanted]


def _hash(row: Row) -> int:
    return xxhash.xxh3_64_intdigest(row.ids.tobytes())
