"""What the pickers of a workspace offer: bases and datasets. Reads names only."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from arny_studio import paths
from arny_studio.jobs.workspace import Workspace

HUB_BASES = ("unsloth/Qwen2.5-1.5B-bnb-4bit", "unsloth/Qwen2.5-3B-bnb-4bit")
Entries = list[tuple[str, object]]


class Offers(Struct, frozen=True, kw_only=True):
    """(title, value) of each base and each dataset."""

    bases: Entries
    datasets: Entries


def offers_of(workspace: Workspace) -> Offers:
    """The demo base, the model folders of the workspace, the source document's bases; the workspace's datasets."""
    return Offers(bases=base_choices(workspace), datasets=dataset_choices(workspace))


def base_choices(workspace: Workspace) -> Entries:
    """Model folders by name, then the Hub ids of the source document."""
    demo: Entries = [("Demo base", str(paths.DEMO_BASE))] if is_model_folder(paths.DEMO_BASE) else []
    own: Entries = [(path.name, str(path)) for path in _sorted(workspace.models) if is_model_folder(path)]
    hub: Entries = [(name, name) for name in HUB_BASES]
    return [*demo, *own, *hub]


def dataset_choices(workspace: Workspace) -> Entries:
    """The JSONL files of the workspace, by path below its datasets folder."""
    folder = workspace.datasets
    return [(str(path.relative_to(folder)), str(path)) for path in sorted(folder.rglob("*.jsonl")) if path.is_file()]


def is_model_folder(path: Path) -> bool:
    """Whether a base model may lie here: a configuration and weights in safetensors."""
    return (path / "config.json").is_file() and any(path.glob("*.safetensors"))


def _sorted(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())
