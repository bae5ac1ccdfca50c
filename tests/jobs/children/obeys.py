"""Works until it is told to stop; `ARNY_TEST_DETACHED` makes it outlive its starter. Echoes what it is asked."""

import os

from arny_studio.jobs.commands import Ask, Stop
from arny_studio.jobs.events import Checkpoint, Log, Metric, Stopped, Token
from arny_studio.jobs.program import run_program


def main(folder, emit, inbox):
    emit(Checkpoint(step=1, path="checkpoints/1"))
    step = 0
    while True:
        match inbox.next_command(timeout_s=0.02):
            case Stop(mode=mode):
                return Stopped(summary=f"Stopped, {mode}.", resumable=mode == "save")
            case Ask(request=request, query=query):
                emit(Token(request=request, tier=1, text=query.upper()))
            case None:
                step += 1
                emit(Metric(step=step, loss=1.0))
                if "ARNY_TEST_CHATTY" in os.environ:
                    emit(Log(text="x" * 200_000))


run_program("train", main, detached="ARNY_TEST_DETACHED" in os.environ)
