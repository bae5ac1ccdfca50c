"""One problem beside what it is about: a sentence, and the fix where there is one."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from arny_studio.ui.widgets.layout import column, row
from arny_studio.ui.widgets.text import button, label


class ShownProblem(Struct, frozen=True, kw_only=True):
    """A problem as the editor shows it. `turn` and `field` say where it belongs; None and empty: to the whole row.

    `fix` is what the fix button stands for, handed back as it is; `fix_title` is empty where there is no fix.
    """

    sentence: str
    is_error: bool = True
    turn: int | None = None
    field: str = ""
    fix_title: str = ""
    fix: Any = None


class InlineProblem(QWidget):
    """A line below a field or a turn."""

    fix_requested = Signal(object)  # ShownProblem

    def __init__(self, problem: ShownProblem) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self.problem = problem
        sentence = label(problem.sentence, "caption", wraps=True, selectable=True)
        sentence.setProperty("tone", "danger" if problem.is_error else "warning")
        lines = column(sentence, gap="xs")
        lines.setSpacing(0)
        if problem.fix_title:
            self.fix_button = button(f"{problem.fix_title}…", "inline", tooltip="Show what it would change")
            self.fix_button.clicked.connect(self._on_clicked)
            lines.addLayout(row(self.fix_button, 1))
        self.setLayout(lines)

    @Slot()
    def _on_clicked(self) -> None:
        self.fix_requested.emit(self.problem)
