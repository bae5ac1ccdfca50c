"""Decides about models: which folders are listed, and downloads from the Hub, which outlive the window."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog

from arny_studio.errors import ArnyError
from arny_studio.jobs.model_library import (
    ModelEntry,
    add_model_folder,
    download_folder,
    list_models,
    model_folders,
    remove_model_folder,
)
from arny_studio.jobs.outcome import Outcome
from arny_studio.recipe import DownloadRecipe
from arny_studio.recipe.licences import licence_of
from arny_studio.ui.background import Background
from arny_studio.ui.jobs_controller import ActiveJob
from arny_studio.ui.tab import TabContext
from arny_studio.ui.train.models_page import ModelsPage

DOWNLOAD_KIND = "download"
_ORDER = {"base": 0, "adapter": 1, "gguf": 2}


class ModelsController(QObject):
    """Between the models page, the folders and the download worker."""

    base_chosen = Signal(str)  # a folder
    models_changed = Signal()

    def __init__(self, page: ModelsPage, context: TabContext, background: Background, parent: QObject) -> None:
        super().__init__(parent)
        self._page, self._context, self._background = page, context, background
        self.job: ActiveJob | None = None
        page.base_chosen.connect(self.base_chosen)
        page.folder_requested.connect(self._on_folder_requested)
        page.folder_removed.connect(self.remove_folder)
        page.download_requested.connect(self.download)
        page.download_stopped.connect(self._on_download_stopped)
        page.name_edited.connect(self._on_name_edited)
        context.jobs.job_started.connect(self._on_job_started)

    def refresh(self) -> None:
        """Look again at the folders; only headers are read."""
        workspace = self._context.workspace
        self._background.run("models", lambda: list_models(workspace), self._on_models)

    def close(self) -> None:
        """Read no more; a download goes on."""
        self._background.forget("models")

    @Slot(str)
    def download(self, model: str) -> None:
        """Bring a model from the Hub into the workspace; a download that was cut off goes on."""
        try:
            folder = download_folder(self._context.workspace, model)
            recipe = DownloadRecipe(title=model, model=model, folder=str(folder))
            self._context.jobs.start(DOWNLOAD_KIND, recipe)
        except ArnyError as error:
            self._context.messages.show_error(error)

    def add_folder(self, path: Path) -> None:
        """List the models of another folder from now on."""
        try:
            add_model_folder(path)
        except (ArnyError, OSError) as error:
            self._context.messages.show_error(error)
            return
        self.refresh()

    @Slot(str)
    def remove_folder(self, name: str) -> None:
        """List the models of a folder no longer; they stay where they are."""
        try:
            remove_model_folder(Path(name))
        except (ArnyError, OSError) as error:
            self._context.messages.show_error(error)
        self.refresh()

    def _on_models(self, models: list[ModelEntry]) -> None:
        self._page.show_models(sorted(models, key=lambda model: _ORDER[model.kind]))
        self._page.show_folders(model_folders())

    @Slot()
    def _on_folder_requested(self) -> None:
        dialog = QFileDialog(self._page, "Choose a folder with models", str(Path.home()))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self._on_folder_chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def _on_folder_chosen(self, name: str) -> None:
        self.add_folder(Path(name))

    @Slot(str)
    def _on_name_edited(self, name: str) -> None:
        self._page.show_licence(licence_of(name.strip()) if "/" in name else None)

    @Slot()
    def _on_download_stopped(self) -> None:
        if self.job is not None and self.job.is_running:
            self.job.stop("save")

    @Slot(object)
    def _on_job_started(self, job: ActiveJob) -> None:
        """A download of this window, or one that an earlier window left behind."""
        if job.kind != DOWNLOAD_KIND:
            return
        self.job = job
        self._page.notice.be_quiet()
        self._page.show_download(job.title, job.state)
        job.changed.connect(partial(self._on_changed, job))
        job.ended.connect(partial(self._on_ended, job))

    def _on_changed(self, job: ActiveJob, _state: object) -> None:
        if job is self.job and job.is_running:
            self._page.show_download(job.title, job.state)

    def _on_ended(self, job: ActiveJob, outcome: Outcome) -> None:
        if job is self.job:
            self._page.show_download("", None)
            level = {"finished": "success", "stopped": "warning", "failed": "error"}[outcome.kind]
            again = {} if outcome.is_success else {"action": "Go on", "on_action": partial(self._go_on, job)}
            self._page.notice.say(level, outcome.sentence, outcome.hint, **again)  # pyright: ignore[reportArgumentType]
        self.refresh()
        self.models_changed.emit()

    def _go_on(self, job: ActiveJob) -> None:
        """The same download on the same folder takes up what has arrived."""
        self._page.notice.be_quiet()
        self._context.jobs.resume(DOWNLOAD_KIND, job.folder, job.title)
