"""The review loop: one decision at a time, by keyboard, each an undo step of the document that touches no byte of it."""

from __future__ import annotations

from typing import cast

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from arny_studio.dataset.edits import SetReview
from arny_studio.dataset.review import Review, Status
from arny_studio.ui.data.desk import Desk
from arny_studio.ui.data.editing import Editing
from arny_studio.ui.data.open_document import OpenDocument
from arny_studio.ui.data.review_panel import ReviewPanel, tags_of

_NOTE_DELAY_MS = 400  # a note is one step, not one per letter
_TITLES = {"accepted": "Accept", "rejected": "Reject", "flagged": "Flag", "": "Clear the decision on"}


class Reviewing(QObject):
    """Between the review panel and the document in front."""

    next_requested = Signal()

    def __init__(self, panel: ReviewPanel, desk: Desk, editing: Editing) -> None:
        super().__init__(panel)
        self._panel = panel
        self._desk = desk
        self._editing = editing
        self._note: tuple[OpenDocument, int, str] | None = None  # typed and not yet kept
        self._note_timer = QTimer(self, singleShot=True, interval=_NOTE_DELAY_MS)
        self._note_timer.timeout.connect(self.keep_note)
        panel.status_chosen.connect(self.decide)
        panel.tags_edited.connect(self._on_tags_edited)
        panel.note_edited.connect(self._on_note_edited)
        for signal in (desk.key_changed, desk.current_changed, desk.touched, desk.state_changed):
            signal.connect(self._show)

    def decide(self, status: str) -> None:
        """Judge the selected row and go on; the same decision again clears it."""
        opened, key = self._desk.current, self._key()
        if opened is None or key is None:
            return
        review = opened.review(key)
        chosen = cast(Status, "" if review.status == status else status)
        if self._put(opened, key, msgspec.structs.replace(review, status=chosen), _TITLES[chosen]) and chosen:
            self.next_requested.emit()
        self._show()

    def accept(self) -> None:
        """Accept the selected row."""
        self.decide("accepted")

    def reject(self) -> None:
        """Reject the selected row."""
        self.decide("rejected")

    def flag(self) -> None:
        """Flag the selected row."""
        self.decide("flagged")

    def tag_rows(self, keys: list[int], tag: str, *, is_added: bool = True) -> None:
        """Add a tag to rows, or take it away, in one step."""
        opened = self._desk.current
        if opened is None:
            return
        edits = []
        for key in keys:
            review = opened.review(key)
            edits.append(SetReview(key, review.tagged(tag) if is_added else review.untagged(tag)))
        self._editing.apply(f"{'Tag' if is_added else 'Untag'} rows as {tag}", tuple(edits))

    def _put(self, opened: OpenDocument, key: int, review: Review, title: str) -> bool:
        row = opened.document.row_of(key) + 1
        return self._editing.apply(f"{title} row {row:,}", (SetReview(key, review),)) is not None

    def _key(self) -> int | None:
        return self._desk.current.current_key if self._desk.current is not None else None

    @Slot()
    def _show(self, *_: object) -> None:
        if self._note is not None and self._note[:2] == (self._desk.current, self._key()):
            return  # the note is ahead of what is kept
        self.keep_note()
        opened, key = self._desk.current, self._key()
        is_there = opened is not None and key is not None and opened.document.row_of(key) >= 0
        if not is_there or opened is None or key is None:
            self._panel.show_review(None)
            return
        self._panel.show_review(opened.review(key), opened.document.provenance_of(key))

    @Slot(object)
    def _on_tags_edited(self, items: list[str]) -> None:
        opened, key = self._desk.current, self._key()
        if opened is not None and key is not None:
            review = msgspec.structs.replace(opened.review(key), tags=tags_of(items))
            self._put(opened, key, review, "Change the tags of")

    @Slot(str)
    def _on_note_edited(self, note: str) -> None:
        opened, key = self._desk.current, self._key()
        if opened is not None and key is not None:
            self._note = opened, key, note
            self._note_timer.start()

    @Slot()
    def keep_note(self) -> None:
        """Keep the note that was typed, before another row is shown."""
        self._note_timer.stop()
        noted, self._note = self._note, None
        if noted is None or noted[0] is not self._desk.current or noted[0].document.row_of(noted[1]) < 0:
            return
        opened, key, note = noted
        if opened.review(key).note != note:
            self._put(opened, key, msgspec.structs.replace(opened.review(key), note=note), "Change the note of")
