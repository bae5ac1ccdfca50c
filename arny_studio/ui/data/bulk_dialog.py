"""Bulk edit: which operation on which rows, what it would change, and then all or some of it as one undo step."""

from __future__ import annotations

from msgspec import Struct
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QDialog, QFormLayout, QProgressBar, QStackedWidget, QWidget

from arny_studio.contract import Contract
from arny_studio.dataset.bulk import OPERATIONS
from arny_studio.dataset.document import Document
from arny_studio.dataset.judging import JudgedRows
from arny_studio.dataset.patch_file import PatchFile
from arny_studio.dataset.problems import KINDS
from arny_studio.ui.data.judging_form import JudgingForm
from arny_studio.ui.data.operation_form import OperationForm
from arny_studio.ui.data.patch_view import PatchView
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.inputs import Choice
from arny_studio.ui.widgets.layout import column, row, space
from arny_studio.ui.widgets.text import allow, button, label
from arny_studio.ui.wording import count_in_words

SELECTED, MATCHING, ALL = "selected", "matching", "all"
JUDGE = "judge"  # beside the operations on texts: it touches no byte of the dataset
_TITLES = {
    "replace": "Find and replace", "set_field": "Set a field", "rename_field": "Rename a field",
    "remove_field": "Remove a field", "normalise": "Normalise JSON", "repair_encoding": "Repair encoding",
    "fix": "Fix one kind of problem", "delete": "Delete rows", "drop_duplicates": "Drop duplicates",
    "convert_contract": "Convert to another contract", JUDGE: "Tag, accept, reject or flag",
}  # fmt: skip


class BulkWish(Struct, frozen=True):
    """What is to be prepared."""

    operation: str
    arguments: dict[str, str]
    scope: str


class BulkDialog(QDialog):
    """Asks, shows the prepared change, and lets it be applied; the work is done elsewhere."""

    preview_requested = Signal(object)  # BulkWish
    apply_requested = Signal(object)  # (rows,) bool: which entries of the patch are wanted
    cancelled = Signal()  # the preparation is not wanted any more

    def __init__(self, theme: ThemeSwitcher, contract: Contract, counts: dict[str, int], parent: QWidget) -> None:
        """`counts`: how many rows each scope has."""
        super().__init__(parent)
        self.setWindowTitle("Bulk edit")
        self.resize(980, 640)
        self.operation = Choice("Operation")
        for name in (*OPERATIONS, JUDGE):
            self.operation.addItem(_TITLES.get(name, name.replace("_", " ").capitalize()), name)
        self.scope = Choice("Rows")
        for scope, words in ((SELECTED, "Selected"), (MATCHING, "Matching the filter"), (ALL, "All")):
            if counts.get(scope):
                self.scope.addItem(f"{words}: {count_in_words(counts[scope], 'row')}", scope)
        self._forms = QStackedWidget()
        self.forms = {name: OperationForm(kind, contract) for name, kind in OPERATIONS.items()}
        self.judging = JudgingForm()
        for form in (*self.forms.values(), self.judging):
            self._forms.addWidget(form)
            form.changed.connect(self._on_wish_changed)
        self.patch = PatchView(theme)
        self.state = label(role="muted", wraps=True)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.preview_button = button("Preview")
        self.apply_button = button("Apply", "primary")
        self.cancel_button = button("Cancel")
        self._place()
        self.operation.currentIndexChanged.connect(self._on_operation_changed)
        self.scope.currentIndexChanged.connect(self._on_wish_changed)
        self.preview_button.clicked.connect(self._on_preview_clicked)
        self.apply_button.clicked.connect(self._on_apply_clicked)
        self.cancel_button.clicked.connect(self.reject)
        self.patch.model.wanted_changed.connect(self._show_apply)
        self._on_operation_changed()

    @property
    def wish(self) -> BulkWish:
        """What is asked for."""
        name = str(self.operation.currentData())
        arguments = {} if name == JUDGE else self.forms[name].arguments
        return BulkWish(name, arguments, str(self.scope.currentData()))

    def choose(self, operation: str, arguments: dict[str, str]) -> None:
        """Put an operation and its arguments into the form."""
        self.operation.choose(operation)
        form = self.forms[operation]
        for name, value in arguments.items():
            made = form.input(name)
            if isinstance(made, Choice):
                made.setEditText(value) if made.isEditable() else made.choose(value)
            else:
                made.setText(value)  # pyright: ignore[reportAttributeAccessIssue]

    def show_progress(self, share: float | None, sentence: str) -> None:
        """The change is being prepared."""
        self.progress.setVisible(True)
        self.progress.setRange(0, 0 if share is None else 1000)
        self.progress.setValue(0 if share is None else round(1000 * share))
        self.state.setText(sentence)
        self.preview_button.setEnabled(False)

    def show_patch(self, patch: PatchFile, document: Document, failed: int = 0) -> None:
        """The change is prepared."""
        self._end_progress()
        counts = patch.counts()
        parts = [
            _happening(counts.changed, "changes", "change"),
            _happening(counts.removed, "goes", "go"),
            _happening(counts.inserted, "comes", "come"),
        ]
        said = ", ".join(part for part in parts if part) or "Nothing would change"
        skipped = f" {count_in_words(failed, 'row')} cannot be changed this way." if failed else ""
        self.state.setText(f"{said}.{skipped} One undo step; a snapshot is kept before.")
        self.patch.show_patch(patch, document)

    def show_judged(self, rows: JudgedRows, document: Document) -> None:
        """The judging is worked out."""
        self._end_progress()
        said = f"{count_in_words(rows.count, 'row')} judged anew" if rows.count else "Nothing would change"
        self.state.setText(f"{said}. One undo step; no byte of the dataset changes.")
        self.patch.show_patch(rows, document)

    def show_failure(self, sentence: str) -> None:
        """The change could not be prepared."""
        self._end_progress()
        self.state.setText(sentence)

    def reject(self) -> None:
        """Nothing is applied."""
        self.cancelled.emit()
        super().reject()

    def _place(self) -> None:
        choices = QFormLayout()
        choices.setHorizontalSpacing(space("m"))
        choices.setVerticalSpacing(space("s"))
        choices.addRow("Operation", self.operation)
        choices.addRow("Rows", self.scope)
        left = column(choices, self._forms, row(1, self.preview_button), 1, gap="m")
        page = QWidget()
        page.setLayout(left)
        page.setFixedWidth(310)
        body = row(page, gap="l")
        body.addWidget(self.patch, 1)
        head = label("Bulk edit", "heading")
        layout = column(head, gap="m", margin="xl")
        layout.addLayout(body, 1)
        layout.addWidget(self.progress)
        foot = row(self.state, self.cancel_button, self.apply_button)
        foot.setStretch(0, 1)
        layout.addLayout(foot)
        self.setLayout(layout)
        self.state.setMinimumHeight(34)
        self.progress.hide()

    def _end_progress(self) -> None:
        self.progress.hide()
        self.preview_button.setEnabled(True)

    @Slot()
    def _on_operation_changed(self) -> None:
        name = str(self.operation.currentData())
        self._forms.setCurrentWidget(self.judging if name == JUDGE else self.forms[name])
        self._on_wish_changed()

    @Slot()
    def _on_wish_changed(self, *_: object) -> None:
        """What was previewed is not what is asked for any more."""
        self.patch.show_patch(None, None)
        self.state.setText("Look at the preview before anything is changed.")
        self._show_apply()

    @Slot()
    def _show_apply(self) -> None:
        wanted = int(self.patch.model.wanted.sum())
        self.apply_button.setText(f"Apply to {count_in_words(wanted, 'row')}" if wanted else "Apply")
        allow(self.apply_button, bool(wanted), "Preview the change first.")

    @Slot()
    def _on_preview_clicked(self) -> None:
        self.preview_requested.emit(self.wish)

    @Slot()
    def _on_apply_clicked(self) -> None:
        self.apply_requested.emit(self.patch.model.wanted.copy())


FIXABLE = tuple(kind.id for kind in KINDS if kind.fix)


def _happening(count: int, to_one: str, to_many: str) -> str:
    return f"{count_in_words(count, 'row')} {to_one if count == 1 else to_many}" if count else ""
