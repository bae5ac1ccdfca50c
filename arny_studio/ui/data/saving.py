"""Saving without loss: save, save as, what is said after a crash, and the four ways out of an outside change."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from arny_studio.dataset.document import Document
from arny_studio.dataset.outside_changes import MergeReport, merge_kept, merged, take_theirs
from arny_studio.dataset.saving import OutsideChange
from arny_studio.errors import ArnyError
from arny_studio.ui.background import Background
from arny_studio.ui.data.desk import Desk
from arny_studio.ui.data.document_bars import DocumentBars
from arny_studio.ui.data.open_document import OpenDocument, file_stamp
from arny_studio.ui.widgets.message_bar import MessageBar

_LOOK_OUTSIDE_MS = 300


class Saving(QObject):
    """Between the document in front, its file, and the bars above its rows."""

    said = Signal(str)
    saved = Signal(object)  # OpenDocument

    def __init__(
        self, bars: DocumentBars, desk: Desk, background: Background, messages: MessageBar, window: QWidget
    ) -> None:
        super().__init__(bars)
        self._bars = bars
        self._desk = desk
        self._background = background
        self._messages = messages
        self._window = window
        self._watcher = QFileSystemWatcher(self)
        self._watcher.fileChanged.connect(self._on_file_changed)
        self._look = QTimer(self, singleShot=True, interval=_LOOK_OUTSIDE_MS)
        self._look.timeout.connect(self._look_outside)
        desk.current_changed.connect(self._on_current_changed)
        desk.state_changed.connect(self._say_journal)

    def save(self, on_outside: Literal["refuse", "keep_mine"] = "refuse") -> None:
        """Write the unsaved edits into the file, in a thread; the editor waits meanwhile."""
        opened = self._desk.current
        if opened is None or opened.is_saving:
            return
        if opened.document.is_read_only:
            self.save_as()
            return
        if not opened.document.is_changed and on_outside == "refuse":
            self.said.emit("Nothing has changed since the last save.")
            return
        document = opened.document
        self._run(opened, lambda: document.save(on_outside=on_outside), partial(self._on_saved, opened))

    def save_as(self) -> None:
        """Let the user choose another file, and go on there."""
        opened = self._desk.current
        if opened is None or opened.is_saving:
            return
        dialog = QFileDialog(self._window, "Save dataset as", str(opened.path), "JSONL files (*.jsonl)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("jsonl")
        dialog.fileSelected.connect(partial(self._on_name_chosen, opened))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def save_to(self, opened: OpenDocument, path: Path) -> None:
        """Write the document to another file, and go on there."""
        self._run(opened, lambda: opened.document.save_as(path), partial(self._on_saved, opened))

    def introduce(self, opened: OpenDocument) -> None:
        """Say what opening a document found: edits of a crashed session, a second window."""
        document = opened.document
        recovery = document.recovery
        if recovery is not None and recovery.kept is not None:
            buttons = {"Put them in": partial(self._merge_kept, opened, recovery.kept)}
            self._bars.say("recovery", "warning", recovery.sentence, buttons=buttons)
        elif recovery is not None:
            self._bars.say("recovery", "success", recovery.sentence)
        if document.is_read_only:
            self._say_read_only(document)

    def _on_name_chosen(self, opened: OpenDocument, name: str) -> None:
        self.save_to(opened, Path(name))

    def _run(self, opened: OpenDocument, work: Callable[[], Any], on_done: Callable[[Any], None]) -> None:
        opened.is_saving = True
        self._unwatch()
        self._desk.state_changed.emit()
        self._background.run(f"save {id(opened)}", work, on_done, partial(self._on_failed, opened))

    def _on_saved(self, opened: OpenDocument, report: Any) -> None:
        opened.is_saving = False
        opened.stamp = file_stamp(opened.path)
        self._bars.be_quiet("outside")
        self._bars.be_quiet("failed")
        self._watch()
        self._desk.state_changed.emit()
        self.said.emit(f"Saved {opened.path.name}.")
        self.saved.emit(opened)

    def _on_failed(self, opened: OpenDocument, error: Exception) -> None:
        opened.is_saving = False
        self._watch()
        self._desk.state_changed.emit()
        if isinstance(error, OutsideChange):
            self._say_outside(error)
        elif isinstance(error, ArnyError):
            self._bars.say("failed", "error", error.sentence, error.hint, buttons={"Save as…": self.save_as})
        else:
            raise error

    def _say_outside(self, error: OutsideChange) -> None:
        buttons: dict[str, Callable[[], object]] = {}
        if not error.is_in_place:
            buttons["Keep mine"] = partial(self.save, "keep_mine")
        if not error.is_gone:
            buttons |= {"Take theirs": self._take_theirs, "Merge by row": self._merge}
        buttons["Save as…"] = self.save_as
        self._bars.say("outside", "warning", error.sentence, error.hint, buttons=buttons, can_close=False)

    def _take_theirs(self) -> None:
        done = "Their version is shown; yours is kept in the history."
        self._reopen(take_theirs, lambda result: (result, done))

    def _merge(self) -> None:
        self._reopen(merged, lambda result: (result[0], result[1].sentence))

    def _reopen(self, work: Callable[[Document], Any], told: Callable[[Any], tuple[Document, str]]) -> None:
        """Replace the document by what `work` makes of it; nothing is shown meanwhile, since it closes the old one."""
        opened = self._desk.current
        if opened is None:
            return
        self._desk.show(None)
        self._run(opened, partial(work, opened.document), lambda result: self._on_reopened(opened, *told(result)))

    def _on_reopened(self, opened: OpenDocument, document: Document, sentence: str) -> None:
        self._desk.show(self._desk.replace(opened, document))
        self._bars.say("merged", "info", sentence)

    def _merge_kept(self, opened: OpenDocument, kept: Path) -> None:
        def done(report: MergeReport) -> None:
            self._bars.say("recovery", "info", report.sentence)

        self._background.run("kept", partial(merge_kept, opened.document, kept), done)

    def _say_read_only(self, document: Document) -> None:
        who = (
            f"Another window has {document.path.name} open (process {document.locked_by})"
            if document.locked_by
            else (f"{document.path.name} cannot be written here")
        )
        self._bars.say(
            "read only",
            "info",
            f"{who}, so it is read only here.",
            buttons={"Save a copy…": self.save_as},
            can_close=False,
        )

    @Slot()
    def _on_current_changed(self) -> None:
        self._bars.clear()
        self._unwatch()
        if self._desk.current is not None:
            self.introduce(self._desk.current)
            self._watch()
            if file_stamp(self._desk.current.path) != self._desk.current.stamp:
                self._look.start()

    @Slot()
    def _say_journal(self) -> None:
        """Say so while edits are not being backed up."""
        opened = self._desk.current
        problem = opened.document.journal_problem if opened is not None else None
        known = self._bars.bars.get("journal")
        if problem and (known is None or known.sentence != problem):
            self._bars.say(
                "journal", "error", problem, "Save now, or save a copy elsewhere.", buttons={"Save": self.save}
            )
        elif not problem:
            self._bars.be_quiet("journal")

    def _watch(self) -> None:
        if self._desk.current is not None and self._desk.current.path.exists():
            self._watcher.addPath(str(self._desk.current.path))

    def _unwatch(self) -> None:
        if self._watcher.files():
            self._watcher.removePaths(self._watcher.files())

    @Slot(str)
    def _on_file_changed(self, _path: str) -> None:
        self._look.start()

    @Slot()
    def _look_outside(self) -> None:
        """Compare contents, not times: a touched file has not changed."""
        opened = self._desk.current
        if opened is None or opened.is_saving or opened.document.is_read_only:
            return
        opened.stamp = file_stamp(opened.path)
        self._background.run("outside", opened.document.outside_change, partial(self._on_looked_outside, opened))

    def _on_looked_outside(self, opened: OpenDocument, error: OutsideChange | None) -> None:
        if opened is not self._desk.current or opened.is_saving:
            return
        self._watch()
        if error is not None:
            self._say_outside(error)
