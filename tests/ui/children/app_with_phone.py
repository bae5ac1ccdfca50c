"""The app with a phone in mid-answer: `WORKSPACE TIER1 TIER2 CONTRACT`. Prints its workers' pids, then goes on."""

import asyncio
import sys
from pathlib import Path

import psutil
import qasync
from PySide6.QtWidgets import QApplication

from arny_studio.ui.app import Studio
from arny_studio.ui.settings import SettingsStore

workspace, tier1, tier2, contract = sys.argv[1:]
app = QApplication(sys.argv[:1])
loop = qasync.QEventLoop(app)
asyncio.set_event_loop(loop)
studio = Studio(app, SettingsStore(Path(workspace) / "settings"), Path(workspace))
studio.window.show()
studio.window.show_tab("chat")
chat = studio.window.tab("chat")
for name, value in (("device", "12gb"), ("tier1", tier1), ("tier2", tier2)):
    chat.widget.setup.show_value(name, value)
chat.widget.settings.reasoner_tokens.setValue(3900)
chat.controller.use_contract(contract)
chat.controller.ask("Compare wind and coal")
told = False


def tell() -> None:
    """Once there is a first word."""
    global told
    if not told and chat.controller.conversation.exchanges[-1].reply:
        told = True
        pids = [child.pid for child in psutil.Process().children(recursive=True)]
        sys.stdout.write(" ".join(map(str, pids)) + "\n")
        sys.stdout.flush()


chat.controller.link.changed.connect(tell)
with loop:
    loop.run_forever()
