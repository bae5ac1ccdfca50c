"""How a run ended, as one value: what kind of end, one sentence for people, an exit code for programs."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from arny_studio.errors import FailureKind
from arny_studio.jobs.events import Failed, Finished, Stopped, Terminal

EXIT_FINISHED, EXIT_FAILED, EXIT_USAGE, EXIT_STOPPED, EXIT_FOUND_PROBLEMS = range(5)
STDERR_LINES_KEPT = 20
_DUMP_MARK = "Fatal Python error: "  # faulthandler's first line

_DIED_SENTENCES: dict[str, str] = {
    "SIGSEGV": "it touched memory that is not its own",
    "SIGABRT": "a native library gave up",
    "SIGILL": "a native library was built for another processor",
    "SIGBUS": "a file it had mapped was cut short, or the disk failed",
    "SIGFPE": "an arithmetic fault in a native library",
}


class Outcome(Struct, frozen=True, kw_only=True):
    """The end of a run. `exit_code` is the command's: 0, 1, 2, 3 or 4 as design and `--help` list them."""

    kind: Literal["finished", "stopped", "failed"]
    sentence: str
    hint: str = ""
    failure: FailureKind | None = None
    exit_code: int = EXIT_FINISHED
    resumable: bool = False
    details: str = ""  # traceback, or the last lines of stderr

    @property
    def is_success(self) -> bool:
        """Whether the work was done, problems found or not."""
        return self.kind == "finished"

    @property
    def found_problems(self) -> bool:
        """Whether the work was done and found what it was asked to look for, such as a file that misbehaves."""
        return self.exit_code == EXIT_FOUND_PROBLEMS

    @classmethod
    def from_event(cls, event: Terminal, *, exit_code: int | None = None) -> Outcome:
        """The outcome a last event stands for. `exit_code` is the worker's own, where it is known."""
        match event:
            case Finished(summary=summary, found_problems=found):
                code = EXIT_FOUND_PROBLEMS if found else EXIT_FINISHED
                return cls(kind="finished", sentence=summary or "Finished.", exit_code=code)
            case Stopped(summary=summary, resumable=resumable):
                sentence = summary or "Stopped."
                return cls(kind="stopped", sentence=sentence, exit_code=EXIT_STOPPED, resumable=resumable)
            case Failed():
                return cls(
                    kind="failed", sentence=event.sentence, hint=event.hint, failure=event.kind,
                    exit_code=EXIT_USAGE if exit_code == EXIT_USAGE else EXIT_FAILED, details=event.traceback,
                )  # fmt: skip

    @classmethod
    def from_death(cls, returncode: int | None, stderr_tail: Sequence[str]) -> Outcome:
        """The outcome of a worker that ended without a last event."""
        return cls.from_event(failed_by_death(returncode, stderr_tail))


def exit_code_of(event: Terminal) -> int:
    """The exit code that goes with a last event."""
    return Outcome.from_event(event).exit_code


def failed_by_death(returncode: int | None, stderr_tail: Sequence[str]) -> Failed:
    """The `failed` event a worker could not send any more.

    `returncode` as subprocess counts it: negative for a signal; None where nobody saw the end.
    """
    last_lines = telling_lines(stderr_tail)
    traceback = "\n".join(last_lines)
    own_lines = last_lines[: _start_of_dump(last_lines)]
    last_line = next((line.strip() for line in reversed(own_lines) if line.strip()), "")
    hint = f"Its last line was: {last_line}" if last_line else ""
    if returncode is None:
        sentence = "The worker ended without a last word; it was killed, or the machine was switched off."
        return Failed(kind="library", sentence=sentence, hint=hint, traceback=traceback)
    if returncode < 0:
        return _failed_by_signal(-returncode, hint, traceback)
    sentence = f"The worker ended with exit code {returncode} without saying why."
    return Failed(kind="bug", sentence=sentence, hint=hint, traceback=traceback)


def telling_lines(lines: Sequence[str]) -> list[str]:
    """The last 20 lines; of a worker that crashed, the ten before faulthandler's dump and the ten it begins with.

    The dump names the innermost frame first, and what a native library said before it would else be pushed out.
    """
    dump = _start_of_dump(lines)
    if dump == len(lines):
        return list(lines[-STDERR_LINES_KEPT:])
    half = STDERR_LINES_KEPT // 2
    return [*lines[max(0, dump - half) : dump], *lines[dump : dump + half]]


def _start_of_dump(lines: Sequence[str]) -> int:
    return next((number for number, line in enumerate(lines) if line.startswith(_DUMP_MARK)), len(lines))


def _failed_by_signal(number: int, hint: str, traceback: str) -> Failed:
    name = signal_name(number)
    if name == "SIGKILL":
        return Failed(
            kind="out_of_memory", sentence="The worker was killed (SIGKILL): probably out of memory.",
            hint="Close other programs, or choose a smaller model, batch or context.", traceback=traceback,
        )  # fmt: skip
    reason = _DIED_SENTENCES.get(name)
    sentence = f"The worker crashed with {name}: {reason}." if reason else f"The worker was ended by {name}."
    return Failed(kind="library", sentence=sentence, hint=hint, traceback=traceback)


def signal_name(number: int) -> str:
    """SIGSEGV for 11; `signal 99` where the platform has no name for it."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
