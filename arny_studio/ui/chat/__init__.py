"""The Chat tab: ask a simulated phone, and see what its router decides and what it costs."""

from __future__ import annotations

from arny_studio.contract import load_contract
from arny_studio.ui.chat.controller import ChatController
from arny_studio.ui.chat.tab import ChatTab
from arny_studio.ui.tab import Tab, TabContext


def build(context: TabContext) -> Tab:
    """Connect widgets and controller."""
    tab = ChatTab(context.theme, load_contract("router-v1"))
    controller = ChatController(tab, context)
    return Tab(
        widget=tab, controller=controller, receive=controller.receive, on_shown=controller.refresh,
        on_close=controller.close,
    )  # fmt: skip
