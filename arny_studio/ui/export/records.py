"""What lies beside exported files: `parity.json` with every prompt, and `lineage.json`; and the other tier's file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from arny_studio.evaluation.parity import ParityReport
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.workspace import Workspace
from arny_studio.ui.model_files import model_files


class Records(Struct, frozen=True, kw_only=True):
    """The records of one run; empty where it left none, or none that can be read."""

    folder: Path
    parity: ParityReport | None
    lineage: dict[str, Any]


def read_records(run: RunFolder) -> Records:
    """Read both files."""
    outputs = run.path / "outputs"
    return Records(folder=run.path, parity=_parity(outputs / "parity.json"), lineage=_lineage(outputs / "lineage.json"))


def partner_of(workspace: Workspace, file: Path, tier: int) -> Path | None:
    """The newest file of the other tier that is ready, if there is one."""
    wanted = 3 - tier
    ready = (model.path for model in model_files(workspace) if model.tier == wanted and not model.is_red)
    return next((path for path in ready if path != file), None)


def _parity(path: Path) -> ParityReport | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=ParityReport)
    except (OSError, msgspec.MsgspecError):
        return None


def _lineage(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
