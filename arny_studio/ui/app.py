"""Construction of the app, in one place: settings, theme, jobs, window, tabs, and who listens to whom."""

from __future__ import annotations

import argparse
import asyncio
import sys
import traceback
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

import qasync
from PySide6.QtCore import QObject, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QFileDialog

from arny_studio import __version__
from arny_studio.errors import ArnyError
from arny_studio.jobs.workspace import Workspace
from arny_studio.paths import default_workspace, settings_dir
from arny_studio.ui.command_palette import CommandPalette
from arny_studio.ui.garbage import GuiThreadCollector
from arny_studio.ui.jobs_controller import ActiveJob, JobsController
from arny_studio.ui.main_window import MainWindow
from arny_studio.ui.notifier import Notifier
from arny_studio.ui.settings import SettingsStore, ThemeMode
from arny_studio.ui.shortcut_sheet import ShortcutSheet
from arny_studio.ui.status_bar import StatusBar
from arny_studio.ui.tab import TabContext, TabPlace, present_tabs
from arny_studio.ui.theme import ThemeSwitcher

_TAB_OF_KIND = {
    "train": "train", "queue": "train", "download": "train", "export": "export", "evaluate": "evaluate",
    "phone": "chat", "data": "data",
}  # fmt: skip
_TOLD_BY_THEIR_PAGE = frozenset(
    {"train", "queue", "download", "export", "phone"}
)  # their pages have a notice of their own


class Studio(QObject):
    """The app with one open workspace. Opening another one closes this window and builds the next."""

    def __init__(self, app: QApplication, settings: SettingsStore, workspace_root: Path) -> None:
        super().__init__()
        self.settings = settings
        self.theme = ThemeSwitcher(app, settings.values.theme)
        self.places = present_tabs()
        self._open(workspace_root)

    def _open(self, root: Path) -> None:
        with self.theme.undressed():
            self._build(root)

    def _build(self, root: Path) -> None:
        self.workspace = Workspace(root)
        self.jobs = JobsController(self.workspace)
        self.window = MainWindow(self.places, self.theme, self.settings)
        self.actions = self.window.actions_of_app
        self.context = TabContext(
            workspace=self.workspace, jobs=self.jobs, settings=self.settings, theme=self.theme,
            actions=self.actions, messages=self.window.messages, go=self.window.hand_over,
        )  # fmt: skip
        self._add_actions()
        for place in self.places:
            self.window.add_tab(place.key, import_module(place.package).build(self.context))
        self.window.build_menus()
        self.status_bar = StatusBar(self.jobs, self.theme, root.name)
        self.window.setStatusBar(self.status_bar)
        self.notifier = Notifier(self.jobs, self.window)
        self.palette = CommandPalette(self.actions, self.window)
        self._connect()
        self.settings.remember_workspace(root)
        self.window.setWindowTitle(f"{root.name}[*] – Arny Studio")
        self.window.show_tab(self._first_tab())
        self.window.pages.setFocus()

    def _connect(self) -> None:
        self.jobs.job_ended.connect(self._on_job_ended)
        self.status_bar.job_requested.connect(self._on_job_requested)
        self.actions.actions_changed.connect(self.window.build_menus)

    def _first_tab(self) -> str:
        keys = [place.key for place in self.places]
        return self.settings.values.tab if self.settings.values.tab in keys else keys[0]

    def _add_actions(self) -> None:
        add = self.actions.add
        add("workspace.open", "Open &workspace…", self.choose_workspace, menu="File", icon="folder")
        add("workspace.reveal", "Show workspace in file manager", self._reveal_workspace, menu="File", icon="open")
        add("app.quit", "&Quit", self._quit, menu="File", shortcut="Ctrl+Q")
        for number, place in enumerate(self.places, start=1):
            self._add_tab_action(place, number)
        add("view.rail", "Narrow navigation", self.window.toggle_rail, menu="View", shortcut="Ctrl+B")
        add("theme.light", "Light theme", self._use_light, menu="View", icon="sun")
        add("theme.dark", "Dark theme", self._use_dark, menu="View", icon="moon")
        add("theme.system", "Theme of the system", self._use_system, menu="View", icon="system")
        add("help.palette", "Find a command…", self._open_palette, menu="Help", shortcut="Ctrl+K", icon="command")
        add("help.shortcuts", "Keyboard shortcuts", self._open_sheet, menu="Help", shortcut="F1", icon="keyboard")
        add("help.about", "About Arny Studio", self._about, menu="Help", icon="info")

    def _add_tab_action(self, place: TabPlace, number: int) -> None:
        def show() -> None:
            self.window.show_tab(place.key)

        title = f"Go to {place.title}"
        self.actions.add(f"go.{place.key}", title, show, menu="View", shortcut=f"Ctrl+{number}", icon=place.icon)

    def choose_workspace(self) -> None:
        """Let the user pick a folder, and open it as the workspace."""
        dialog = QFileDialog(self.window, "Open workspace", str(self.workspace.root.parent))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self._on_workspace_chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(str)
    def _on_workspace_chosen(self, root: str) -> None:
        self._switching = asyncio.ensure_future(self.switch_workspace(Path(root)))

    async def switch_workspace(self, root: Path) -> None:
        """Open a window on another workspace and close the present one; detached runs go on."""
        old_window, old_jobs = self.window, self.jobs
        await old_jobs.close()
        self._open(root.resolve())
        self.window.show()
        old_window.close()  # only now, so that the app never stands without a window
        old_window.deleteLater()
        await self.jobs.adopt_running()

    @Slot(object)
    def _on_job_ended(self, job: ActiveJob) -> None:
        outcome = job.outcome
        assert outcome is not None
        if job.is_quiet and outcome.kind != "failed":
            return
        messages = self.window.messages
        show = {"Show": lambda: self._on_job_requested(job)}
        is_seen = self.window.current == _TAB_OF_KIND.get(job.kind)
        if outcome.kind == "failed" and not (is_seen and job.kind in _TOLD_BY_THEIR_PAGE):
            messages.show_message("error", outcome.sentence, outcome.hint, buttons={} if is_seen else show)
        elif outcome.kind == "finished" and not is_seen:
            level = "warning" if outcome.found_problems else "success"
            messages.show_message(level, f"{job.title}: {outcome.sentence}", buttons=show)

    @Slot(object)
    def _on_job_requested(self, job: ActiveJob) -> None:
        key = _TAB_OF_KIND.get(job.kind, "")
        if key in (place.key for place in self.places):
            self.window.show_tab(key)

    def show_bug(self, error: BaseException) -> None:
        """Tell about an exception nobody caught; the app goes on."""
        traceback.print_exception(error)
        if isinstance(error, Exception):
            self.window.messages.show_error(error)

    def _use_light(self) -> None:
        self._use_theme("light")

    def _use_dark(self) -> None:
        self._use_theme("dark")

    def _use_system(self) -> None:
        self._use_theme("system")

    def _use_theme(self, mode: ThemeMode) -> None:
        self.theme.set_mode(mode)
        self.settings.change(theme=mode)

    def _open_palette(self) -> None:
        self.palette.open()

    def _open_sheet(self) -> None:
        ShortcutSheet(self.actions, self.window).show()

    def _about(self) -> None:
        self.window.messages.show_message("info", f"Arny Studio {__version__}", f"Workspace: {self.workspace.root}")

    def _reveal_workspace(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.workspace.root)))

    def _quit(self) -> None:
        self.window.close()


def build_studio(app: QApplication, workspace: Path | None = None) -> Studio:
    """The app on a workspace: the one named, else the last one, else the default. Does not show the window.

    Raises ArnyError where the workspace cannot be used.
    """
    settings = SettingsStore(settings_dir())
    last = Path(settings.values.workspace) if settings.values.workspace else None
    root = workspace or (last if last is not None and last.is_dir() else default_workspace())
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArnyError(f"The workspace {root} cannot be used: {error.strerror}.") from error
    return Studio(app, settings, root.resolve())


def main(argv: list[str] | None = None) -> int:
    """Run the app until its window is closed. Returns the exit code."""
    arguments = _parser().parse_args(argv)
    app = QApplication(sys.argv[:1])
    app.setApplicationName("Arny Studio")
    app.setApplicationVersion(__version__)
    app.setDesktopFileName("arny-studio")
    app_collector = GuiThreadCollector(app)
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    try:
        studio = build_studio(app, arguments.workspace)
    except ArnyError as error:
        sys.stderr.write(f"{error.sentence}\n{error.hint}\n")
        return error.exit_code
    _catch_bugs(loop, studio)
    with loop:
        loop.run_until_complete(_live(app, studio))
    app_collector.stop()
    return 0


async def _live(app: QApplication, studio: Studio) -> None:
    over = asyncio.Event()
    app.setQuitOnLastWindowClosed(False)  # the loop ends after the workers have, not before
    app.lastWindowClosed.connect(over.set)
    studio.window.show()
    await studio.jobs.adopt_running()
    await over.wait()
    await studio.jobs.close()


def _catch_bugs(loop: asyncio.AbstractEventLoop, studio: Studio) -> None:
    """The app's outermost frame: whatever nobody caught is told to the user and to stderr, and the app goes on."""

    def on_exception(_type: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        studio.show_bug(error)

    def on_task_exception(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        studio.show_bug(context.get("exception") or RuntimeError(context.get("message", "unknown")))

    sys.excepthook = on_exception
    loop.set_exception_handler(on_task_exception)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="arny-studio", description="Make and try the two models of Arny.")
    parser.add_argument("--workspace", type=Path, help="folder with datasets, models and runs; default: the last one")
    parser.add_argument("--version", action="version", version=f"Arny Studio {__version__}")
    return parser
