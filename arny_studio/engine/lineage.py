"""`lineage.json`: where exported files come from, by hash, so that a file on a phone can be traced to its data."""

from __future__ import annotations

import hashlib
import json
import time
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from arny_studio.contract import Contract
from arny_studio.engine.gguf_naming import ModelLabels
from arny_studio.recipe import ExportRecipe

LINEAGE_VERSION = 1


def lineage_of(
    recipe: ExportRecipe,
    *,
    base: Path,
    adapter: Path | None,
    contract: Contract,
    labels: ModelLabels,
    versions: dict[str, str],
    outputs: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """The whole record. `outputs` maps file names to their format, size and sha256."""
    return {
        "lineage_version": LINEAGE_VERSION,
        "made_s": round(time.time(), 3),
        "name": labels.name,
        "base": {
            "name": labels.base_name,
            "organization": labels.base_organization,
            "license": labels.card.license,
            "license_link": labels.card.license_link,
            "files": _hashes(base, ("*.safetensors", "config.json", "tokenizer.json")),
        },
        "adapter": None if adapter is None else {"files": _hashes(adapter, ("*.safetensors", "adapter_config.json"))},
        "training": _training_of(adapter),
        "contract": {"id": contract.id, "version": contract.version},
        "recipe": msgspec.to_builtins(recipe),
        "versions": versions,
        "outputs": outputs,
    }


def sha256_of(path: Path) -> str:
    """Hex digest of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hashes(folder: Path, patterns: tuple[str, ...]) -> dict[str, str]:
    files = sorted({file for pattern in patterns for file in folder.glob(pattern)})
    return {file.name: sha256_of(file) for file in files}


def _training_of(adapter: Path | None) -> dict[str, Any] | None:
    """What the training run that the adapter lies in says of itself: its manifest (data by hash, seed) and recipe."""
    if adapter is None:
        return None
    run = adapter.resolve().parent.parent
    manifest = run / "manifest.json"
    if not manifest.is_file() or not (run / "recipe.toml").is_file():
        return None
    said = json.loads(manifest.read_bytes())
    return {
        "run": run.name,
        "recipe": tomllib.loads((run / "recipe.toml").read_text(encoding="utf-8")),
        "inputs": said.get("inputs"),
        "seed": said.get("seed"),
        "contract": said.get("contract"),
        "versions": said.get("versions"),
    }
