"""A real phone's speed, imported from a benchmark, and what counted tokens would take at it.

The simulator's own milliseconds are this computer's. A benchmark of a real phone turns *counted* tokens into expected
time there: read tokens ÷ prefill rate + written tokens ÷ decode rate. It leaves out loading, heat and everything else
that the phone does, and is labelled as an expectation wherever it is shown.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct

from arny_studio.errors import BadInput, MissingFile

_LARGEST_FILE = 4 << 20
# How benchmarks name the columns; the first spelling is ours.
_SPELLINGS = {
    "model": ("model", "model_name", "model_filename", "name", "file"),
    "quant": ("quant", "quantization", "format", "type"),
    "prefill": ("prefill", "prefill_tok_s", "prefill_tokens_per_s", "prefill_tps", "prompt_tok_s", "pp"),
    "decode": ("decode", "decode_tok_s", "decode_tokens_per_s", "decode_tps", "generation_tok_s", "tg"),
}
_TIER_WORDS = {1: ("tier1", "router"), 2: ("tier2", "reasoner")}
_QUANT = re.compile(r"(?<![A-Za-z0-9])(?:I?Q\d(?:_[A-Z0-9]+)*|B?F16|F32)(?![A-Za-z0-9])", re.IGNORECASE)
_BILLIONS = re.compile(r"(\d+(?:\.\d+)?)\s*b(?![a-z])", re.IGNORECASE)
_EXAMPLE = "Columns: model, quant, prefill and decode in tokens per second; or llama-bench's own JSON or CSV."


class Speed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How fast a real phone runs one model."""

    model: Annotated[str, Meta(min_length=1, max_length=200, description="Model as the benchmark names it.")]
    quant: Annotated[str, Meta(max_length=20, description="Format, such as Q4_K_M; empty: any.")] = ""
    prefill: Annotated[float, Meta(gt=0, description="Prompt tokens read per second.")]
    decode: Annotated[float, Meta(gt=0, description="Tokens written per second.")]

    def expected_ms(self, *, read: int, written: int) -> float:
        """Milliseconds that the phone would take for these tokens, loading not included."""
        return 1000 * (read / self.prefill + written / self.decode)


def load_speeds(path: Path) -> tuple[Speed, ...]:
    """Read a benchmark, CSV or JSON. Raises MissingFile, or BadInput with the file, the row and what is wrong."""
    if not path.is_file():
        raise MissingFile(f"There is no benchmark at {path}.")
    if path.stat().st_size > _LARGEST_FILE:
        raise BadInput(f"{path.name} is larger than {_LARGEST_FILE >> 20} MiB; a benchmark is a short table.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path.name} is not text: byte {error.start + 1} is not UTF-8.", hint=_EXAMPLE) from error
    rows = _json_rows(text, path.name) if text.lstrip()[:1] in ("[", "{") else list(csv.DictReader(io.StringIO(text)))
    if rows and all("avg_ts" in row for row in rows):
        rows = _merged_llama_bench(rows, path.name)
    speeds = tuple(_speed(row, f"{path.name}, row {number}") for number, row in enumerate(rows, start=1))
    if not speeds:
        raise BadInput(f"{path.name} has no rows.", hint=_EXAMPLE)
    return speeds


def speed_of(speeds: Sequence[Speed], file_name: str, quant: str, tier: int) -> Speed | None:
    """The row about a model file: by name, else by size in billions, else by tier; its quant must agree where named."""
    fitting = [speed for speed in speeds if not speed.quant or _plain(speed.quant) == _plain(quant)]
    for is_about in (_is_same_name, _is_same_size):
        for speed in fitting:
            if is_about(speed.model, file_name):
                return speed
    return next((speed for speed in fitting if _plain(speed.model) in _TIER_WORDS[tier]), None)


def _is_same_name(named: str, file_name: str) -> bool:
    one, other = _plain(Path(named).stem if named.endswith(".gguf") else named), _plain(Path(file_name).stem)
    return bool(one) and (one in other or other in one) and one not in (*_TIER_WORDS[1], *_TIER_WORDS[2])


def _is_same_size(named: str, file_name: str) -> bool:
    one, other = _BILLIONS.search(named), _BILLIONS.search(file_name)
    return one is not None and other is not None and float(one[1]) == float(other[1])


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _json_rows(text: str, source: str) -> list[dict[str, Any]]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise BadInput(f"{source} is not JSON: {error}.", hint=_EXAMPLE) from error
    if isinstance(value, dict):
        value = next((part for part in value.values() if isinstance(part, list)), [value])
    if not all(isinstance(row, dict) for row in value):
        raise BadInput(f"{source} is not a list of objects.", hint=_EXAMPLE)
    return value


def _merged_llama_bench(rows: Iterable[Mapping[str, Any]], source: str) -> list[dict[str, Any]]:
    """llama-bench writes a row per test: those that only read give the prefill rate, those that write the decode rate."""
    merged: dict[str, dict[str, Any]] = {}
    for row in rows:
        name = str(row.get("model_filename") or row.get("model_type") or "")
        entry = merged.setdefault(name, {"model": name, "quant": _quant_in(f"{name} {row.get('model_type', '')}")})
        entry["decode" if _number(row.get("n_gen"), source) > 0 else "prefill"] = row["avg_ts"]
    return list(merged.values())


def _quant_in(text: str) -> str:
    found = _QUANT.search(text)
    return found[0].upper() if found else ""


def _speed(row: Mapping[str, Any], where: str) -> Speed:
    plain = {str(key).strip().lower(): value for key, value in row.items() if key is not None}
    found = {field: next((plain[key] for key in keys if plain.get(key) not in (None, "")), None)
             for field, keys in _SPELLINGS.items()}  # fmt: skip
    missing = [field for field in ("model", "prefill", "decode") if found[field] is None]
    if missing:
        raise BadInput(f"{where}: {' and '.join(missing)} missing.", hint=_EXAMPLE)
    rates = {field: _number(found[field], where) for field in ("prefill", "decode")}
    if min(rates.values()) <= 0:
        raise BadInput(f"{where}: a rate of {min(rates.values()):g} tokens per second is no speed.", hint=_EXAMPLE)
    model = str(found["model"])[:200]
    return Speed(model=model, quant=str(found["quant"] or _quant_in(model))[:20], **rates)


def _number(value: Any, where: str) -> float:
    try:
        number = float(str(value).strip())
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadInput(f"{where}: {str(value)[:40]!r} is not a number.", hint=_EXAMPLE)
    return number
