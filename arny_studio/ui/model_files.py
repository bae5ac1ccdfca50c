"""The GGUF files that a workspace offers: what each is called, and which tier it was made for. Reads no weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from arny_studio import paths
from arny_studio.evaluation.parity import RED_MARK, is_marked_red
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.workspace import Workspace
from arny_studio.ui.wording import moment_in_words

LINEAGE_NAME, PREFERRED_QUANT = "lineage.json", "Q4_K_M"
_LORA = "-LoRA"  # an adapter alone, which no phone can hold without its base


class ModelFile(Struct, frozen=True, kw_only=True):
    """A GGUF. `tier` is 1 or 2, or 0 where neither its lineage nor its name tells.

    A red one failed the parity gate: it does not behave like F16, and nobody offers it unasked.
    """

    title: str
    path: Path
    tier: int
    is_red: bool = False


class _Lineage(Struct):
    """What is read of a lineage file."""

    made_s: float = 0.0
    recipe: dict[str, Any] = {}
    outputs: dict[str, Any] = {}


def model_files(workspace: Workspace) -> list[ModelFile]:
    """What exports made, the newest first; then the embedded demo pair; then the workspace's models folder."""
    made = [file for run in workspace.runs_by_time() for file in _made_by(run)]
    return [*made, *_embedded(), *map(_own, sorted(workspace.models.rglob("*.gguf")))]


def tier_first(files: list[ModelFile], tier: int) -> list[ModelFile]:
    """Those of a tier first, then those of no known tier, then the rest; red ones last; else the order stays."""
    return sorted(files, key=lambda file: (file.is_red, file.tier != tier, file.tier != 0))


def quant_of(path: Path) -> str:
    """`Q4_K_M` of `some-model-Q4_K_M.gguf`: what follows the last dash."""
    return path.stem.removesuffix(RED_MARK).rpartition("-")[2]


def _made_by(run: RunFolder) -> list[ModelFile]:
    """The files of one run, the one for phones first."""
    files = [path for path in (run.path / "outputs").rglob("*.gguf") if not path.stem.endswith(_LORA)]
    files.sort(key=lambda path: (is_marked_red(path.name), quant_of(path) != PREFERRED_QUANT, path))
    return [
        ModelFile(title=_made_title(run, path), path=path, tier=_tier_of(path), is_red=is_marked_red(path.name))
        for path in files
    ]


def _made_title(run: RunFolder, path: Path) -> str:
    made_s = _lineage_of(path).made_s or path.stat().st_mtime
    warning = "RED, not ready  ·  " if is_marked_red(path.name) else ""
    return f"{warning}{run.title}  ·  {quant_of(path)}  ·  {moment_in_words(made_s)}"


def _embedded() -> list[ModelFile]:
    named = ((paths.DEMO_TIER1, "router", 1), (paths.DEMO_TIER2, "reasoner", 2))
    return [
        ModelFile(title=f"Embedded demo {name}  ·  {quant_of(path)}", path=path, tier=tier)
        for path, name, tier in named
        if path.is_file()
    ]


def _own(path: Path) -> ModelFile:
    return ModelFile(title=path.name, path=path, tier=_tier_of(path), is_red=is_marked_red(path.name))


def _tier_of(path: Path) -> int:
    """By the lineage beside the file, else by what its name says."""
    said = str(_lineage_of(path).recipe.get("tier", "")) or path.name.lower()
    return next((tier for tier in (1, 2) if f"tier{tier}" in said), 0)


def _lineage_of(path: Path) -> _Lineage:
    """The lineage that lists this file; an empty one where there is none, or none that can be read."""
    try:
        lineage = msgspec.json.decode((path.parent / LINEAGE_NAME).read_bytes(), type=_Lineage)
    except (OSError, msgspec.MsgspecError):
        return _Lineage()
    return lineage if path.name in lineage.outputs else _Lineage()
