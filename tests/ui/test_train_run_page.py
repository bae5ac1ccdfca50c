"""The page of a run over event logs of real runs, and what it says of states that are rare."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtWidgets import QLabel

from arny_studio.jobs.event_log import read_events
from arny_studio.jobs.events import Answers, Checkpoint, Failed, HeldOutAnswer, Hello, Metric, Progress, Result, Stage
from arny_studio.jobs.state import RunState, fold
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.train.run_page import ANSWERS, RunPage

RECORDED = Path(__file__).parent.parent / "recorded"
TRUTH = '{"intent":"book_flight","missing_fields":["date"],"needs_clarification":true}'
WRONG = '{"intent":"book_hotel","missing_fields":["date"]}'


@pytest.fixture
def page(qapp, qtbot):
    made = RunPage(ThemeSwitcher(qapp, "light"))
    qtbot.addWidget(made)
    made.resize(920, 800)
    made.show()
    qtbot.waitExposed(made)
    return made


def recorded(name: str) -> RunState:
    return fold(read_events(RECORDED / name))


def running(*events) -> RunState:
    return fold([Hello(kind="train", pid=1, time_s=0.0), *events])


def answer(text: str, agreement: float, *wrong: str, is_json: bool | None = True) -> HeldOutAnswer:
    return HeldOutAnswer(
        row="r7", line=7, query="book me a flight", expected=TRUTH, text=text, is_json=is_json, agreement=agreement,
        wrong_fields=list(wrong),
    )  # fmt: skip


def test_that_a_running_training_says_what_it_does_and_how_long_it_still_takes(page):
    page.show_state(
        running(
            Stage(name="train", title="Train", index=4, total=5, time_s=10.0),
            Metric(step=30, loss=1.5, epoch=0.5, time_s=40.0),
            Progress(done=30, total=120, unit="steps", time_s=40.0),
        )
    )
    assert page._live.isVisible()
    assert page._doing.text() == "Train  ·  30 of 120 steps  ·  1 min 30 s left"
    assert page.tiles["step"].figure == "30 / 120"
    assert page.tiles["time"]._note.text() == "1 min 30 s left"
    assert page.notice.isHidden()


def test_that_a_finished_run_tells_its_end_and_how_good_the_estimates_were(page):
    state = recorded("train-finished.jsonl")
    page.show_state(replace(state, results={"estimate": {"predicted_s": 39.0, "took_s": 46.0, "predicted_bytes": 0}}))
    assert page.notice.sentence.text() == state.outcome.sentence
    assert "took 46 s of training, 39 s were foreseen" in page.notice.hint.text()
    assert not page._live.isVisible()


def test_that_a_run_that_was_killed_says_so_and_names_what_it_goes_on_from(page):
    events = read_events(RECORDED / "train-resumed.jsonl")
    killed = next(number for number, event in enumerate(events) if isinstance(event, Failed))
    state = fold(events[: killed + 1])
    page.show_state(state)
    page.show_status("failed")
    assert "SIGKILL" in page.notice.sentence.text()
    assert page.resume_button.isVisible()
    assert page.resume_button.text() == "Resume from step 12"
    assert not page.export_button.isVisible()


def test_that_a_run_that_was_killed_and_resumed_shows_each_step_once(page, qtbot):
    state = recorded("train-resumed.jsonl")
    assert state.attempts == 2
    page.show_state(state)
    qtbot.waitUntil(lambda: page.curves.points_shown == 24, timeout=30_000)
    assert page.curves.loss._series["loss"].x.tolist() == list(range(1, 25))
    assert [one.step for one in state.answers] == [8, 16, 24]


def test_that_the_resume_button_names_the_newest_checkpoint(page):
    page.show_state(running(Checkpoint(step=50, path="a"), Checkpoint(step=1100, path="b")))
    assert page.resume_button.text() == "Resume from step 1,100"
    page.show_state(running())
    assert page.resume_button.text() == "Try again"


def test_that_the_best_that_is_kept_is_said_beside_its_figure(page):
    best = {"metric": "validation_loss", "step": 40, "value": 0.5}
    page.show_state(running(Metric(step=60, loss=1.0, validation_loss=0.7), Result(name="best", values=best)))
    assert page.tiles["loss"]._note.text() == "best 0.5 at step 40"
    assert page.tiles["answers"].isHidden()
    best = {"metric": "json_valid", "step": 20, "value": 1.0}
    page.show_state(running(Metric(step=60, json_valid=0.75), Result(name="best", values=best)))
    assert page.tiles["answers"].figure == "75.0 %"
    assert page.tiles["answers"]._note.text() == "best 100.0 % at step 20"


def test_that_the_licence_of_the_base_stands_with_the_recipe(page):
    licence = {"licence": "Qwen Research License", "note": "Research only.", "base": "b"}
    page.show_state(running(Result(name="licence", values=licence)))
    assert page._licence.text() == "Licence of the base: Qwen Research License. Research only."


def test_that_the_state_of_the_data_that_was_used_stands_with_the_recipe(page):
    used = {"path": "/data/rows.jsonl", "content_hash": "0123456789abcdef" * 2, "snapshot": None}
    page.show_state(running(Result(name="data", values={"train": used, "validation": used})))
    assert page._data.text() == "Data as it was used: rows.jsonl · 0123456789ab · no snapshot"
    page.show_state(running())
    assert page._data.isHidden()


def test_that_answers_stand_beside_the_truth_field_by_field(page):
    answers = page.answers
    page.show_state(running(Answers(step=20, rows=2, worst=[answer(WRONG, 0.5, "intent")], best=[answer(TRUTH, 1.0)])))
    page.show_part(ANSWERS)
    assert [each.agreement for each in answers.answers] == [0.5]
    said = [label.text().replace("\u200b", "") for label in answers.findChildren(QLabel) if label.text()]
    assert "book_flight" in said and "book_hotel" in said
    assert "missing" in said  # the answer lacks the last field
    reds = [
        label.text().replace("\u200b", "") for label in answers.findChildren(QLabel)
        if label.property("role") == "danger" and label.text()
    ]  # fmt: skip
    assert reds == ["book_hotel", "missing"]
    answers._groups.button(1).click()
    assert [each.agreement for each in answers.answers] == [1.0]


def test_that_an_answer_that_is_no_json_is_shown_as_it_came(page):
    page.show_state(running(Answers(step=20, rows=1, worst=[answer("Sure! <b>I</b> can", 0.0, is_json=False)])))
    page.show_part(ANSWERS)
    said = [label.text().replace("\u200b", "") for label in page.answers.findChildren(QLabel)]
    assert "Sure! <b>I</b> can" in said
    assert "no JSON" in said


def test_that_an_earlier_round_stays_on_the_page_while_newer_ones_come(page):
    rounds = [Answers(step=step, rows=1, worst=[answer(WRONG, 0.01 * step)]) for step in (10, 20, 30)]
    page.show_state(running(*rounds[:2]))
    assert [each.agreement for each in page.answers.answers] == [0.2]  # the newest
    page.answers.round.setCurrentIndex(1)
    assert [each.agreement for each in page.answers.answers] == [0.1]
    page.show_state(running(*rounds))
    assert [each.agreement for each in page.answers.answers] == [0.1]
    page.answers.round.setCurrentIndex(0)
    assert [each.agreement for each in page.answers.answers] == [0.3]


def test_that_a_low_window_keeps_its_room_for_the_curves(page):
    page.show_state(recorded("train-finished.jsonl"))
    assert page.tiles["memory"].isVisible()
    page.resize(700, 560)
    assert not page.tiles["memory"].isVisible()
    assert page.tiles["loss"].isVisible()
