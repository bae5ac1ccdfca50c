"""The decision behind a reply, in the contract's form, to be put right and kept as a row of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QDialog, QLineEdit, QWidget

from arny_studio.contract import Contract, decode
from arny_studio.ui.chat.conversation import Exchange
from arny_studio.ui.data.decision_editor import DecisionEditor
from arny_studio.ui.data.inline_problem import ShownProblem
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.inputs import Choice
from arny_studio.ui.widgets.layout import column, holder, row, scrolled
from arny_studio.ui.widgets.text import allow, button, elided, label

_DEFAULT_NAME = "corrections.jsonl"


class CorrectionDialog(QDialog):
    """Shows a decision; `kept` carries the corrected one, the dataset and a note."""

    kept = Signal(object, object, str)  # decision, Path, note

    def __init__(
        self, exchange: Exchange, contract: Contract, theme: ThemeSwitcher, datasets: Path, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Correct the decision")
        self.resize(680, 720)
        self._contract, self._fields = contract, contract.fields
        self._text = exchange.decided.text if exchange.decided is not None else ""
        self.editor = DecisionEditor(theme, contract)
        self.dataset = Choice("Dataset")
        self.dataset.show_choices(_choices(datasets))
        self.note = QLineEdit()
        self.note.setPlaceholderText("What was wrong (optional)")
        self.note.setAccessibleName("Note")
        self.keep_button = button("Keep as a row", "primary")
        cancel = button("Cancel")
        question = label(elided("\n".join(_words(exchange)), 2_000), "muted", wraps=True, selectable=True)
        target = row(label("Into", "muted"), gap="m")
        target.addWidget(self.dataset, 1)
        body = column(question, gap="m", margin="l")
        body.addWidget(scrolled(holder(column(self.editor, 1))), 1)
        for part in (target, row(self.note), row(cancel, 1, self.keep_button)):
            body.addLayout(part)
        self.setLayout(body)
        self.editor.edited.connect(self._on_edited)
        self.keep_button.clicked.connect(self._on_keep_clicked)
        cancel.clicked.connect(self.reject)
        self._on_edited(self._text)

    @property
    def decision(self) -> dict[str, Any] | None:
        """The decision as it stands; None where it is not valid."""
        decoded = decode(self._contract, self._text)
        return decoded.decision if decoded.is_valid else None

    @Slot(str)
    def _on_edited(self, text: str) -> None:
        self._text = text
        problems = decode(self._contract, text).problems
        self.editor.show_text(text, [_shown(problem.path, problem.sentence, self._fields) for problem in problems])
        reason = problems[0].sentence if problems else ""
        allow(self.keep_button, not problems, reason, tooltip="Appends it, accepted, with where it comes from.")

    @Slot()
    def _on_keep_clicked(self) -> None:
        decision = self.decision
        if decision is not None:
            self.kept.emit(decision, Path(str(self.dataset.currentData())), self.note.text().strip())
            self.accept()


def _choices(datasets: Path) -> list[tuple[str, object]]:
    """The dataset of corrections first, then what else there is."""
    others = sorted(path for path in datasets.glob("*.jsonl") if path.name != _DEFAULT_NAME)
    return [(path.name, str(path)) for path in (datasets / _DEFAULT_NAME, *others)]


def _words(exchange: Exchange) -> list[str]:
    earlier = [turn.content for turn in exchange.earlier if turn.role == "user"]
    return [f"“{words}”" for words in (*earlier, exchange.query)]


def _shown(path: str, sentence: str, fields: Sequence[str]) -> ShownProblem:
    """A problem at its field: `$.journeys[1]` belongs to journeys, a rule to the first field it names."""
    named = path.removeprefix("$.").split("[")[0].split(".")[0]
    if named not in fields:
        named = next((field for field in fields if field in sentence), "")
    return ShownProblem(sentence=sentence, field=named)


def corrected_turns(exchange: Exchange) -> tuple[tuple[str, str], ...]:
    """(role, content) of every turn before the decision."""
    return (*((turn.role, turn.content) for turn in exchange.earlier), ("user", exchange.query))
