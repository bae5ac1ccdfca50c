"""The models that a workspace and the user's own folders hold, and where a downloaded one goes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from arny_studio import paths
from arny_studio.atomic import write_text_atomically
from arny_studio.errors import BadInput, MissingFile
from arny_studio.jobs.answers import answer_of
from arny_studio.jobs.workspace import Workspace
from arny_studio.recipe.models import ModelEntry

__all__ = ["ModelEntry", "add_model_folder", "download_folder", "list_models", "model_folders", "remove_model_folder"]

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def list_models(workspace: Workspace, folders: Sequence[Path] | None = None) -> list[ModelEntry]:
    """Models of the workspace (brought, trained, exported), of the user's folders, and those shipped with the program.

    Headers are read in a process of its own, which takes about half a second: call it off the event loop.
    `folders` are the user's own unless given. Raises BadInput where that process is brought down.
    """
    own = model_folders() if folders is None else folders
    roots = [workspace.models, workspace.runs, *own, paths.MODELS_DIR]
    found = answer_of("list_models", roots[0], *(str(root) for root in roots[1:]))
    return msgspec.convert(found["models"], list[ModelEntry])


def model_folders() -> list[Path]:
    """The folders that the user added, in that order."""
    try:
        return [Path(name) for name in msgspec.json.decode(_file().read_bytes(), type=list[str])]
    except (OSError, msgspec.MsgspecError):
        return []


def add_model_folder(path: Path) -> None:
    """Look for models below a folder from now on. Raises MissingFile where it is none."""
    if not path.is_dir():
        raise MissingFile(f"There is no folder at {path}.")
    known = model_folders()
    if path.resolve() not in [folder.resolve() for folder in known]:
        _write([*known, path.absolute()])


def remove_model_folder(path: Path) -> None:
    """Look there no more; the models stay. Raises MissingFile where the folder was not among them."""
    known = model_folders()
    left = [folder for folder in known if folder.absolute() != path.absolute()]
    if left == known:
        raise MissingFile(f"{path} is not among the model folders.")
    _write(left)


def download_folder(workspace: Workspace, hub_id: str) -> Path:
    """Where a model of the Hub goes: `models/<owner>--<name>`. Raises BadInput for what is no Hub id."""
    if not _HUB_ID.fullmatch(hub_id):
        raise BadInput(f"{hub_id!r} is no Hub id.", hint="A Hub id is owner/name, such as Qwen/Qwen2.5-1.5B.")
    return workspace.models / hub_id.replace("/", "--")


def _write(folders: Sequence[Path]) -> None:
    write_text_atomically(_file(), msgspec.json.encode([str(folder) for folder in folders]).decode() + "\n")


def _file() -> Path:
    return paths.settings_dir() / "model_folders.json"
