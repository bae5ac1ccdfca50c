"""`lineage.json`: where exported files come from, by hash, so that a file on a phone can be traced to its data."""

from __future__ import annotations

import hashlib
import io
import json
import time
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from arny_studio.contract import Contract
from arny_studio.engine.export_source import FolderSource, Source
from arny_studio.engine.model_folder import hub_origin
from arny_studio.recipe import ExportRecipe

LINEAGE = "lineage.json"
LINEAGE_VERSION = 2
_SCORES = (
    "step", "loss", "validation_loss", "json_valid", "journey_accuracy", "field_agreement", "word_overlap",
)  # fmt: skip
_CONFIG_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json")


def lineage_of(
    recipe: ExportRecipe,
    source: Source,
    *,
    contract: Contract,
    training: dict[str, Any] | None,
    versions: dict[str, str],
    hashes: dict[str, str],
    tokenizer: dict[str, str],
    outputs: dict[str, dict[str, Any]],
    parity: dict[str, Any] | None,
) -> dict[str, Any]:
    """The whole record.

    `outputs` maps file names to format, size, sha256, verdict and figures; `hashes` are those of the weight files that
    were read, by path; `tokenizer` holds the digests of template and probes.
    """
    return {
        "lineage_version": LINEAGE_VERSION,
        "made_s": round(time.time(), 3),
        "name": source.labels.name,
        "description": source.labels.description,
        "base": _base_of(source, hashes),
        "adapter": _adapter_of(source, hashes),
        "training": training,
        "dataset": _dataset_of(training),
        "contract": {"id": contract.id, "version": contract.version, "sha256": _digest(contract.schema)},
        "tokenizer": tokenizer,
        "recipe": msgspec.to_builtins(recipe),
        "versions": versions,
        "outputs": outputs,
        "parity": parity,
    }


def training_of(adapter: Path | None) -> dict[str, Any] | None:
    """What the training run that the adapter lies in says of itself: recipe, data by hash and snapshot, seed, scores."""
    if adapter is None:
        return None
    run = adapter.resolve().parent.parent
    recipe_file, manifest = run / "recipe.toml", run / "manifest.json"
    if not manifest.is_file() or not recipe_file.is_file():
        return None
    said = json.loads(manifest.read_bytes())
    recipe = tomllib.loads(recipe_file.read_text(encoding="utf-8"))
    for key in ("train_data", "validation_data"):
        if recipe.get(key):
            recipe[key] = str(run / recipe[key])  # an absolute path stays what it is
    return {
        "run": run.name,
        "recipe": recipe,
        "inputs": said.get("inputs"),
        "seed": said.get("seed"),
        "contract": said.get("contract"),
        "versions": said.get("versions"),
        **_told_by(run / "events.jsonl"),
    }


def dataset_names(training: dict[str, Any] | None) -> tuple[str, ...]:
    """What the model was trained on, as the GGUF names it."""
    named = (training or {}).get("recipe", {}).get("train_data", "")
    return (Path(named).name,) if named else ()


def sha256_of(path: Path) -> str:
    """Hex digest of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def text_sha256(text: str) -> str:
    """Hex digest of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def recorded_tokenizer(gguf: Path) -> dict[str, str]:
    """Digests of template and probes that the lineage beside a file records; empty where there is none about it."""
    said = lineage_beside(gguf).get("tokenizer")
    return said if isinstance(said, dict) else {}


def lineage_beside(gguf: Path) -> dict[str, Any]:
    """The lineage that lists this file; empty where there is none, or none that can be read."""
    try:
        said = json.loads((gguf.parent / LINEAGE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    is_about_it = isinstance(said, dict) and isinstance(said.get("outputs"), dict) and gguf.name in said["outputs"]
    return said if is_about_it else {}


def _base_of(source: Source, hashes: dict[str, str]) -> dict[str, Any]:
    labels = source.labels
    said: dict[str, Any] = {
        "name": labels.base_name,
        "organization": labels.base_organization,
        "license": labels.card.license,
        "license_name": labels.card.license_name,
        "license_link": labels.card.license_link,
    }
    if isinstance(source, FolderSource):
        said["hub_id"], said["snapshot"] = hub_origin(source.base)
        said["stored_as"] = source.model.config.quantization or source.model.tensors[0].dtype
        folder = source.base
        said["files"] = _hashes_in(folder, hashes) | {
            name: sha256_of(folder / name) for name in _CONFIG_FILES if (folder / name).is_file()
        }
    else:
        said["files"] = {path.name: hashes[str(path)] for path in source.files if str(path) in hashes}
    return said


def _adapter_of(source: Source, hashes: dict[str, str]) -> dict[str, Any] | None:
    if not isinstance(source, FolderSource) or source.adapter is None:
        return None
    config = source.adapter / "adapter_config.json"
    return {"files": _hashes_in(source.adapter, hashes) | {config.name: sha256_of(config)}}


def _hashes_in(folder: Path, hashes: dict[str, str]) -> dict[str, str]:
    """The weight files of a folder; each is read for its hash only once."""
    for file in sorted(folder.glob("*.safetensors")):
        hashes.setdefault(str(file), sha256_of(file))
    return {Path(name).name: digest for name, digest in hashes.items() if Path(name).parent == folder}


def _dataset_of(training: dict[str, Any] | None) -> dict[str, Any] | None:
    """The files of the training run by side of the split, with their hashes."""
    if training is None:
        return None
    recipe = training["recipe"]
    by_path = {str(entry.get("path")): entry for entry in training["inputs"] or [] if isinstance(entry, dict)}
    sides: dict[str, Any] = {}
    for side, key in (("train", "train_data"), ("validation", "validation_data")):
        named = recipe.get(key)
        if named:
            record = by_path.get(str(Path(named).resolve()), by_path.get(named, {}))
            used = training["data"].get(side, training["data"].get(Path(named).name, {}))  # older logs: by file name
            sides[side] = {
                "file": Path(named).name,
                "sha256": record.get("sha256", ""),
                "bytes": record.get("size_bytes"),
                "content_hash": used.get("content_hash"),
                "snapshot": used.get("snapshot"),
            }
    return sides or None


def _told_by(events: Path) -> dict[str, dict[str, Any]]:
    """The last of every score that the run's log tells, and its data by side of the split, with the snapshot that keeps it."""
    evaluation: dict[str, Any] = {}
    data: dict[str, Any] = {}
    with events.open("rb") if events.is_file() else io.BytesIO() as lines:
        for line in lines:
            try:
                event = json.loads(line) if b'"metric"' in line or b'"result"' in line else {}
            except ValueError:
                continue
            if event.get("type") == "metric":
                evaluation |= {key: event[key] for key in _SCORES if event.get(key) is not None}
            elif (event.get("type"), event.get("name")) == ("result", "data"):
                data = event.get("values", {})
    return {"evaluation": evaluation, "data": data}


def _digest(schema: dict[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(schema)).hexdigest()
