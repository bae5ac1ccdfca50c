"""The stages of a run, one under the other, with the time each took and how far the present one is."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QGridLayout, QProgressBar, QToolButton, QWidget

from arny_studio.jobs.events import Progress
from arny_studio.jobs.state import RunState, StageSpan
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.layout import clear, column, space
from arny_studio.ui.widgets.text import label, set_property
from arny_studio.ui.wording import bytes_in_words, seconds_in_words


class StageList(QWidget):
    """Shows the stages of a RunState; rebuilt only when a stage begins or the run ends."""

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._theme = theme
        self._shown: object = None
        self._lines = QGridLayout()
        self._lines.setHorizontalSpacing(space("s"))
        self._lines.setVerticalSpacing(space("s"))
        self._lines.setColumnStretch(1, 1)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.about = label(role="caption", wraps=True)
        self._clock = label(role="caption")
        self._none = label("No stage has begun yet.", "muted")
        self.setLayout(column(self._none, self._lines, self.progress, self.about, 1, gap="s"))

    def show_state(self, state: RunState) -> None:
        """Show the stages as they stand."""
        total = state.stage.total if state.stage else 0
        shown = ([span.name for span in state.stages], total, state.outcome and state.outcome.kind)
        if shown != self._shown:
            self._shown = shown
            self._rebuild(state, total)
        if state.is_running and state.stages:
            self._clock.setText(seconds_in_words(state.stage_elapsed_s))
        self.progress.setVisible(state.is_running and bool(state.stages))
        fraction = state.fraction
        self.progress.setRange(0, 0 if fraction is None else 1000)
        self.progress.setValue(0 if fraction is None else round(1000 * fraction))
        set_property(self.progress, "state", "running" if state.outcome is None else state.outcome.kind)
        self.about.setText(progress_in_words(state) if state.is_running else "")

    def _rebuild(self, state: RunState, total: int) -> None:
        clear(self._lines)
        self._none.setVisible(not state.stages)
        for line, span in enumerate(state.stages):
            is_last = line == len(state.stages) - 1
            self._add(line, span, self._icon_of(state, is_last=is_last), is_now=is_last and state.is_running)
        if state.is_running and total > len(state.stages):
            more = total - len(state.stages)
            self._lines.addWidget(label(f"{more} more to come", "muted"), len(state.stages), 1)

    def _add(self, line: int, span: StageSpan, icon: tuple[str, str], *, is_now: bool) -> None:
        mark = QToolButton()
        mark.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        mark.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        mark.setFixedSize(24, 24)
        mark.setIconSize(QSize(16, 16))
        self._theme.dress(mark, *icon)
        clock = label(role="caption")
        if is_now:
            self._clock = clock
        elif span.ended_s is not None:
            clock.setText(_precisely(span.ended_s - span.started_s))
        title = label(span.title, "lead" if is_now else "body", wraps=True)
        self._lines.addWidget(mark, line, 0, Qt.AlignmentFlag.AlignTop)
        self._lines.addWidget(title, line, 1)
        self._lines.addWidget(clock, line, 2)

    def _icon_of(self, state: RunState, *, is_last: bool) -> tuple[str, str]:
        if not is_last or (state.outcome is not None and state.outcome.is_success):
            return "success", "success"
        if state.outcome is None:
            return "play", "accent_text"
        return ("error", "danger") if state.outcome.kind == "failed" else ("pause", "warning")


def progress_in_words(state: RunState) -> str:
    """`1.2 GiB of 3.1 GiB  ·  80 MiB/s  ·  24 s left` for bytes, `12 of 40 steps` for the rest."""
    progress = state.progress
    if progress is None:
        return ""
    parts = [_amount(progress)]
    elapsed = state.stage_elapsed_s
    if progress.unit == "bytes" and elapsed > 0.5:
        parts.append(f"{bytes_in_words(progress.done / elapsed)}/s")
    if state.remaining_s is not None and 0 < progress.done < (progress.total or 0):
        parts.append(f"{seconds_in_words(state.remaining_s)} left")
    return "  ·  ".join(parts)


def _amount(progress: Progress) -> str:
    if progress.unit == "bytes":
        done, total = bytes_in_words(progress.done), bytes_in_words(progress.total or 0)
        return done if progress.total is None else f"{done} of {total}"
    total = "" if progress.total is None else f" of {progress.total:,}"
    return f"{progress.done:,}{total} {progress.unit}".strip()


def _precisely(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else seconds_in_words(seconds)
