"""What a training would do, line by line, before it starts: each line leads to the rows it is about."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QGridLayout, QMenu, QPushButton, QToolButton

from arny_studio.recipe.preflight import Finding, Level, PreflightReport
from arny_studio.recipe.preflight_wording import bytes_in_words
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.chip import Chip
from arny_studio.ui.widgets.layout import clear, space
from arny_studio.ui.widgets.stacked_bar import BarPart, StackedBar
from arny_studio.ui.widgets.text import button, label, plain_tooltip
from arny_studio.ui.wording import count_in_words

_ICONS: dict[Level, tuple[str, str]] = {
    "ok": ("success", "success"), "note": ("info", "text_muted"), "warning": ("warning", "warning"),
    "error": ("error", "danger"),
}  # fmt: skip
_PART_ROLES = {
    "weights": "series_1", "adapter": "series_2", "optimizer": "series_3", "gradients": "series_4",
    "activations": "series_5", "logits": "series_6", "libraries": "border_strong",
}  # fmt: skip
_MOST_OFFERED = 40


class PreflightCard(Card):
    """Shows one report; an older one stays while the next is made, marked as such."""

    row_requested = Signal(object, int)  # Path, line from 1

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__("Before it starts")
        self._theme = theme
        self.status = Chip()
        self.head.addWidget(self.status)
        self._said = label("", "muted", wraps=True)
        self._lines = QGridLayout()
        self._lines.setHorizontalSpacing(space("s"))
        self._lines.setVerticalSpacing(space("s"))
        self._lines.setColumnStretch(2, 1)
        self.memory = StackedBar(theme)
        self.findings: tuple[Finding, ...] = ()
        self.links: dict[str, QPushButton] = {}  # by the key of their finding
        for part in (self._said, self._lines, self.memory):
            self.add(part)
        self.show_nothing("")

    def show_nothing(self, sentence: str) -> None:
        """There is nothing to look at yet, and why."""
        self._show_findings(())
        self.status.hide()
        self._say(sentence or "Choose a base and data: what the training would do is then said here.")

    def show_checking(self) -> None:
        """A new report is on its way."""
        self.status.show_as("looking…", "accent")
        self.status.show()
        self._say("" if self.findings else "Reading the data and the base…")

    def show_failure(self, sentence: str) -> None:
        """The look itself failed; the training may be started all the same."""
        self._show_findings(())
        self.status.show_as("not known", "neutral")
        self.status.show()
        self._say(sentence)

    def show_report(self, report: PreflightReport) -> None:
        """All findings, and the parts of the memory."""
        self._say("")
        warned = sum(finding.level == "warning" for finding in report.findings)
        if not report.can_start:
            self.status.show_as("cannot start", "danger")
        elif warned:
            self.status.show_as(count_in_words(warned, "warning"), "warning")
        else:
            self.status.show_as("ready", "success")
        self.status.show()
        self._show_findings(tuple(report.findings))
        parts = [
            BarPart(
                title=part.title, size=part.bytes, role=_PART_ROLES[part.name], words=bytes_in_words(part.bytes),
                about=part.formula,
            )
            for part in report.memory_parts if part.bytes
        ]  # fmt: skip
        self.memory.show_parts(parts, report.memory_available_bytes)
        self.memory.setVisible(bool(parts))

    def _say(self, sentence: str) -> None:
        self._said.setText(sentence)
        self._said.setVisible(bool(sentence))

    def _show_findings(self, findings: tuple[Finding, ...]) -> None:
        self.findings, self.links = findings, {}
        clear(self._lines)
        self.memory.hide()
        for finding in findings:
            line = self._lines.rowCount()
            self._lines.addWidget(self._mark(finding), line, 0, Qt.AlignmentFlag.AlignTop)
            self._lines.addWidget(label(finding.title, "muted"), line, 1, Qt.AlignmentFlag.AlignTop)
            role = "danger" if finding.level == "error" else "body"
            text = f"{finding.text} {finding.hint}".strip()
            self._lines.addWidget(label(text, role, wraps=True, selectable=True), line, 2, Qt.AlignmentFlag.AlignTop)
            if finding.file and finding.lines:
                self.links[finding.key] = link = self._link(finding)
                self._lines.addWidget(link, line + 1, 2, Qt.AlignmentFlag.AlignLeft)

    def _mark(self, finding: Finding) -> QToolButton:
        mark = QToolButton()
        mark.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        mark.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        mark.setFixedSize(18, 18)
        mark.setProperty("look", "mark")
        mark.setIconSize(QSize(16, 16))
        mark.setAccessibleName(finding.level)
        self._theme.dress(mark, *_ICONS[finding.level])
        return mark

    def _link(self, finding: Finding) -> QPushButton:
        """To the row, or a menu of rows where there are several."""
        path = Path(finding.file)
        if len(finding.lines) == 1:
            made = button(f"Line {finding.lines[0]:,}", "quiet")
            made.clicked.connect(partial(self._on_line_chosen, path, finding.lines[0]))
        else:
            made = button(f"{max(finding.count, len(finding.lines)):,} lines", "quiet")
            made.setProperty("has_menu", "true")
            menu = QMenu(made)
            for line in finding.lines[:_MOST_OFFERED]:
                menu.addAction(f"Line {line:,}").triggered.connect(partial(self._on_line_chosen, path, line))
            made.setMenu(menu)
        plain_tooltip(made, f"Show it in {path.name} on the Data tab.")
        return made

    def _on_line_chosen(self, path: Path, line: int, _checked: bool = False) -> None:
        self.row_requested.emit(path, line)
