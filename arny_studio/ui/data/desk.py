"""The open documents, which of them is in front, and which row is looked at. Tells everyone what changed; decides nothing."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from arny_studio.contract import Contract
from arny_studio.dataset.document import Document
from arny_studio.dataset.undo import Touched
from arny_studio.ui.data.open_document import OpenDocument


class Desk(QObject):
    """What lies open. Signals are about the document in front unless they say otherwise."""

    documents_changed = Signal()  # one was opened or closed
    current_changed = Signal()  # another one is in front, or none
    key_changed = Signal()  # another row is looked at, or none
    touched = Signal(object)  # Touched: the document in front was edited, undone or judged
    state_changed = Signal()  # saved, unsaved, saving
    columns_changed = Signal()
    shown_changed = Signal()  # other rows, or another order
    _any_touched = Signal(object, object)  # OpenDocument, Touched; from whatever thread applied the change

    def __init__(self, contract: Contract, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._contract = contract
        self.documents: list[OpenDocument] = []
        self.current: OpenDocument | None = None
        self._any_touched.connect(self._on_touched)

    def add(self, document: Document) -> OpenDocument:
        """Put a document on the desk, in front."""
        opened = OpenDocument(document, self._contract)
        document.on_changed = partial(self._any_touched.emit, opened)
        self.documents.append(opened)
        self.documents_changed.emit()
        self.show(opened)
        return opened

    def replace(self, opened: OpenDocument, document: Document) -> OpenDocument:
        """The same place on the desk, another state of the file: theirs was taken, or both were merged."""
        opened.document.on_changed = None
        made = OpenDocument(document, opened.contract)
        made.query, made.sort = opened.query, opened.sort
        document.on_changed = partial(self._any_touched.emit, made)
        self.documents[self.documents.index(opened)] = made
        self.documents_changed.emit()
        return made

    def remove(self, opened: OpenDocument) -> None:
        """Take a document off the desk; the one beside it comes to the front."""
        at = self.documents.index(opened)
        opened.document.on_changed = None
        self.documents.remove(opened)
        self.documents_changed.emit()
        if self.current is opened:
            self.show(self.documents[min(at, len(self.documents) - 1)] if self.documents else None)

    def show(self, opened: OpenDocument | None) -> None:
        """Bring a document to the front."""
        if opened is self.current:
            return
        self.current = opened
        self.current_changed.emit()

    def clear(self) -> None:
        """Nothing lies open any more; nobody is told, since the window goes."""
        for opened in self.documents:
            opened.document.on_changed = None
            opened.document.close()
        self.documents, self.current = [], None

    def find(self, path: Path) -> OpenDocument | None:
        """The open document of a file."""
        wanted = path.resolve()
        return next((opened for opened in self.documents if opened.path.resolve() == wanted), None)

    def look_at(self, key: int | None) -> None:
        """Look at another row of the document in front."""
        if self.current is not None and self.current.current_key != key:
            self.current.current_key = key
            self.key_changed.emit()

    @Slot(object, object)
    def _on_touched(self, opened: OpenDocument, touched: Touched) -> None:
        opened.forget_faces(touched.keys)
        if opened is self.current:
            self.touched.emit(touched)
            self.state_changed.emit()
