"""Rows and waiting, for tests of the Data tab."""

from __future__ import annotations

import orjson
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel

from arny_studio.contract import encode, load_contract

CONTRACT = load_contract("router-v1")
SYSTEM = CONTRACT.system_prompt("tier1")
PATIENCE_MS = 60_000


def decision(**changes):
    value = {
        "intent": "capital_fact", "primary_journey": "general", "journeys": ["general"], "direct_answer": "Paris.",
        "missing_fields": [], "needs_clarification": False, "clarification": None, "needs_execution": False,
        "execution_type": None, "complexity_score": 12, "routing_confidence": 0.9, "formatting_style": "plain",
    }  # fmt: skip
    return {**value, **changes}


def line_of(number: int, query: str, answer: dict) -> bytes:
    turns = [("system", SYSTEM), ("user", query), ("assistant", encode(CONTRACT, answer))]
    messages = [{"role": role, "content": content} for role, content in turns]
    return orjson.dumps({"id": f"row-{number}", "messages": messages})


def four_rows() -> bytes:
    """Four rows: fine, a rule broken, not JSON, fine with an umlaut; a blank line before the last."""
    lines = [
        line_of(1, "What is the capital of France?", decision()),
        line_of(2, "Do it", decision(needs_clarification=True)),
        b'{"id": "row-3", "messages": [',
        b"",
        line_of(4, "Wetter in München", decision(complexity_score=70, direct_answer=None)),
    ]
    return b"\n".join(lines) + b"\n"


def texts_in(widget) -> list[str]:
    return [label.text() for label in widget.findChildren(QLabel) if label.isVisibleTo(widget)]


def opened_in(studio, qtbot, path):
    """The Data tab of a window with a file open and its columns read."""
    tab = studio.window.tab("data")
    studio.window.show_tab("data")
    tab.controller.open_path(path)
    desk = tab.controller.desk
    qtbot.waitUntil(lambda: desk.find(path) is not None and desk.find(path).pairs is not None, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: tab.widget.inspector.title.text() == "Row 1", timeout=PATIENCE_MS)
    return tab


def title(tab) -> str:
    return tab.widget.inspector.title.text()


def press(qtbot, studio, key, modifier=Qt.KeyboardModifier.NoModifier):
    """A key in the table, as the window's shortcuts hear it."""
    table = studio.window.tab("data").widget.table
    studio.window.activateWindow()
    table.setFocus()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is table, timeout=PATIENCE_MS)
    qtbot.keyClick(table, key, modifier)


def search(qtbot, tab, query, rows):
    tab.widget.filter.search(query)
    qtbot.waitUntil(lambda: tab.widget.rows.rowCount() == rows, timeout=PATIENCE_MS)


def dialog_of(qtbot, studio, kind):
    """The dialog of a kind that is open."""

    def found():
        return [made for made in studio.window.findChildren(kind) if made.isVisible()]

    qtbot.waitUntil(lambda: bool(found()), timeout=PATIENCE_MS)
    return found()[0]
