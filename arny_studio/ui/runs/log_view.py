"""The log of a run: bounded, plain, and only added to."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtWidgets import QPlainTextEdit

from arny_studio.jobs.events import Log
from arny_studio.jobs.state import LOG_LINES_KEPT, RunState
from arny_studio.ui.theme import code_font
from arny_studio.ui.widgets.text import elided

_NOTHING_YET, _NOTHING_AT_ALL = "Nothing was said yet.", "Nothing to report."
_MARKS = {"info": "", "warning": "WARNING  ", "error": "ERROR  "}


class LogView(QPlainTextEdit):
    """Shows the log lines of a RunState; follows the end unless the reader scrolled away from it."""

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setMaximumBlockCount(2 * LOG_LINES_KEPT)
        self.setProperty("look", "sunken")
        self.setFont(code_font())
        self.setProperty("role", "code")
        self.setAccessibleName("Log of the run")
        self.setPlaceholderText(_NOTHING_YET)
        self._shown: tuple[Log, ...] = ()
        self._ending = ""

    def show_state(self, state: RunState) -> None:
        """Add what is new; begin anew where this is another run."""
        if self._shown and state.log[: len(self._shown)] != self._shown and not self._goes_on(state.log):
            self.clear_log()
        known = self._shown[-1] if self._shown else None
        new = state.log if known is None else state.log[state.log.index(known) + 1 :]
        for line in new:
            self.appendPlainText(f"{_clock(line.time_s)}  {_MARKS[line.level]}{elided(line.text, 4_000)}")
        self._shown = state.log
        self.setPlaceholderText(_NOTHING_YET if state.outcome is None else _NOTHING_AT_ALL)
        # What a person can mend is said in the notice; a traceback helps only where a program failed.
        is_ours = state.outcome is not None and state.outcome.failure in ("bug", "library", "out_of_memory")
        details = state.outcome.details if state.outcome is not None and is_ours else ""
        if details and details != self._ending:
            self._ending = details
            self.appendPlainText(elided(details))

    def clear_log(self) -> None:
        """Forget everything."""
        self.clear()
        self._shown, self._ending = (), ""

    def _goes_on(self, log: tuple[Log, ...]) -> bool:
        """The log is bounded: its beginning may be gone while it is still the same one."""
        return self._shown[-1] in log


def _clock(time_s: float) -> str:
    return datetime.fromtimestamp(time_s).strftime("%H:%M:%S")
