"""What tests of the Chat tab do with it: choose what the router says, and wait for the answer."""

from __future__ import annotations

from pathlib import Path

from tests import pinned_contract as pinned

PHONE_MS = 60_000


def decide(chat, tmp_path: Path, decision: dict) -> None:
    """Let the router decide this, whatever it is asked."""
    chat.controller.use_contract(str(pinned.write_pinned_contract(tmp_path / "contract.json", decision)))


def answered(chat, qtbot):
    """The newest exchange, once it is answered and painted."""
    qtbot.waitUntil(lambda: not chat.controller.conversation.open_request, timeout=PHONE_MS)
    qtbot.waitUntil(lambda: not chat.controller.talk.repaint.isActive(), timeout=PHONE_MS)
    return chat.controller.conversation.exchanges[-1]
