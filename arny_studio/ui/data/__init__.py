"""The Data tab: look at the rows of a dataset, search, check and generate."""

from __future__ import annotations

from arny_studio.contract import load_contract
from arny_studio.ui.data.controller import DataController
from arny_studio.ui.data.tab import DataTab
from arny_studio.ui.tab import Tab, TabContext


def build(context: TabContext) -> Tab:
    """Connect widgets and controller."""
    tab = DataTab(context.theme, load_contract("router-v1"))
    controller = DataController(tab, context)
    return Tab(widget=tab, controller=controller, receive=controller.receive, on_close=controller.close)
