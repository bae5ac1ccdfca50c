"""A foreign recipe while it is read: which keys have been used, and what is to be told about the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SCHEDULERS = {"linear": "linear", "cosine": "cosine", "constant": "constant", "constant_with_warmup": "constant"}
OPTIMIZERS = {
    "adamw_8bit": "adamw_8bit", "adamw_bnb_8bit": "adamw_8bit", "paged_adamw_8bit": "adamw_8bit",
    "adamw": "adamw", "adamw_torch": "adamw", "adamw_torch_fused": "adamw", "adamw_hf": "adamw",
}  # fmt: skip
_EVERY_LINEAR = ("all", "all-linear")


class ForeignKeys:
    """The keys of a foreign recipe. Taking one marks it as used; `notes` collects what is lost or changed."""

    def __init__(self, values: dict[str, Any], folder: Path) -> None:
        self._values = values
        self._used: set[str] = set()
        self._folder = folder
        self.notes: list[str] = []

    def take(self, key: str) -> Any:
        """The value of a key, None where there is none."""
        self._used.add(key)
        return self._values.get(key)

    def unused(self) -> dict[str, Any]:
        """The keys that nobody took, with their values."""
        return {key: value for key, value in self._values.items() if key not in self._used}

    def leave(self, key: str, why: str) -> None:
        """Count a key as not used after all, and tell why."""
        self._used.discard(key)
        self.notes.append(f"{key}: {why}")

    def copied(self, names: dict[str, str]) -> dict[str, Any]:
        """Our fields from keys that mean the same. Whole numbers that YAML read as text (`1e-4`) become numbers."""
        found = {ours: _number(self.take(theirs)) for theirs, ours in names.items()}
        return {ours: value for ours, value in found.items() if value is not None}

    def chosen(self, key: str, field: str, words: dict[str, str]) -> dict[str, Any]:
        """A field with few values, translated; a value that we do not have is left and told."""
        value = self.take(key)
        if value is None:
            return {}
        if str(value) not in words:
            self.leave(key, f"{value} is not known here, so {field} keeps its default.")
            return {}
        return {field: words[str(value)]}

    def targets(self, key: str) -> dict[str, Any]:
        """The layers that get an adapter; every linear layer is our default."""
        value = self.take(key)
        if value is None or value in _EVERY_LINEAR:
            return {}
        names = [name.strip() for name in value.split(",")] if isinstance(value, str) else list(value)
        return {} if any(name in _EVERY_LINEAR for name in names) else {"target_modules": names}

    def first_path(self, key: str) -> str | None:
        """The path of a list of datasets (`[{path: …}]`) or of a plain one; further ones are told."""
        value = self.take(key)
        if isinstance(value, list) and value:
            if len(value) > 1:
                self.notes.append(f"{key}: only the first of {len(value)} datasets is used.")
            value = value[0]
        if isinstance(value, dict):
            data_files = value.get("data_files")
            value = data_files[0] if isinstance(data_files, list) and data_files else data_files or value.get("path")
        return str(value) if value is not None else None

    def listed_path(self, key: str, folder_key: str) -> str | None:
        """A dataset that LLaMA-Factory names: its file, where dataset_info.json tells."""
        named = self.take(key)
        if named is None:
            return None
        first, *others = [name.strip() for name in str(named).split(",")]
        if others:
            self.notes.append(f"{key}: only {first} of {len(others) + 1} datasets is used.")
        folder = self._folder / str(self._values.get(folder_key) or "data")
        try:
            file = json.loads((folder / "dataset_info.json").read_bytes())[first]["file_name"]
        except (OSError, ValueError, KeyError, TypeError):
            self.notes.append(f"{key}: {first} is a name of dataset_info.json, which was not found; give the file.")
            return first
        return str(folder / file)


def _number(value: Any) -> Any:
    """YAML 1.1 reads `2e-4` as text; a text that is a number becomes one."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value
