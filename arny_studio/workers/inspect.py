"""Worker: shows conversations as they are trained. `python -m arny_studio.workers.inspect FOLDER`; interactive.

Ids, labels and truncation come from `engine/rendering.py`, the very code that the training worker calls.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from arny_studio.errors import ArnyError
from arny_studio.jobs.commands import Inspect, Stop
from arny_studio.jobs.events import Finished, Inspected, Stage, Stopped
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.program import Emit, Inbox, run_program
from arny_studio.recipe import InspectRecipe

if TYPE_CHECKING:
    from arny_studio.engine.rendering import Renderer, Traced


class _Spoken(Struct, frozen=True):
    """A turn as the renderer wants it."""

    role: str
    content: str


def main(folder: RunFolder, emit: Emit, inbox: Inbox) -> Finished | Stopped:
    """Answer questions until the app goes."""
    folder.recipe(InspectRecipe)
    emit(Stage(name="serve", title="ready", index=1, total=1))
    renderers: dict[str, Renderer] = {}
    answered = 0
    while True:
        command = _newest(inbox)
        if isinstance(command, Stop):
            return Stopped(summary=f"Looked at {answered} conversations.")
        emit(inspected(command, renderers))
        answered += 1


def inspected(command: Inspect, renderers: dict[str, Renderer]) -> Inspected:
    """The answer to one question; a conversation that cannot be trained gets the reason instead."""
    try:
        renderer = _renderer_of(command.base, renderers)
        turns = [_Spoken(turn.role, turn.content) for turn in command.turns]
        return _told(command.request, renderer.trace(turns, max_length=command.max_length))
    except ArnyError as error:
        return Inspected(request=command.request, problem=error.sentence, hint=error.hint)


def _newest(inbox: Inbox) -> Inspect | Stop:
    """Wait for a question, then pass over those that a later one has overtaken."""
    newest: Inspect | None = None
    while True:
        command = inbox.next_command(None if newest is None else 0)
        if isinstance(command, Stop):
            return command
        if isinstance(command, Inspect):
            newest = command
        elif command is None and newest is not None:
            return newest


def _renderer_of(base: str, renderers: dict[str, Renderer]) -> Renderer:
    if base not in renderers:
        from arny_studio.engine.rendering import Renderer
        from arny_studio.errors import MissingFile

        if not Path(base).is_dir():
            raise MissingFile(
                f"{base} is not on this machine, so its tokens are unknown.",
                hint="Download the base model first, or choose a model folder.",
            )
        renderers[base] = Renderer.from_folder(Path(base))
    return renderers[base]


def _told(request: str, traced: Traced) -> Inspected:
    return Inspected(
        request=request,
        text=traced.text,
        ids=traced.ids,
        starts=[start for start, _ in traced.offsets],
        ends=[end for _, end in traced.offsets],
        supervised=_runs(traced.labels),
        kept=traced.kept,
    )


def _runs(labels: list[int]) -> list[tuple[int, int]]:
    """Runs of tokens that have a label, as (start, end)."""
    from arny_studio.engine.rendering import IGNORED

    runs: list[tuple[int, int]] = []
    for number, label in enumerate(labels):
        if label == IGNORED:
            continue
        if runs and runs[-1][1] == number:
            runs[-1] = (runs[-1][0], number + 1)
        else:
            runs.append((number, number + 1))
    return runs


if __name__ == "__main__":
    run_program("inspect", main)
