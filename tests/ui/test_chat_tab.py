"""The Chat tab with real phone workers on tiny models."""

from __future__ import annotations

import json

import pytest
from PySide6.QtCore import Qt

from arny_studio import extras
from arny_studio.recipe import ExportRecipe
from arny_studio.ui.tab import ChatWith
from tests.tiny_models import make_tiny_gguf

PHONE_MS = 40_000


@pytest.fixture
def chat(studio, qtbot):
    make_tiny_gguf(studio.workspace.models / "tiny-tier1.gguf")
    make_tiny_gguf(studio.workspace.models / "tiny-tier2.gguf", seed=1)
    studio.window.show_tab("chat")
    tab = studio.window.tab("chat")
    qtbot.waitUntil(lambda: tab.widget.setup.tier1.findText("tiny-tier1.gguf") >= 0, timeout=30_000)
    tab.widget.setup.show_value("tier1", str(studio.workspace.models / "tiny-tier1.gguf"))
    tab.widget.setup.show_value("tier2", str(studio.workspace.models / "tiny-tier2.gguf"))
    return tab


def ask(chat, qtbot, words="Book a flight from Berlin to Lisbon"):
    chat.widget.input.setPlainText(words)
    qtbot.keyClick(chat.widget.input, Qt.Key.Key_Return)
    return chat.controller.conversation.exchanges[-1].request


def answered(chat, qtbot, request):
    qtbot.waitUntil(lambda: not chat.controller.conversation.find(request).is_open, timeout=PHONE_MS)
    qtbot.waitUntil(lambda: not chat.controller.talk.repaint.isActive(), timeout=30_000)
    return chat.controller.conversation.find(request)


def test_that_the_newest_exported_pair_is_chosen_until_somebody_chooses(studio, qtbot):
    studio.window.show_tab("chat")
    tab = studio.window.tab("chat")
    qtbot.waitUntil(lambda: not tab.controller._background.is_busy, timeout=30_000)
    made = {}
    for tier in ("tier1", "tier2"):
        folder = studio.workspace.new_run("export", ExportRecipe(title=f"My {tier}", base="base", tier=tier))
        made[tier] = folder.outputs / f"some-{tier}-Q4_K_M.gguf"
        made[tier].write_bytes(b"GGUF")
    tab.controller.refresh()
    setup = tab.widget.setup
    qtbot.waitUntil(lambda: setup.value("tier1") == str(made["tier1"]), timeout=30_000)
    assert setup.value("tier2") == str(made["tier2"])
    assert setup.tier2.currentText().startswith("My tier2  ·  Q4_K_M")
    setup.show_value("tier2", "")
    newer = made["tier1"].with_name("newer-tier1-Q4_K_M.gguf")
    made["tier1"].rename(newer)
    tab.controller.refresh()
    qtbot.waitUntil(lambda: setup.value("tier1") == str(newer), timeout=30_000)
    assert setup.tier2.currentText() == "None (Lite)"  # chosen, so it stays


def test_that_a_query_shows_its_decision_its_path_and_the_ledger(studio, chat, qtbot):
    request = ask(chat, qtbot)  # a phone that is off is switched on first
    exchange = answered(chat, qtbot, request)
    widget = chat.widget
    assert chat.controller.phase == "ready"
    decision = json.loads(exchange.decided.text)
    assert set(decision) == set(chat.controller.contract.fields)
    assert widget.inspector.validity.text() in ("valid", "invalid")
    assert widget.inspector.decision.isVisible()
    assert widget.inspector.path.taken_ends
    assert exchange.stages_ms["decode"] > 0
    bubbles = widget.messages.view_of(request)
    assert bubbles.question.text == "Book a flight from Berlin to Lisbon"
    assert bubbles.reply.text == exchange.replied.reply
    owners = {each.owner for each in widget.phone._picture.slices}
    assert {"os", "app", "tier1"} <= owners
    assert 0 < widget.phone._picture.used < widget.phone._picture.cap
    assert "Tier-1 loaded" in widget.phone.happenings.toPlainText()


def test_that_a_router_that_does_not_fit_is_refused_with_the_breakdown(studio, chat, qtbot):
    profile = studio.workspace.root / "small.toml"
    profile.write_text('title = "Tiny phone"\nram_mib = 1024\nos_reserve_mib = 512\napp_budget_mib = 64\n')
    chat.widget.setup.show_value("device", str(profile))
    chat.widget.switch_button.click()
    qtbot.waitUntil(lambda: chat.controller.phase in ("refused", "killed"), timeout=PHONE_MS)
    job = studio.jobs.jobs[-1]
    assert job.outcome.failure == "memory_cap"
    assert chat.widget.notice.sentence.text().endswith(job.outcome.sentence)
    assert studio.window.isVisible()


def test_that_the_phone_is_switched_off_by_the_same_button(studio, chat, qtbot):
    chat.widget.switch_button.click()
    qtbot.waitUntil(lambda: chat.controller.phase == "ready", timeout=PHONE_MS)
    assert chat.widget.switch_button.text() == "Switch off"
    chat.widget.switch_button.click()
    qtbot.waitUntil(lambda: chat.controller.phase == "off", timeout=PHONE_MS)
    assert not studio.jobs.running
    assert not chat.widget.phone._picture.is_measured
    assert chat.widget.switch_button.text() == "Start phone"


def test_that_another_model_chosen_while_the_phone_is_on_asks_for_a_restart(studio, chat, qtbot):
    chat.widget.switch_button.click()
    qtbot.waitUntil(lambda: chat.controller.phase == "ready", timeout=PHONE_MS)
    first = chat.controller.link.job
    studio.window.hand_over("chat", ChatWith(path=studio.workspace.models / "tiny-tier2.gguf", tier=1))
    assert chat.widget.notice.isVisible()
    chat.widget.notice.action_button.click()
    qtbot.waitUntil(
        lambda: chat.controller.link.job is not first and chat.controller.phase == "ready", timeout=PHONE_MS
    )
    assert chat.controller.link.recipe.tier1.endswith("tiny-tier2.gguf")


def test_that_a_new_conversation_forgets_the_bubbles(chat, qtbot):
    answered(chat, qtbot, ask(chat, qtbot))
    chat.widget.new_button.click()
    assert chat.controller.conversation.exchanges == ()
    assert not chat.widget.new_button.isEnabled()


def test_that_without_llama_cpp_the_tab_says_what_to_install(chat, monkeypatch):
    monkeypatch.setitem(extras.LIBRARIES, "infer", ("a_library_that_nobody_has",))
    chat.controller._judge()
    assert "arny-studio[infer]" in chat.widget.notice.hint.text()
    assert not chat.widget.switch_button.isEnabled()
    assert not chat.widget.input.isEnabled()
