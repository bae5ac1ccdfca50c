"""The Data tab as a curator meets it: rows, editing, search, problems, statistics, bulk, review."""

from __future__ import annotations

import json

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from arny_studio.contract import encode
from arny_studio.ui.data.bulk_dialog import JUDGE, MATCHING, SELECTED
from arny_studio.ui.data.fix_dialog import FixDialog
from arny_studio.ui.data.inspector import EDIT, REVIEW, TRAINED
from arny_studio.ui.data.table_model import FLAGS, PROBLEMS, QUERY, RowsModel
from arny_studio.ui.data.table_model import REVIEW as REVIEW_COLUMN
from arny_studio.ui.widgets.items_model import CHIPS_ROLE
from tests.ui.data_rows import (
    CONTRACT,
    PATIENCE_MS,
    decision,
    dialog_of,
    line_of,
    opened_in,
    press,
    search,
    texts_in,
    title,
)


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


def test_that_very_many_rows_are_deleted_or_tagged_as_previewed(qtbot, opened, monkeypatch):
    monkeypatch.setattr("arny_studio.ui.data.controller.MOST_EDITED_HERE", 2)
    controller, table = opened.controller, opened.widget.table
    search(qtbot, opened, "role:user i", 3)
    opened.widget.filter.select_all.click()
    controller.tag_rows()
    dialog = controller.bulk.dialog
    assert (dialog.wish.operation, dialog.wish.scope) == (JUDGE, SELECTED)
    dialog.reject()
    controller.delete_rows()
    dialog = controller.bulk.dialog
    qtbot.waitUntil(dialog.apply_button.isEnabled, timeout=PATIENCE_MS)
    assert dialog.patch.model.rowCount() == 3 and controller.document.row_count == 4
    dialog.apply_button.click()
    qtbot.waitUntil(lambda: controller.document.row_count == 1, timeout=PATIENCE_MS)
    assert controller.document.undo_title == "Delete rows"
    search(qtbot, opened, "", 1)
    table.select_line(0)
    controller.delete_rows()
    assert controller.document.row_count == 0


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


def test_that_a_line_in_another_encoding_is_converted_as_previewed(studio, qtbot, dataset):
    foreign = line_of(5, "Café à Genève", decision()).decode().encode("cp1252")
    dataset.write_bytes(dataset.read_bytes() + foreign + b"\n")
    tab = opened_in(studio, qtbot, dataset)
    search(qtbot, tab, "problem:unreadable", 2)
    tab.widget.table.select_line(1)
    tab.widget.problems.fix_row_requested.emit("unreadable")
    dialog = dialog_of(qtbot, studio, FixDialog)
    assert "Café" in dialog.diff.toPlainText() and "Windows-1252" in " ".join(texts_in(dialog))
    assert tab.controller.document.raw(4) == foreign
    dialog.fix_button.click()
    assert tab.controller.document.raw(4) == line_of(5, "Café à Genève", decision())
    assert tab.controller.document.undo_title == "Convert the encoding of row 5"
    tab.controller.saving.save()
    qtbot.waitUntil(lambda: not tab.controller.document.is_changed, timeout=PATIENCE_MS)
    tab.widget.inspector.show_page(REVIEW)
    qtbot.waitUntil(
        lambda: "change: Convert the encoding of row 5" in texts_in(tab.widget.inspector.review), timeout=PATIENCE_MS
    )


def test_that_all_three_panels_fit_a_small_window(studio, qtbot, opened):
    widget = opened.widget
    studio.window.resize(1000, 700)
    qtbot.waitUntil(lambda: widget.width() < 1000, timeout=PATIENCE_MS)
    widget.show_side()
    for _ in range(2):
        qtbot.waitUntil(
            lambda: 0 < widget.inspector.geometry().right() < widget.splitter.width() <= widget.width(),
            timeout=PATIENCE_MS,
        )
        widget.filter.search("problem:*")
        qtbot.waitUntil(lambda: widget.filter.select_all.isVisible(), timeout=PATIENCE_MS)
        assert widget.filter.count.width() >= widget.filter.count.sizeHint().width()


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
