"""Tiny models, datasets and finished runs inside a workspace, for tests of the tabs."""

from __future__ import annotations

import json
from pathlib import Path

from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.workspace import Workspace
from arny_studio.recipe import TrainRecipe
from tests.tiny_models import make_tiny_adapter, make_tiny_base


def tiny_base(workspace: Workspace) -> Path:
    """A base model of the workspace."""
    folder = workspace.models / "tiny"
    return folder if folder.exists() else make_tiny_base(folder)


def tiny_dataset(workspace: Workspace, rows: int = 24) -> Path:
    """A dataset of short conversations."""
    path = workspace.datasets / "short.jsonl"
    lines = [
        json.dumps(
            {
                "id": f"r{number}",
                "messages": [
                    {"role": "system", "content": "Route."},
                    {"role": "user", "content": f"Book flight {number}"},
                    {"role": "assistant", "content": '{"intent":"book_flight"}'},
                ],
            }
        )
        for number in range(rows)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def finished_run(workspace: Workspace, title: str = "Tiny run", tier: str = "tier1") -> RunFolder:
    """A training run that is complete: recipe, adapter, manifest."""
    base, data = tiny_base(workspace), tiny_dataset(workspace)
    recipe = TrainRecipe(title=title, tier=tier, base=str(base), train_data=str(data))
    folder = workspace.new_run("train", recipe)
    adapter = make_tiny_adapter(folder.outputs / "adapter", base)
    folder.write_manifest(kind="train", inputs=[data], outputs=[adapter], seed=1, contract="router-v1")
    return folder
