"""What to evaluate: a model, a dataset, how many rows, and whether under the schema."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QFileDialog, QGridLayout, QProgressBar, QSpinBox, QWidget

from arny_studio.ui.evaluate.records import Choice
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.inputs import CalmComboBox
from arny_studio.ui.widgets.layout import holder, row, space
from arny_studio.ui.widgets.text import allow, button, label, plain_tooltip

_OTHER = "Choose a file…"


class PathPicker(CalmComboBox):
    """Known paths, and a last entry that opens a file dialog."""

    path_changed = Signal()

    def __init__(self, title: str, pattern: str, folder: Path) -> None:
        super().__init__()
        self._title, self._pattern, self._folder = title, pattern, folder
        self._is_settled = False
        self.setAccessibleName(title)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(18)
        self.activated.connect(self._on_activated)
        self.currentIndexChanged.connect(self._on_index_changed)

    @property
    def path(self) -> Path | None:
        """What is chosen."""
        return self.currentData()

    def show_choices(self, choices: Sequence[Choice]) -> None:
        """Offer these; what somebody chose stays, even where it is none of them, else the first one is chosen."""
        kept = self.path if self._is_settled else None
        known = {choice.path for choice in choices}
        extra = [Choice(title=kept.name, path=kept)] if kept is not None and kept not in known and kept.exists() else []
        self.blockSignals(True)
        self.clear()
        for choice in (*extra, *choices):
            self.addItem(choice.title, choice.path)
        self.addItem(_OTHER, None)
        self.blockSignals(False)
        self._select(kept)

    def choose(self, path: Path) -> None:
        """Choose a path, listed or not."""
        self._is_settled = True
        if self._index_of(path) < 0:
            self.insertItem(0, path.name, path)
        self._select(path)

    def _select(self, path: Path | None) -> None:
        self.setCurrentIndex(max(0, self._index_of(path)))
        self._on_index_changed()

    def _index_of(self, path: Path | None) -> int:
        return next((n for n in range(self.count()) if path is not None and self.itemData(n) == path), -1)

    @Slot()
    def _on_index_changed(self) -> None:
        plain_tooltip(self, str(self.path) if self.path is not None else "")
        self.path_changed.emit()

    @Slot(int)
    def _on_activated(self, index: int) -> None:
        if self.itemData(index) is not None:
            self._is_settled = True
            return
        dialog = QFileDialog(self, self._title, str(self._folder), f"{self._pattern};;All files (*)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self._on_file_selected)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def _on_file_selected(self, name: str) -> None:
        self.choose(Path(name))


class SetupCard(Card):
    """The form, the start button, and the progress of the running evaluation."""

    evaluate_requested = Signal()
    stop_requested = Signal()

    def __init__(self, theme: ThemeSwitcher, models: Path, datasets: Path) -> None:
        super().__init__()
        self.model = PathPicker("Choose a model", "GGUF files (*.gguf)", models)
        self.data = PathPicker("Choose a dataset", "JSONL files (*.jsonl)", datasets)
        self.limit = QSpinBox()
        self.limit.setRange(0, 10_000_000)
        self.limit.setSpecialValueText("all rows")
        self.limit.setGroupSeparatorShown(True)
        self.limit.setSingleStep(100)
        self.limit.setAccessibleName("Rows")
        self.is_constrained = QCheckBox("Under the schema")
        plain_tooltip(self.is_constrained, "Let the decoder allow only what the contract's schema allows.")
        self.start_button = button("Evaluate", "primary")
        self.stop_button = button("Stop", "danger", tooltip="Stop, and score the rows done so far")
        theme.dress(self.start_button, "play", "on_accent")
        theme.dress(self.stop_button, "stop", "danger")
        self.add(self._form())
        self._progress = QProgressBar()
        self._progress.setTextVisible(False)
        self._said = label(role="muted")
        self._progress_row = holder(row(self._progress, self._said, gap="m"))
        self.add(self._progress_row)
        self.start_button.clicked.connect(self.evaluate_requested)
        self.stop_button.clicked.connect(self.stop_requested)
        for picker in (self.model, self.data):
            picker.path_changed.connect(self._on_path_changed)
        self._is_running = False
        self.show_idle()

    def show_idle(self) -> None:
        """Nothing runs."""
        self._is_running = False
        self._progress_row.hide()
        self.stop_button.hide()
        self.start_button.show()
        self._on_path_changed()

    def show_progress(self, sentence: str, fraction: float | None) -> None:
        """An evaluation runs: what it does and how far it is, 0–1 or unknown."""
        self._is_running = True
        self.start_button.hide()
        self.stop_button.show()
        self._progress_row.show()
        self._said.setText(sentence)
        self._progress.setRange(0, 0 if fraction is None else 1000)
        self._progress.setValue(0 if fraction is None else round(1000 * fraction))

    def show_stopping(self) -> None:
        """The wish to stop was passed on."""
        self._said.setText("Stopping…")
        allow(self.stop_button, False, "It is stopping already.")

    def _form(self) -> QWidget:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(space("m"))
        grid.setVerticalSpacing(space("xs"))
        for column, (title, field) in enumerate((("Model", self.model), ("Dataset", self.data), ("Rows", self.limit))):
            name = label(title, "overline")
            name.setBuddy(field)
            grid.addWidget(name, 0, column)
            grid.addWidget(field, 1, column)
        bottom = Qt.AlignmentFlag.AlignVCenter
        grid.addWidget(self.is_constrained, 1, 3, bottom)
        grid.addWidget(self.start_button, 1, 4, bottom)
        grid.addWidget(self.stop_button, 1, 5, bottom)
        grid.setColumnStretch(0, 3)
        grid.setColumnStretch(1, 2)
        return holder(grid)

    @Slot()
    def _on_path_changed(self) -> None:
        lacks = [word for word, picker in (("a model", self.model), ("a dataset", self.data)) if picker.path is None]
        allow(self.start_button, not lacks, f"Choose {' and '.join(lacks)} first.")
        allow(self.stop_button, True, tooltip="Stop, and score the rows done so far")
