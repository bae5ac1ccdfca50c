"""The models there are: bases, adapters and GGUFs of the workspace and of other folders, and the way to get more."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QModelIndex, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QLineEdit, QMenu, QProgressBar, QWidget

from arny_studio.jobs.state import RunState
from arny_studio.recipe.licences import Licence
from arny_studio.recipe.models import ModelEntry
from arny_studio.ui.runs.stage_list import progress_in_words
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card, PageHead
from arny_studio.ui.widgets.cell_delegate import CellDelegate
from arny_studio.ui.widgets.chip import Tone
from arny_studio.ui.widgets.items_model import CHIPS_ROLE, ItemsModel
from arny_studio.ui.widgets.layout import column, holder, row, space
from arny_studio.ui.widgets.notice import Notice
from arny_studio.ui.widgets.table import Table
from arny_studio.ui.widgets.text import allow, button, label, plain_tooltip
from arny_studio.ui.wording import bytes_in_words

_KIND_TONES: dict[str, Tone] = {"base": "accent", "adapter": "system", "gguf": "success"}
_WIDTHS = {1: 78, 2: 170, 3: 92, 4: 86, 5: 84, 6: 150}
_HIDDEN_BELOW = {2: 860, 4: 640, 3: 560}
_CHOOSE_A_BASE = "Select a base model in the list."


class ModelsModel(ItemsModel[ModelEntry]):
    """One line per model."""

    columns = ("Model", "Kind", "Architecture", "Parameters", "Form", "Size", "Licence")
    numbers = frozenset({3, 5})

    def cell(self, item: ModelEntry, column: int, role: int) -> Any:
        """Words, and chips for the kind and for a licence that restricts."""
        if role == CHIPS_ROLE:
            return (
                [("GGUF" if item.kind == "gguf" else item.kind, _KIND_TONES.get(item.kind, "neutral"))]
                if column == 1
                else None
            )
        if role != Qt.ItemDataRole.DisplayRole or column == 1:
            return None
        return (
            item.name, "", item.architecture, parameters_in_words(item.parameters), item.form,
            bytes_in_words(item.size_bytes), item.licence or "unknown",
        )[column]  # fmt: skip

    def tooltip(self, item: ModelEntry, column: int) -> str:
        """Where it lies; what its licence means; what is the matter with it."""
        if item.problem:
            return item.problem
        return f"{item.licence}. {item.licence_note}" if column == 6 else item.path


def parameters_in_words(count: int | None) -> str:
    """`1.54 B`, `494 M`, `4.5 M`; a dash where unknown."""
    if count is None:
        return "–"
    return f"{count / 1e9:.3g} B" if count >= 1e9 else f"{count / 1e6:.3g} M"


class ModelsPage(QWidget):
    """Shows what the controller hands it; says what the user wants."""

    folder_requested = Signal()
    folder_removed = Signal(str)
    base_chosen = Signal(str)
    download_requested = Signal(str)
    download_stopped = Signal()
    name_edited = Signal(str)

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self.model = ModelsModel(self)
        self.table = Table(self.model, _WIDTHS, 0, hidden_below=_HIDDEN_BELOW)
        self.table.setItemDelegate(CellDelegate(theme, self.table))
        self.table.setAccessibleName("Models")
        self.use_button = button("Train this base", "primary")
        self.folders_button = button("Folders", tooltip="Also list the models of other folders, where they lie.")
        self.folders_button.setProperty("has_menu", "true")
        self._folders = QMenu(self.folders_button)
        self.folders_button.setMenu(self._folders)
        theme.dress(self.use_button, "train", "on_accent")
        self.notice = Notice(theme)
        about = "Bases to train, adapters and GGUF files."
        head = PageHead("Models", about, self.folders_button, self.use_button)
        list_card = Card("Library", flush=True)
        list_card.add(self.table, 1)
        self._about = label(role="muted", wraps=True, selectable=True)
        layout = column(head, self._build_download(theme), self.notice, list_card, self._about, gap="m")
        layout.setStretch(3, 1)
        self.setLayout(layout)
        self._connect()
        self.show_folders([])
        self._on_current_changed()

    def _build_download(self, theme: ThemeSwitcher) -> Card:
        self.name = QLineEdit()
        self.name.setPlaceholderText("Hub id, such as Qwen/Qwen2.5-1.5B")
        self.name.setAccessibleName("Hub id of the model to download")
        self.get_button = button("Download")
        theme.dress(self.get_button, "download", "text_muted")
        self.get_button.setIconSize(QSize(16, 16))
        self.stop_button = button("Stop", tooltip="What has arrived stays; a later download goes on from there.")
        self.licence = label(role="caption", wraps=True)
        self._doing = label(role="caption")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._live = holder(row(self._doing, self._bar, self.stop_button, gap="m"))
        card = Card("Download from the Hub")
        line = row(self.name, self.get_button, gap="s")
        line.setStretch(0, 1)
        for part in (line, self.licence, self._live):
            card.add(part)
        card.body.setSpacing(space("s"))
        self._live.hide()
        self.licence.hide()
        return card

    def show_models(self, models: list[ModelEntry]) -> None:
        """Replace the list; what was selected stays."""
        chosen = self.chosen
        if models != list(self.model.items):
            self.model.show_items(models)
            line = next((line for line, each in enumerate(models) if chosen and each.path == chosen.path), None)
            if line is not None:
                self.table.select_line(line)
        self._on_current_changed()

    def show_folders(self, folders: list[Path]) -> None:
        """The user's own folders, each with the way to forget it."""
        self._folders.clear()
        self._folders.addAction("Add folder…", self.folder_requested.emit)
        if folders:
            self._folders.addSeparator()
        for folder in folders:
            shown = str(folder).replace("&", "&&")
            self._folders.addAction(f"Forget {shown}", partial(self.folder_removed.emit, str(folder)))

    def show_licence(self, licence: Licence | None) -> None:
        """Say under which terms the model stands that is about to be downloaded."""
        self.licence.setVisible(licence is not None)
        if licence is not None:
            self.licence.setText(f"Licence: {licence.name}. {licence.note}".strip())
            self.licence.setProperty("role", "warning" if licence.is_restricted else "caption")
            self.licence.style().polish(self.licence)

    def show_download(self, title: str, state: RunState | None) -> None:
        """How far a download is; None: there is none."""
        self._live.setVisible(state is not None)
        allow(self.get_button, state is None, "A download is on its way.")
        if state is None:
            return
        stage = state.stage.title if state.stage is not None else "Starting"
        parts = [title, stage, progress_in_words(state)]
        self._doing.setText("  ·  ".join(part for part in parts if part))
        self._bar.setRange(0, 0 if state.fraction is None else 1000)
        self._bar.setValue(round(1000 * (state.fraction or 0)))

    @property
    def chosen(self) -> ModelEntry | None:
        """The model that is selected."""
        index = self.table.currentIndex()
        return self.model.items[index.row()] if index.isValid() else None

    def _connect(self) -> None:
        self.use_button.clicked.connect(self._on_use_clicked)
        self.get_button.clicked.connect(self._on_get_clicked)
        self.stop_button.clicked.connect(self.download_stopped)
        self.name.returnPressed.connect(self._on_get_clicked)
        self.name.textChanged.connect(self.name_edited)
        self.table.selectionModel().currentChanged.connect(self._on_current_changed)
        self.table.doubleClicked.connect(self._on_double_clicked)

    @Slot()
    def _on_current_changed(self, *_: object) -> None:
        chosen = self.chosen
        may_train = chosen is not None and chosen.kind == "base" and not chosen.problem
        allow(self.use_button, may_train, chosen.problem if chosen and chosen.problem else _CHOOSE_A_BASE)
        if chosen is None:
            self._about.setText("")
            return
        licence = (
            f"{chosen.licence or 'Licence unknown'}: {chosen.licence_note}" if chosen.licence_note else chosen.licence
        )
        parts = [chosen.problem, licence, f"made from {chosen.base}" if chosen.base else "", chosen.path]
        self._about.setText("  ·  ".join(part for part in parts if part))
        plain_tooltip(self._about, chosen.path)

    @Slot(QModelIndex)
    def _on_double_clicked(self, _index: QModelIndex) -> None:
        if self.use_button.isEnabled():
            self._on_use_clicked()

    @Slot()
    def _on_use_clicked(self) -> None:
        if self.chosen is not None:
            self.base_chosen.emit(self.chosen.path)

    @Slot()
    def _on_get_clicked(self) -> None:
        if self.get_button.isEnabled() and self.name.text().strip():
            self.download_requested.emit(self.name.text().strip())
