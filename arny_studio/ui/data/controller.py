"""Decides what happens to datasets: open, search, look at a row, check, generate."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog

from arny_studio.contract import load_contract
from arny_studio.dataset.document import Document
from arny_studio.dataset.samples import RowProblem, Sample
from arny_studio.errors import ArnyError
from arny_studio.jobs.outcome import Outcome
from arny_studio.jobs.state import RunState
from arny_studio.recipe import DataRecipe
from arny_studio.ui.background import Background
from arny_studio.ui.data.faces import problems_of, row_of_line, rows_with_text
from arny_studio.ui.data.generate_dialog import GenerateDialog
from arny_studio.ui.data.problems_model import read_problems
from arny_studio.ui.data.tab import DataTab
from arny_studio.ui.jobs_controller import ActiveJob
from arny_studio.ui.tab import Handover, OpenDataset, TabContext, TrainOn
from arny_studio.ui.widgets.message_bar import Message
from arny_studio.ui.wording import bytes_in_words, count_in_words, folder_in_words

DEMO_NAME, DEMO_ROWS, DEMO_SEED = "demo-tier1.jsonl", 600, 7
MOST_OFFERED = 15


class DataController(QObject):
    """Between the Data tab, the document and the jobs."""

    def __init__(self, tab: DataTab, context: TabContext) -> None:
        super().__init__(tab)
        self._tab = tab
        self._context = context
        self._contract = load_contract("router-v1")
        self._background = Background(context.messages.show_error)
        self._search_is_void = threading.Event()
        self.document: Document | None = None
        self._check: ActiveJob | None = None
        self._wanted_line = 0  # of the file that is being opened, from 1
        self._add_actions()
        self._connect()
        tab.show_recent(self._offered())
        self._reopen_last()

    def receive(self, handover: Handover) -> None:
        """Open a dataset that another tab hands over."""
        if isinstance(handover, OpenDataset):
            self._wanted_line = handover.line
            self.open_path(handover.path)

    @Slot(object)
    def open_path(self, path: Path) -> None:
        """Open a file in the background and show it; on an error the present one stays."""
        self._background.run("open", partial(Document.open, path), self._on_opened)

    def close(self) -> None:
        """Let go of the document."""
        self._search_is_void.set()
        self._background.forget("open")

    def _add_actions(self) -> None:
        add = partial(self._context.actions.add, tab="data")
        add("data.open", "&Open dataset…", self._on_open_requested, menu="File", shortcut="Ctrl+O", icon="open")
        add("data.generate", "&Generate dataset…", self._on_generate_requested, menu="File", icon="sparkle")
        add("data.find", "Search in dataset", self._tab.focus_filter, menu="Edit", shortcut="Ctrl+F", icon="search")
        add("data.check", "&Check dataset", self._on_check_requested, menu="Run", shortcut="F7", icon="check")
        add("data.next", "Next row", partial(self._tab.step, 1), menu="View", shortcut="Alt+Down", icon="chevron-down")
        add(
            "data.previous",
            "Row before",
            partial(self._tab.step, -1),
            menu="View",
            shortcut="Alt+Up",
            icon="chevron-up",
        )

    def _connect(self) -> None:
        tab = self._tab
        tab.open_requested.connect(self._on_open_requested)
        tab.generate_requested.connect(self._on_generate_requested)
        tab.demo_requested.connect(self._on_demo_requested)
        tab.check_requested.connect(self._on_check_requested)
        tab.train_requested.connect(self._on_train_requested)
        tab.file_dropped.connect(self.open_path)
        tab.recent_chosen.connect(self.open_path)
        tab.filter_changed.connect(self._on_filter_changed)
        tab.row_selected.connect(self._on_row_selected)
        tab.problem_chosen.connect(self._on_problem_chosen)

    def _offered(self) -> list[Path]:
        """Recently opened files, then the other datasets of the workspace, newest first."""
        recent = [path for name in self._context.settings.values.recent_datasets if (path := Path(name)).is_file()]
        own = sorted(self._context.workspace.datasets.glob("*.jsonl"), key=_age, reverse=True)
        return [*recent, *(path for path in own if path not in recent)][:MOST_OFFERED]

    def _reopen_last(self) -> None:
        """The workspace's dataset that was open last, else its newest one."""
        own = (path for path in self._offered() if path.is_relative_to(self._context.workspace.root))
        first = next(own, None)
        if first is not None:
            self.open_path(first)

    @Slot()
    def _on_open_requested(self) -> None:
        folder = self.document.path.parent if self.document else self._context.workspace.datasets
        dialog = QFileDialog(self._tab, "Open dataset", str(folder), "JSONL files (*.jsonl);;All files (*)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self._on_file_selected)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def _on_file_selected(self, name: str) -> None:
        self.open_path(Path(name))

    def _on_opened(self, document: Document) -> None:
        self._search_is_void.set()
        self.document = document  # the one before is closed by its last reference: a search may still read it
        path = document.path.absolute()
        self._context.settings.remember_dataset(path)
        self._tab.rows.show_document(document)
        size = bytes_in_words(path.stat().st_size)
        place = folder_in_words(path.parent, self._context.workspace.root)
        about = f"{count_in_words(document.row_count, 'row')}  ·  {size}  ·  {place}"
        self._tab.show_dataset(path.name, about, str(path))
        self._tab.show_count(count_in_words(document.row_count, "row"))
        self._tab.show_recent(self._offered())
        wanted, self._wanted_line = self._wanted_line, 0
        if document.row_count:
            self._tab.select_row(row_of_line(document, wanted) if wanted else 0)

    @Slot(str)
    def _on_filter_changed(self, text: str) -> None:
        self._search_is_void.set()
        document = self.document
        if document is None:
            return
        if not text.strip():
            self._background.forget("search")
            self._on_found(None)
            return
        self._search_is_void = is_void = threading.Event()
        search = partial(rows_with_text, document, text.strip(), is_void.is_set)
        self._tab.show_count("searching…")
        self._background.run("search", search, self._on_found)

    def _on_found(self, rows: np.ndarray | None) -> None:
        if self.document is None:
            return
        self._tab.rows.show_rows(rows)
        total = count_in_words(self.document.row_count, "row")
        self._tab.show_count(total if rows is None else f"{len(rows):,} of {total}")
        if self._tab.rows.rowCount():
            self._tab.table.select_line(0)
        else:
            self._tab.sample.show_nothing()

    @Slot(int)
    def _on_row_selected(self, row: int) -> None:
        """Parsing may take a while for a huge line, so it is done aside; only the newest selection is shown."""
        document, contract = self.document, self._contract
        if document is None:
            return

        def look() -> tuple[int, Sample | RowProblem, list[RowProblem], bytes]:
            return row + 1, document.sample(row), problems_of(document, row, contract), document.raw(row)[:100_000]

        self._background.run("row", look, self._on_looked_at)

    def _on_looked_at(self, seen: tuple[int, Sample | RowProblem, list[RowProblem], bytes]) -> None:
        self._tab.sample.show_row(*seen)

    @Slot(int)
    def _on_problem_chosen(self, line: int) -> None:
        if self.document is None:
            return
        row = row_of_line(self.document, self._tab.problems.items[line].line)
        if not self._tab.select_row(row):
            self._tab.filter.clear()
            self._tab.rows.show_rows(None)
            self._tab.select_row(row)

    @Slot()
    def _on_generate_requested(self) -> None:
        dialog = GenerateDialog(self._context.workspace.datasets, self._tab)
        dialog.generate_requested.connect(self._on_recipe_made)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot()
    def _on_demo_requested(self) -> None:
        path = self._context.workspace.datasets / DEMO_NAME
        if path.is_file():
            self.open_path(path)
        else:
            recipe = DataRecipe(
                task="generate", path=str(path), rows=DEMO_ROWS, seed=DEMO_SEED, title="Write the demo dataset"
            )
            self._on_recipe_made(recipe)

    @Slot(object)
    def _on_recipe_made(self, recipe: DataRecipe) -> None:
        job = self._start(recipe)
        if job is not None:
            said = self._context.messages.show_message("info", f"{recipe.title}: {count_in_words(recipe.rows, 'row')}…")
            job.ended.connect(partial(self._on_generated, Path(recipe.path), said))

    def _on_generated(self, path: Path, said: Message, outcome: Outcome) -> None:
        self._context.messages.dismiss(said)
        if outcome.is_success:
            self.open_path(path)

    @Slot()
    def _on_check_requested(self) -> None:
        if self.document is None or (self._check is not None and self._check.is_running):
            return
        path = self.document.path
        self._check = job = self._start(DataRecipe(task="check", path=str(path), title=f"Check {path.name}"))
        if job is not None:
            self._tab.problems.show_items(())
            self._tab.show_check("Checking every row…", is_good=True, is_over=False)
            job.changed.connect(self._on_check_changed)
            job.ended.connect(partial(self._on_checked, job))

    def _on_check_changed(self, state: RunState) -> None:
        if state.progress is not None and state.outcome is None:
            said = f"Checking: {count_in_words(state.progress.done, 'row')}…"
            self._tab.show_check(said, is_good=True, is_over=False)

    def _on_checked(self, job: ActiveJob, outcome: Outcome) -> None:
        if not outcome.is_success:
            self._tab.show_check(outcome.sentence, is_good=False, is_over=True)
            return
        path = job.folder.outputs / "problems.jsonl"
        self._background.run("problems", partial(read_problems, path), partial(self._on_problems_read, outcome))

    def _on_problems_read(self, outcome: Outcome, problems: list[RowProblem]) -> None:
        self._tab.problems.show_items(problems)
        self._tab.show_check(outcome.sentence, is_good=not problems, is_over=True)

    @Slot()
    def _on_train_requested(self) -> None:
        if self.document is not None:
            self._context.go("train", TrainOn(path=self.document.path))

    def _start(self, recipe: DataRecipe) -> ActiveJob | None:
        try:
            return self._context.jobs.start("data", recipe)
        except ArnyError as error:
            self._context.messages.show_error(error)
            return None


def _age(path: Path) -> float:
    return path.stat().st_mtime
