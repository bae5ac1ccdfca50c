"""Several runs on one page, their tags and notes, and the queue."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from arny_studio.jobs.annotations import read_annotations
from arny_studio.jobs.event_log import EventLog
from arny_studio.jobs.events import Finished, Hello, Metric
from arny_studio.jobs.wire import encode_line
from arny_studio.recipe import TrainRecipe
from arny_studio.ui.train.run_page import NOTES
from tests.ui.test_train_tab import opened
from tests.ui.tiny_workspace import tiny_base, tiny_dataset

WAIT_MS = 30_000


def a_run(workspace, title, losses, **changes):
    recipe = TrainRecipe(
        title=title, base=str(tiny_base(workspace)), train_data=str(tiny_dataset(workspace)), **changes
    )
    folder = workspace.new_run("train", recipe)
    log = EventLog(folder.events_path)
    metrics = [Metric(step=step, loss=loss, time_s=10.0 + step) for step, loss in enumerate(losses, start=1)]
    for event in (Hello(kind="train", pid=1, time_s=10.0), *metrics, Finished(time_s=90.0)):
        log.append(encode_line(event))
    log.close()
    return folder


@pytest.fixture
def runs(studio):
    """Three runs of one second: their list goes by name, backwards."""
    return [
        a_run(studio.workspace, "one", [3.0, 2.0]),
        a_run(studio.workspace, "two", [3.0, 1.0], learning_rate=1e-3),
        a_run(studio.workspace, "three", [3.0, 1.5]),
    ]


@pytest.fixture
def train(studio, runs, qtbot):
    tab = opened(studio, qtbot)
    qtbot.waitUntil(lambda: tab.widget.runs.model.rowCount() == len(runs), timeout=WAIT_MS)
    return tab


def compared(train, qtbot, count):
    page = train.widget.compare
    qtbot.waitUntil(lambda: len(page.plot._series) == count, timeout=WAIT_MS)
    return page


def test_that_runs_picked_with_ctrl_are_overlaid_with_only_what_differs(train, runs, qtbot):
    view, model = train.widget.runs.view, train.widget.runs.model
    for run, keys in ((runs[0], Qt.KeyboardModifier.NoModifier), (runs[1], Qt.KeyboardModifier.ControlModifier)):
        place = view.visualRect(model.index(model.line_of(run))).center()
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, keys, place)
    page = compared(train, qtbot, 2)
    assert train.widget.pages.currentWidget() is page
    assert {series.title for series in page.plot._series.values()} == {"one", "two"}
    lines = {line.name: line.cells for line in page.model.items if line.group == "Recipe"}
    assert lines == {"learning rate": ("0.001", "0.0002")}  # in the order of the list
    loss = next(line for line in page.model.items if line.name == "loss")
    assert (loss.cells, loss.best) == (("1", "2"), 0)


def test_that_the_button_compares_the_run_on_the_page_with_the_newest_other_one(train, runs, qtbot):
    train.controller.board.show_run(runs[0])
    qtbot.mouseClick(train.widget.compare_button, Qt.MouseButton.LeftButton)
    page = compared(train, qtbot, 2)
    assert {series.title for series in page.plot._series.values()} == {"one", "two"}
    assert train.widget.runs.chosen_runs == [runs[1], runs[0]]


def test_that_a_single_pick_leaves_the_comparison(train, runs, qtbot):
    qtbot.mouseClick(train.widget.compare_button, Qt.MouseButton.LeftButton)
    compared(train, qtbot, 2)
    view, model = train.widget.runs.view, train.widget.runs.model
    place = view.visualRect(model.index(model.line_of(runs[1]))).center()
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert train.widget.pages.currentWidget() is train.widget.run
    assert train.controller.board.shown == runs[1]


def test_that_tags_and_notes_are_kept_with_their_own_run_and_stand_in_the_comparison(train, runs, qtbot):
    board, notes = train.controller.board, train.widget.run.notes
    board.show_run(runs[0])
    train.widget.run.show_part(NOTES)
    qtbot.keyClicks(notes.tags, "good, night")
    notes.note.setPlainText("Lower rate next time.")
    board.show_run(runs[1])  # before the typing has rested
    assert notes.tags.text() == ""
    assert read_annotations(runs[0]).tags == ["good", "night"]
    assert read_annotations(runs[1]).tags == []
    board.show_run(runs[0])
    assert notes.note.toPlainText() == "Lower rate next time."
    train.controller.show_comparison([runs[1], runs[0]])
    page = compared(train, qtbot, 2)
    told = {line.name: line.cells for line in page.model.items if line.group == "Notes"}
    assert told == {"tags": ("", "good, night"), "note": ("", "Lower rate next time.")}
