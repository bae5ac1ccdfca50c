"""Runs side by side: their figures with a small curve each, and what differs between their recipes and data."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QPointF, QRectF, Qt
from PySide6.QtGui import QFont, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from arny_studio.jobs.comparison import Comparison, Difference, MetricRow
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.cell_painting import content_rect, paint_ground
from arny_studio.ui.widgets.items_model import ItemsModel

SPARK_ROLE = Qt.ItemDataRole.UserRole + 3  # list of values, painted as a line
BEST_ROLE = Qt.ItemDataRole.UserRole + 4  # whether the figure is the best of its row
_SPARK_PX, _SPARK_HIGH_PX, _FIGURE_PX = 64, 18, 66
RUN_ROLES = ("series_1", "series_3", "series_2", "series_4", "series_5", "series_6")  # colours of runs side by side


class Line(Struct, frozen=True, kw_only=True):
    """One line of the table: a name, a cell per run, the small curves, and which run is best."""

    group: str
    name: str
    cells: tuple[str, ...]
    sparks: tuple[tuple[float, ...], ...] = ()
    best: int | None = None


def lines_of(comparison: Comparison) -> list[Line]:
    """Figures first, then what differs in the data, then in the recipe."""
    return [
        *(_of_metric(row) for row in comparison.metrics),
        *(_of_difference("Data", each) for each in comparison.data),
        *(_of_difference("Recipe", each) for each in comparison.differences),
    ]


def _of_metric(row: MetricRow) -> Line:
    return Line(
        group="Result", name=row.name, cells=tuple(figure_in_words(value) for value in row.values),
        sparks=tuple(tuple(spark) for spark in row.sparks), best=row.best,
    )  # fmt: skip


def _of_difference(group: str, difference: Difference) -> Line:
    return Line(group=group, name=difference.field.replace("_", " "), cells=tuple(difference.values))


def figure_in_words(value: float | None) -> str:
    """Four significant digits, thousands with commas; a dash where the run has none."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


class CompareModel(ItemsModel[Line]):
    """One column per run after group and name; `show_comparison` changes their number."""

    columns = ("", "")

    def show_comparison(self, lines: list[Line], titles: list[str]) -> None:
        """Replace everything."""
        self.beginResetModel()
        self.columns = ("", "", *titles)
        self.items = lines
        self.endResetModel()

    def cell(self, item: Line, column: int, role: int) -> Any:
        """Group and name, then what each run has."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if column == 0:
            return item.group if self._begins_group(item) else ""
        if column == 1:
            return item.name
        return item.cells[column - 2] if column - 2 < len(item.cells) else ""

    def _begins_group(self, item: Line) -> bool:
        first = next(line for line in self.items if line.group == item.group)
        return first is item

    def tooltip(self, item: Line, column: int) -> str:
        """The whole of a long value."""
        return item.cells[column - 2] if 2 <= column < 2 + len(item.cells) else ""

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The cell; the curve and the mark of the best for the delegate."""
        run = index.column() - 2
        item = self.items[index.row()]
        if role == SPARK_ROLE:
            return item.sparks[run] if 0 <= run < len(item.sparks) else ()
        if role == BEST_ROLE:
            return run >= 0 and item.best == run
        return super().data(index, role)


class CompareDelegate(QStyledItemDelegate):
    """The small curve at the left of the cell, the figure beside it, the best one heavy."""

    def __init__(self, theme: ThemeSwitcher, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """One cell."""
        ground = QStyleOptionViewItem(option)
        self.initStyleOption(ground, index)
        text = ground.text  # pyright: ignore[reportAttributeAccessIssue]
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_ground(painter, ground)
        area = content_rect(option)
        spark, is_best = index.data(SPARK_ROLE), bool(index.data(BEST_ROLE))
        if spark and area.width() >= _SPARK_PX + _FIGURE_PX:
            self._spark(painter, area, spark, RUN_ROLES[(index.column() - 2) % len(RUN_ROLES)])
            area.setLeft(area.left() + _SPARK_PX + 8)
        font = QFont(option.font)  # pyright: ignore[reportAttributeAccessIssue]
        font.setBold(is_best)
        painter.setFont(font)
        muted = index.column() < 2
        painter.setPen(self._theme.color("success" if is_best else "text_muted" if muted else "text"))
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, int(area.width()))
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
        painter.restore()

    def _spark(self, painter: QPainter, area: QRectF, values: tuple[float, ...], role: str) -> None:
        least, most = min(values), max(values)
        top = area.center().y() - _SPARK_HIGH_PX / 2
        step = _SPARK_PX / max(1, len(values) - 1)
        height = most - least or 1.0
        points = [
            QPointF(area.left() + number * step, top + _SPARK_HIGH_PX * (most - value) / height)
            for number, value in enumerate(values)
        ]
        painter.setPen(QPen(self._theme.color(role), 1.4))
        painter.drawPolyline(QPolygonF(points))
