"""The files of an export: verdict, size and what each lost against F16. Judged files stand here before they are named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct
from PySide6.QtCore import Qt

from arny_studio.evaluation.parity import RED_MARK, FileParity, marked_red
from arny_studio.jobs.events import Artifact
from arny_studio.jobs.state import RunState
from arny_studio.ui.widgets.chip import Tone
from arny_studio.ui.widgets.items_model import CHIPS_ROLE, ItemsModel
from arny_studio.ui.wording import bytes_in_words, percent_in_words

VERDICT_TONES: dict[str, Tone] = {"green": "success", "amber": "warning", "red": "danger"}
VERDICT_WORDS = {"green": "ready", "amber": "amber", "red": "red"}
_PARITY = "parity "
_MODEL_KINDS = ("gguf", "merged")  # the records beside them have views of their own
FILE, VERDICT, SIZE, JSON, FLIPS, KL, SPEED, MEMORY = range(8)


class FileLine(Struct, frozen=True, kw_only=True):
    """One file: what it is called, what it is once it is named, and its verdict once it is judged."""

    name: str
    artifact: Artifact | None = None
    parity: FileParity | None = None
    checked_bytes: int | None = None  # of a file that was checked, not made

    @property
    def size_bytes(self) -> int | None:
        """None while nobody has said it."""
        return self.artifact.size_bytes if self.artifact is not None else self.checked_bytes

    @property
    def is_gguf(self) -> bool:
        """Whether it is a model that a phone can hold."""
        return self.name.endswith(".gguf") and not self.name.endswith("-LoRA.gguf")


def file_lines(state: RunState) -> tuple[FileLine, ...]:
    """The files that an export made, or has judged so far; or the one that was checked."""
    judged = judged_files(state.results)
    checked = _checked_file(state.results, judged)
    if checked is not None:
        return (checked,)
    models = (artifact for artifact in state.artifacts if artifact.kind in _MODEL_KINDS)
    artifacts = {artifact.path.rpartition("/")[2]: artifact for artifact in models}
    waiting = {name: parity for name, parity in judged.items() if not {name, marked_red(name)} & artifacts.keys()}
    named = [
        FileLine(name=name, artifact=artifact, parity=_verdict_on(name, judged)) for name, artifact in artifacts.items()
    ]
    return (*(FileLine(name=name, parity=parity) for name, parity in waiting.items()), *named)


def judged_files(results: Mapping[str, Mapping[str, Any]]) -> dict[str, FileParity]:
    """Verdicts by the name that a file had when it was judged."""
    judged: dict[str, FileParity] = {}
    for name, values in results.items():
        if name.startswith(_PARITY):
            try:
                parity = msgspec.convert(values, FileParity)
            except msgspec.ValidationError:
                continue  # written by another version
            judged[name.removeprefix(_PARITY)] = parity
    return judged


def _checked_file(results: Mapping[str, Mapping[str, Any]], judged: Mapping[str, FileParity]) -> FileLine | None:
    said = results.get("file", {})
    name, size = said.get("name"), said.get("size_bytes")
    if not isinstance(name, str) or not isinstance(size, int):
        return None
    return FileLine(name=name, parity=judged.get(name), checked_bytes=size)


def _verdict_on(name: str, judged: Mapping[str, FileParity]) -> FileParity | None:
    """A red file was judged under the name it would have had."""
    return judged.get(name) or judged.get(name.replace(f"{RED_MARK}.gguf", ".gguf"))


class FilesModel(ItemsModel[FileLine]):
    """Files in the order in which they got their names."""

    columns = ("File", "Verdict", "Size", "JSON valid", "Flips", "KL", "Tokens/s", "Memory")
    numbers = frozenset({SIZE, JSON, FLIPS, KL, SPEED, MEMORY})

    def show_files(self, files: tuple[FileLine, ...]) -> None:
        """Replace the list; nothing happens where it is the same, so that a selection stays."""
        if files != self.items:
            self.show_items(files)

    def tooltip(self, item: FileLine, column: int) -> str:
        """The name and the whole checksum; under the verdict, its reasons."""
        if column == VERDICT and item.parity is not None:
            return " ".join(item.parity.reasons) or f"Nothing was lost against {item.parity.against}."
        sha256 = item.artifact.sha256 if item.artifact is not None else ""
        return f"{item.name}\nSHA-256 {sha256}" if sha256 else item.name

    def cell(self, item: FileLine, column: int, role: int) -> Any:
        """The words."""
        if column == VERDICT:
            if role == CHIPS_ROLE and item.parity is not None:
                return [(VERDICT_WORDS[item.parity.verdict], VERDICT_TONES[item.parity.verdict])]
            return "" if role == Qt.ItemDataRole.DisplayRole else None
        return self._words(item, column) if role == Qt.ItemDataRole.DisplayRole else None

    def _words(self, item: FileLine, column: int) -> str:
        if column == FILE:
            return item.name
        if column == SIZE:
            return bytes_in_words(item.size_bytes) if item.size_bytes is not None else "–"
        if item.parity is None:
            return ""
        scores = item.parity.scores
        return {
            JSON: percent_in_words(scores.json_valid) if scores.json_valid is not None else "–",
            FLIPS: percent_in_words(scores.flips) if scores.flips is not None else "–",
            KL: f"{scores.kl:.4f}" if scores.kl is not None else "–",
            SPEED: f"{scores.tokens_per_s:,.0f}" if scores.tokens_per_s else "–",
            MEMORY: bytes_in_words(scores.peak_bytes) if scores.peak_bytes else "–",
        }[column]
