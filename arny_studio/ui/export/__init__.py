"""The Export tab: from a finished run to GGUF files."""

from __future__ import annotations

from arny_studio.ui.export.controller import ExportController
from arny_studio.ui.export.tab import ExportTab
from arny_studio.ui.tab import Tab, TabContext


def build(context: TabContext) -> Tab:
    """Connect widgets and controller."""
    tab = ExportTab(context.theme)
    controller = ExportController(tab, context)
    return Tab(
        widget=tab, controller=controller, receive=controller.receive, on_shown=controller.come_to_front,
        on_close=controller.close,
    )  # fmt: skip
