"""Statistics of the rows shown: bars in groups; a click on a bar filters by it, totals stay visible behind."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from arny_studio.dataset.statistics import Bar, Lengths, Statistics
from arny_studio.ui.data.bar_list import BarList, ShownBar
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.layout import column, holder, scrolled, space
from arny_studio.ui.widgets.text import label

_MOST_BARS = 20


class StatisticsPanel(QWidget):
    """Groups of bars under their titles; a group without bars is left out."""

    query_chosen = Signal(str)

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._theme = theme
        self._groups: dict[str, tuple[QWidget, BarList]] = {}
        self._page = QVBoxLayout()
        self._page.setContentsMargins(0, 0, space("s"), 0)
        self._page.setSpacing(space("m"))
        self._nothing = label("Statistics stand here once the file has been read.", "muted", wraps=True)
        self._page.addWidget(self._nothing)
        self._page.addStretch(1)
        self.setLayout(column(scrolled(holder(self._page))))

    @property
    def lists(self) -> dict[str, BarList]:
        """The groups by title."""
        return {title: bars for title, (_, bars) in self._groups.items()}

    def show_statistics(self, groups: Sequence[tuple[str, Sequence[ShownBar]]], *, is_filtered: bool) -> None:
        """Show groups of bars; known groups keep their widgets."""
        self._nothing.setVisible(not groups)
        for title, bars in groups:
            page, shown = self._groups.get(title) or self._add(title)
            page.setVisible(bool(bars))
            shown.show_bars(bars[:_MOST_BARS], is_filtered=is_filtered)
        for title in self._groups.keys() - {title for title, _ in groups}:
            self._groups[title][0].hide()

    def _add(self, title: str) -> tuple[QWidget, BarList]:
        bars = BarList(self._theme, title)
        bars.chosen.connect(self.query_chosen)
        page = holder(column(label(title, "overline"), bars, gap="xs"))
        self._page.insertWidget(self._page.count() - 1, page)
        self._groups[title] = page, bars
        return page, bars


def shown_groups(statistics: Statistics) -> list[tuple[str, list[ShownBar]]]:
    """The statistics as titled groups."""
    said = f"Complexity, Tier-2 from {statistics.threshold}"
    return [
        ("Journeys", _bars(statistics.journeys)),
        (said, _bars(statistics.complexity, "system")),
        ("Confidence", _bars(statistics.confidence, "success")),
        ("What the phone does", _bars(statistics.flags)),
        ("Problems", _bars(statistics.problems, "warning")),
        ("Review", _bars(statistics.review, "success")),
        ("Intents", _bars(statistics.intents)),
        *((_length_title(lengths), _bars(lengths.bars)) for lengths in statistics.lengths),
    ]


def _length_title(lengths: Lengths) -> str:
    return f"{lengths.name.capitalize()}, median {lengths.median:,.0f}, longest {lengths.longest:,.0f}"


def _bars(bars: Sequence[Bar], tone: str = "accent") -> list[ShownBar]:
    return [
        ShownBar(label=bar.label, count=bar.count, total=bar.total, query=bar.query, tone=tone)
        for bar in bars
        if bar.total
    ]
