"""The files an export made: name, kind, size and sha256."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt

from arny_studio.jobs.events import Artifact
from arny_studio.ui.widgets.items_model import ItemsModel
from arny_studio.ui.wording import bytes_in_words


class FilesModel(ItemsModel[Artifact]):
    """Artifacts in the order in which they got their names."""

    columns = ("File", "Kind", "Size", "SHA-256")

    def show_files(self, files: tuple[Artifact, ...]) -> None:
        """Replace the list; nothing happens where it is the same, so that a selection stays."""
        if files != self.items:
            self.show_items(files)

    def tooltip(self, item: Artifact, column: int) -> str:
        """The name and the whole checksum."""
        return {0: item.path.rpartition("/")[2], 3: item.sha256 or ""}.get(column, "")

    def cell(self, item: Artifact, column: int, role: int) -> Any:
        """The words."""
        if role == Qt.ItemDataRole.DisplayRole:
            name = item.path.rpartition("/")[2]
            return (name, item.kind, bytes_in_words(item.size_bytes), item.sha256 or "–")[column]
        return None
