"""Decides what happens on the Data page: documents, rows, and who does what about them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QFileDialog

from arny_studio.contract import load_contract
from arny_studio.dataset.document import Document
from arny_studio.dataset.formats import detect
from arny_studio.dataset.problems import kind_of
from arny_studio.jobs.outcome import Outcome
from arny_studio.recipe import DataRecipe
from arny_studio.ui.background import Background
from arny_studio.ui.data.actions import add_actions
from arny_studio.ui.data.bulk_work import BulkWork
from arny_studio.ui.data.desk import Desk
from arny_studio.ui.data.editing import Editing
from arny_studio.ui.data.file_work import FileWork
from arny_studio.ui.data.generate_dialog import GenerateDialog
from arny_studio.ui.data.importing import Importing
from arny_studio.ui.data.inspecting import Inspecting
from arny_studio.ui.data.inspector import EDIT, TRAINED
from arny_studio.ui.data.lookup import Found
from arny_studio.ui.data.name_dialog import NameDialog
from arny_studio.ui.data.open_document import ANY, OpenDocument
from arny_studio.ui.data.reviewing import Reviewing
from arny_studio.ui.data.saving import Saving
from arny_studio.ui.data.scanning import Scanning
from arny_studio.ui.data.searching import Searching
from arny_studio.ui.data.statistics_panel import shown_groups
from arny_studio.ui.data.tab import DataTab
from arny_studio.ui.tab import Handover, OpenDataset, TabContext, TrainOn
from arny_studio.ui.widgets.message_bar import Message
from arny_studio.ui.wording import bytes_in_words, count_in_words, folder_in_words

DEMO_NAME, DEMO_ROWS, DEMO_SEED = "demo-tier1.jsonl", 600, 7
MOST_OFFERED = 15
MOST_EDITED_HERE = 5_000  # rows; more of them are a bulk operation, prepared off the event loop and previewed
_SCAN_DELAY_MS = 50  # the rows are painted first


class DataController(QObject):
    """Puts the parts together and holds what is about no part alone: opening, closing, moving between rows."""

    def __init__(self, tab: DataTab, context: TabContext) -> None:
        super().__init__(tab)
        self._tab = tab
        self._context = context
        self._background = Background(context.messages.show_error)
        self.desk = Desk(load_contract("router-v1"), self)
        self.editing = Editing(tab.inspector.editor, self.desk)
        self.searching = Searching(tab.filter, self.desk, self._background, context.settings)
        self.scanning = Scanning(self.desk, context, self._background)
        self.saving = Saving(tab.bars, self.desk, self._background, context.messages, tab)
        self.reviewing = Reviewing(tab.inspector.review, self.desk, self.editing)
        self.inspecting = Inspecting(tab.inspector.trained, self.desk, context)
        self.bulk = BulkWork(tab, self.desk, self.editing, self._background, context)
        self.files = FileWork(tab, self.desk, self.bulk, self.scanning, self._background, context)
        self.importing = Importing(tab, context, self._background)
        add_actions(self, tab, context.actions)
        self._connect()
        self._connect_parts()
        tab.table.show_columns(frozenset(context.settings.values.data_columns) or None)
        tab.show_recent(self._offered())
        self._reopen_last()

    @property
    def document(self) -> Document | None:
        """The document in front."""
        return self.desk.current.document if self.desk.current is not None else None

    def receive(self, handover: Handover) -> None:
        """Open a dataset that another tab hands over, at its line where it names one."""
        if isinstance(handover, OpenDataset):
            self.open_path(handover.path, line=handover.line)

    @Slot(object)
    def open_path(self, path: Path, line: int = 0) -> None:
        """Look at a file in the background and show it: as it is where it holds conversations, else by import."""
        known = self.desk.find(path)
        if known is not None:
            self.desk.show(known)
            self._go_to_line(known, line)
            return
        self._background.run(f"open {path}", partial(_opened_or_detected, path), partial(self._on_opened, line))

    def close(self) -> None:
        """Let go of the documents; unsaved edits stay in their journals and are there next time."""
        self.reviewing.keep_note()
        self.searching.stop()
        self._tab.rows.show_document(None)
        self.desk.clear()

    def close_current(self) -> None:
        """Close the document in front; its unsaved edits are kept and said so."""
        opened = self.desk.current
        if opened is not None:
            self._close(opened)

    def go_to(self, key: int) -> None:
        """Look at a row, also where the filter hides it: then the filter is lifted."""
        opened = self.desk.current
        if opened is None or opened.document.row_of(key) < 0:
            return
        if not self._tab.select_key(key):
            opened.current_key = key
            self.searching.search("")

    def next_row(self) -> None:
        """The next row."""
        self._tab.step(1)

    def previous_row(self) -> None:
        """The row before."""
        self._tab.step(-1)

    def edit_row(self) -> None:
        """Put the keyboard into the editor."""
        self._tab.inspector.show_page(EDIT)
        self._tab.inspector.editor.start_editing()

    def selected_keys(self) -> list[int]:
        """Keys of the selected rows, in the order of the table."""
        lines = [line for first, last in self._tab.table.selected_lines() for line in range(first, last + 1)]
        return [self._tab.rows.key_at(line) for line in sorted(lines)]

    def delete_rows(self) -> None:
        """Delete the selected rows; very many are shown first."""
        if self._tab.table.selected_count() > MOST_EDITED_HERE:
            self.bulk.delete_selected()
        else:
            self.editing.delete_rows(self.selected_keys())

    def tag_rows(self) -> None:
        """Ask for a tag and put it on the selected rows; very many are shown first."""
        if self._tab.table.selected_count() > MOST_EDITED_HERE:
            self.bulk.judge_selected()
            return
        keys = self.selected_keys()
        if not keys:
            return
        about = f"It is kept beside the dataset, on {count_in_words(len(keys), 'row')}; search for it with tag:name."
        dialog = NameDialog("Tag rows", about, "Tag them", self._tab)
        dialog.given.connect(partial(self.reviewing.tag_rows, keys))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def go_to_problem(self, kind: str = "") -> None:
        """The next row of the table that has a problem (of this kind)."""
        opened = self.desk.current
        if opened is None or opened.pairs is None:
            return
        line = opened.next_problem_line(self._tab.table.currentIndex().row(), kind_of(kind).mask if kind else ANY)
        if line is None:
            self._tab.say("No other row shown here has such a problem.")
        else:
            self._tab.table.select_line(line)

    def choose_file(self) -> None:
        """Let the user pick files to open."""
        folder = self.document.path.parent if self.document else self._context.workspace.datasets
        kinds = "Datasets (*.jsonl *.json *.csv *.parquet *.txt);;All files (*)"
        dialog = QFileDialog(self._tab, "Open dataset", str(folder), kinds)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(self._on_files_selected)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def generate(self) -> None:
        """Ask what to generate."""
        is_open = self.desk.current is not None and not self.desk.current.document.is_read_only
        into = self.desk.current.path.name if self.desk.current is not None and is_open else ""
        dialog = GenerateDialog(self._context.workspace.datasets, self._tab, into=into)
        dialog.generate_requested.connect(self._on_recipe_made)
        dialog.preview_requested.connect(partial(self.files.preview_rows, dialog))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _connect(self) -> None:
        tab = self._tab
        tab.open_requested.connect(self.choose_file)
        tab.generate_requested.connect(self.generate)
        tab.demo_requested.connect(self._on_demo_requested)
        tab.save_requested.connect(self.saving.save)
        tab.train_requested.connect(self._on_train_requested)
        tab.file_dropped.connect(self.open_path)
        tab.recent_chosen.connect(self.open_path)
        tab.document_chosen.connect(self._on_document_chosen)
        tab.document_close_requested.connect(self._on_close_requested)
        tab.key_selected.connect(self.desk.look_at)
        tab.table.sort_requested.connect(self.searching.sort_by)
        tab.table.edit_requested.connect(self.edit_row)
        tab.table.columns_chosen.connect(self._on_columns_chosen)
        tab.inspector.page_changed.connect(self._on_page_changed)
        tab.statistics.query_chosen.connect(self.searching.add_term)
        tab.problems.kind_chosen.connect(self._on_kind_chosen)
        tab.problems.next_requested.connect(self.go_to_problem)
        tab.problems.check_requested.connect(self.scanning.check_current)

    def _connect_parts(self) -> None:
        desk, tab = self.desk, self._tab
        desk.documents_changed.connect(self._on_documents_changed)
        desk.current_changed.connect(self._on_current_changed)
        desk.key_changed.connect(self._show_place)
        desk.shown_changed.connect(self._on_shown_changed)
        desk.touched.connect(self._on_touched)
        desk.state_changed.connect(self._show_head)
        self.editing.failed.connect(self._context.messages.show_error)
        for part in (self.editing, self.saving, self.bulk, self.files):
            part.said.connect(tab.say)
        self.editing.go_requested.connect(self.go_to)
        self.reviewing.next_requested.connect(self.next_row)
        self.searching.found.connect(self._on_found)
        self.searching.rescan_wanted.connect(self.scanning.rescan_current)
        self.scanning.state_changed.connect(tab.problems.show_state)
        self.saving.saved.connect(self._on_saved)
        self.importing.opened.connect(self.open_path)
        self.files.open_requested.connect(self.open_path)

    def _offered(self) -> list[Path]:
        """Recently opened files, then the other datasets of the workspace, newest first."""
        recent = [path for name in self._context.settings.values.recent_datasets if (path := Path(name)).is_file()]
        own = sorted(self._context.workspace.datasets.glob("*.jsonl"), key=_age, reverse=True)
        return [*recent, *(path for path in own if path not in recent)][:MOST_OFFERED]

    def _reopen_last(self) -> None:
        """What was open in this workspace the last time, else its newest dataset."""
        root = self._context.workspace.root
        known = self._context.settings.values.open_datasets.get(str(root), ())
        paths = [path for name in known if (path := Path(name)).is_file()]
        if not paths:
            paths = [path for path in self._offered() if path.is_relative_to(root)][:1]
        for path in paths:
            self.open_path(path)

    def _remember_open(self) -> None:
        names = [str(opened.path.absolute()) for opened in self.desk.documents if opened is not self.desk.current]
        if self.desk.current is not None:
            names.append(str(self.desk.current.path.absolute()))
        settings = self._context.settings
        settings.change(
            open_datasets={**settings.values.open_datasets, str(self._context.workspace.root): tuple(names)}
        )

    def _on_opened(self, line: int, result: Document | Path) -> None:
        if isinstance(result, Path):
            self.importing.offer(result)
            return
        known = self.desk.find(result.path)
        if known is not None:  # opened twice before the first was there
            result.close()
            self.desk.show(known)
            return
        opened = self.desk.add(result)
        self._context.settings.remember_dataset(result.path.absolute())
        self._tab.show_recent(self._offered())
        self._go_to_line(opened, line)
        QTimer.singleShot(_SCAN_DELAY_MS, self, partial(self.scanning.scan, opened))

    def _go_to_line(self, opened: OpenDocument, line: int) -> None:
        if line > 0 and opened.document.row_count:
            row = min(opened.document.row_count, line) - 1
            while row > 0 and opened.document.line_number(row) > line:
                row -= 1
            self.go_to(opened.document.key_of(row))

    def _close(self, opened: OpenDocument) -> None:
        self.reviewing.keep_note()
        self.scanning.forget(opened)
        is_changed = opened.document.is_changed
        self.desk.remove(opened)
        opened.document.close()
        if is_changed:
            sentence = f"{opened.path.name} is closed with unsaved edits; they are there again when you open it."
            self._context.messages.show_message(
                "info", sentence, buttons={"Open": partial(self.open_path, opened.path)}
            )

    @Slot()
    def _on_documents_changed(self) -> None:
        self._show_documents()

    @Slot()
    def _on_current_changed(self) -> None:
        self._tab.rows.show_document(self.desk.current)
        self._show_documents()
        self._show_head()
        self._tab.statistics.show_statistics([], is_filtered=False)
        self._tab.problems.show_counts({}, is_checked=False)
        self._remember_open()

    def _show_documents(self) -> None:
        names = [(opened.path.name, str(opened.path)) for opened in self.desk.documents]
        current = self.desk.documents.index(self.desk.current) if self.desk.current in self.desk.documents else -1
        self._tab.show_documents(names, current)

    @Slot()
    def _show_head(self) -> None:
        opened = self.desk.current
        if opened is None:
            return
        document = opened.document
        path = document.path.absolute()
        parts = [count_in_words(document.row_count, "row")]
        parts += [bytes_in_words(path.stat().st_size)] if path.exists() else ["the file is gone"]
        parts.append(folder_in_words(path.parent, self._context.workspace.root))
        parts += ["read only"] if document.is_read_only else ["saving…"] if opened.is_saving else []
        self._tab.show_head(path.name, "  ·  ".join(parts), str(path), is_changed=document.is_changed)
        for id, title, what in (("data.undo", "Undo", document.undo_title), ("data.redo", "Redo", document.redo_title)):
            action = self._context.actions[id]
            action.setText(f"{title}: {what[0].lower()}{what[1:]}".replace("&", "&&") if what else title)
            action.setEnabled(what is not None and not document.is_read_only)

    @Slot()
    def _show_place(self) -> None:
        opened = self.desk.current
        key = opened.current_key if opened is not None else None
        row = opened.document.row_of(key) if opened is not None and key is not None else -1
        self._tab.inspector.show_place(row + 1 if row >= 0 else None)

    @Slot()
    def _on_shown_changed(self) -> None:
        opened = self.desk.current
        self._tab.rows.show_document(opened)
        if opened is not None and opened.current_key is None:
            QTimer.singleShot(0, self, partial(self._select_first, opened))  # the rows are to be seen first
        elif opened is not None:
            self._tab.show_rows(opened.current_key)

    def _select_first(self, opened: OpenDocument) -> None:
        if opened is self.desk.current and opened.current_key is None:
            self._tab.show_rows(None)

    @Slot(object)
    def _on_touched(self, _touched: object) -> None:
        self._tab.rows.refresh()
        self._show_place()

    def _on_found(self, found: Found) -> None:
        opened = self.desk.current
        is_filtered = bool(found.wanted.query.strip())
        self._tab.statistics.show_statistics(shown_groups(found.statistics), is_filtered=is_filtered)
        self._tab.problems.show_counts(found.counts, opened.imbalance if opened is not None else ())
        self._tab.inspector.review.show_progress(found.reviewed, found.rows)
        self._tab.rows.refresh()

    @Slot(int)
    def _on_document_chosen(self, number: int) -> None:
        if 0 <= number < len(self.desk.documents):
            self.desk.show(self.desk.documents[number])

    @Slot(int)
    def _on_close_requested(self, number: int) -> None:
        self._close(self.desk.documents[number])

    @Slot(str)
    def _on_kind_chosen(self, kind: str) -> None:
        self.searching.search(f"problem:{kind}")

    @Slot(int)
    def _on_page_changed(self, page: int) -> None:
        self.inspecting.set_shown(page == TRAINED)

    @Slot(object)
    def _on_columns_chosen(self, names: list[str]) -> None:
        self._context.settings.change(data_columns=tuple(names))

    @Slot(object)
    def _on_saved(self, opened: OpenDocument) -> None:
        self._context.settings.remember_dataset(opened.path.absolute())
        self._show_documents()
        self._remember_open()

    @Slot(object)
    def _on_files_selected(self, names: list[str]) -> None:
        for name in names:
            self.open_path(Path(name))

    @Slot()
    def _on_demo_requested(self) -> None:
        path = self._context.workspace.datasets / DEMO_NAME
        if path.is_file():
            self.open_path(path)
            return
        recipe = DataRecipe(
            task="generate", path=str(path), rows=DEMO_ROWS, seed=DEMO_SEED, title="Write the demo dataset"
        )
        self._on_recipe_made(recipe, False)

    @Slot(object, bool)
    def _on_recipe_made(self, recipe: DataRecipe, is_for_current: bool) -> None:
        job = self.files.start(recipe)
        if job is not None:
            said = self._context.messages.show_message("info", f"{recipe.title}: {count_in_words(recipe.rows, 'row')}…")
            job.ended.connect(partial(self._on_generated, Path(recipe.path), said, is_for_current))

    def _on_generated(self, path: Path, said: Message, is_for_current: bool, outcome: Outcome) -> None:
        self._context.messages.dismiss(said)
        if not outcome.is_success:
            return
        if is_for_current:
            self.files.append_file(path)
        else:
            self.open_path(path)

    @Slot()
    def _on_train_requested(self) -> None:
        opened = self.desk.current
        if opened is None:
            return
        if opened.document.is_changed:
            self._tab.say("Training reads the file as it was saved last; there are unsaved edits.")
        self._context.go("train", TrainOn(path=opened.path))


def _opened_or_detected(path: Path) -> Document | Path:
    """The document, or the path itself where the file has to be imported. Lines of no known form are edited as text."""
    found = detect(path)
    is_edited_in_place = found.container == "jsonl" and found.shape in ("messages", "")
    return Document.open(path) if is_edited_in_place else path


def _age(path: Path) -> float:
    return path.stat().st_mtime
