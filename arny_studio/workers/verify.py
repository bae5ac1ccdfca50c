"""`python -m arny_studio.workers.verify FOLDER`: check one GGUF, and hold it against a reference where one is named."""

from __future__ import annotations

from arny_studio.jobs.events import Finished, Stopped
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.program import Emit, Inbox, run_program
from arny_studio.recipe import VerifyRecipe


class _Stop(Exception):
    """Somebody asked for an end."""


def main(folder: RunFolder, emit: Emit, inbox: Inbox) -> Finished | Stopped:
    """Check what the folder's recipe names."""
    recipe = folder.recipe(VerifyRecipe)
    from arny_studio.engine.verification import verify
    from arny_studio.workers.replay import replay_in_child

    def watch() -> None:
        if inbox.stop_requested:
            raise _Stop

    outputs = folder.outputs
    try:
        found = verify(
            recipe, outputs, emit, lambda order, on_progress: replay_in_child(order, outputs, on_progress, watch)
        )
    except _Stop:
        return Stopped(summary="Stopped; nothing was changed.")
    folder.write_manifest(
        kind="verify", inputs=[], outputs=[path for path in outputs.iterdir() if path.is_file()], seed=None,
        contract=recipe.contract,
    )  # fmt: skip
    failed = [check.name for check in found.checks if not check.passed]
    said = f"Not sound: {', '.join(failed)}." if failed else "Every check passed."
    if found.parity is not None:
        said += f" The parity gate says {found.parity.verdict}."
    return Finished(summary=said, found_problems=not found.is_sound)


if __name__ == "__main__":
    run_program("verify", main)
