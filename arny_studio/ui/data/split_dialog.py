"""How a dataset is split: which shares, by what, and what stays together."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QDialog, QDoubleSpinBox, QFormLayout, QWidget

from arny_studio.ui.widgets.layout import column, row, space
from arny_studio.ui.widgets.text import allow, button, label
from arny_studio.ui.wording import count_in_words, percent_in_words


class SplitDialog(QDialog):
    """Asks for shares; the same row falls on the same side in every file and run."""

    split_requested = Signal(float, float, bool)  # validation share, test share, near duplicates kept together

    def __init__(self, name: str, rows: int, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Split")
        self.setMinimumWidth(460)
        self._rows = rows
        self.validation = _share(10.0)
        self.test = _share(10.0)
        self.keeps_groups = QCheckBox("Keep rows that are almost the same on one side")
        self.keeps_groups.setChecked(True)
        self._said = label(role="muted", wraps=True)
        self.split_button = button("Split", "primary")
        cancel = button("Cancel")
        form = QFormLayout()
        form.setHorizontalSpacing(space("l"))
        form.setVerticalSpacing(space("m"))
        form.addRow("Validation", self.validation)
        form.addRow("Test", self.test)
        form.addRow("", self.keeps_groups)
        about = "By the content of each row, journey by journey: a row keeps its side when the file grows or is sorted."
        layout = column(
            label(f"Split {name}", "heading"), label(about, "muted", wraps=True), form, self._said, gap="m", margin="xl"
        )
        layout.addLayout(row(1, cancel, self.split_button))
        self.setLayout(layout)
        for field in (self.validation, self.test):
            field.valueChanged.connect(self._show_shares)
        cancel.clicked.connect(self.reject)
        self.split_button.clicked.connect(self._on_split_clicked)
        self._show_shares()

    @Slot()
    def _show_shares(self, *_: object) -> None:
        validation, test = self.validation.value() / 100, self.test.value() / 100
        train = 1 - validation - test
        parts = (("train", train), ("validation", validation), ("test", test))
        said = ", ".join(
            f"{name} {percent_in_words(share)} ≈ {count_in_words(round(share * self._rows), 'row')}"
            for name, share in parts
        )
        self._said.setText(said + ".")
        allow(self.split_button, train > 0, "Leave something to train on.")

    @Slot()
    def _on_split_clicked(self) -> None:
        self.split_requested.emit(self.validation.value() / 100, self.test.value() / 100, self.keeps_groups.isChecked())
        self.accept()


def _share(percent: float) -> QDoubleSpinBox:
    made = QDoubleSpinBox()
    made.setRange(0, 99)
    made.setDecimals(1)
    made.setSuffix(" %")
    made.setValue(percent)
    return made
