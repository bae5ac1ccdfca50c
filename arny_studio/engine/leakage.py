"""Validation rows that the training has seen: the same conversation by content hash."""

from __future__ import annotations

import xxhash

from arny_studio.engine.training_data import Row, TrainingRows


def leaked_lines(train: TrainingRows, validation: TrainingRows) -> list[int]:
    """Lines of the validation file whose tokens stand in the training file as well."""
    seen = {_hash(row) for row in train.rows}
    return [row.line for row in validation.rows if _hash(row) in seen]


def _hash(row: Row) -> int:
    return xxhash.xxh3_64_intdigest(row.ids.tobytes())
