"""Worker: score a router on held-out rows. `python -m arny_studio.workers.evaluate FOLDER`."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from arny_studio.atomic import replaced_file
from arny_studio.contract import load_contract
from arny_studio.errors import BadInput
from arny_studio.evaluation import Prediction, score_predictions
from arny_studio.jobs.events import Artifact, Finished, Log, Progress, Result, Stage, Stopped
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.program import Emit, Inbox, run_program
from arny_studio.recipe import EvaluateRecipe

PREDICTIONS, SCORES = "predictions.jsonl", "scores.json"
SHOWN_PROBLEMS = 10
PROGRESS_PERIOD_S = 0.2


def main(folder: RunFolder, emit: Emit, inbox: Inbox) -> Finished | Stopped:
    """Decide every row, keep the predictions, report the scores. Stopped, it scores the rows it got to."""
    recipe = folder.recipe(EvaluateRecipe)
    emit(Stage(name="load", title="Reading the rows and loading the model", index=1, total=2))
    from arny_studio.engine.scoring import predictions

    rows = _rows(recipe, emit)
    encoder = msgspec.json.Encoder()
    done: list[Prediction] = []
    with replaced_file(folder.outputs / PREDICTIONS) as file:
        started = told = time.monotonic()
        for prediction in predictions(recipe, rows):
            if not done:
                emit(Stage(name="decide", title="Deciding", index=2, total=2))
            done.append(prediction)
            file.write(encoder.encode(prediction) + b"\n")
            if time.monotonic() - told > PROGRESS_PERIOD_S:
                told = time.monotonic()
                emit(Progress(done=len(done), total=len(rows), unit="rows"))
            if inbox.stop_requested:
                break
        elapsed_s = time.monotonic() - started
    emit(Progress(done=len(done), total=len(rows), unit="rows"))
    return _report(folder, recipe, done, len(rows), elapsed_s, emit)


def _rows(recipe: EvaluateRecipe, emit: Emit) -> list:
    """The rows to score; those that are no truth are told (the first few one by one) and left out."""
    from arny_studio.engine.scoring import TruthRow, read_truth

    rows: list[TruthRow] = []
    left_out = 0
    for row in read_truth(Path(recipe.data), load_contract(recipe.contract)):
        if isinstance(row, TruthRow):
            rows.append(row)
        else:
            left_out += 1
            if left_out <= SHOWN_PROBLEMS:
                emit(Log(level="warning", text=str(row)))
        if recipe.limit and len(rows) >= recipe.limit:
            break
    if left_out > SHOWN_PROBLEMS:
        emit(Log(level="warning", text=f"{left_out:,} rows were left out in all."))
    if not rows:
        raise BadInput(f"{recipe.data} has no row that can be scored.", hint="Rows need messages, or text and journey.")
    return rows


def _report(
    folder: RunFolder, recipe: EvaluateRecipe, done: list[Prediction], total: int, elapsed_s: float, emit: Emit
) -> Finished | Stopped:
    scores = score_predictions(load_contract(recipe.contract), done, elapsed_s=elapsed_s)
    values = msgspec.to_builtins(scores)
    with replaced_file(folder.outputs / SCORES) as file:
        file.write(msgspec.json.format(msgspec.json.encode(values), indent=2) + b"\n")
    for kind, name in (("predictions", PREDICTIONS), ("scores", SCORES)):
        path = folder.outputs / name
        emit(Artifact(kind=kind, path=f"{folder.outputs.name}/{name}", size_bytes=path.stat().st_size))
    emit(Result(name="scores", values=values))
    if len(done) < total:
        return Stopped(summary=f"Stopped after {len(done):,} of {total:,} rows; the scores cover those.")
    folder.write_manifest(
        kind="evaluate",
        inputs=_inputs(recipe),
        outputs=[folder.outputs / PREDICTIONS, folder.outputs / SCORES],
        seed=None,
        contract=recipe.contract,
    )
    return Finished(summary=f"Scored {len(done):,} rows.")


def _inputs(recipe: EvaluateRecipe) -> list[Path]:
    model = Path(recipe.model)
    files = sorted(model.glob("*.safetensors")) if model.is_dir() else [model]
    return [*files, Path(recipe.data)]


if __name__ == "__main__":
    run_program("evaluate", main)
