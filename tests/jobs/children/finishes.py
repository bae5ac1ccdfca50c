"""Emits a little of everything and finishes."""

from arny_studio.jobs.events import Finished, Metric, Progress, Stage
from arny_studio.jobs.program import run_program


def main(folder, emit, inbox):
    emit(Stage(name="work", title="Working", index=1, total=1))
    for step in range(1, 6):
        emit(Progress(done=step, total=5, unit="steps"))
        emit(Metric(step=step, epoch=step / 5, loss=1.0 / step))
    (folder.outputs / "note.txt").write_text("done")
    return Finished(summary="Five steps done.")


run_program("train", main)
