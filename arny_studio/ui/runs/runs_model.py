"""The list of runs: title, state and time, painted in two lines."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPalette
from PySide6.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from arny_studio.jobs.folder import RunFolder
from arny_studio.ui.runs.summary import STATUS_TONES, RunStatus, RunSummary
from arny_studio.ui.theme import ThemeSwitcher, scale
from arny_studio.ui.widgets.chip import Tone
from arny_studio.ui.widgets.layout import space
from arny_studio.ui.wording import moment_in_words

SUMMARY_ROLE = Qt.ItemDataRole.UserRole + 1
_Index = QModelIndex
_INKS: dict[Tone, str] = {
    "neutral": "text_muted", "accent": "accent_text", "success": "success", "warning": "warning", "danger": "danger",
    "system": "system",
}  # fmt: skip


class RunsModel(QAbstractListModel):
    """Runs of one kind, newest first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runs: list[RunSummary] = []

    def show_runs(self, runs: list[RunSummary]) -> None:
        """Replace the list; nothing happens where it is the same."""
        if runs == self._runs:
            return
        if [run.folder for run in runs] == [run.folder for run in self._runs]:
            self._runs = runs
            self.dataChanged.emit(self.index(0), self.index(len(runs) - 1))
            return
        self.beginResetModel()
        self._runs = runs
        self.endResetModel()

    def show_status(self, folder: RunFolder, status: RunStatus) -> None:
        """Change the state of one run, if it is in the list."""
        line = self.line_of(folder)
        if line is None or self._runs[line].status == status:
            return
        known = self._runs[line]
        self._runs[line] = RunSummary(
            folder=known.folder, kind=known.kind, title=known.title, status=status, made_s=known.made_s
        )
        self.dataChanged.emit(self.index(line), self.index(line))

    def line_of(self, folder: RunFolder) -> int | None:
        """Where a run stands in the list."""
        return next((line for line, run in enumerate(self._runs) if run.folder == folder), None)

    def run_at(self, line: int) -> RunSummary:
        """The run at a line."""
        return self._runs[line]

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _Index()) -> int:  # noqa: B008 - Qt's signature
        """How many runs there are."""
        return 0 if parent.isValid() else len(self._runs)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Words for screen readers, the summary for the delegate."""
        run = self._runs[index.row()]
        if role == SUMMARY_ROLE:
            return run
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{run.title}, {run.status}, {moment_in_words(run.made_s)}"
        return None


class RunDelegate(QStyledItemDelegate):
    """Paints a run: its title, and below it a dot with the state, and the time."""

    def __init__(self, theme: ThemeSwitcher, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Two lines and some air."""
        return QSize(120, 54)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Ground by the style, the rest by us."""
        run: RunSummary = index.data(SUMMARY_ROLE)
        self._ground(painter, option, index)
        area: QRect = option.rect.adjusted(space("m"), space("s"), -space("m"), -space("s"))  # pyright: ignore[reportAttributeAccessIssue]
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = QFont(option.font)  # pyright: ignore[reportAttributeAccessIssue]
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(self._theme.color("text"))
        title = painter.fontMetrics().elidedText(
            run.title.replace("\n", " "), Qt.TextElideMode.ElideRight, area.width()
        )
        painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, title)
        self._second_line(painter, font, area, run)
        painter.restore()

    def _second_line(self, painter: QPainter, font: QFont, area: QRect, run: RunSummary) -> None:
        font.setWeight(QFont.Weight.Medium)
        font.setPixelSize(scale().type["caption"])
        painter.setFont(font)
        ink = self._theme.color(_INKS[STATUS_TONES[run.status]])
        line = QRect(area.left(), area.bottom() - 15, area.width(), 16)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        painter.drawEllipse(line.left(), line.center().y() - 3, 7, 7)
        painter.setPen(ink)
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(line.adjusted(14, 0, 0, 0), flags, run.status.capitalize())
        painter.setPen(self._theme.color("text_muted"))
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(line, flags, moment_in_words(run.made_s))

    def _ground(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        ground = QStyleOptionViewItem(option)
        self.initStyleOption(ground, index)
        ground.text = ""  # pyright: ignore[reportAttributeAccessIssue]
        ground.palette.setColor(QPalette.ColorRole.Text, self._theme.color("text"))  # pyright: ignore[reportAttributeAccessIssue]
        widget = ground.widget  # pyright: ignore[reportAttributeAccessIssue]
        style = widget.style() if widget is not None else QApplication.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, ground, painter, widget)
