"""Goes on from the checkpoint of an earlier attempt and stops after ten more steps, once."""

from arny_studio.jobs.events import Checkpoint, Finished, Metric, Stopped
from arny_studio.jobs.program import run_program


def newest(folder):
    steps = [int(path.name) for path in folder.checkpoints.iterdir()]
    return max(steps, default=None)


def main(folder, emit, inbox):
    begin = newest(folder) or 0
    for step in range(begin + 1, begin + 11):
        emit(Metric(step=step, loss=float(step)))
    saved = begin + 8
    (folder.checkpoints / str(saved)).mkdir()
    emit(Checkpoint(step=saved, path=f"checkpoints/{saved}"))
    return Finished() if begin else Stopped(summary="Saved.", resumable=True)


run_program("train", main, resumed_from=newest)
