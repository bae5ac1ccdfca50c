"""Chips: short words on a soft ground, for roles, states and counts."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QSizePolicy

from arny_studio.ui.widgets.text import elided, set_property

Tone = Literal["neutral", "accent", "success", "warning", "danger", "system"]


class Chip(QLabel):
    """One chip. Its text is plain."""

    def __init__(self, text: str = "", tone: Tone = "neutral") -> None:
        super().__init__(elided(text, 200))
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("chip", "true")
        self.setProperty("tone", tone)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Maximum)

    def show_as(self, text: str, tone: Tone) -> None:
        """Change text and tone together."""
        self.setText(elided(text, 200))
        set_property(self, "tone", tone)
