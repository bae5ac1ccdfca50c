"""The Data tab in the window: a curator's day, and that no edit is ever lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication, QDialog

from arny_studio.contract import encode
from arny_studio.ui.data.bulk_dialog import JUDGE, MATCHING
from arny_studio.ui.data.fix_dialog import FixDialog
from arny_studio.ui.data.generate_dialog import GenerateDialog
from arny_studio.ui.data.inspector import EDIT, REVIEW, TRAINED
from arny_studio.ui.data.table_model import FLAGS, PROBLEMS, QUERY, RowsModel
from arny_studio.ui.data.table_model import REVIEW as REVIEW_COLUMN
from arny_studio.ui.tab import OpenDataset
from arny_studio.ui.widgets.items_model import CHIPS_ROLE
from tests.ui.data_rows import CONTRACT, PATIENCE_MS, decision, four_rows, line_of, opened_in, texts_in

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def dataset(tmp_path):
    path = tmp_path / "four.jsonl"
    path.write_bytes(four_rows())
    return path


@pytest.fixture
def opened(studio, qtbot, dataset):
    """The Data tab with four rows: fine, a rule broken, not JSON, fine with an umlaut."""
    return opened_in(studio, qtbot, dataset)


def title(tab) -> str:
    return tab.widget.inspector.title.text()


def press(qtbot, studio, key, modifier=Qt.KeyboardModifier.NoModifier):
    """A key in the table, as the window's shortcuts hear it."""
    table = studio.window.tab("data").widget.table
    studio.window.activateWindow()
    table.setFocus()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is table, timeout=PATIENCE_MS)
    qtbot.keyClick(table, key, modifier)


def search(qtbot, tab, query, rows):
    tab.widget.filter.search(query)
    qtbot.waitUntil(lambda: tab.widget.rows.rowCount() == rows, timeout=PATIENCE_MS)


def dialog_of(qtbot, studio, kind):
    """The dialog of a kind that is open."""

    def found():
        return [made for made in studio.window.findChildren(kind) if made.isVisible()]

    qtbot.waitUntil(lambda: bool(found()), timeout=PATIENCE_MS)
    return found()[0]


def test_that_a_curators_session_loses_nothing(studio, qtbot, opened, dataset):
    """Open, find, fix, replace in bulk, undo, review, save: by keyboard where a curator would."""
    widget, controller = opened.widget, opened.controller
    before = dataset.read_bytes()
    assert widget.rows.rowCount() == 4
    assert widget.filter.count.text() == "4 rows"

    search(qtbot, opened, "problem:rule", 1)
    assert title(opened) == "Row 2"
    qtbot.waitUntil(lambda: any("Rule" in text for text in texts_in(widget.inspector.editor)), timeout=PATIENCE_MS)

    field = widget.inspector.editor.cards[2].decision.field_widget("needs_clarification")
    field.box.click()
    assert controller.document.undo_title == "Edit turn 3 of row 2"
    assert widget.title == "four.jsonl  •"
    assert not any("Rule" in text for text in texts_in(widget.inspector.editor))

    search(qtbot, opened, "", 4)
    dialog = controller.bulk.show_bulk()
    dialog.choose("replace", {"find": "Paris", "replacement": "Lutetia"})
    dialog.scope.choose("all")
    dialog.preview_button.click()
    qtbot.waitUntil(lambda: dialog.apply_button.isEnabled(), timeout=PATIENCE_MS)
    assert "2 rows change" in dialog.state.text()
    assert "Lutetia" in dialog.patch.diff.toPlainText()
    dialog.apply_button.click()
    qtbot.waitUntil(lambda: "Lutetia" in controller.document.raw(0).decode(), timeout=PATIENCE_MS)

    press(qtbot, studio, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert "Lutetia" not in controller.document.raw(0).decode()
    press(qtbot, studio, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert "Lutetia" in controller.document.raw(0).decode()

    widget.table.select_line(0)
    press(qtbot, studio, Qt.Key.Key_A)
    assert title(opened) == "Row 2"
    press(qtbot, studio, Qt.Key.Key_F)
    press(qtbot, studio, Qt.Key.Key_K)
    assert title(opened) == "Row 2"
    chips = [widget.rows.index(line, REVIEW_COLUMN).data(CHIPS_ROLE) for line in range(4)]
    assert chips == [[("A", "success")], [("F", "warning")], [], []]
    search(qtbot, opened, "status:flagged", 1)

    press(qtbot, studio, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: not controller.document.is_changed, timeout=PATIENCE_MS)
    expected = before.replace(b"Paris.", b"Lutetia.").replace(
        b'\\"needs_clarification\\":true', b'\\"needs_clarification\\":false'
    )
    assert dataset.read_bytes() == expected
    qtbot.waitUntil(lambda: widget.title == "four.jsonl", timeout=PATIENCE_MS)


def test_that_rows_walk_by_keys_and_arrows_and_letters_typed_in_the_editor_stay_text(studio, qtbot, opened):
    widget = opened.widget
    press(qtbot, studio, Qt.Key.Key_J)
    assert title(opened) == "Row 2"
    press(qtbot, studio, Qt.Key.Key_Down)
    assert title(opened) == "Row 3"
    qtbot.waitUntil(lambda: any("not JSON" in text for text in texts_in(widget.inspector.editor)), timeout=PATIENCE_MS)
    press(qtbot, studio, Qt.Key.Key_K)
    press(qtbot, studio, Qt.Key.Key_K)
    text = widget.inspector.editor.cards[1].text
    text.setFocus()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is text, timeout=PATIENCE_MS)
    text.selectAll()
    qtbot.keyClicks(text, "jar")
    assert (title(opened), text.text) == ("Row 1", "jar")
    assert opened.controller.document.review_of(0).status == ""
    assert widget.rows.index(0, QUERY).data() == "jar"
    qtbot.keyClick(text, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert text.text == "What is the capital of France?"
    box = widget.inspector.editor.cards[2].decision.field_widget("primary_journey").box
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_A)
    assert opened.controller.document.review_of(0).status == ""


def test_that_turns_are_added_moved_split_and_deleted_as_named_steps(qtbot, opened):
    document, editor, editing = opened.controller.document, opened.widget.inspector.editor, opened.controller.editing
    before = document.raw(0)
    editor.turn_add_requested.emit(3)
    editor.content_edited.emit(3, "left right")
    editor.turn_split_requested.emit(3, 5)
    editor.turn_move_requested.emit(4, -1)
    editor.role_chosen.emit(4, "assistant")
    turns = [(turn["role"], turn["content"]) for turn in json.loads(document.raw(0))["messages"][3:]]
    assert turns == [("user", "right"), ("assistant", "left")]
    assert document.undo_title == "Change the role of turn 5 of row 1"
    for _ in range(5):
        editing.undo()
    assert document.raw(0) == before
    assert not document.is_changed


def test_that_rows_are_added_duplicated_and_deleted(studio, qtbot, opened):
    widget, controller = opened.widget, opened.controller
    controller.editing.insert_row()
    assert title(opened) == "Row 2"
    assert [card.turn.role for card in widget.inspector.editor.cards] == ["system", "user", "assistant"]
    qtbot.waitUntil(lambda: widget.rows.rowCount() == 5, timeout=PATIENCE_MS)
    controller.editing.duplicate_row()
    qtbot.waitUntil(lambda: widget.rows.rowCount() == 6, timeout=PATIENCE_MS)
    widget.table.selectAll()
    controller.delete_rows()
    qtbot.waitUntil(lambda: widget.rows.rowCount() == 0, timeout=PATIENCE_MS)
    controller.editing.undo()
    qtbot.waitUntil(lambda: widget.rows.rowCount() == 6, timeout=PATIENCE_MS)


def test_that_a_fix_is_shown_before_it_is_made(studio, qtbot, opened):
    widget, document = opened.widget, opened.controller.document
    widget.table.select_line(1)
    problem = next(problem for problem in widget.inspector.editor.shown.problems if problem.fix is not None)
    widget.inspector.editor.fix_requested.emit(problem)
    dialog = dialog_of(qtbot, studio, FixDialog)
    before = document.raw(1)
    assert dialog.diff.toPlainText()
    dialog.fix_button.click()
    assert document.raw(1) != before
    assert opened.controller.desk.current.checker.problems_of(document.raw(1)) == []


def test_that_problems_are_grouped_by_severity_and_lead_to_their_rows(qtbot, opened):
    panel = opened.widget.problems
    assert [item.kind.severity for item in panel.kinds.items] == ["error", "error"]
    panel.table.select_line(0)
    first = panel.kinds.items[0].kind.id
    panel.kind_chosen.emit(first)
    qtbot.waitUntil(lambda: opened.widget.rows.rowCount() == 1, timeout=PATIENCE_MS)
    assert opened.widget.filter.query == f"problem:{first}"
    search(qtbot, opened, "", 4)
    opened.widget.table.select_line(0)
    opened.controller.go_to_problem()
    assert title(opened) == "Row 2"
    opened.controller.go_to_problem()
    assert title(opened) == "Row 3"


def test_that_statistics_follow_the_filter_and_filter_on_click(qtbot, opened):
    lists = opened.widget.statistics.lists
    assert [(bar.label, bar.count) for bar in lists["Journeys"].bars if bar.count and bar.label != "none"] == [
        ("general", 3)
    ]
    opened.widget.statistics.query_chosen.emit("complexity:60..100")
    qtbot.waitUntil(lambda: opened.widget.rows.rowCount() == 1, timeout=PATIENCE_MS)
    counts = {bar.label: (bar.count, bar.total) for bar in lists["Journeys"].bars}
    assert counts["general"] == (1, 3)
    opened.widget.statistics.query_chosen.emit("complexity:60..100")
    qtbot.waitUntil(lambda: opened.widget.rows.rowCount() == 4, timeout=PATIENCE_MS)


def test_that_a_query_that_cannot_be_read_is_told_under_the_field_and_the_rows_stay(studio, qtbot, opened):
    bar = opened.widget.filter
    bar.search("complexity>=")
    qtbot.waitUntil(lambda: bar.error.isVisible(), timeout=PATIENCE_MS)
    assert opened.widget.rows.rowCount() == 4
    bar.search("münchen")
    qtbot.waitUntil(lambda: opened.widget.rows.rowCount() == 1, timeout=PATIENCE_MS)
    assert not bar.error.isVisible()
    assert bar.count.text() == "1 of 4 rows"
    bar.save_requested.emit("münchen")
    assert studio.settings.values.saved_filters == {"münchen": "münchen"}
    bar.select_all.click()
    assert opened.widget.table.selected_count() == 1


def test_that_rows_are_ordered_by_a_column_both_ways_and_back(qtbot, opened):
    def rows():
        return [opened.widget.rows.key_at(line) for line in range(4)]

    opened.widget.table.sort_requested.emit("complexity")
    qtbot.waitUntil(lambda: rows() == [0, 1, 3, 2], timeout=PATIENCE_MS)
    opened.widget.table.sort_requested.emit("complexity")
    qtbot.waitUntil(lambda: rows() == [3, 0, 1, 2], timeout=PATIENCE_MS)
    opened.widget.table.sort_requested.emit("complexity")
    qtbot.waitUntil(lambda: rows() == [0, 1, 2, 3], timeout=PATIENCE_MS)
    opened.widget.table.sort_requested.emit("query")  # "Do it", "Wetter", "What", and {"id": before all letters
    qtbot.waitUntil(lambda: rows() == [1, 3, 0, 2], timeout=PATIENCE_MS)
    opened.controller.reviewing.tag_rows([3], "a tag")
    opened.widget.table.sort_requested.emit("tags")
    qtbot.waitUntil(lambda: rows() == [3, 0, 1, 2], timeout=PATIENCE_MS)


def test_that_the_search_field_completes_what_is_typed(qtbot, opened):
    bar = opened.widget.filter
    bar.focus()
    qtbot.keyClicks(bar.field, "jour")
    assert bar.completer.labels[0] == "journey:" and bar.completer.list.isVisible()
    qtbot.keyClick(bar.completer.list, Qt.Key.Key_Down)
    qtbot.keyClick(bar.completer.list, Qt.Key.Key_Tab)
    assert bar.query == "journey:" and "general" in bar.completer.labels
    qtbot.keyClicks(bar.field, "gen")
    qtbot.keyClick(bar.completer.list, Qt.Key.Key_Down)
    qtbot.keyClick(bar.completer.list, Qt.Key.Key_Return)
    assert bar.query == "journey:general"
    qtbot.waitUntil(lambda: opened.widget.rows.rowCount() == 3, timeout=PATIENCE_MS)
    assert not bar.completer.list.isVisible()


def test_that_tags_and_notes_are_kept_and_found_and_undone(qtbot, opened):
    panel, controller = opened.widget.inspector.review, opened.controller
    opened.widget.inspector.show_page(REVIEW)
    panel.tags.line.setText("check")
    panel.tags.line.returnPressed.emit()
    panel.note.insertPlainText("Ask the team")
    controller.next_row()
    assert controller.document.review_of(0).tags == ("check",)
    assert controller.document.review_of(0).note == "Ask the team"
    assert panel.note.text == ""
    search(qtbot, opened, "tag:check", 1)
    controller.editing.undo()
    controller.editing.undo()
    assert controller.document.review_of(0).tags == ()
    assert not controller.document.is_changed


def test_that_many_rows_are_tagged_as_previewed_in_one_step(studio, qtbot, opened, dataset):
    before = dataset.read_bytes()
    controller = opened.controller
    search(qtbot, opened, "role:user w", 2)
    dialog = controller.bulk.show_bulk()
    dialog.operation.choose(JUDGE)
    dialog.scope.choose(MATCHING)
    dialog.preview_button.click()
    qtbot.waitUntil(lambda: "Say which tag" in dialog.state.text(), timeout=PATIENCE_MS)
    dialog.judging.tags.setText("hard, later")
    dialog.preview_button.click()
    qtbot.waitUntil(lambda: dialog.apply_button.isEnabled(), timeout=PATIENCE_MS)
    assert dialog.state.text().startswith("2 rows judged anew")
    assert "hard, later" in dialog.patch.diff.toPlainText()
    model = dialog.patch.model
    model.setData(model.index(1, 0), Qt.CheckState.Unchecked, Qt.ItemDataRole.CheckStateRole)
    dialog.apply_button.click()
    qtbot.waitUntil(lambda: controller.document.review_of(0).tags == ("hard", "later"), timeout=PATIENCE_MS)
    assert controller.document.review_of(3).tags == () and dataset.read_bytes() == before
    qtbot.waitUntil(lambda: controller.bulk.dialog is None, timeout=PATIENCE_MS)
    controller.editing.undo()
    assert controller.document.review_of(0).tags == ()


def test_that_as_trained_shows_what_the_inspector_answers(studio, qtbot, opened):
    view = opened.widget.inspector.trained
    opened.widget.inspector.show_page(TRAINED)
    qtbot.waitUntil(lambda: "capital of France" in view.tokens.toPlainText(), timeout=PATIENCE_MS)
    assert view.tokens.toPlainText().startswith("<|im_start|>system")
    opened.controller.next_row()
    qtbot.waitUntil(lambda: "Do it" in view.tokens.toPlainText(), timeout=PATIENCE_MS)
    opened.controller.next_row()
    qtbot.waitUntil(lambda: any("skips this row" in text for text in texts_in(view)), timeout=PATIENCE_MS)
    opened.widget.inspector.show_page(EDIT)


def test_that_an_outside_change_is_told_with_four_ways_out_and_merged_by_row(studio, qtbot, opened, dataset):
    controller, bars = opened.controller, opened.widget.bars
    opened.widget.inspector.editor.content_edited.emit(1, "mine")
    theirs = dataset.with_suffix(".new")
    theirs.write_bytes(four_rows().replace("München".encode(), b"Hamburg"))
    theirs.replace(dataset)
    controller.saving.save()
    qtbot.waitUntil(lambda: "outside" in bars.bars, timeout=PATIENCE_MS)
    assert list(bars.bars["outside"].buttons) == ["Keep mine", "Take theirs", "Merge by row", "Save as…"]
    bars.bars["outside"].buttons["Merge by row"].click()
    qtbot.waitUntil(lambda: "merged" in bars.bars, timeout=PATIENCE_MS)
    document = controller.document
    assert b'"mine"' in document.raw(0) and b"Hamburg" in document.raw(3)
    controller.saving.save()
    qtbot.waitUntil(lambda: not document.is_changed, timeout=PATIENCE_MS)
    assert dataset.read_bytes() == theirs_merged()


def theirs_merged() -> bytes:
    text = four_rows().replace("München".encode(), b"Hamburg")
    return text.replace(b"What is the capital of France?", b"mine")


def test_that_history_compares_and_goes_back(studio, qtbot, opened):
    controller, document = opened.controller, opened.controller.document
    before = [document.raw(row) for row in range(4)]
    document.take_snapshot("as it came")
    opened.widget.inspector.editor.content_edited.emit(1, "changed")
    dialog = controller.files.show_history()
    dialog.table.select_line(0)
    qtbot.waitUntil(lambda: dialog.changes.rowCount() == 1, timeout=PATIENCE_MS)
    assert "1 row changed" in dialog.state.text()
    assert "changed" in dialog.diff.toPlainText()
    dialog.restore_button.click()
    qtbot.waitUntil(lambda: document.raw(0) == before[0], timeout=PATIENCE_MS)
    assert document.undo_title == "Go back to “as it came”"


def test_that_several_documents_are_tabs_and_a_line_can_be_handed_over(studio, qtbot, opened, tmp_path):
    other = tmp_path / "other.jsonl"
    other.write_bytes(b"\n".join(line_of(number, f"Query {number}", decision()) for number in range(1, 6)) + b"\n")
    controller = opened.controller
    studio.window.hand_over("data", OpenDataset(path=other, line=3))
    qtbot.waitUntil(lambda: title(opened) == "Row 3", timeout=PATIENCE_MS)
    assert opened.widget.document_tabs.count() == 2
    opened.widget.document_tabs.setCurrentIndex(0)
    qtbot.waitUntil(lambda: controller.document.path.name == "four.jsonl", timeout=PATIENCE_MS)
    controller.close_current()
    assert controller.document.path.name == "other.jsonl"
    assert opened.widget.document_tabs.isHidden()


def test_that_a_second_window_on_a_file_is_read_only_and_says_so(studio, qtbot, dataset):
    from arny_studio.dataset.document import Document

    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"from pathlib import Path; from arny_studio.dataset.document import Document; "
            f"d = Document.open(Path({str(dataset)!r})); print('open', flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    with holder:
        assert holder.stdout is not None and holder.stdin is not None
        assert holder.stdout.readline() == b"open\n"
        tab = opened_in(studio, qtbot, dataset)
        assert isinstance(tab.controller.document, Document) and tab.controller.document.is_read_only
        assert "read only" in tab.widget.bars.bars["read only"].sentence
        tab.widget.inspector.editor.content_edited.emit(1, "no")
        assert b"capital of France" in tab.controller.document.raw(0)
        holder.stdin.close()


KILLED = """
import asyncio, os, sys
from pathlib import Path
os.environ["QT_QPA_PLATFORM"] = "offscreen"
import qasync
from PySide6.QtWidgets import QApplication
from arny_studio.ui.app import build_studio
app = QApplication([])
loop = qasync.QEventLoop(app)
asyncio.set_event_loop(loop)

async def edit():
    studio = build_studio(app, Path(sys.argv[1]))
    studio.window.show()
    tab = studio.window.tab("data")
    tab.controller.open_path(Path(sys.argv[2]))
    while tab.controller.desk.current is None or tab.controller.desk.current.current_key is None:
        await asyncio.sleep(0.02)
    card = tab.widget.inspector.editor.cards[1]
    card.text.selectAll()
    card.text.insertPlainText("typed and never saved")
    tab.controller.reviewing.accept()
    tab.controller.document.flush()
    print("edited", flush=True)
    await asyncio.sleep(600)

with loop:
    loop.run_until_complete(edit())
"""


def test_that_edits_of_a_killed_app_are_there_again_and_said_in_a_bar(open_studio, qtbot, dataset, tmp_path):
    before = dataset.read_bytes()
    root = tmp_path / "workspace"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(root), str(dataset)], stdout=subprocess.PIPE, env=environment, cwd=ROOT
    ) as app:
        assert app.stdout is not None
        assert app.stdout.readline() == b"edited\n"
        app.send_signal(signal.SIGKILL)
    assert dataset.read_bytes() == before
    studio = open_studio(root)
    tab = studio.window.tab("data")
    qtbot.waitUntil(lambda: tab.controller.document is not None, timeout=PATIENCE_MS)
    assert tab.controller.document.path == dataset
    assert b"typed and never saved" in tab.controller.document.raw(0)
    assert tab.controller.document.is_changed
    assert "recovery" in tab.widget.bars.bars
    assert not [made for made in studio.window.findChildren(QDialog) if made.isVisible()]
    assert tab.controller.document.review_of(0).status == "accepted"


def test_that_closing_the_window_keeps_unsaved_edits_for_the_next_one(open_studio, qtbot, dataset, tmp_path):
    root = tmp_path / "workspace"
    first = open_studio(root)
    tab = opened_in(first, qtbot, dataset)
    tab.widget.inspector.editor.content_edited.emit(1, "hot exit")
    first.window.close()
    second = open_studio(root)
    tab = second.window.tab("data")
    qtbot.waitUntil(lambda: tab.controller.document is not None, timeout=PATIENCE_MS)
    assert b"hot exit" in tab.controller.document.raw(0)
    tab.controller.editing.undo()
    assert b"capital of France" in tab.controller.document.raw(0)


def test_that_dropping_files_opens_them_and_a_missing_one_is_told(studio, qtbot, dataset, tmp_path):
    tab = studio.window.tab("data")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(dataset))])
    arguments = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    tab.widget.dropEvent(QDropEvent(QPointF(QPoint(50, 50)), *arguments))
    qtbot.waitUntil(lambda: tab.controller.document is not None, timeout=PATIENCE_MS)
    assert studio.settings.values.recent_datasets == (str(dataset),)
    tab.controller.open_path(tmp_path / "gone.jsonl")
    qtbot.waitUntil(lambda: bool(studio.window.messages.messages), timeout=PATIENCE_MS)
    assert "gone.jsonl" in studio.window.messages.messages[0].sentence
    assert tab.controller.document.path == dataset


def test_that_a_file_of_another_form_is_shown_before_it_is_converted(studio, qtbot, tmp_path):
    source = tmp_path / "share.jsonl"
    talk = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]
    source.write_bytes(orjson.dumps({"conversations": talk}) + b"\n")
    tab = studio.window.tab("data")
    studio.window.show_tab("data")
    tab.controller.open_path(source)
    qtbot.waitUntil(lambda: tab.controller.importing.dialog is not None, timeout=PATIENCE_MS)
    dialog = tab.controller.importing.dialog
    qtbot.waitUntil(lambda: dialog.format.currentData() == "sharegpt", timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: any('"role":"user"' in text for text in texts_in(dialog)), timeout=PATIENCE_MS)
    assert not list(studio.workspace.datasets.iterdir())
    dialog.import_button.click()
    qtbot.waitUntil(lambda: tab.controller.document is not None, timeout=PATIENCE_MS)
    assert json.loads(tab.controller.document.raw(0))["messages"][0] == {"role": "user", "content": "Hi"}


def test_that_the_demo_dataset_is_written_once_and_rows_can_be_generated_behind_it(studio, qtbot):
    tab = studio.window.tab("data")
    studio.window.show_tab("data")
    qtbot.mouseClick(tab.widget._empty_demo, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: tab.controller.document is not None, timeout=PATIENCE_MS)
    assert tab.widget.rows.rowCount() == 600
    tab.controller.generate()
    dialog = dialog_of(qtbot, studio, GenerateDialog)
    dialog.target.choose("current")
    dialog.rows.setValue(12)
    dialog.preview_button.click()
    qtbot.waitUntil(lambda: len(dialog._preview.text().split("\n\n")) == 8, timeout=PATIENCE_MS)
    dialog.generate.click()
    qtbot.waitUntil(lambda: tab.controller.document.row_count == 612, timeout=PATIENCE_MS)
    assert tab.controller.document.undo_title == "Add 12 generated rows"


def test_that_generating_asks_for_tier_rows_and_seed_and_never_overwrites(studio, qtbot):
    folder = studio.workspace.datasets
    (folder / "tier1-train.jsonl").write_text("")
    dialog = GenerateDialog(folder, studio.window)
    qtbot.addWidget(dialog)
    assert dialog.path.name == "tier1-train-2.jsonl"
    dialog.name.setText("tier1-train.jsonl")
    assert not dialog.generate.isEnabled()
    assert "there already" in dialog.generate.toolTip()
    dialog.phrases.setCurrentIndex(dialog.phrases.findData("shapes"))
    assert dialog.path.name == "tier1-shapes.jsonl"
    dialog.tier.setCurrentIndex(dialog.tier.findData("tier2"))
    assert dialog.phrases.findData("shapes") < 0
    dialog.name.setText("mine")
    dialog.rows.setValue(20)
    dialog.seed.setValue(3)
    with qtbot.waitSignal(dialog.generate_requested) as caught:
        dialog.generate.click()
    recipe, is_for_current = caught.args
    assert (recipe.task, recipe.tier, recipe.rows, recipe.seed, is_for_current) == ("generate", "tier2", 20, 3, False)
    assert recipe.path == str(folder / "mine.jsonl")


def test_that_the_model_of_the_table_is_a_good_one(opened, qtmodeltester):
    model = RowsModel()
    model.show_document(opened.controller.desk.current)
    qtmodeltester.check(model)
    assert model.index(3, FLAGS).data(CHIPS_ROLE) == [("reasons", "system")]
    assert model.index(2, PROBLEMS).data(CHIPS_ROLE) == [("1", "danger")]
    assert model.index(1, QUERY).data() == "Do it"
    model.show_document(None)
    assert model.rowCount() == 0


def test_that_an_answer_typed_as_json_reaches_the_file_as_it_was_typed(opened):
    editor, document = opened.widget.inspector.editor, opened.controller.document
    text = encode(CONTRACT, decision(routing_confidence=0.5)).replace("0.5", "0.50")
    editor.cards[2].decision.json.setPlainText(text)
    assert json.loads(document.raw(0))["messages"][2]["content"] == text


def test_that_another_contract_changes_form_and_problems_and_no_row(qtbot, opened):
    controller, editor = opened.controller, opened.widget.inspector.editor
    before = controller.document.raw(0)
    controller.files._on_contract_chosen(controller.desk.current, "tools-v1")
    qtbot.waitUntil(lambda: controller.desk.current.pairs is not None, timeout=PATIENCE_MS)
    assert "needs_tools" in editor.cards[2].decision._rows
    assert any("needs_tools" in problem.sentence for problem in editor.shown.problems)
    assert controller.document.raw(0) == before and not controller.document.is_changed
