"""Decides which Python trains, remembers it, and asks it whether it can."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog

from arny_studio.errors import MissingExtra
from arny_studio.extras import missing_extra
from arny_studio.jobs.engines import Engine, EngineProbe, probe_engine_now
from arny_studio.ui.background import Background
from arny_studio.ui.tab import TabContext
from arny_studio.ui.train.engine_card import EngineCard

TRAIN_KIND = "train"


class EngineController(QObject):
    """Between the card, the settings and the jobs: whatever is named here starts every training of this window."""

    changed = Signal()  # what `missing` and `problem` say may be another thing now

    def __init__(self, card: EngineCard, context: TabContext, background: Background, parent: QObject) -> None:
        super().__init__(parent)
        self._card, self._context, self._background = card, context, background
        self._engine: Engine = "trl"
        self._probe: EngineProbe | None = None
        card.python.setText(context.settings.values.training_python)
        card.browse_requested.connect(self._on_browse_requested)
        card.ask_requested.connect(self.ask)
        card.edited.connect(self._on_edited)
        self._use()

    @property
    def python(self) -> str:
        """The interpreter; empty for our own."""
        return self._card.python.text().strip()

    def show_engine(self, engine: Engine) -> None:
        """Another engine is wanted; the card is there where an interpreter matters."""
        if engine != self._engine:
            self._engine, self._probe = engine, None
            self._card.notice.be_quiet()
        is_ours_unable = missing_extra("train", "Training") is not None
        self._card.setVisible(engine == "unsloth" or bool(self.python) or is_ours_unable)

    def missing(self) -> MissingExtra | None:
        """The extra that our own Python would need; None where another one trains."""
        return None if self.python else missing_extra("train", "Training")

    @property
    def problem(self) -> str:
        """Why the engine cannot train; empty where it can, or where that is for the worker to find out."""
        if self._engine != "unsloth":
            return ""
        if self._probe is None:
            return "Unsloth trains in an environment of its own: name its Python, and ask it."
        return self._probe.problem

    def close(self) -> None:
        """Wait for no answer."""
        self._background.forget("engine")

    @Slot()
    def ask(self) -> None:
        """Ask the interpreter what it has; takes seconds, since torch is imported there."""
        self._card.show_asking()
        self._background.run("engine", partial(probe_engine_now, self.python, self._engine), self._on_answered)

    def _on_answered(self, probe: EngineProbe) -> None:
        self._probe = probe
        self._card.show_probe(probe)
        self.changed.emit()

    @Slot()
    def _on_edited(self) -> None:
        self._background.forget("engine")
        self._probe = None
        self._card.notice.be_quiet()
        self._use()
        self._context.settings.change(training_python=self.python)
        self.changed.emit()

    def _use(self) -> None:
        self._context.jobs.pythons[TRAIN_KIND] = self.python

    @Slot()
    def _on_browse_requested(self) -> None:
        dialog = QFileDialog(self._card, "Choose a Python", self.python)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self._on_chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def _on_chosen(self, name: str) -> None:
        self._card.python.setText(name)
        self._on_edited()
        self.ask()
