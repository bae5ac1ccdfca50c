"""What flipped, prompt by prompt: both routes, both answers, and the fields that differ."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QModelIndex, Qt, Slot
from PySide6.QtWidgets import QCheckBox, QPlainTextEdit, QSplitter, QWidget

from arny_studio.evaluation.parity import FileParity, PromptParity
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.cell_delegate import CellDelegate
from arny_studio.ui.widgets.chip import Tone
from arny_studio.ui.widgets.items_model import CHIPS_ROLE, ItemsModel
from arny_studio.ui.widgets.layout import column, holder, row, space
from arny_studio.ui.widgets.table import Table
from arny_studio.ui.widgets.text import breakable, elided, label, plain_tooltip

QUERY, ROUTE, WHAT, KL = range(4)
_FIELDS_SHOWN = 4  # in the line; its tooltip has all


class PromptsModel(ItemsModel[PromptParity]):
    """Prompts, those that flipped first."""

    columns = ("Prompt", "Route", "", "KL")
    numbers = frozenset({KL})

    def cell(self, item: PromptParity, column: int, role: int) -> Any:
        """The words, and chips for what was lost."""
        if column == WHAT and role == CHIPS_ROLE:
            return _chips(item)
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        kl = "–" if item.kl is None else f"{item.kl:.4f}"
        query = " ".join(elided(item.query, 300).split())
        return {QUERY: query, ROUTE: _route(item), WHAT: "", KL: kl}[column]

    def tooltip(self, item: PromptParity, column: int) -> str:
        """The whole query, or both routes."""
        return {QUERY: item.query, ROUTE: _route(item)}.get(column, "")


class PromptsView(QWidget):
    """A table of the prompts, and the two answers of the chosen one side by side."""

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self.model = PromptsModel(self)
        self.table = Table(self.model, {1: 216, 2: 140, 3: 66}, 0, hidden_below={3: 560, 1: 430})
        self.table.setAccessibleName("Held-out prompts")
        self.table.setItemDelegate(CellDelegate(theme, self.table))
        self.only_flips = QCheckBox("Only what differs")
        self.count = label(role="muted")
        self._prompts: list[PromptParity] = []
        self.reference, self.candidate = _answer("Answer of F16"), _answer("Answer of this file")
        self.changed = label(role="muted", wraps=True, selectable=True)
        head = row(self.count, 1, self.only_flips)
        head.setContentsMargins(space("l"), space("s"), space("l"), 0)
        body = QSplitter(Qt.Orientation.Vertical)
        body.addWidget(self.table)
        body.addWidget(self._build_answers())
        body.setStretchFactor(0, 3)
        body.setStretchFactor(1, 2)
        body.setChildrenCollapsible(False)
        layout = column(head, gap="s")
        layout.addWidget(body, 1)
        self.setLayout(layout)
        self.table.selectionModel().currentRowChanged.connect(self._on_current_changed)
        self.only_flips.toggled.connect(self._on_filter_changed)

    def show_parity(self, parity: FileParity | None) -> None:
        """List the prompts of a file, what differs most first."""
        self._prompts = sorted(parity.prompts if parity is not None else [], key=_severity)
        flips = sum(prompt.is_flip for prompt in self._prompts)
        differing = sum(bool(_chips(prompt)) for prompt in self._prompts)
        self.count.setText(
            f"{len(self._prompts)} prompts, {flips} flipped, {differing} differ" if self._prompts else ""
        )
        self._on_filter_changed()

    def _build_answers(self) -> QWidget:
        sides = row(gap="m")
        for title, view in (("F16", self.reference), ("This file", self.candidate)):
            sides.addLayout(column(label(title, "overline"), view, gap="xs"), 1)
        return holder(column(self.changed, holder(sides), gap="s", margin="m"))

    @Slot()
    def _on_filter_changed(self) -> None:
        is_short = self.only_flips.isChecked()
        self.model.show_items([prompt for prompt in self._prompts if _chips(prompt) or not is_short])
        self._show_prompt(None)
        if self.model.items:
            self.table.select_line(0)

    @Slot(QModelIndex, QModelIndex)
    def _on_current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        self._show_prompt(self.model.items[current.row()] if current.isValid() else None)

    def _show_prompt(self, prompt: PromptParity | None) -> None:
        for view, text in (
            (self.reference, prompt and prompt.reference),
            (self.candidate, prompt and prompt.candidate),
        ):
            view.setPlainText(elided(text or ""))
        changed = prompt.changed if prompt is not None else []
        more = f" and {len(changed) - _FIELDS_SHOWN} more" if len(changed) > _FIELDS_SHOWN else ""
        self.changed.setText(breakable(f"Fields that differ: {', '.join(changed[:_FIELDS_SHOWN])}{more}."))
        plain_tooltip(self.changed, ", ".join(changed))
        self.changed.setVisible(bool(changed))


def _answer(name: str) -> QPlainTextEdit:
    view = QPlainTextEdit()
    view.setReadOnly(True)
    view.setProperty("role", "code")
    view.setAccessibleName(name)
    view.setMinimumHeight(72)
    return view


def _chips(prompt: PromptParity) -> list[tuple[str, Tone]]:
    chips: list[tuple[str, Tone]] = []
    if prompt.is_json_lost:
        chips.append(("JSON lost", "danger"))
    if prompt.is_flip:
        chips.append(("flipped", "warning"))
    if prompt.changed:
        chips.append((f"{len(prompt.changed)} fields" if len(prompt.changed) > 1 else "1 field", "neutral"))
    return chips


def _route(prompt: PromptParity) -> str:
    """Where the prompt goes, and where it went with F16 if that is somewhere else."""
    return f"{prompt.reference_route} → {prompt.route}" if prompt.is_flip else prompt.route


def _severity(prompt: PromptParity) -> tuple[bool, bool, int, float]:
    return not prompt.is_json_lost, not prompt.is_flip, -len(prompt.changed), -(prompt.kl or 0.0)
