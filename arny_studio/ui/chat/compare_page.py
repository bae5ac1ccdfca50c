"""Two phones side by side: which ones, the one question for both, and the answers line by line, differences marked."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QGridLayout, QLineEdit, QWidget

from arny_studio.ui.chat.comparison import ComparedLine, Side, verdict
from arny_studio.ui.chat.phone_panel import RamSlider
from arny_studio.ui.chat.setup_bar import SetupBar
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.chip import Chip
from arny_studio.ui.widgets.inputs import Number
from arny_studio.ui.widgets.layout import clear, column, holder, row, scrolled, space
from arny_studio.ui.widgets.text import TextRole, allow, breakable, button, label

_NAME_PX = 136


class ComparePage(QWidget):
    """Shows two sides; says what is to be asked of both."""

    run_requested = Signal(str)
    stop_requested = Signal()

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self._shown: tuple[object, ...] = ()
        self.setups = (SetupBar(shows_device=False), SetupBar(shows_device=False))
        self.sliders = (RamSlider(), RamSlider())
        self._rams = (label("", "lead"), label("", "lead"))
        self.states = (Chip(), Chip())
        self.query = QLineEdit()
        self.query.setMaxLength(4_000)
        self.query.setPlaceholderText("The question for both phones…")
        self.query.setAccessibleName("The question for both phones")
        self.seed = Number(0, 2_147_483_647, 1)
        self.seed.setAccessibleName("Seed for both")
        self.run_button, self.stop_button = button("Ask both", "primary"), button("Stop", "danger")
        theme.dress(self.run_button, "compare", "on_accent")
        theme.dress(self.stop_button, "stop", "danger")
        self.said = label(role="muted", wraps=True)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(space("l"))
        self._grid.setVerticalSpacing(space("s"))
        self._grid.setColumnMinimumWidth(0, _NAME_PX)
        for place in (1, 2):
            self._grid.setColumnStretch(place, 1)
        self._build()
        self.show_sides(Side(), Side(), [], is_running=False)

    def show_ram(self, number: int, ram_mib: int) -> None:
        """The RAM of a side's phone."""
        self.sliders[number].show_ram(ram_mib)
        self._rams[number].setText(f"{ram_mib / 1024:g} GB")

    def show_sides(self, left: Side, right: Side, lines: Sequence[ComparedLine], *, is_running: bool) -> None:
        """What became of both by now."""
        allow(self.run_button, not is_running, "Both are being asked.")
        self.stop_button.setVisible(is_running)
        waiting = "One phone after the other is asked, so that neither slows the other." if is_running else ""
        self.said.setText(verdict(list(lines)) or waiting)
        self.said.setVisible(bool(self.said.text()))
        for chip, side in zip(self.states, (left, right), strict=True):
            chip.setVisible(bool(side.state))
            chip.show_as(side.state, "neutral")
        shown = (left.title, right.title, tuple(lines))
        if shown == self._shown:
            return
        self._shown = shown
        clear(self._grid)
        if lines:
            for place, side in enumerate((left, right), start=1):
                self._grid.addWidget(label(side.title, "lead", wraps=True), 0, place)
        for number, line in enumerate(lines, start=1):
            self._add(number, line)
        self._nothing.setVisible(not lines)

    def _build(self) -> None:
        sides = row(gap="m")
        for number, title in enumerate(("A", "B")):
            sides.addWidget(self._build_side(number, title), 1)
        asking = row(gap="s")
        asking.addWidget(self.query, 1)
        asking.addWidget(label("Seed", "caption"))
        asking.addWidget(self.seed)
        asking.addWidget(self.stop_button)
        asking.addWidget(self.run_button)
        results = Card()
        self._nothing = label(
            "Two phones, two quants, or base against tuned: choose above, and ask.", "muted", wraps=True
        )
        inside = column(self._nothing, self._grid, 1)
        inside.setContentsMargins(0, 0, space("s"), 0)
        results.add(self.said)
        results.add(scrolled(holder(inside)), 1)
        layout = column(sides, asking, gap="m")
        layout.addWidget(results, 1)
        self.setLayout(layout)
        self.run_button.clicked.connect(self._on_run_clicked)
        self.query.returnPressed.connect(self._on_run_clicked)
        self.stop_button.clicked.connect(self.stop_requested)

    def _build_side(self, number: int, title: str) -> QWidget:
        setup = self.setups[number]
        setup.body.setContentsMargins(space("m"), space("s"), space("m"), space("m"))
        line = row(label(title, "heading"), gap="m")
        line.addWidget(setup.device, 3)
        line.addWidget(self.sliders[number], 4)
        line.addWidget(self._rams[number])
        line.addWidget(self.states[number])
        setup.body.insertLayout(0, line)
        return setup

    def _add(self, number: int, line: ComparedLine) -> None:
        name = label(
            f"≠  {line.name}" if line.differs else line.name, "warning" if line.differs else "muted", wraps=True
        )
        if line.differs:
            name.setContentsMargins(0, space("s"), 0, 0)
        self._grid.addWidget(name, number, 0, Qt.AlignmentFlag.AlignTop)
        for place, text in ((1, line.left), (2, line.right)):
            self._grid.addWidget(_cell(text, line), number, place, Qt.AlignmentFlag.AlignTop)

    @Slot()
    def _on_run_clicked(self) -> None:
        words = self.query.text().strip()
        if words and self.run_button.isEnabled():
            self.run_requested.emit(words)


def _cell(text: str, line: ComparedLine) -> QWidget:
    role: TextRole = "caption" if line.kind == "figure" and line.name == "Memory" else "body"
    words = label(breakable(text) or "–", role if text else "muted", wraps=True, selectable=True)
    if not line.differs:
        return words
    ground = QFrame()
    ground.setProperty("surface", "differs")
    ground.setLayout(column(words, margin="s"))
    return ground
