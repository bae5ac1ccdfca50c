"""What the pickers of the phone offer: device profiles and GGUF files. Reads names only."""

from __future__ import annotations

from pathlib import Path

from arny_studio import paths
from arny_studio.device import built_in_profiles
from arny_studio.jobs.workspace import Workspace

Entries = list[tuple[str, object]]
NO_MODEL = ""


def profile_choices() -> Entries:
    """The built-in phones, smallest first."""
    return [(profile.title, name) for name, profile in built_in_profiles().items()]


def model_choices(workspace: Workspace) -> Entries:
    """GGUF files: the demo models, the workspace's models folder, then what exports made, newest first."""
    demo = [path for path in (paths.DEMO_TIER1, paths.DEMO_TIER2) if path.is_file()]
    own = sorted(workspace.models.rglob("*.gguf"))
    made = [file for run in workspace.runs_by_time() for file in sorted((run.path / "outputs").glob("*.gguf"))]
    seen = dict.fromkeys([*demo, *own, *made])
    return [(_title(path, workspace), str(path)) for path in seen]


def likely_tier(name: str) -> int:
    """The tier that a file's name speaks of; 1 where it speaks of none."""
    return 2 if "tier2" in Path(name).name.lower() else 1


def _title(path: Path, workspace: Workspace) -> str:
    if path.is_relative_to(workspace.runs):
        run = path.relative_to(workspace.runs).parts[0]
        return f"{path.name}  ·  {run.split('-')[0]}"
    return path.name
