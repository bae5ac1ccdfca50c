"""Which Python trains: our own, or one with another training stack in it, asked what it can do."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit

from arny_studio.jobs.engines import EngineProbe
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.layout import row
from arny_studio.ui.widgets.notice import Notice
from arny_studio.ui.widgets.text import button, label

_ABOUT = (
    "Unsloth and other training stacks live in an environment of their own. Name its Python; empty: this program's."
)


class EngineCard(Card):
    """Shows an interpreter and what it answered."""

    browse_requested = Signal()
    ask_requested = Signal()
    edited = Signal()

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__("Python that trains")
        self.python = QLineEdit()
        self.python.setPlaceholderText("This program's own Python")
        self.python.setAccessibleName("Python that trains")
        self.browse_button = button("Browse…")
        self.ask_button = button("Ask it", tooltip="Start it and ask which libraries and devices it has.")
        self.notice = Notice(theme)
        line = row(self.python, self.browse_button, self.ask_button, gap="s")
        line.setStretch(0, 1)
        self.add(label(_ABOUT, "caption", wraps=True))
        self.add(line)
        self.add(self.notice)
        self.browse_button.clicked.connect(self.browse_requested)
        self.ask_button.clicked.connect(self.ask_requested)
        self.python.textEdited.connect(self.edited)

    def show_asking(self) -> None:
        """It is being asked."""
        self.notice.say("info", "Asking it what it has…")

    def show_probe(self, probe: EngineProbe) -> None:
        """What it answered, and the command that would add what it lacks."""
        if probe.is_usable:
            libraries = ", ".join(f"{name} {version}" for name, version in probe.versions.items())
            devices = f" on {', '.join(probe.devices)}" if probe.devices else ""
            self.notice.say("success", f"It can train{devices}.", libraries)
            return
        command = probe.install_command
        self.notice.say(
            "warning", probe.problem, command, action="Copy command" if command else "",
            on_action=lambda: QGuiApplication.clipboard().setText(command),
        )  # fmt: skip
