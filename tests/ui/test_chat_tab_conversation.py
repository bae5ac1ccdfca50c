"""The conversation as a fold over the phone's events, and what is shown of it."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel

from arny_studio.contract import load_contract
from arny_studio.device import load_profile
from arny_studio.jobs.events import Decided, Ledger, LedgerLine, LoadRefused, Log, ModelLoaded, Replied, Token
from arny_studio.jobs.outcome import Outcome
from arny_studio.ui.chat.conversation import Conversation, asked, ended, heard, phase_after
from arny_studio.ui.chat.inspector import Inspector
from arny_studio.ui.chat.message_list import PAGE, ExchangeView, MessageList
from arny_studio.ui.chat.path_view import PathView
from arny_studio.ui.chat.ram_bar import picture_of
from arny_studio.ui.theme import ThemeSwitcher

INJECTION = '<img src="file:///etc/passwd"><b>bold</b><script>alert(1)</script>'


def replied(request="r1", action="answer", reply="Hello", **more):
    return Replied(
        request=request, query="hi", decision=None, valid=True, action=action, reply=reply, ms=1, peak_mib=9, **more
    )


@pytest.fixture
def theme(qapp):
    return ThemeSwitcher(qapp, "light")


def test_that_a_reply_grows_while_it_is_streamed_and_ends_as_the_phone_says():
    talk = asked(Conversation(), "r1", "hi")
    for piece in ("Hel", "lo"):
        talk = heard(talk, Token(request="r1", tier=2, text=piece))
    assert talk.find("r1").reply == "Hello"
    assert talk.open_request == "r1"
    talk = heard(talk, replied(reply="Hello there"))
    assert talk.find("r1").reply == "Hello there"
    assert talk.open_request == ""


def test_that_what_was_open_when_the_phone_ended_is_lost():
    talk = ended(asked(Conversation(), "r1", "hi"))
    assert talk.find("r1").is_lost
    assert talk.open_request == ""


def test_that_events_of_other_requests_and_kinds_change_nothing():
    talk = asked(Conversation(), "r1", "hi")
    assert heard(talk, Token(request="r9", tier=2, text="x")) == talk
    assert heard(talk, Log(text="x")) == talk


def test_that_memory_events_become_words():
    talk = heard(Conversation(), ModelLoaded(tier=2, file="a.gguf", elapsed_ms=12))
    talk = heard(talk, LoadRefused(tier=2, needed_bytes=2, free_bytes=1, sentence="Too big.", remedy="Take Q4."))
    assert [each.level for each in talk.happenings] == ["info", "warning"]
    assert "Too big. Take Q4." in talk.happenings[1].text


@pytest.mark.parametrize(
    ("failure", "was_ready", "phase"),
    [("memory_cap", True, "killed"), ("memory_cap", False, "refused"), ("out_of_memory", True, "killed"),
     ("missing_file", False, "failed")],
)  # fmt: skip
def test_that_the_end_of_the_worker_is_named_for_what_it_was(failure, was_ready, phase):
    refusal = LoadRefused(tier=1, needed_bytes=2, free_bytes=1, sentence="Too big.")
    talk = heard(Conversation(), refusal) if phase == "refused" else Conversation()
    outcome = Outcome(kind="failed", sentence="x", failure=failure)
    assert phase_after(outcome, talk, was_ready=was_ready) == phase


def test_that_a_phone_that_was_switched_off_is_off():
    assert phase_after(Outcome(kind="stopped", sentence="x"), Conversation(), was_ready=True) == "off"


@pytest.mark.parametrize(
    ("action", "ends"),
    [("answer", ("Answer",)), ("clarify", ("Clarify",)), ("execute", ("Execute",)), ("reason", ("Tier-2",)),
     ("needs_reasoner", ("Tier-2",)), ("router_error", ("Clarify",)), ("", ())],
)  # fmt: skip
def test_that_each_action_has_its_way(qtbot, theme, action, ends):
    view = PathView(theme)
    qtbot.addWidget(view)
    view.show_action(action)
    assert view.taken_ends == ends
    assert not view.grab().isNull()


def test_that_an_execution_worded_by_tier_2_went_both_ways(qtbot, theme):
    view = PathView(theme)
    qtbot.addWidget(view)
    view.show_action("execute", uses_tier2=True)
    assert view.taken_ends == ("Execute", "Tier-2")


def test_that_model_text_is_never_rich_text(qtbot, theme):
    talk = asked(Conversation(), "r1", INJECTION)
    decided = Decided(
        request="r1", text=INJECTION, decision={"intent": INJECTION, "journeys": [INJECTION]}, is_valid=False,
        problems=[INJECTION], because=INJECTION, action="answer",
    )  # fmt: skip
    talk = heard(heard(talk, decided), replied(reply=INJECTION))
    messages, inspector = MessageList(theme), Inspector(theme, load_contract("router-v1"))
    for widget in (messages, inspector):
        qtbot.addWidget(widget)
        widget.show()
    messages.show_conversation(talk)
    inspector.show_exchange(talk.find("r1"))
    labels = [found for widget in (messages, inspector) for found in widget.findChildren(QLabel)]
    assert any(INJECTION in found.text() for found in labels)
    assert all(found.textFormat().name == "PlainText" for found in labels if "<" in found.text())


def test_that_the_newest_bubbles_are_shown_and_earlier_ones_when_asked_for(qtbot, theme):
    messages = MessageList(theme)
    qtbot.addWidget(messages)
    talk = Conversation()
    for number in range(230):
        talk = heard(asked(talk, f"r{number}", "hi"), replied(request=f"r{number}"))
    messages.show_conversation(talk)
    assert len(messages._views) == PAGE
    assert messages.view_of("r229").reply.text == "Hello"
    assert messages.earlier_button.text() == f"Show {PAGE} earlier of {230 - PAGE}"
    messages.earlier_button.click()
    placed = [messages._lines.itemAt(place).widget() for place in range(messages._lines.count())]
    names = [view.request for view in placed if isinstance(view, ExchangeView)]
    assert names == [f"r{number}" for number in range(230 - 2 * PAGE, 230)]
    messages.show_conversation(heard(asked(Conversation(), "s1", "hi"), replied(request="s1")))
    assert not messages.earlier_button.isVisibleTo(messages)


def test_that_the_picture_shows_measurements_before_predictions():
    profile = load_profile("6gb")
    empty = picture_of(profile, None)
    assert [each.title for each in empty.slices] == ["System"]
    line = LedgerLine(owner="tier1", part="kv", predicted_bytes=10, measured_bytes=12)
    ledger = Ledger(cause="x", cap_bytes=100, used_bytes=40, peak_bytes=50, lines=[line])
    picture = picture_of(profile, ledger)
    assert picture.slices[0].shown == 12
    assert picture.free == 60
