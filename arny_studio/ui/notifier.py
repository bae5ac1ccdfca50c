"""Tells the desktop that a long piece of work has ended, while the window is not the one that is looked at."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QSystemTrayIcon, QWidget

from arny_studio.ui.icons import app_icon
from arny_studio.ui.jobs_controller import ActiveJob, JobsController
from arny_studio.ui.widgets.text import elided

TOLD_KINDS = frozenset({"train", "export", "evaluate", "queue", "download"})
_ICONS = {
    "finished": QSystemTrayIcon.MessageIcon.Information, "stopped": QSystemTrayIcon.MessageIcon.Warning,
    "failed": QSystemTrayIcon.MessageIcon.Critical,
}  # fmt: skip
_SHOWN_MS, _MOST_CHARACTERS = 15_000, 200


class Notifier(QObject):
    """Listens to the jobs of a window. Quietly does nothing where the desktop has no tray."""

    def __init__(self, jobs: JobsController, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._tray: QSystemTrayIcon | None = None
        jobs.job_ended.connect(self._on_job_ended)

    @Slot(object)
    def _on_job_ended(self, job: ActiveJob) -> None:
        outcome = job.outcome
        if job.kind in TOLD_KINDS and outcome is not None and not self._window.isActiveWindow():
            self.tell(f"{job.title}: {outcome.kind}", outcome.sentence, _ICONS[outcome.kind])

    def tell(self, title: str, sentence: str, icon: QSystemTrayIcon.MessageIcon) -> bool:
        """Show a message of the desktop; False where it cannot."""
        if not (QSystemTrayIcon.isSystemTrayAvailable() and QSystemTrayIcon.supportsMessages()):
            return False
        if self._tray is None:
            self._tray = QSystemTrayIcon(app_icon(), self)
            self._tray.messageClicked.connect(self._on_clicked)
            self._tray.show()
        self._tray.showMessage(elided(title, _MOST_CHARACTERS), elided(sentence, _MOST_CHARACTERS), icon, _SHOWN_MS)
        return True

    @Slot()
    def _on_clicked(self) -> None:
        self._window.raise_()
        self._window.activateWindow()
