from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from arny_studio.contract import encode, load_contract
from arny_studio.evaluation.metrics import Prediction, score_predictions
from arny_studio.jobs.workspace import Workspace
from arny_studio.recipe import EvaluateRecipe
from arny_studio.ui.evaluate.models import JourneysModel, WrongRowsModel, journey_scores
from arny_studio.ui.evaluate.records import (
    compared_fields,
    data_choices,
    evaluations,
    faults_of,
    model_choices,
    short_names,
    wrong_rows,
)
from arny_studio.ui.widgets.items_model import CHIPS_ROLE, SHARE_ROLE
from tests.tiny_models import make_tiny_gguf
from tests.ui.data_rows import decision, line_of

CONTRACT = load_contract("router-v1")


def prediction(number: int, predicted: dict | None, **changes) -> Prediction:
    expected = decision()
    values = {
        "id": f"row-{number}", "query": f"Query {number}", "expected": expected, "expected_journey": "general",
        "text": encode(CONTRACT, predicted) if predicted is not None else "not json", "decision": predicted,
        "is_valid": predicted is not None, "is_schema_valid": predicted is not None,
        "expected_action": "answer", "action": "answer" if predicted is not None else "router_error",
    }  # fmt: skip
    return Prediction(**{**values, **changes})


RIGHT = prediction(1, decision())
WRONG_JOURNEY = prediction(2, decision(primary_journey="hotel", journeys=["hotel"]))
NO_JSON = prediction(3, None, problems=["This is not JSON."])


def keep(workspace: Workspace, title: str, predictions: list[Prediction], data: str = "test.jsonl"):
    """An evaluation as the worker leaves it."""
    folder = workspace.new_run("evaluate", EvaluateRecipe(title=title, model=f"models/{title}.gguf", data=data))
    encoder = msgspec.json.Encoder()
    lines = b"".join(encoder.encode(row) + b"\n" for row in predictions)
    (folder.outputs / "predictions.jsonl").write_bytes(lines)
    scores = score_predictions(CONTRACT, predictions, elapsed_s=2.0)
    (folder.outputs / "scores.json").write_bytes(msgspec.json.encode(scores))
    return folder


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "workspace")


def test_that_a_prediction_is_wrong_in_what_routing_turns_on():
    assert faults_of(RIGHT, CONTRACT) == ()
    assert faults_of(WRONG_JOURNEY, CONTRACT) == ("journey",)
    assert faults_of(NO_JSON, CONTRACT) == ("invalid", "journey", "missing fields", "action")
    only_journey_known = prediction(4, decision(), expected=None, expected_action="")
    assert faults_of(only_journey_known, CONTRACT) == ()


def test_that_fields_are_compared_in_contract_order_with_strangers_last():
    names = [name for name, _, _ in compared_fields(prediction(1, {**decision(), "extra": 1}), CONTRACT)]
    assert names == [*CONTRACT.fields, "extra"]


def test_that_evaluations_are_read_newest_first_and_broken_ones_left_out(workspace):
    keep(workspace, "one", [RIGHT])
    newest = keep(workspace, "two", [RIGHT, WRONG_JOURNEY])
    broken = keep(workspace, "zero", [RIGHT])
    (broken.outputs / "scores.json").write_text("{")
    found = {evaluation.model_name: evaluation for evaluation in evaluations(workspace)}
    assert set(found) == {"one.gguf", "two.gguf"}
    assert found["two.gguf"].scores.journey_accuracy == 0.5
    assert [row.faults for row in wrong_rows(newest.path, CONTRACT)] == [("journey",)]


def test_that_choices_name_models_adapters_and_datasets(workspace, tmp_path):
    (workspace.models / "a.gguf").write_bytes(b"")
    adapter = workspace.runs / "r1" / "outputs" / "adapter"
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text("{}")
    (workspace.datasets / "d.jsonl").write_text("")
    elsewhere = tmp_path / "e.jsonl"
    elsewhere.write_text("")
    titles = [choice.title for choice in model_choices(workspace)]
    assert {"a.gguf", "r1  (adapter)"} <= set(titles)
    assert [choice.path.name for choice in data_choices(workspace, (str(elsewhere), "/gone"))] == ["d.jsonl", "e.jsonl"]


def test_that_journeys_show_accuracy_confusion_and_what_was_before(qtmodeltester):
    after = score_predictions(CONTRACT, [RIGHT, RIGHT, WRONG_JOURNEY, NO_JSON], elapsed_s=1)
    before = score_predictions(CONTRACT, [RIGHT, WRONG_JOURNEY], elapsed_s=1)
    model = JourneysModel()
    model.show_items(journey_scores(after, before))
    qtmodeltester.check(model)
    cells = [model.index(0, column).data() for column in range(5)]
    assert cells[:4] == ["general", "4", "50.0 %", "50.0 %"]
    assert cells[4] in ("hotel (1)", "no decision (1)")
    assert model.index(0, 2).data(SHARE_ROLE) == 0.5


def test_that_wrong_rows_carry_their_faults_as_chips(workspace):
    folder = keep(workspace, "x", [NO_JSON])
    model = WrongRowsModel(CONTRACT)
    model.show_items(wrong_rows(folder.path, CONTRACT))
    assert ("invalid", "danger") in model.index(0, 1).data(CHIPS_ROLE)
    assert model.index(0, 3).data() == "no decision"


def test_that_only_files_that_tell_the_truth_are_offered_the_held_out_ones_first(workspace):
    row = line_of(1, "Query", decision())
    contents = {
        "all.jsonl": row, "router.validation.jsonl": row, "router.held-out.jsonl": row, "router.test.jsonl": row,
        "queries.jsonl": b'{"query": "hello"}', "long.jsonl": b'{"messages": [{"role": "assistant", "content": "Hi."}]}',
        "broken.jsonl": b"{",
    }  # fmt: skip
    for name, content in contents.items():
        (workspace.datasets / name).write_bytes(content + b"\n")
    names = [choice.path.name for choice in data_choices(workspace, ())]
    assert names[:3] == ["router.held-out.jsonl", "router.test.jsonl", "router.validation.jsonl"]
    assert set(names[3:]) == {"all.jsonl", "broken.jsonl"}
    evaluated = str(workspace.datasets / "all.jsonl")
    assert data_choices(workspace, (), evaluated)[0].path.name == "all.jsonl"


def test_that_models_are_called_by_what_tells_them_apart():
    names = ["arny-demo-4.5M-tier1-Q4_K_M.gguf", "arny-demo-base-4.5M-F16.gguf"]
    assert list(short_names(names).values()) == ["4.5M-tier1-Q4_K_M", "base-4.5M-F16"]
    assert short_names(["arny-Q8_0.gguf"]) == {"arny-Q8_0.gguf": "arny-Q8_0"}
    assert short_names(["a-b", "a"]) == {"a-b": "a-b", "a": "a"}
    assert short_names([]) == {}


@pytest.fixture
def tab(studio, qtbot, workspace):
    """The Evaluate tab over two kept evaluations on the same rows."""
    keep(workspace, "before", [RIGHT, WRONG_JOURNEY, NO_JSON])
    keep(workspace, "tuned", [RIGHT, RIGHT, WRONG_JOURNEY])
    studio.window.show_tab("evaluate")
    found = studio.window.tab("evaluate").widget
    qtbot.waitUntil(lambda: found.evaluations.rowCount() == 2)
    return found


def shown_as(tab, title: str) -> int:
    return next(n for n, item in enumerate(tab.evaluations.items) if item.model_name == f"{title}.gguf")


def test_that_selecting_an_evaluation_shows_its_scores_and_wrong_rows(tab, qtbot):
    tab.past.select_line(shown_as(tab, "before"))
    qtbot.waitUntil(lambda: tab.wrong.rowCount() == 2)
    assert tab.tiles.tiles["journey_accuracy"].figure == "33.3 %"
    tab.past.select_line(shown_as(tab, "tuned"))
    qtbot.waitUntil(lambda: tab.wrong.rowCount() == 1)
    assert tab.tiles.tiles["journey_accuracy"].figure == "66.7 %"


def test_that_two_evaluations_are_compared(tab, qtbot):
    tab.past.select_line(shown_as(tab, "tuned"))
    tab.baseline.setCurrentIndex(1)
    notes = [label.text() for label in tab.tiles.tiles["journey_accuracy"].findChildren(QLabel)]
    assert "+33.3 points" in notes
    assert tab.journeys.index(0, 3).data() == "33.3 %"


def test_that_a_wrong_row_shows_expected_against_predicted(tab, qtbot):
    tab.past.select_line(shown_as(tab, "tuned"))
    qtbot.waitUntil(lambda: tab.wrong.rowCount() == 1)
    tab.wrong_table.select_line(0)
    texts = [label.text().replace("\u200b", "") for label in tab.comparison.findChildren(QLabel)]
    assert {"Query 2", "general", "hotel"} <= set(texts)


def test_that_wrong_rows_come_to_the_front_with_the_first_one_selected(tab, qtbot):
    tab.past.select_line(shown_as(tab, "before"))
    qtbot.waitUntil(lambda: tab.wrong.rowCount() == 2)
    assert not tab.wrong_table.currentIndex().isValid()
    tab.details.setCurrentWidget(tab.wrong_table)
    assert tab.wrong_table.currentIndex().row() == 0
    tab.past.select_line(shown_as(tab, "tuned"))
    qtbot.waitUntil(lambda: tab.wrong.rowCount() == 1)
    assert tab.wrong_table.currentIndex().row() == 0


def test_that_a_short_name_has_the_whole_one_in_its_tooltip(tab):
    tab.evaluations.show_items([replace(item, model=f"a-<b>-{item.model_name}") for item in tab.evaluations.items])
    cell = tab.evaluations.index(0, 0)
    assert cell.data() in ("before", "tuned")
    assert f"a-&lt;b&gt;-{cell.data()}.gguf" in cell.data(Qt.ItemDataRole.ToolTipRole)


def test_that_nothing_can_be_evaluated_without_a_model_and_why(open_studio, qtbot, monkeypatch):
    monkeypatch.setattr("arny_studio.ui.evaluate.controller.model_choices", lambda _workspace: [])
    studio = open_studio()
    studio.window.show_tab("evaluate")
    setup = studio.window.tab("evaluate").widget.setup
    qtbot.waitUntil(lambda: setup.model.count() > 0)
    assert setup.model.path is None
    assert not setup.start_button.isEnabled()
    assert "a model" in setup.start_button.toolTip()


def test_that_the_wheel_does_not_change_a_choice(tab, qtbot):
    from PySide6.QtCore import QPoint, QPointF
    from PySide6.QtGui import QWheelEvent

    tab.baseline.setCurrentIndex(0)
    still = (Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False)
    event = QWheelEvent(QPointF(5, 5), QPointF(5, 5), QPoint(0, -120), QPoint(0, -120), *still)
    tab.baseline.wheelEvent(event)
    assert tab.baseline.currentIndex() == 0
    assert not event.isAccepted()


def test_that_a_real_model_is_evaluated_from_the_window(studio, qtbot, workspace):
    pytest.importorskip("llama_cpp")
    make_tiny_gguf(workspace.models / "tiny.gguf")
    rows = [line_of(number, f"Query {number}", decision()) for number in range(4)]
    (workspace.datasets / "test.jsonl").write_bytes(b"\n".join(rows) + b"\n")
    studio.window.show_tab("evaluate")
    tab = studio.window.tab("evaluate")
    setup = tab.widget.setup
    wanted = workspace.models / "tiny.gguf"
    qtbot.waitUntil(lambda: setup.data.path is not None)
    setup.model.choose(wanted)
    setup.limit.setValue(2)
    setup.is_constrained.setChecked(True)
    qtbot.mouseClick(setup.start_button, Qt.MouseButton.LeftButton)
    assert not setup.stop_button.isHidden()
    qtbot.waitUntil(lambda: tab.widget.evaluations.rowCount() == 1, timeout=90_000)
    shown = tab.widget.evaluations.items[0]
    assert (shown.scores.rows, shown.scores.json_valid) == (2, 1.0)
    assert setup.stop_button.isHidden()
    assert tab.widget.tiles.tiles["json_valid"].figure == "100.0 %"


def test_that_a_broken_model_is_one_sentence_and_the_form_is_ready_again(studio, qtbot, workspace):
    pytest.importorskip("llama_cpp")
    (workspace.models / "broken.gguf").write_bytes(b"GGUF" + bytes(40))
    (workspace.datasets / "test.jsonl").write_bytes(line_of(1, "Query", decision()) + b"\n")
    studio.window.show_tab("evaluate")
    tab = studio.window.tab("evaluate")
    setup = tab.widget.setup
    qtbot.waitUntil(lambda: setup.data.path is not None)
    setup.model.choose(workspace.models / "broken.gguf")
    qtbot.mouseClick(setup.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(studio.window.messages.messages), timeout=60_000)
    assert studio.window.messages.messages[0].level == "error"
    assert setup.start_button.isEnabled()
    assert not setup.start_button.isHidden()
