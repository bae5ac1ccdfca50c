"""The review of the selected row: accept, reject or flag, tags, a note, where it comes from, and how far one has got."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QProgressBar, QPushButton, QVBoxLayout, QWidget

from arny_studio.dataset.review import Review
from arny_studio.ui.data.field_widgets import ListWidget
from arny_studio.ui.data.form_fields import FormField
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import rule
from arny_studio.ui.widgets.chip import Chip
from arny_studio.ui.widgets.flow import FlowLayout
from arny_studio.ui.widgets.growing_text import GrowingText
from arny_studio.ui.widgets.layout import clear, column, holder, row, scrolled, space
from arny_studio.ui.widgets.text import as_tooltip, button, label

_DECISIONS = (("accepted", "Accept", "A"), ("rejected", "Reject", "R"), ("flagged", "Flag", "F"))


class ReviewPanel(QWidget):
    """Says what the curator decides; shows what the document keeps."""

    status_chosen = Signal(str)
    tags_edited = Signal(object)  # list of str
    note_edited = Signal(str)
    filter_requested = Signal(str)  # a query such as status:flagged

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Reviewed rows")
        self._count = label(role="lead")
        self._parts = FlowLayout(gap="s")
        self._group = QButtonGroup(self)
        self._group.setExclusive(False)
        self.buttons = {status: self._decision(status, title, key) for status, title, key in _DECISIONS}
        self.tags = ListWidget(FormField(name="tags", kind="list"), theme)
        self.note = GrowingText("Note", placeholder="Why, for those who come after you", least_lines=3)
        self._provenance = QVBoxLayout()
        self._provenance.setSpacing(space("xs"))
        hint = "J and K go to the next and previous row, A, R and F decide, E edits, Ctrl+Z takes it back."
        page = column(
            self._count, self.progress, holder(self._parts), rule(),
            row(*self.buttons.values(), gap="s"), label(hint, "caption", wraps=True),
            label("Tags", "muted"), self.tags, label("Note", "muted"), self.note, self._provenance, 1, gap="s",
        )  # fmt: skip
        page.setContentsMargins(0, 0, space("s"), 0)
        self._page = holder(page)
        self.setLayout(column(scrolled(self._page)))
        self.tags.edited.connect(self.tags_edited)
        self.note.edited.connect(self.note_edited)

    def show_review(self, review: Review | None, provenance: Mapping[str, str] | None = None) -> None:
        """Show how the selected row was judged and where it comes from; None: no row is selected."""
        shown = review or Review()
        for status, made in self.buttons.items():
            made.setChecked(shown.status == status)
            made.setEnabled(review is not None)
        self.tags.setEnabled(review is not None)
        self.note.setEnabled(review is not None)
        self.tags.show_value(list(shown.tags))
        self.note.show_text(shown.note)
        self._show_provenance(provenance or shown.provenance)

    def show_progress(self, counts: Mapping[str, int], rows: int) -> None:
        """How many rows have each status, of how many."""
        done = sum(counts.get(status, 0) for status, _, _ in _DECISIONS)
        self._count.setText(f"{done:,} of {rows:,} reviewed")
        self.progress.setRange(0, 1000)
        self.progress.setValue(round(1000 * done / max(1, rows)))
        clear(self._parts)
        for status, tone in (("accepted", "success"), ("rejected", "danger"), ("flagged", "warning")):
            self._parts.addWidget(Chip(f"{counts.get(status, 0):,} {status}", tone))  # pyright: ignore[reportArgumentType]

    def _decision(self, status: str, title: str, key: str) -> QPushButton:
        made = button(title)
        made.setCheckable(True)
        made.setToolTip(as_tooltip(f"{title} this row and go on ({key})"))
        made.setProperty("status", status)
        made.clicked.connect(self._on_decided)
        self._group.addButton(made)
        return made

    def _show_provenance(self, provenance: Mapping[str, str]) -> None:
        clear(self._provenance)
        if not provenance:
            return
        self._provenance.addWidget(label("Where it comes from", "muted"))
        for name, value in list(provenance.items())[:20]:
            self._provenance.addWidget(label(f"{name}: {value}", "caption", wraps=True, selectable=True))

    @Slot()
    def _on_decided(self) -> None:
        sender = self.sender()
        status = str(sender.property("status")) if sender is not None else ""
        self.status_chosen.emit(status)


def tags_of(items: Sequence[object]) -> tuple[str, ...]:
    """Tags as they are kept: trimmed, each once, in the order given."""
    return tuple(dict.fromkeys(str(item).strip() for item in items if str(item).strip()))
