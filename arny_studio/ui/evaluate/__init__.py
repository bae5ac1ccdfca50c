"""The Evaluate tab: score a router on held-out samples, compare evaluations, look at what went wrong."""

from __future__ import annotations

from arny_studio.contract import load_contract
from arny_studio.ui.evaluate.controller import EvaluateController
from arny_studio.ui.evaluate.tab import EvaluateTab
from arny_studio.ui.tab import Tab, TabContext


def build(context: TabContext) -> Tab:
    """Connect widgets and controller."""
    workspace = context.workspace
    tab = EvaluateTab(context.theme, load_contract("router-v1"), workspace.models, workspace.datasets)
    controller = EvaluateController(tab, context)
    return Tab(widget=tab, controller=controller, receive=controller.receive, on_shown=controller.refresh)
