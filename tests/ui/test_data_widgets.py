"""The parts of the Data tab by themselves: form and JSON in step, turns, differences, tokens, bars."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication, QLabel, QPlainTextEdit

from arny_studio.contract import encode, load_contract
from arny_studio.dataset.checking import RowChecker
from arny_studio.dataset.samples import Message
from arny_studio.jobs.events import Inspected
from arny_studio.ui.data.bar_list import BarList, ShownBar
from arny_studio.ui.data.decision_editor import FORM, JSON, DecisionEditor
from arny_studio.ui.data.diff_view import DiffView
from arny_studio.ui.data.field_widgets import ChoiceWidget, FlagWidget, JsonWidget, ListWidget, ScoreWidget, TextWidget
from arny_studio.ui.data.form_fields import form_fields
from arny_studio.ui.data.inline_problem import InlineProblem, ShownProblem
from arny_studio.ui.data.mix_form import MixForm, journey_weights
from arny_studio.ui.data.operation_form import OperationForm
from arny_studio.ui.data.row_faces import face_of, shown_row
from arny_studio.ui.data.sample_editor import SampleEditor, ShownRow
from arny_studio.ui.data.text_diff import diff_texts, shortened
from arny_studio.ui.data.trained_view import TrainedView
from arny_studio.ui.theme import ThemeSwitcher
from tests.ui.data_rows import CONTRACT, decision, four_rows, line_of

TOOLS = load_contract("tools-v1")


@pytest.fixture(scope="module")
def theme(qapp):
    return ThemeSwitcher(qapp, "light")


@pytest.fixture
def form(theme, qtbot):
    made = DecisionEditor(theme, CONTRACT)
    qtbot.addWidget(made)
    made.edited.connect(made.show_text)  # as the document does
    made.show_text(encode(CONTRACT, decision()))
    made.show()
    return made


def test_that_every_field_of_a_contract_gets_a_fitting_widget():
    kinds = {field.name: field.kind for field in form_fields(CONTRACT)}
    assert (kinds["intent"], kinds["primary_journey"], kinds["journeys"]) == ("text", "choice", "list")
    assert (kinds["needs_execution"], kinds["complexity_score"], kinds["execution_type"]) == ("flag", "score", "choice")
    limits = {field.name: field.limit for field in form_fields(CONTRACT) if field.limit is not None}
    assert limits == {"complexity_score": 60, "routing_confidence": 0.5}
    assert {field.name: field.kind for field in form_fields(TOOLS)}["arguments"] == "json"


def test_that_a_form_edit_changes_only_its_value_in_the_text(form):
    text = json.dumps(decision(), indent=1).replace("0.9", "0.90")
    form.show_text(text)
    score = form.field_widget("complexity_score")
    assert isinstance(score, ScoreWidget)
    score.figure.setValue(61)
    assert form.json.text == text.replace('"complexity_score": 12', '"complexity_score": 61')


def test_that_each_kind_of_widget_says_its_value_in_json(form, qtbot):
    journey, flag = form.field_widget("primary_journey"), form.field_widget("needs_execution")
    execution, answer, journeys = (form.field_widget(n) for n in ("execution_type", "direct_answer", "journeys"))
    assert isinstance(journey, ChoiceWidget) and isinstance(flag, FlagWidget) and isinstance(execution, ChoiceWidget)
    assert isinstance(answer, TextWidget) and isinstance(journeys, ListWidget)
    journey.box.setCurrentIndex(journey.box.findData("hotel"))
    journey.box.activated.emit(journey.box.currentIndex())
    flag.box.click()
    execution.box.setCurrentIndex(execution.box.findData("api_call"))
    execution.box.activated.emit(execution.box.currentIndex())
    answer.clear_button.click()
    journeys.box.setCurrentIndex(journeys.box.findData("hotel"))
    journeys.box.activated.emit(journeys.box.currentIndex())
    value = json.loads(form.json.text)
    assert (value["primary_journey"], value["needs_execution"], value["execution_type"]) == ("hotel", True, "api_call")
    assert (value["direct_answer"], value["journeys"]) == (None, ["general", "hotel"])
    answer.add.click()
    qtbot.keyClicks(answer.edit, "Oui")
    assert json.loads(form.json.text)["direct_answer"] == "Oui"


def test_that_the_slider_marks_the_threshold_and_moves_the_figure(form):
    score = form.field_widget("complexity_score")
    form.resize(500, 700)
    at = score.slider.limit_px()
    assert at is not None and 0.5 < at / score.slider.width() < 0.7
    score.slider.setValue(75)
    assert json.loads(form.json.text)["complexity_score"] == 75


def test_that_typed_json_shows_in_the_form_and_broken_json_keeps_to_its_page(form):
    form.json.setPlainText(encode(CONTRACT, decision(complexity_score=88)))
    assert form.field_widget("complexity_score").figure.value() == 88
    form.json.setPlainText('{"intent": ')
    assert form.page == JSON
    form.json.setPlainText(encode(CONTRACT, decision(intent="mended")))
    assert form.page == FORM
    assert form.field_widget("intent").edit.text == "mended"


def test_that_a_value_that_does_not_fit_is_edited_as_json_and_a_missing_one_can_be_added(form):
    value = decision(complexity_score=222, odd=[1])
    del value["formatting_style"]
    form.show_text(encode(CONTRACT, value))
    assert isinstance(form.field_widget("complexity_score"), JsonWidget)
    assert isinstance(form.field_widget("odd"), JsonWidget)
    assert form.field_widget("formatting_style") is None
    form._rows["formatting_style"]._add.click()
    form._extras["odd"]._remove.click()
    form.field_widget("complexity_score").edit.setPlainText("42")
    text = form.json.text
    assert json.loads(text) == {**value, "complexity_score": 42, "formatting_style": "plain"} | {} or "odd" not in text
    assert "odd" not in json.loads(text) and json.loads(text)["formatting_style"] == "plain"


def test_that_problems_stand_at_their_field_with_their_fix(form, qtbot):
    problem = ShownProblem(sentence="Too much.", field="complexity_score", fix_title="Lower it", fix="fix")
    form.show_text(encode(CONTRACT, decision()), [problem])
    shown = form._rows["complexity_score"].findChildren(InlineProblem)
    assert [item.problem.sentence for item in shown] == ["Too much."]
    with qtbot.waitSignal(form.fix_requested) as caught:
        shown[0].fix_button.click()
    assert caught.args == [problem]


@pytest.fixture
def editor(theme, qtbot):
    made = SampleEditor(theme, CONTRACT)
    qtbot.addWidget(made)
    made.resize(420, 800)
    made.show_row(ShownRow(key=7, row=0, turns=(Message("user", "one two"), Message("assistant", "three"))))
    made.show()
    qtbot.waitExposed(made)
    return made


def test_that_turns_say_what_is_wanted_of_them(editor, qtbot):
    user, assistant = editor.cards
    for signal, act, expected in (
        (editor.content_edited, lambda: assistant.text.insertPlainText("x"), [1, "xthree"]),
        (editor.role_chosen, lambda: user._on_role_chosen("system"), [0, "system"]),
        (editor.turn_add_requested, user.add_requested.emit, [1]),
        (editor.turn_move_requested, lambda: user.move_requested.emit(1), [0, 1]),
        (editor.turn_delete_requested, assistant.delete_requested.emit, [1]),
    ):
        with qtbot.waitSignal(signal) as caught:
            act()
        assert list(caught.args) == expected


def test_that_a_split_counts_characters_and_not_utf16_units(editor, qtbot):
    editor.show_row(ShownRow(key=7, row=0, turns=(Message("user", "😀😀 ab"),)))
    card = editor.cards[0]
    cursor = card.text.textCursor()
    cursor.setPosition(4)
    card.text.setTextCursor(cursor)
    with qtbot.waitSignal(editor.turn_split_requested) as caught:
        card.split_here()
    assert list(caught.args) == [0, 2]


def test_that_the_same_row_shown_again_keeps_the_cursor(editor):
    card = editor.cards[0]
    card.start_editing()
    cursor = card.text.textCursor()
    cursor.setPosition(3)
    card.text.setTextCursor(cursor)
    editor.show_row(ShownRow(key=7, row=0, turns=(Message("user", "one two!"), Message("assistant", "three"))))
    assert (card.text.text, card.text.textCursor().position()) == ("one two!", 3)


def test_that_an_unreadable_line_is_edited_as_text_and_a_huge_one_is_only_shown(editor):
    checker = RowChecker(CONTRACT)
    editor.show_row(shown_row(b'{"id": nope', key=1, row=0, checker=checker))
    assert (editor.cards, editor._raw.text) == ([], '{"id": nope')
    assert any("not JSON" in item.problem.sentence for item in editor.findChildren(InlineProblem))
    huge = line_of(1, "x" * 2_000_000, decision())
    editor.show_row(shown_row(huge, key=2, row=0, checker=checker))
    assert not editor._page.isEnabled()
    assert "only shown" in editor._raw_note.text()
    assert any("Bulk edits" in item.problem.sentence for item in editor.findChildren(InlineProblem))
    assert len(editor._raw.text) < 30_000
    assert "MiB" in face_of(huge, checker).query


def test_that_a_row_says_what_its_decision_says():
    checker = RowChecker(CONTRACT)
    lines = [line for line in four_rows().split(b"\n") if line]
    faces = [face_of(line, checker) for line in lines]
    assert [face.query for face in faces[:2]] == ["What is the capital of France?", "Do it"]
    assert (faces[0].journey, faces[0].complexity, faces[0].problems) == ("general", 12, 0)
    assert faces[1].has_errors and faces[2].has_errors
    assert faces[3].flags == ("reasons",)


def test_that_problems_of_a_row_are_shown_at_turn_and_field_with_a_fix_that_helps():
    checker = RowChecker(CONTRACT)
    value = decision()
    del value["formatting_style"]
    row = shown_row(line_of(1, "Hi", value), key=1, row=0, checker=checker)
    [problem] = row.problems
    assert (problem.turn, problem.field, problem.is_error) == (2, "formatting_style", False)
    assert problem.fix_title
    kind, fixed = problem.fix
    assert kind == "missing-field"
    assert checker.problems_of(fixed) == []


@given(st.text("ab \n,é😀", max_size=40), st.text("ab \n,é😀", max_size=40))
def test_that_a_difference_holds_both_texts(before, after):
    pieces = diff_texts(before, after)
    assert "".join(piece.text for piece in pieces if piece.op != "added") == before
    assert "".join(piece.text for piece in pieces if piece.op != "removed") == after


def test_that_a_difference_shows_words_and_leaves_long_stretches_out(theme, qtbot):
    same = "word " * 200
    pieces = diff_texts(same + "old end", same + "new end")
    assert [(piece.op, piece.text) for piece in pieces if piece.op != "same"] == [("removed", "old"), ("added", "new")]
    assert len("".join(piece.text for piece in shortened(pieces))) < 200
    view = DiffView(theme)
    qtbot.addWidget(view)
    view.show_change("<b>old</b>", "<b>new</b>")
    assert "<b>" in view.toPlainText() and "old" in view.toPlainText() and "new" in view.toPlainText()


def test_that_tokens_are_marked_described_and_counted(theme, qtbot):
    view = TrainedView(theme)
    qtbot.addWidget(view)
    view.resize(500, 500)
    view.show()
    text = "😀hi there"
    answer = Inspected(
        request="1", text=text, ids=[5, 6, 7], starts=[0, 1, 3], ends=[1, 3, 9], supervised=[(1, 3)], kept=2
    )
    view.limit.setValue(64)
    view.show_answer(answer)
    labels = [label.text() for label in view.findChildren(QLabel)]
    assert "3 of 64 tokens" in labels
    assert any("inside the answer" in text for text in labels)
    assert view.tokens.toPlainText() == text
    assert view.tokens.describe(1) == "'hi'  ·  id 6  ·  token 2  ·  learned"
    assert "cut off" in view.tokens.describe(2) and "not learned" in view.tokens.describe(0)
    cursor = view.tokens.textCursor()
    cursor.setPosition(3)
    assert view.tokens.token_at(view.tokens.cursorRect(cursor).center() + QPoint(1, 0)) == 1
    view.show_answer(Inspected(request="2", problem="Cannot be trained.", hint="Why"))
    assert view.notice.sentence.text() == "Cannot be trained."


def test_that_a_bar_filters_on_click_and_by_keyboard(theme, qtbot):
    bars = BarList(theme, "Journeys")
    qtbot.addWidget(bars)
    shown = [ShownBar(label=name, count=1, total=2, query=f"journey:{name}") for name in ("hotel", "flight")]
    bars.show_bars(shown, is_filtered=True)
    bars.resize(300, bars.height())
    bars.show()
    with qtbot.waitSignal(bars.chosen) as caught:
        qtbot.mouseClick(bars, Qt.MouseButton.LeftButton, pos=QPoint(20, bars.height() - 4))
    assert caught.args == ["journey:flight"]
    with qtbot.waitSignal(bars.chosen) as caught:
        qtbot.keyClick(bars, Qt.Key.Key_Up)
        qtbot.keyClick(bars, Qt.Key.Key_Return)
    assert caught.args == ["journey:hotel"]


def test_that_an_operation_form_is_made_from_the_operation(qtbot):
    from arny_studio.dataset.bulk import OPERATIONS, operation_of

    made = OperationForm(OPERATIONS["replace"], CONTRACT)
    qtbot.addWidget(made)
    made.input("find").setText("Paris")
    made.input("is_regex").setChecked(True)
    operation = operation_of("replace", made.arguments)
    assert (operation.find, operation.is_regex, operation.scope) == ("Paris", True, "all")


def test_that_a_mix_says_only_what_was_changed(qtbot):
    made = MixForm()
    qtbot.addWidget(made)
    assert made.changed == {}
    made.shares["typos"].setValue(30)
    made.journeys.setText("hotel 3, flight 1, nonsense")
    assert made.changed == {"typos": 0.3, "journeys": {"hotel": 3.0, "flight": 1.0}}
    assert journey_weights("") == {}


def test_that_undo_in_an_input_is_left_to_the_window(editor, qtbot):
    window, heard = editor.window(), []
    from PySide6.QtGui import QAction

    action = QAction("Undo", window)
    action.setShortcut(QKeySequence("Ctrl+Z"))
    action.triggered.connect(lambda: heard.append(True))
    window.addAction(action)
    window.activateWindow()
    edit = editor.cards[0].text
    edit.setFocus()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is edit, timeout=10_000)
    qtbot.keyClick(edit, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert heard == [True]
    assert isinstance(edit, QPlainTextEdit) and edit.text == "one two"
