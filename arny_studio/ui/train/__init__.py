"""The Train tab: choose what to fine-tune and how, watch it, stop it, go on with it."""

from __future__ import annotations

from arny_studio.ui.tab import Tab, TabContext
from arny_studio.ui.train.controller import TrainController
from arny_studio.ui.train.tab import TrainTab


def build(context: TabContext) -> Tab:
    """Connect widgets and controller."""
    tab = TrainTab(context.theme)
    controller = TrainController(tab, context)
    return Tab(
        widget=tab, controller=controller, receive=controller.receive, on_shown=controller.refresh,
        on_close=controller.close,
    )  # fmt: skip
