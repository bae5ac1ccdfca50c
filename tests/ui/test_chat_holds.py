"""What the Chat tab stands: ends in the middle, hundreds of messages, models that are none, and its own sudden end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from arny_studio.jobs.events import Replied
from arny_studio.ui.chat.conversation import Conversation, asked, heard
from arny_studio.ui.chat.message_list import PAGE
from tests import pinned_contract as pinned
from tests.jobs.driving import is_alive, wait_until
from tests.tiny_models import make_tiny_gguf
from tests.ui.chatting import PHONE_MS, answered, decide

CHILD = Path(__file__).parent / "children" / "app_with_phone.py"
MESSAGES = 500


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return make_tiny_gguf(tmp_path / "tier1.gguf"), make_tiny_gguf(tmp_path / "tier2.gguf", seed=2)


@pytest.fixture
def chat(studio, pair):
    studio.window.show_tab("chat")
    tab = studio.window.tab("chat")
    for name, value in (("device", "12gb"), ("tier1", str(pair[0])), ("tier2", str(pair[1]))):
        tab.widget.setup.show_value(name, value)
    tab.widget.settings.reasoner_tokens.setValue(3900)
    tab.widget.settings.reasoner_temperature.setValue(0)  # these random weights then go in circles, and never end
    return tab


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_that_a_phone_that_dies_in_mid_answer_costs_that_answer_only(studio, chat, qtbot, tmp_path: Path, how):
    decide(chat, tmp_path, pinned.REASON)
    controller, widget = chat.controller, chat.widget
    controller.ask("")  # answered without a model, so the phone is known to work
    first = answered(chat, qtbot)
    died: list[int] = []

    def die() -> None:
        if not died and controller.conversation.exchanges[-1].reply:
            died.append(controller.link.job.state.pid)
            os.kill(died[0], how)

    controller.link.changed.connect(die)
    controller.ask("Compare wind and coal")
    lost = answered(chat, qtbot)
    assert lost.is_lost
    assert lost.reply  # what was said stays
    assert widget.notice.isVisible()
    assert controller.conversation.exchanges[0] == first
    assert not is_alive(died[0])
    assert sum(line.measured or 0 for line in widget.phone._picture.slices if line.owner.startswith("tier")) == 0
    if how == signal.SIGKILL:  # the system's way: the phone comes back by itself
        qtbot.waitUntil(lambda: controller.phase == "ready", timeout=PHONE_MS)
    else:
        assert controller.phase == "failed"
        assert "SIGSEGV" in widget.notice.sentence.text()
        widget.notice.action_button.click()
    widget.settings.reasoner_tokens.setValue(8)
    controller.ask("Compare wind and coal")
    assert answered(chat, qtbot).action == "reason"
    assert not widget.notice.isVisible()


def test_that_a_phone_switched_off_while_it_loads_is_gone_and_holds_nothing(studio, chat, qtbot):
    chat.widget.switch_button.click()
    job = chat.controller.link.job
    assert chat.controller.phase == "starting"
    chat.widget.switch_button.click()
    qtbot.waitUntil(lambda: chat.controller.phase == "off", timeout=PHONE_MS)
    assert not studio.jobs.running
    assert job.state.pid is None or not is_alive(job.state.pid)
    assert not chat.widget.notice.isVisible()
    chat.widget.switch_button.click()
    qtbot.waitUntil(lambda: chat.controller.phase == "ready", timeout=PHONE_MS)


def test_that_a_reply_stopped_while_tier_2_loads_ends_as_stopped(chat, qtbot, tmp_path: Path):
    decide(chat, tmp_path, pinned.REASON)
    chat.widget.setup.show_value("device", "6gb")
    controller = chat.controller

    def stop() -> None:
        if any(each.decided is not None for each in controller.conversation.exchanges):  # what follows is the load
            controller.talk.stop()

    controller.link.changed.connect(stop)
    controller.ask("Compare wind and coal")
    exchange = answered(chat, qtbot)
    assert exchange.reply.endswith("(Stopped.)")
    assert controller.phase == "ready"
    owners = {each.owner for each in chat.widget.phone._picture.slices}
    assert "tier2" not in owners


def test_that_five_hundred_messages_are_shown_as_the_newest_and_the_next_one_is_answered(chat, qtbot, tmp_path: Path):
    decide(chat, tmp_path, pinned.ANSWER)
    controller = chat.controller
    talk = Conversation()
    for number in range(MESSAGES):
        talk = asked(talk, f"before{number}", "What is the capital of France?")
        reply = Replied(
            request=f"before{number}", query="", decision=None, valid=True, action="answer", reply="Paris.", ms=1,
            peak_mib=1,
        )  # fmt: skip
        talk = heard(talk, reply)
    controller.link.conversation = talk
    controller.ask("What is the capital of France?")
    assert answered(chat, qtbot).reply == "Paris."
    messages = chat.widget.messages
    assert messages.view_of(controller.conversation.exchanges[-1].request).isVisible()
    assert messages.earlier_button.text() == f"Show {PAGE} earlier of {MESSAGES - PAGE}"


def _cut_in_half(gguf: Path) -> None:
    gguf.write_bytes(gguf.read_bytes()[: gguf.stat().st_size // 2])


def _with_a_huge_string(gguf: Path) -> None:
    content = bytearray(gguf.read_bytes())
    content[24:32] = (1 << 62).to_bytes(8, "little")  # how long the first key is said to be
    gguf.write_bytes(content)


def _with_code_in_its_template(gguf: Path) -> None:
    content = gguf.read_bytes()
    at = content.index(b"{%")
    length = int.from_bytes(content[at - 8 : at], "little")
    code = b"{{ ''.__class__.__mro__[1].__subclasses__() }}"
    gguf.write_bytes(content[:at] + code.ljust(length) + content[at + length :])


@pytest.mark.parametrize("spoil", [_cut_in_half, _with_a_huge_string, _with_code_in_its_template])
def test_that_a_model_that_is_none_is_one_message_and_the_next_model_works(studio, chat, pair, qtbot, spoil):
    bad = make_tiny_gguf(pair[0].with_name("bad.gguf"))
    spoil(bad)
    chat.widget.setup.show_value("tier1", str(bad))
    chat.controller.ask("Hello")
    qtbot.waitUntil(lambda: chat.controller.phase == "failed", timeout=PHONE_MS)
    said = chat.widget.notice.sentence.text()
    assert "bad.gguf" in said
    assert "Traceback" not in said
    assert not studio.jobs.running
    chat.widget.setup.show_value("tier1", str(pair[0]))
    chat.controller.ask("")
    assert answered(chat, qtbot).reply == "What can I do for you?"


def test_that_no_process_is_left_when_the_app_is_killed_in_mid_answer(pair, tmp_path: Path):
    contract = pinned.write_pinned_contract(tmp_path / "contract.json", pinned.REASON)
    command = [sys.executable, str(CHILD), str(tmp_path / "workspace"), *map(str, pair), str(contract)]
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "QT_QPA_PLATFORM": "offscreen"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as app:
        assert app.stdout is not None
        workers = [int(pid) for pid in app.stdout.readline().split()]
        assert workers
        assert all(psutil.pid_exists(pid) for pid in workers)
        app.kill()
        app.wait(30)
    wait_until(lambda: not any(map(is_alive, workers)), "the end of all that the app had started")
