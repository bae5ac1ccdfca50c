from __future__ import annotations

import json
import os

import orjson
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QLabel

from arny_studio.contract import encode, load_contract
from arny_studio.dataset.document import Document
from arny_studio.ui.data.faces import face_of, row_of_line, rows_with_text
from arny_studio.ui.data.generate_dialog import GenerateDialog
from arny_studio.ui.data.rows_model import FLAGS, JOURNEY, QUERY, RowsModel
from arny_studio.ui.widgets.decision_view import DecisionView
from arny_studio.ui.widgets.stat_tile import StatTile

CONTRACT = load_contract("router-v1")
SYSTEM = CONTRACT.system_prompt("tier1")


def decision(**changes):
    value = {
        "intent": "capital_fact", "primary_journey": "general", "journeys": ["general"], "direct_answer": "Paris.",
        "missing_fields": [], "needs_clarification": False, "clarification": None, "needs_execution": False,
        "execution_type": None, "complexity_score": 12, "routing_confidence": 0.9, "formatting_style": "plain",
    }  # fmt: skip
    return {**value, "formatting_style": CONTRACT.schema["properties"]["formatting_style"]["enum"][0], **changes}


def line_of(number: int, query: str, answer: dict) -> bytes:
    turns = [("system", SYSTEM), ("user", query), ("assistant", encode(CONTRACT, answer))]
    messages = [{"role": role, "content": content} for role, content in turns]
    return orjson.dumps({"id": f"row-{number}", "messages": messages})


@pytest.fixture
def dataset(tmp_path):
    """Four rows: fine, a rule broken, not JSON, fine with an umlaut; a blank line before the last."""
    lines = [
        line_of(1, "What is the capital of France?", decision()),
        line_of(2, "Do it", decision(needs_clarification=True)),
        b'{"id": "row-3", "messages": [',
        b"",
        line_of(4, "Wetter in München", decision(complexity_score=70, direct_answer=None)),
    ]
    path = tmp_path / "four.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


@pytest.fixture
def opened(studio, qtbot, dataset):
    """The Data tab with that dataset open."""
    tab = studio.window.tab("data")
    studio.window.show_tab("data")
    tab.controller.open_path(dataset)
    qtbot.waitUntil(lambda: tab.controller.document is not None)
    qtbot.waitUntil(lambda: tab.widget.sample.title.text() == "Row 1")
    return tab


def texts_in(widget) -> list[str]:
    return [label.text() for label in widget.findChildren(QLabel)]


def test_that_a_row_says_what_its_decision_says(dataset):
    document = Document.open(dataset)
    faces = [face_of(document, row, CONTRACT) for row in range(document.row_count)]
    assert [face.query for face in faces[:2]] == ["What is the capital of France?", "Do it"]
    assert (faces[0].journey, faces[0].complexity, faces[0].problems) == ("general", 12, 0)
    assert faces[1].has_errors
    assert faces[2].has_errors
    assert faces[3].flags == ("reasons",)


def test_that_a_very_long_line_is_not_parsed_for_the_table(tmp_path):
    path = tmp_path / "long.jsonl"
    path.write_bytes(line_of(1, "x" * 2_000_000, decision()) + b"\n")
    assert "MiB" in face_of(Document.open(path), 0, CONTRACT).query


@pytest.mark.parametrize(
    ("text", "rows"), [("FRANCE", [0]), ("münchen", [3]), ("row-2", [1]), ("capital_fact", [0, 1, 3]), ("zzz", [])]
)
def test_that_a_search_finds_turns_and_ids_whatever_their_case(dataset, text, rows):
    assert list(rows_with_text(Document.open(dataset), text, lambda: False)) == rows


def test_that_a_search_leaves_the_system_prompt_aside(dataset):
    word = SYSTEM.split()[0]
    assert 0 not in rows_with_text(Document.open(dataset), SYSTEM[:30], lambda: False), word


def test_that_escaped_letters_are_found_too(tmp_path):
    path = tmp_path / "escaped.jsonl"
    row = json.loads(line_of(1, "Café in Zürich", decision()))
    path.write_text(json.dumps(row, ensure_ascii=True) + "\n")
    assert list(rows_with_text(Document.open(path), "zürich", lambda: False)) == [0]


def test_that_a_void_search_ends_early(dataset):
    assert list(rows_with_text(Document.open(dataset), "france", lambda: True)) == []


def test_that_a_line_leads_to_its_row_past_blank_lines(dataset):
    document = Document.open(dataset)
    assert [row_of_line(document, line) for line in (1, 2, 3, 5)] == [0, 1, 2, 3]


def test_that_the_model_shows_all_rows_or_those_of_a_filter(dataset, qtmodeltester):
    import numpy as np

    model = RowsModel(CONTRACT)
    model.show_document(Document.open(dataset))
    qtmodeltester.check(model)
    assert model.rowCount() == 4
    assert model.index(0, JOURNEY).data() == "general"
    model.show_rows(np.array([3], dtype=np.int64))
    assert model.index(0, QUERY).data() == "Wetter in München"
    assert model.index(0, FLAGS).data() == "reasons"
    assert (model.line_of(3), model.line_of(0)) == (0, None)
    model.show_document(None)
    assert model.rowCount() == 0


def test_that_an_opened_dataset_shows_its_rows_and_the_first_sample(opened):
    assert opened.widget.rows.rowCount() == 4
    texts = texts_in(opened.widget.sample)
    assert "What is the capital of France?" in texts
    assert opened.widget.sample.findChild(DecisionView) is not None
    assert "4 rows" in opened.widget._head.about.text()


def test_that_arrow_keys_walk_through_rows_and_problems_show_where_they_are(opened, qtbot):
    table, sample = opened.widget.table, opened.widget.sample
    qtbot.keyClick(table, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: sample.title.text() == "Row 2")
    assert any("needs_clarification" in text for text in texts_in(sample))
    qtbot.keyClick(table, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: sample.title.text() == "Row 3")
    assert any("not JSON" in text for text in texts_in(sample))


def test_that_typing_filters_and_clearing_brings_all_rows_back(opened, qtbot):
    tab = opened.widget
    qtbot.keyClicks(tab.filter, "WETTER")
    qtbot.waitUntil(lambda: tab.rows.rowCount() == 1)
    assert tab._count.text() == "1 of 4 rows"
    qtbot.waitUntil(lambda: tab.sample.title.text() == "Row 4")
    tab.filter.clear()
    qtbot.waitUntil(lambda: tab.rows.rowCount() == 4)


def test_that_a_check_lists_problems_and_leads_to_their_rows(opened, qtbot, studio):
    tab = opened.widget
    qtbot.mouseClick(tab.check_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: tab.problems.rowCount() > 0, timeout=30_000)
    lines = {problem.line for problem in tab.problems.items}
    assert lines >= {2, 3}
    last = next(n for n, problem in enumerate(tab.problems.items) if problem.line == 3)
    tab._problems_table.select_line(last)
    qtbot.waitUntil(lambda: tab.sample.title.text() == "Row 3")
    assert "errors" in tab._check_note.text()


def test_that_dropping_a_file_opens_it(studio, qtbot, dataset):
    tab = studio.window.tab("data")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(dataset))])
    arguments = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    tab.widget.dropEvent(QDropEvent(QPointF(QPoint(50, 50)), *arguments))
    qtbot.waitUntil(lambda: tab.controller.document is not None)
    assert studio.settings.values.recent_datasets == (str(dataset),)


def test_that_a_file_that_is_gone_is_told_and_the_open_one_stays(opened, qtbot, studio, tmp_path):
    before = opened.controller.document
    opened.controller.open_path(tmp_path / "gone.jsonl")
    qtbot.waitUntil(lambda: bool(studio.window.messages.messages))
    assert "gone.jsonl" in studio.window.messages.messages[0].sentence
    assert opened.controller.document is before


def test_that_the_demo_dataset_is_written_once_and_opened(studio, qtbot):
    tab = studio.window.tab("data")
    studio.window.show_tab("data")
    qtbot.mouseClick(tab.widget._empty_demo, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: tab.controller.document is not None, timeout=30_000)
    assert tab.widget.rows.rowCount() == 600
    assert not [message for message in studio.window.messages.messages if message.level == "error"]
    runs = len(studio.workspace.runs_by_time())
    tab.controller._on_demo_requested()
    assert len(studio.workspace.runs_by_time()) == runs


def test_that_generating_asks_for_tier_rows_and_seed_and_never_overwrites(studio, qtbot):
    folder = studio.workspace.datasets
    (folder / "tier1-train.jsonl").write_text("")
    dialog = GenerateDialog(folder, studio.window)
    qtbot.addWidget(dialog)
    assert dialog.path.name == "tier1-train-2.jsonl"
    dialog.name.setText("tier1-train.jsonl")
    assert not dialog.generate.isEnabled()
    assert "there already" in dialog.generate.toolTip()
    dialog.name.clear()
    qtbot.keyClicks(dialog.name, "mine")
    dialog.rows.setValue(20)
    dialog.seed.setValue(3)
    with qtbot.waitSignal(dialog.generate_requested) as caught:
        qtbot.mouseClick(dialog.generate, Qt.MouseButton.LeftButton)
    recipe = caught.args[0]
    assert (recipe.task, recipe.tier, recipe.rows, recipe.seed) == ("generate", "tier1", 20, 3)
    assert recipe.path == str(folder / "mine.jsonl")


def test_that_unseen_sentence_shapes_are_offered_for_the_router_alone(studio, qtbot):
    dialog = GenerateDialog(studio.workspace.datasets, studio.window)
    qtbot.addWidget(dialog)
    dialog.phrases.setCurrentIndex(dialog.phrases.findText("Unseen sentence shapes"))
    assert dialog.path.name == "tier1-shapes.jsonl"
    with qtbot.waitSignal(dialog.generate_requested) as caught:
        dialog.generate.click()
    assert caught.args[0].phrases == "shapes"
    dialog.tier.setCurrentIndex(dialog.tier.findData("tier2"))
    assert dialog.phrases.findData("shapes") < 0
    assert dialog.path.name == f"tier2-{dialog.phrases.currentData()}.jsonl"
    dialog.tier.setCurrentIndex(dialog.tier.findData("tier1"))
    assert dialog.phrases.findData("shapes") >= 0


def test_that_the_last_dataset_of_the_workspace_is_open_again(open_studio, qtbot, dataset, tmp_path):
    root = tmp_path / "workspace"
    (root / "datasets").mkdir(parents=True)
    own = dataset.rename(root / "datasets" / "own.jsonl")
    first = open_studio(root)
    first.window.tab("data").controller.open_path(own)
    qtbot.waitUntil(lambda: bool(first.settings.values.recent_datasets))
    second = open_studio(root)
    qtbot.waitUntil(lambda: second.window.tab("data").controller.document is not None)


def test_that_a_new_window_on_a_workspace_shows_its_newest_dataset(open_studio, qtbot, dataset, tmp_path):
    folder = tmp_path / "workspace" / "datasets"
    folder.mkdir(parents=True)
    (folder / "old.jsonl").write_bytes(line_of(1, "Old", decision()))
    os.utime(folder / "old.jsonl", (1, 1))
    dataset.rename(folder / "new.jsonl")
    tab = open_studio(tmp_path / "workspace").window.tab("data")
    qtbot.waitUntil(lambda: tab.controller.document is not None)
    assert tab.controller.document.path.name == "new.jsonl"
    assert [action.text() for action in tab.widget._recent.actions()] == ["new.jsonl", "old.jsonl"]


def test_that_a_decision_reads_as_fields_and_as_json(studio, qtbot):
    view = DecisionView(studio.theme, {"complexity_score": (100, 60)})
    qtbot.addWidget(view)
    view.show_decision({"complexity_score": 70, "missing_fields": ["date", "city"], "clarification": None}, '{"a":1}')
    texts = texts_in(view)
    assert {"complexity score", "70", "date", "city", "none"} <= set(texts)
    view.show()
    view._switches.button(1).click()
    assert view._json_page.isVisible()
    assert view._json.text() == '{"a":1}'


def test_that_a_tile_shows_figure_and_note(qtbot):
    tile = StatTile("Rows")
    qtbot.addWidget(tile)
    tile.show_figure("12", "+2", "success")
    assert tile.figure == "12"
    assert "+2" in texts_in(tile)
