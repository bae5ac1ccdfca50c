"""The worker's side of the process boundary: what every `arny_studio.workers.*` does before, around and after its work.

A worker module imports only light things, defines `main(folder, emit, inbox)` and calls `run_program`. Heavy imports
happen inside `main`, so that the hello comes at once and nothing a library prints can reach the protocol's pipe.
"""

from __future__ import annotations

import errno
import faulthandler
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from msgspec.structs import replace

from arny_studio.atomic import make_lasting
from arny_studio.errors import ArnyError, MissingExtra
from arny_studio.extras import extra_of
from arny_studio.jobs.claim import FolderInUse
from arny_studio.jobs.commands import Stop
from arny_studio.jobs.emitter import Emit, Emitter, EventPipe
from arny_studio.jobs.event_log import EventLog
from arny_studio.jobs.events import Failed, Finished, Hello, Memory, Stopped, Terminal
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.inbox import Inbox, read_commands
from arny_studio.jobs.manifest import LIBRARIES, installed_versions
from arny_studio.jobs.outcome import EXIT_FAILED, EXIT_STOPPED, EXIT_USAGE, exit_code_of
from arny_studio.jobs.processes import end_after_parent, end_own_session, end_within, resident_bytes

__all__ = ["Emit", "Inbox", "Main", "run_program"]

Main = Callable[[RunFolder, Emit, Inbox], Finished | Stopped]

ORPHAN_GRACE_S = 0.75  # an interactive worker whose app is gone ends by itself, or is asked no more,
ORPHAN_END_S = 1.75  # and is gone for certain before two seconds are over
_MEMORY_PERIOD_S = 1.0
_MEMORY_STEP_BYTES = 1 << 20  # a smaller change is news only every tenth second
_MEMORY_SILENCE = 10
_DISK_FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def run_program(
    kind: str,
    main: Main,
    *,
    detached: bool = False,
    resumed_from: Callable[[RunFolder], int | None] | None = None,
) -> NoReturn:
    """Run a worker on the folder that `sys.argv[1]` names, and end the process.

    `detached` workers outlive whoever started them; others end when their standard input ends. `resumed_from` tells
    the step of the checkpoint the work goes on from, without heavy imports. `main` may emit a second Hello once it
    knows more (device, versions). Exit codes: 0 finished, 1 failed, 2 bad recipe or usage, 3 stopped, 4 finished and
    found problems.
    """
    if not detached:
        end_after_parent()
    commands, pipe = _claim_standard_streams(detached)
    faulthandler.enable(file=sys.stderr, all_threads=False)
    if len(sys.argv) < 2:
        sys.stderr.write(f"usage: python -m arny_studio.workers.{kind} RUN_FOLDER\n")
        _leave(EXIT_USAGE)
    folder = RunFolder(Path(sys.argv[1]))
    emitter = Emitter(_claim_folder(folder, kind, detached, pipe), pipe)
    inbox = Inbox(stop_path=folder.stop_path if detached else None)
    ended = threading.Event()
    _listen(commands, inbox, emitter, folder, ended, detached)
    _sample_memory(emitter, ended)
    last, exit_code = _run(kind, main, folder, emitter, inbox, resumed_from)
    ended.set()
    if not emitter.finish(last):
        threading.Event().wait()  # the orphan's grace is over: that thread ends the process
    folder.lock.release()
    _leave(exit_code)


def _claim_standard_streams(detached: bool) -> tuple[int, EventPipe]:
    """Take the protocol's two pipes for ourselves: what others read from 0 is empty, what they print to 1 is stderr."""
    sys.stdout.flush()
    commands, events = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return commands, EventPipe(events, may_drop_reader=detached)


def _claim_folder(folder: RunFolder, kind: str, detached: bool, pipe: EventPipe) -> EventLog:
    """The folder's log, ours alone; otherwise the process ends with a sentence on the pipe."""
    try:
        folder = RunFolder.open(folder.path)
        folder.lock.take(kind, detached=detached)
        make_lasting(folder.recipe_path)
        folder.stop_path.unlink(missing_ok=True)
        return EventLog(folder.events_path)
    except (ArnyError, OSError) as error:
        failed, _ = _failure_of(error)
        emitter = Emitter(None, pipe)
        emitter(Hello(kind=kind, pid=os.getpid()))
        emitter.finish(failed)
        _leave(EXIT_FAILED if isinstance(error, FolderInUse) else EXIT_USAGE)


def _run(
    kind: str,
    main: Main,
    folder: RunFolder,
    emitter: Emitter,
    inbox: Inbox,
    resumed_from: Callable[[RunFolder], int | None] | None,
) -> tuple[Terminal, int]:
    """The worker's outermost frame: whatever happens inside becomes one last event and an exit code."""
    try:
        hello = Hello(kind=kind, pid=os.getpid(), versions=installed_versions(LIBRARIES))
        emitter(hello)
        step = resumed_from(folder) if resumed_from is not None else None
        if step is not None:
            emitter(replace(hello, resumed_from=step))
        last = main(folder, emitter, inbox)
        if not isinstance(last, Finished | Stopped):
            raise TypeError(f"main returned {last!r} instead of Finished or Stopped")
        return last, exit_code_of(last)
    except BaseException as error:  # noqa: BLE001 - the outermost frame
        return _failure_of(error)


def _failure_of(error: BaseException) -> tuple[Failed, int]:
    """What an exception means to the user."""
    text = "".join(traceback.format_exception(error))
    sys.stderr.write(text)
    exit_code = error.exit_code if isinstance(error, ArnyError) else EXIT_FAILED
    return _described(error, text), exit_code


def _described(error: BaseException, text: str) -> Failed:
    match error:
        case ArnyError():
            return Failed(kind=error.kind, sentence=error.sentence, hint=error.hint, traceback=text)
        case MemoryError():
            return _out_of_memory(text)
        case FileNotFoundError():
            missing = error.filename or error
            return Failed(kind="missing_file", sentence=f"There is no such file: {missing}.", traceback=text)
        case OSError() if error.errno in _DISK_FULL_ERRORS:
            return _disk_full(error, text)
        case PermissionError() | NotADirectoryError() | IsADirectoryError() if error.filename:
            sentence = f"{error.filename} cannot be used: {error.strerror}."
            return Failed(kind="bad_input", sentence=sentence, traceback=text)
        case ModuleNotFoundError() if not (error.name or "").startswith("arny_studio"):
            return _missing_library(error.name or str(error), text)
    if type(error).__name__ == "OutOfMemoryError":  # torch's; jobs may not import torch to name it
        return _out_of_memory(text)
    sentence = f"Something inside the worker broke: {type(error).__name__}: {error}".rstrip(": ")
    hint = "This is a fault of the program; the traceback stands in the log of the run."
    return Failed(kind="bug", sentence=sentence, hint=hint, traceback=text)


def _missing_library(name: str, text: str) -> Failed:
    extra = extra_of(name)
    if extra is not None:
        missing = MissingExtra(name, extra, "This work")
        return Failed(kind=missing.kind, sentence=missing.sentence, hint=missing.hint, traceback=text)
    sentence = f"The library {name} is not installed for {sys.executable}."
    return Failed(
        kind="missing_extra", sentence=sentence, hint="Install it there, or use another Python.", traceback=text
    )


def _out_of_memory(text: str) -> Failed:
    hint = "Close other programs, or choose a smaller model, batch or context."
    return Failed(kind="out_of_memory", sentence="There was not enough memory.", hint=hint, traceback=text)


def _disk_full(error: OSError, text: str) -> Failed:
    where = f" for {error.filename}" if error.filename else ""
    hint = "Free some space and start the run again."
    return Failed(kind="disk_full", sentence=f"There is no room left on the disk{where}.", hint=hint, traceback=text)


def _listen(
    commands: int, inbox: Inbox, emitter: Emitter, folder: RunFolder, ended: threading.Event, detached: bool
) -> None:
    def on_end() -> None:
        if not detached:
            _end_as_orphan(inbox, emitter, folder, ended)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: inbox.put(Stop(mode="now" if inbox.stop_requested else "save")))
    read_commands(commands, inbox, on_noise=emitter, on_end=on_end)


def _end_as_orphan(inbox: Inbox, emitter: Emitter, folder: RunFolder, ended: threading.Event) -> None:
    """The app is gone: ask the work to end, end it where it does not listen, and have it ended where that hangs."""
    end_within(ORPHAN_END_S)
    inbox.put(Stop(mode="now"))
    if ended.wait(ORPHAN_GRACE_S):
        return
    if emitter.finish(Stopped(summary="The program that started this worker is gone.")):
        folder.lock.release()
        _leave(EXIT_STOPPED)


def _sample_memory(emitter: Emitter, ended: threading.Event) -> None:
    threading.Thread(target=_sample_until, args=(emitter, ended), name="memory", daemon=True).start()


def _sample_until(emitter: Emitter, ended: threading.Event) -> None:
    """Look every second; say so where it changed by a mebibyte, or has been silent for ten seconds."""
    said, silence = 0, _MEMORY_SILENCE
    while not ended.wait(_MEMORY_PERIOD_S):
        now = resident_bytes()
        silence += 1
        if now is not None and (abs(now - said) >= _MEMORY_STEP_BYTES or silence >= _MEMORY_SILENCE):
            emitter(Memory(rss_bytes=now))
            said, silence = now, 0


def _leave(exit_code: int) -> NoReturn:
    """End now. The last word is spoken; a library's own teardown could only hang or crash after it."""
    sys.stderr.flush()
    end_own_session()
    os._exit(exit_code)
