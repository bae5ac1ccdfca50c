"""The preflight card: what it shows, where its lines lead, and what it keeps from starting; with a real worker."""

from __future__ import annotations

import json

import pytest
from PySide6.QtCore import Qt

from arny_studio.recipe.preflight import Estimate, Finding, MemoryPart, PreflightReport
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.train.preflight_card import PreflightCard
from tests.ui.test_train_tab import fill, opened
from tests.ui.tiny_workspace import tiny_dataset

pytestmark = pytest.mark.timeout(600)  # real workers on a slow, noisy machine

LOOK_MS = 150_000


@pytest.fixture
def card(qapp, qtbot):
    made = PreflightCard(ThemeSwitcher(qapp, "light"))
    qtbot.addWidget(made)
    return made


def report(*findings: Finding, **changes) -> PreflightReport:
    return PreflightReport(findings=list(findings), **changes)


def test_that_a_sound_report_says_ready_and_shows_the_parts_of_the_memory(card):
    parts = [
        MemoryPart(name="weights", title="Weights", bytes=3_000_000_000, formula="1.5e9 × 2"),
        MemoryPart(name="logits", title="Logits", bytes=0, formula="chunked"),
    ]
    finding = Finding(key="rows", title="Rows", text="24 used.")
    card.show_report(report(finding, memory=Estimate(value=3e9, raw=3e9), memory_parts=parts))
    assert card.status.text() == "ready"
    assert [(part.title, part.words, part.about) for part in card.memory.parts] == [("Weights", "3.0 GB", "1.5e9 × 2")]


def test_that_a_report_with_an_error_cannot_start_and_one_with_warnings_counts_them(card):
    card.show_report(report(Finding(key="supervised", title="Under the loss", text="None.", level="error")))
    assert card.status.text() == "cannot start"
    card.show_report(report(Finding(key="leakage", title="Leakage", text="Three rows.", level="warning")))
    assert card.status.text() == "1 warning"


def test_that_a_line_leads_to_its_rows(card, qtbot, tmp_path):
    one = Finding(key="rows", title="Rows", text="One skipped.", file=str(tmp_path / "a.jsonl"), lines=[7], count=1)
    many = Finding(key="leakage", title="Leakage", text="Many.", file=str(tmp_path / "b.jsonl"), lines=[3, 9], count=12)
    card.show_report(report(one, many, Finding(key="steps", title="Steps", text="80.")))
    assert set(card.links) == {"rows", "leakage"}
    with qtbot.waitSignal(card.row_requested) as asked:
        card.links["rows"].click()
    assert asked.args == [tmp_path / "a.jsonl", 7]
    assert card.links["leakage"].text() == "12 lines"
    with qtbot.waitSignal(card.row_requested) as asked:
        card.links["leakage"].menu().actions()[1].trigger()
    assert asked.args == [tmp_path / "b.jsonl", 9]


def test_that_what_the_worker_finds_is_shown_and_opens_the_data_tab_at_the_row(studio, qtbot):
    train = opened(studio, qtbot)
    fill(studio, train)
    path = studio.workspace.datasets / "one-broken.jsonl"
    good = tiny_dataset(studio.workspace).read_text("utf-8").splitlines()
    path.write_text("\n".join([*good[:9], "this is no JSON", *good[9:]]) + "\n", encoding="utf-8")
    train.widget.new.sources.show_dataset(path)
    card = train.widget.new.preflight
    qtbot.waitUntil(lambda: "rows" in card.links, timeout=LOOK_MS)
    assert card.links["rows"].text() == "Line 10"
    qtbot.mouseClick(card.links["rows"], Qt.MouseButton.LeftButton)
    assert studio.window.current == "data"
    data = studio.window.tab("data")
    qtbot.waitUntil(lambda: data.controller.document is not None, timeout=LOOK_MS)
    assert data.controller.document.path == path


def test_that_a_training_without_a_supervised_token_does_not_start_and_says_why(studio, qtbot):
    train = opened(studio, qtbot)
    fill(studio, train)
    assert train.widget.new.start_button.isEnabled()
    query = "more than fits into a row of this length " * 50  # so that nothing of the answer is left
    row = {"id": "a", "messages": [{"role": "user", "content": query}, {"role": "assistant", "content": "yes"}]}
    path = studio.workspace.datasets / "silent.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    train.widget.new.sources.show_dataset(path)
    qtbot.waitUntil(lambda: not train.widget.new.start_button.isEnabled(), timeout=LOOK_MS)
    blocker = next(finding for finding in train.widget.new.preflight.findings if finding.level == "error")
    assert blocker.text in train.widget.new.start_button.toolTip()
    assert train.widget.new.preflight.status.text() == "cannot start"


def test_that_only_the_newest_wish_is_answered(studio, qtbot):
    train = opened(studio, qtbot)
    fill(studio, train)
    asker = train.controller.form.preflight
    answers = []
    asker.answered.connect(lambda recipe, _report: answers.append(recipe.epochs))
    qtbot.waitUntil(lambda: asker._job is not None, timeout=LOOK_MS)
    for text in ("2", "3"):
        train.widget.new.form.editors["epochs"]._input.setText(text)
    qtbot.waitUntil(lambda: bool(answers) and not asker.is_busy, timeout=LOOK_MS)
    assert answers[-1] == 3.0
    assert 2.0 not in answers
    train.controller.form.judge()  # the same wish again: the answer is known
    assert not asker.is_busy
