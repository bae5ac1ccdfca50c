"""How a run looks in a terminal: three ways to show the same events."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from arny_studio.jobs.events import AnyEvent, Log, Metric, Stage, Terminal
from arny_studio.jobs.events import Progress as ProgressEvent
from arny_studio.jobs.state import RunState
from arny_studio.jobs.wire import encode_line

_LINE_PERIOD_S = 5.0
_SPEED_AFTER_S = 1.0  # of a stage; sooner its speed is chance
_MIB = 1 << 20


class Display(Protocol):
    """Shows one run; used as a context manager around it."""

    def show(self, event: AnyEvent, state: RunState) -> None:
        """Show an event; `state` holds it already."""
        ...

    def say(self, sentence: str) -> None:
        """Tell the person something that is no event."""
        ...

    def __enter__(self) -> Display: ...

    def __exit__(self, *_: object) -> None: ...


def display_for(*, as_json: bool, quiet: bool, console: Console | None = None) -> Display:
    """JSON lines on stdout, nothing, a live bar where stderr is a terminal, or plain lines."""
    if as_json:
        return JsonLines()
    if quiet:
        return Silence()
    console = console if console is not None else Console(file=sys.stderr, highlight=False)
    return LiveBars(console) if console.is_terminal else PlainLines(console)


class Silence:
    """Shows nothing; what is said goes to stderr."""

    def __enter__(self) -> Silence:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def show(self, event: AnyEvent, state: RunState) -> None:
        """Nothing."""

    def say(self, sentence: str) -> None:
        """To stderr."""
        sys.stderr.write(sentence + "\n")


class JsonLines(Silence):
    """Every event on stdout as it was sent. A reader that is gone ends the printing, never the run."""

    def show(self, event: AnyEvent, state: RunState) -> None:
        """One line."""
        print_line(encode_line(event).decode().rstrip("\n"))


def print_line(line: str) -> None:
    """One line on stdout at once. Where its reader is gone (`… | head`), this and all that follows is dropped."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class PlainLines:
    """Lines with the time since the start, for logs and pipes: stages, warnings, and progress now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started_s = time.monotonic()
        self._last_line_s = 0.0
        self._unsaid = False

    def __enter__(self) -> PlainLines:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def show(self, event: AnyEvent, state: RunState) -> None:
        """A line where the event is worth one."""
        match event:
            case Stage():
                self.say(_stage_title(event))
                self._last_line_s, self._unsaid = 0.0, False
            case Log():
                self.say(_log_text(event))
            case ProgressEvent():
                self._progress(state)
            case _ if isinstance(event, Terminal) and self._unsaid:
                self._say_progress(state)

    def say(self, sentence: str) -> None:
        """One line, with the time."""
        elapsed_s = time.monotonic() - self._started_s
        self._console.print(f"{_clock(elapsed_s)}  {sentence}", markup=False, soft_wrap=True)

    def _progress(self, state: RunState) -> None:
        self._unsaid = True
        is_last = state.fraction == 1.0
        if is_last or time.monotonic() - self._last_line_s >= _LINE_PERIOD_S:
            self._say_progress(state)

    def _say_progress(self, state: RunState) -> None:
        self._last_line_s, self._unsaid = time.monotonic(), False
        parts = [part for part in (_done(state), _left(state), _figures(state)) if part]
        if parts:
            self.say("  " + "  ".join(parts))


class LiveBars:
    """One bar per stage, the finished ones left standing with their time."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[done]}", markup=False),
            TextColumn("{task.fields[figures]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            refresh_per_second=8,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> LiveBars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, event: AnyEvent, state: RunState) -> None:
        """Move the bar, or put a line above it."""
        match event:
            case Stage():
                self._end_task()
                self._task = self._progress.add_task(_stage_title(event), total=None, done="", figures="")
            case ProgressEvent() | Metric():
                self._update(state)
            case Log():
                style = {"info": "", "warning": "yellow", "error": "red"}[event.level]
                self._progress.console.print(Text(event.text, style=style))
            case _ if isinstance(event, Terminal):
                self._end_task()

    def say(self, sentence: str) -> None:
        """A line above the bars."""
        self._progress.console.print(Text(sentence))

    def _update(self, state: RunState) -> None:
        if self._task is None:
            return
        progress = state.progress
        self._progress.update(self._task, done=_done(state), figures=_figures(state))
        if progress is not None:
            self._progress.update(self._task, completed=progress.done, total=progress.total)

    def _end_task(self) -> None:
        """The bar of a stage that is over stands still."""
        if self._task is not None:
            with contextlib.suppress(KeyError):
                self._progress.stop_task(self._task)
        self._task = None


def _stage_title(stage: Stage) -> str:
    return f"{stage.title} ({stage.index}/{stage.total})" if stage.total > 1 else stage.title


def _log_text(log: Log) -> str:
    return log.text if log.level == "info" else f"{log.level}: {log.text}"


def _done(state: RunState) -> str:
    progress = state.progress
    if progress is None:
        return ""
    if progress.unit == "bytes":
        return _bytes_done(progress, state.stage_elapsed_s)
    total = f"/{progress.total:,}" if progress.total is not None else ""
    return f"{progress.done:,}{total} {progress.unit}".rstrip()


def _bytes_done(progress: ProgressEvent, elapsed_s: float) -> str:
    """`512.0/2,944.0 MiB  80 MiB/s`; the speed as soon as it means something."""
    total = f"/{progress.total / _MIB:,.1f}" if progress.total is not None else ""
    speed = f"  {progress.done / _MIB / elapsed_s:,.0f} MiB/s" if elapsed_s > _SPEED_AFTER_S else ""
    return f"{progress.done / _MIB:,.1f}{total} MiB{speed}"


def _left(state: RunState) -> str:
    """How long the stage still takes; empty where that is unknown, or it is done."""
    left_s = state.remaining_s
    if not left_s or state.outcome is not None or state.stage_elapsed_s <= _SPEED_AFTER_S:
        return ""
    return f"{left_s:,.0f} s left" if left_s < 100 else f"{left_s / 60:,.0f} min left"


def _figures(state: RunState) -> str:
    """The newest figures of the curve that exist."""
    if not state.is_curve_of_this_attempt:
        return ""
    shown = (
        ("loss", "loss {:.4f}"),
        ("validation_loss", "validation {:.4f}"),
        ("json_valid", "JSON {:.0%}"),
        ("journey_accuracy", "journey {:.0%}"),
        ("field_agreement", "fields {:.0%}"),
        ("word_overlap", "words {:.0%}"),
        ("tokens_per_s", "{:,.0f} tok/s"),
    )
    values = ((form, state.curve.last(name)) for name, form in shown)
    return "  ".join(form.format(value) for form, value in values if value is not None)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:3d}:{rest:02d}"
