"""Evaluations on disk, as the tab reads them: what was scored, the figures, and the rows that went wrong."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from arny_studio.contract import Contract
from arny_studio.errors import ArnyError
from arny_studio.evaluation.metrics import Prediction, RouterScores, said, truth
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.workspace import Workspace
from arny_studio.recipe import EvaluateRecipe
from arny_studio.ui.model_files import model_files, tier_first

MOST_EVALUATIONS = 200
MOST_WRONG_ROWS = 20_000
LONGEST_FIRST_ROW_BYTES = 1_000_000
_SIDES = ("held-out", "phrasings", "test", "shapes", "validation")


class Evaluation(Struct, frozen=True, kw_only=True):
    """A finished (or stopped) evaluation of the workspace. `ended_s` is Unix time."""

    folder: Path
    model: str
    data: str
    constrained: bool
    ended_s: float
    scores: RouterScores

    @property
    def model_name(self) -> str:
        """The model's file name; for a folder called like many others, its run."""
        path = Path(self.model)
        return path.parent.parent.name if path.name in ("adapter", "outputs", "merged") else path.name

    @property
    def data_name(self) -> str:
        """The dataset's file name."""
        return Path(self.data).name


class WrongRow(Struct, frozen=True, kw_only=True):
    """A prediction that differs from the truth, and in what."""

    prediction: Prediction
    faults: tuple[str, ...]


class Choice(Struct, frozen=True, kw_only=True):
    """Something that can be picked in the set-up: how it is called, and where it is."""

    title: str
    path: Path


def evaluations(workspace: Workspace) -> list[Evaluation]:
    """The workspace's evaluations, newest first; unreadable ones are left out."""
    folders = [folder for folder in workspace.runs_by_time() if folder.kind == "evaluate"]
    read = (_evaluation(folder) for folder in folders[:MOST_EVALUATIONS])
    return [evaluation for evaluation in read if evaluation is not None]


def wrong_rows(folder: Path, contract: Contract) -> list[WrongRow]:
    """The rows of an evaluation that are wrong in something that routing turns on, in file order."""
    decoder = msgspec.json.Decoder(Prediction)
    wrong: list[WrongRow] = []
    with (folder / "outputs" / "predictions.jsonl").open("rb") as lines:
        for line in lines:
            prediction = decoder.decode(line)
            faults = faults_of(prediction, contract)
            if faults:
                wrong.append(WrongRow(prediction=prediction, faults=faults))
            if len(wrong) >= MOST_WRONG_ROWS:
                break
    return wrong


def faults_of(prediction: Prediction, contract: Contract) -> tuple[str, ...]:
    """In what a prediction is wrong: `invalid`, `journey`, `missing fields`, `action`."""
    roles = contract.roles
    is_known = prediction.expected is not None
    checks = (
        ("invalid", not prediction.is_valid),
        ("journey", said(prediction, roles.journey) != prediction.expected_journey),
        ("missing fields", is_known and not _names_same_slots(prediction, roles.missing)),
        ("action", bool(prediction.expected_action) and prediction.action != prediction.expected_action),
    )
    return tuple(name for name, is_wrong in checks if is_wrong)


def compared_fields(prediction: Prediction, contract: Contract) -> list[tuple[str, Any, Any]]:
    """(field, expected, predicted) in contract order, then whatever else either side names."""
    expected = prediction.expected or {contract.roles.journey: prediction.expected_journey}
    predicted = prediction.decision or {}
    names = [name for name in contract.fields if name in expected or name in predicted]
    names += [name for name in {**expected, **predicted} if name not in names]
    return [(name, expected.get(name), predicted.get(name)) for name in names]


def model_choices(workspace: Workspace) -> list[Choice]:
    """GGUF files for Tier-1, then adapters, newest first, then the GGUF files that are for nothing or for Tier-2."""
    files = tier_first(model_files(workspace), 1)
    ggufs = [Choice(title=file.title, path=file.path) for file in files]
    adapters = _newest_first([found.parent for found in workspace.runs.glob("*/outputs/**/adapter_config.json")])
    titled = [Choice(title=f"{path.relative_to(workspace.runs).parts[0]}  (adapter)", path=path) for path in adapters]
    routers = sum(file.tier == 1 for file in files)
    return [*ggufs[:routers], *titled, *ggufs[routers:]]


def data_choices(workspace: Workspace, recent: tuple[str, ...], evaluated: str = "") -> list[Choice]:
    """Datasets that can be scored, of the workspace and recently opened ones, the likeliest first.

    That is the one `evaluated` last, then held-out sides, then the newest. Files whose first row tells no truth are
    left out: lists of queries, and the answers of Tier-2.
    """
    own = _newest_first(list(workspace.datasets.rglob("*.jsonl")))
    others = [path for name in recent if (path := Path(name)).is_file() and path not in own]
    choices = [Choice(title=path.name, path=path) for path in own]
    choices += [Choice(title=f"{path.name}  ({path.parent.name})", path=path) for path in others]
    scored = [choice for choice in choices if may_tell_truth(choice.path)]
    return sorted(scored, key=lambda choice: (str(choice.path) != evaluated, _side_of(choice.path.name)))


def may_tell_truth(path: Path) -> bool:
    """Whether the first row carries a routing decision or a journey; also where that row cannot be read."""
    try:
        with path.open("rb") as lines:
            row = msgspec.json.decode(lines.readline(LONGEST_FIRST_ROW_BYTES))
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return True  # the evaluation says what is wrong with it
    if not isinstance(row, dict) or "journey" in row:
        return True
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages or not isinstance(messages[-1], dict):
        return False
    return str(messages[-1].get("content", "")).lstrip().startswith("{")


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Each name without `.gguf` and without the words, up to a dash, that all of them begin with."""
    parts = {name: name.removesuffix(".gguf").split("-") for name in names}
    columns = zip(*(words[:-1] for words in parts.values()), strict=False)  # the last word of a name always stays
    is_shared = [len(set(words)) == 1 for words in columns] if len(parts) > 1 else []
    shared = [*is_shared, False].index(False)
    return {name: "-".join(words[shared:]) for name, words in parts.items()}


def _evaluation(folder: RunFolder) -> Evaluation | None:
    path = folder.path / "outputs" / "scores.json"
    try:
        recipe = folder.recipe(EvaluateRecipe)
        scores = msgspec.json.decode(path.read_bytes(), type=RouterScores)
        return Evaluation(
            folder=folder.path, model=recipe.model, data=recipe.data, constrained=recipe.constrained,
            ended_s=path.stat().st_mtime, scores=scores,
        )  # fmt: skip
    except (OSError, ArnyError, msgspec.MsgspecError):
        return None


def _names_same_slots(prediction: Prediction, name: str) -> bool:
    predicted, expected = said(prediction, name), truth(prediction, name)
    if not isinstance(predicted, list) or not isinstance(expected, list):
        return False
    return sorted(map(str, predicted)) == sorted(map(str, expected))


def _side_of(name: str) -> int:
    """How likely a file is for scoring, by its name: 0 for held-out rows, higher for others."""
    return next((rank for rank, side in enumerate(_SIDES) if side in name), len(_SIDES))


def _newest_first(paths: list[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: path.stat().st_mtime, reverse=True)
