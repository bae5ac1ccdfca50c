"""What lies in folders of models, from headers and small files alone: no weight is read, whatever is hostile is named.

A folder with config.json and safetensors is a base, one with adapter_config.json an adapter, a .gguf file a GGUF.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

from arny_studio.engine.gguf_check import check_gguf
from arny_studio.engine.model_folder import ORIGIN
from arny_studio.engine.safetensors_reading import open_weights
from arny_studio.engine.training_memory import Shape
from arny_studio.errors import ArnyError
from arny_studio.recipe.licences import Licence, licence_named, licence_of
from arny_studio.recipe.models import ModelEntry

DEEPEST = 5  # folders below a root that are looked into
_PASSED_OVER = {"checkpoints", "tensorboard", "node_modules", "__pycache__"}
_GGUF_FORMATS = {0: "F32", 1: "F16", 2: "Q4_0", 7: "Q8_0", 15: "Q4_K_M", 17: "Q5_K_M", 18: "Q6_K", 32: "BF16"}


def models_below(roots: list[Path]) -> list[ModelEntry]:
    """Every model below the roots, in the order of their paths, each once."""
    found: dict[str, ModelEntry] = {}
    for root in roots:
        for path in _candidates(root, DEEPEST):
            key = str(path.resolve())
            if key not in found:
                found[key] = described_model(path)
    return list(found.values())


def described_model(path: Path) -> ModelEntry:
    """One folder or file as an entry. Nothing is raised: what is wrong with it is its `problem`."""
    describe = _gguf if path.suffix == ".gguf" else _adapter if (path / "adapter_config.json").is_file() else _base
    try:
        return describe(path)
    except ArnyError as error:
        return _broken(path, error.sentence)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return _broken(path, f"It cannot be read: {type(error).__name__}: {error}.")


def _candidates(folder: Path, depth: int) -> Iterator[Path]:
    """Models in a folder; a model's own folder is not looked into, nor are partial files."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    names = {entry.name for entry in entries}
    if "adapter_config.json" in names or (
        "config.json" in names and any(name.endswith(".safetensors") for name in names)
    ):
        yield folder
        return
    for entry in entries:
        if entry.name.endswith(".gguf") and entry.is_file():
            yield folder / entry.name
        elif depth and entry.is_dir() and not _is_passed_over(entry.name):
            yield from _candidates(folder / entry.name, depth - 1)


def _is_passed_over(name: str) -> bool:
    return name in _PASSED_OVER or name.startswith(".") or name.endswith(".partial")


def _base(folder: Path) -> ModelEntry:
    config = _object(folder / "config.json")
    with open_weights(folder) as weights:
        dtypes = {tensor.dtype for tensor in weights.tensors.values()}
        stored = sum(prod(tensor.shape) for tensor in weights.tensors.values())
        size = sum(file.stat().st_size for file in weights.files())
    quantization = config.get("quantization_config") or {}
    origin = _origin(folder)
    licence = licence_of(str(folder))
    return ModelEntry(
        path=str(folder),
        name=origin.rpartition("/")[2] or folder.name,
        kind="base",
        architecture=str(next(iter(config.get("architectures") or []), config.get("model_type", ""))),
        parameters=Shape.of(config).parameters if quantization else stored,
        size_bytes=size,
        form=_form(quantization, dtypes),
        licence=licence.name if licence.id else "",
        licence_note=licence.note,
        source=origin,
    )


def _adapter(folder: Path) -> ModelEntry:
    config = _object(folder / "adapter_config.json")
    with open_weights(folder, "adapter_model") as weights:
        stored = sum(prod(tensor.shape) for tensor in weights.tensors.values())
        size = sum(file.stat().st_size for file in weights.files())
    base = str(config.get("base_model_name_or_path", ""))
    licence = licence_of(base)
    return ModelEntry(
        path=str(folder),
        name=_run_title(folder) or folder.name,
        kind="adapter",
        architecture=str(config.get("peft_type", "LORA")),
        parameters=stored,
        size_bytes=size,
        form=f"r={config.get('r', '?')}",
        licence=licence.name if licence.id else "",
        licence_note=licence.note,
        base=base,
    )


def _gguf(path: Path) -> ModelEntry:
    info = check_gguf(path)
    file_type = info.number("general.file_type")
    licence: Licence = licence_named(info.text("general.license"), "the file's header")
    return ModelEntry(
        path=str(path),
        name=info.text("general.name") or path.stem,
        kind="gguf",
        architecture=info.architecture,
        parameters=info.parameters,
        size_bytes=info.size_bytes,
        form=_GGUF_FORMATS.get(file_type if file_type is not None else -1, f"{info.bits_per_weight:.1f} bits"),
        licence=licence.name if licence.id else "",
        licence_note=licence.note,
    )


def _broken(path: Path, problem: str) -> ModelEntry:
    kind = "gguf" if path.suffix == ".gguf" else "adapter" if (path / "adapter_config.json").is_file() else "base"
    return ModelEntry(path=str(path), name=path.name, kind=kind, problem=problem)


def _form(quantization: dict[str, Any], dtypes: set[str]) -> str:
    if quantization.get("load_in_4bit") or quantization.get("_load_in_4bit"):
        return str(quantization.get("bnb_4bit_quant_type", "4-bit")).upper()
    if quantization:
        return str(quantization.get("quant_method", "quantized"))
    return "16-bit" if dtypes <= {"F16", "BF16"} else "32-bit" if dtypes <= {"F32"} else ", ".join(sorted(dtypes))


def _run_title(folder: Path) -> str:
    """What the training run that the adapter lies in is called."""
    import tomllib

    recipe = folder.resolve().parent.parent / "recipe.toml"
    try:
        return str(tomllib.loads(recipe.read_text(encoding="utf-8")).get("title", ""))
    except (OSError, ValueError):
        return ""


def _origin(folder: Path) -> str:
    try:
        return str(_object(folder / ORIGIN).get("model", ""))
    except (OSError, ValueError):
        return ""


def _object(path: Path) -> dict[str, Any]:
    value = json.loads(path.read_bytes())
    if not isinstance(value, dict):
        raise ValueError(f"{path.name} is no JSON object")
    return value
