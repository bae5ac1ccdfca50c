"""The conversation with a phone: continued, edited, repeated, replayed, confirmed, corrected; two phones, and scripts."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtWidgets import QDialog

from arny_studio.dataset.review import ReviewBook
from arny_studio.dataset.row_hash import row_hash
from arny_studio.dataset.sidecar import Sidecar
from arny_studio.paths import DEMO_TIER1, DEMO_TIER2
from arny_studio.ui.chat.correction_dialog import CorrectionDialog
from arny_studio.ui.chat.prompt_dialog import PromptDialog
from tests import pinned_contract as pinned
from tests.tiny_models import make_tiny_gguf
from tests.ui.chatting import PHONE_MS, answered, decide

PAYMENT = pinned.EXECUTE | {
    "intent": "pay_bill", "primary_journey": "financial_wellness", "journeys": ["financial_wellness"],
}  # fmt: skip


@pytest.fixture
def chat(studio, qtbot):
    """The Chat tab; `decide` makes the router decide as a test wants."""
    for tier, seed in (("tier1", 0), ("tier2", 1)):
        make_tiny_gguf(studio.workspace.models / f"tiny-{tier}.gguf", seed=seed)
    studio.window.show_tab("chat")
    tab = studio.window.tab("chat")
    for setup in (tab.widget.setup, *tab.widget.compare.setups):
        for tier in ("tier1", "tier2"):
            setup.show_value(tier, str(studio.workspace.models / f"tiny-{tier}.gguf"))
    settings = tab.widget.settings
    settings.reasoner_tokens.setValue(8)
    return tab


def ask(chat, qtbot, words: str):
    chat.controller.ask(words)
    return answered(chat, qtbot)


def press(chat, request: str, name: str) -> None:
    chat.widget.messages.view_of(request).buttons[name].click()


def dialog(chat, kind: type[QDialog]):
    return next(found for found in chat.widget.findChildren(kind) if found.isVisible())


def test_that_an_answer_continues_its_question_and_an_edit_forks_it(chat, qtbot, tmp_path: Path):
    decide(chat, tmp_path, pinned.CLARIFY)
    first = ask(chat, qtbot, "Book a flight to Rome")
    assert chat.widget._about_continuing.isVisible()
    second = ask(chat, qtbot, "tomorrow")
    assert "Book a flight to Rome" in second.router_prompt.text
    press(chat, first.request, "edit")
    assert chat.widget.input.toPlainText() == "Book a flight to Rome"
    third = ask(chat, qtbot, "Book a flight to Oslo")
    assert [each.query for each in chat.controller.conversation.exchanges] == ["Book a flight to Oslo"]
    assert "Rome" not in third.router_prompt.text
    assert chat.widget._fork_words.text() == "Fork 2 of 2"
    chat.widget.fork_buttons[0].click()
    assert [each.request for each in chat.controller.conversation.exchanges] == [first.request, second.request]
    chat.widget.new_request_button.click()
    assert not ask(chat, qtbot, "What time is it?").continues
    chat.widget.inspector.prompt_button.click()
    assert dialog(chat, PromptDialog).text.endswith("<|im_start|>assistant\n")


def test_that_another_request_leaves_an_open_question_and_can_be_taken_as_its_answer_after_all(chat, qtbot, tmp_path):
    decide(chat, tmp_path, pinned.CLARIFY)
    ask(chat, qtbot, "Book a flight to Rome")
    chat.widget.switch_button.click()
    qtbot.waitUntil(lambda: chat.widget.switch_button.text() == "Start phone", timeout=PHONE_MS)
    decide(chat, tmp_path, pinned.ANSWER)
    other = ask(chat, qtbot, "What is the capital of France?")
    assert not other.continues
    assert "Rome" not in other.router_prompt.text
    view = chat.widget.messages.view_of(other.request)
    assert view.buttons["turn"].isVisible()
    assert view.buttons["turn"].text() == "As the answer"
    press(chat, other.request, "turn")
    answer = answered(chat, qtbot)
    assert answer.continues
    assert "Rome" in answer.router_prompt.text
    assert chat.widget.messages.view_of(answer.request).buttons["turn"].text() == "As a new request"
    press(chat, answer.request, "turn")
    assert "Rome" not in answered(chat, qtbot).router_prompt.text


def test_that_moved_limits_are_previewed_and_a_replay_makes_them_so_and_a_wrong_decision_becomes_data(
    studio, chat, qtbot, tmp_path: Path
):
    decide(chat, tmp_path, pinned.ANSWER)
    first = ask(chat, qtbot, "What is the capital of France?")
    assert (first.action, first.settings.seed) == ("answer", 1)
    press(chat, first.request, "again")
    again = answered(chat, qtbot)
    assert (again.query, again.settings.seed) == (first.query, 2)
    limits = chat.widget.inspector.limits
    limits.confidence.setValue(99)
    assert "request 1: answer → clarify" in limits.preview.text()
    limits.replay_button.click()
    replayed = answered(chat, qtbot)
    assert (replayed.action, replayed.decided.confidence_floor) == ("clarify", 0.99)
    assert chat.widget._fork_words.text() == "Fork 3 of 3"
    chat.controller.use_contract("router-v1")  # under the test's own contract nothing else is valid
    press(chat, replayed.request, "wrong")
    form = dialog(chat, CorrectionDialog)
    form.editor.edited.emit(form._text.replace('"general"', '"nowhere"'))
    assert not form.keep_button.isEnabled()
    form.editor.edited.emit(json.dumps(pinned.ANSWER | {"direct_answer": "Paris, of course."}))
    form.note.setText("too curt")
    form.keep_button.click()
    dataset = studio.workspace.datasets / "corrections.jsonl"
    qtbot.waitUntil(lambda: dataset.is_file() and not chat.controller.is_busy, timeout=PHONE_MS)
    (line,) = dataset.read_bytes().splitlines()
    row = json.loads(line)
    assert json.loads(row["messages"][-1]["content"])["direct_answer"] == "Paris, of course."
    provenance = row["meta"]["provenance"]
    assert json.loads(provenance["old_decision"]) == pinned.ANSWER
    assert len(provenance["model_sha256"]) == 64
    assert "capital of France" in provenance["prompt"]
    review = ReviewBook(Sidecar(dataset).reviews, read_only=True).get(row_hash(line))
    assert (review.status, review.note, review.provenance) == ("accepted", "too curt", provenance)


def test_that_a_payment_is_sent_only_after_a_yes(chat, qtbot, tmp_path: Path):
    decide(chat, tmp_path, PAYMENT)
    for name in ("decline", "send"):
        chat.controller.ask("Pay the gas bill")
        request = chat.controller.conversation.exchanges[-1].request
        asking = chat.widget.messages.view_of(request).buttons[name]
        qtbot.waitUntil(asking.isVisible, timeout=PHONE_MS)
        asking.click()
        exchange = answered(chat, qtbot)
        assert (exchange.executed is not None) == (name == "send")
    assert "Simulated result" in exchange.reply
    assert chat.widget.inspector._rows.isVisibleTo(chat.widget.inspector)


def test_that_the_demo_pair_lives_in_all_three_modes_is_refused_and_is_killed(studio, chat, qtbot, tmp_path: Path):
    decide(chat, tmp_path, pinned.REASON)
    widget, controller = chat.widget, chat.controller
    widget.setup.show_value("tier1", str(DEMO_TIER1))
    widget.setup.show_value("tier2", str(DEMO_TIER2))
    seen = []
    for ram_gib in (4, 6, 16):
        widget.phone.slider.setValue(2 * ram_gib)
        controller.restart()
        qtbot.waitUntil(
            lambda ram=ram_gib: controller.phase == "ready" and controller.link.recipe.profile.ram_mib == 1024 * ram,
            timeout=PHONE_MS,
        )
        exchange = ask(chat, qtbot, "Compare wind and coal")
        seen.append((controller.link.about.rpartition(", ")[2], exchange.action, exchange.replied.loads))
    assert seen == [("lite", "needs_reasoner", 0), ("full local", "reason", 1), ("both resident", "reason", 0)]
    widget.phone.pressure_button.click()
    qtbot.waitUntil(
        lambda: "Tier-2 unloaded" in widget.phone.happenings.toPlainText().splitlines()[-1], timeout=PHONE_MS
    )
    first = controller.link.job
    os.kill(first.state.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: controller.link.job is not first and controller.phase == "ready", timeout=PHONE_MS)
    assert "Killed by the system" in widget.notice.sentence.text()
    qtbot.waitUntil(lambda: controller._forecast.ledger is not None, timeout=PHONE_MS)
    profile = controller._profile
    held = sum(line.predicted_bytes for line in controller._forecast.ledger.lines if line.owner in ("app", "tier1"))
    small = profile.with_ram(6144)
    small = replace(small, app_budget_mib=(held >> 20) + 12, tier2=replace(small.tier2, context=65536))
    controller._use_profile(small)
    assert "needs" in controller._forecast.problem
    controller.restart()
    qtbot.waitUntil(lambda: controller.phase == "ready" and controller.link.recipe.profile == small, timeout=PHONE_MS)
    assert ask(chat, qtbot, "Compare wind and coal").action == "needs_reasoner"
    assert {"load", "unload", "answer", "refusal", "kill", "pressure"} <= {
        mark.kind for mark in controller.link.timeline.marks
    }
    assert "Tier-2 refused." in widget.phone.happenings.toPlainText()


def test_that_two_phones_are_compared_and_a_file_is_run(studio, chat, qtbot, tmp_path: Path):
    decide(chat, tmp_path, pinned.REASON)
    widget, controller = chat.widget, chat.controller
    widget.show_page("compare")
    widget.compare.query.setText("Compare wind and coal")
    widget.compare.run_button.click()
    qtbot.waitUntil(lambda: not controller.compare.is_running, timeout=PHONE_MS)
    assert [side.exchange.action for side in controller.compare.sides] == ["reason", "needs_reasoner"]
    assert widget.compare.said.text() == "They differ in path and reply."
    queries = tmp_path / "queries.jsonl"
    queries.write_text('{"query": "one"}\n{"query": "two"}\n')
    widget.show_page("script")
    controller.script.choose(queries)
    assert (widget.script.file.text(), widget.script.file.toolTip()) == (queries.name, str(queries))
    widget.script.run_button.click()
    qtbot.waitUntil(lambda: not controller.script.is_running, timeout=PHONE_MS)
    assert [reply.query for reply in widget.script.model.items] == ["one", "two"]
    assert controller.script.report.read_text().startswith("# 6 GB phone: scripted run")
    assert widget.script.report_button.isEnabled()
