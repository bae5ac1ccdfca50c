"""`python -m arny_studio.ui.screenshots FOLDER [--workspace DIR]`: pictures of all tabs, light, dark and small.

Nothing is staged: the window is opened on a workspace (the one that `make demo` leaves, where there is one), a dataset
is opened, an evaluation is run where there is none yet, the phone is asked, and each page is grabbed as it stands.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import qasync
from msgspec import Struct
from PySide6.QtCore import QModelIndex, QPoint
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QWidget

from arny_studio.extras import missing_extra
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.workspace import Workspace
from arny_studio.paths import DEMO_TIER1
from arny_studio.recipe import DataRecipe, EvaluateRecipe, Recipe
from arny_studio.ui.app import Studio
from arny_studio.ui.chat.controller import ChatController
from arny_studio.ui.chat.scenes import chat_scenes, fill_chat
from arny_studio.ui.chat.tab import ChatTab
from arny_studio.ui.data.controller import DataController
from arny_studio.ui.data.scenes import data_scenes
from arny_studio.ui.data.tab import DataTab
from arny_studio.ui.evaluate.controller import EvaluateController
from arny_studio.ui.evaluate.records import evaluations
from arny_studio.ui.evaluate.tab import EvaluateTab
from arny_studio.ui.export.scenes import damaged_check, is_measured, routers_first, scenes
from arny_studio.ui.export.tab import ExportTab
from arny_studio.ui.garbage import GuiThreadCollector
from arny_studio.ui.model_files import quant_of
from arny_studio.ui.runs.run_list import RunList
from arny_studio.ui.screenshots_train import TrainScenes, prepare_workspace
from arny_studio.ui.settings import SettingsStore, ThemeMode
from arny_studio.ui.tab import OpenDataset

ROWS, EVALUATED_ROWS, SEED = 600, 120, 7
DEMO_WORKSPACE = Path(".demo")
_PATIENCE_S = 180.0


class Shot(Struct, frozen=True, kw_only=True):
    """One round of pictures: the ending of their names, the theme, and the window's size in pixels."""

    name: str
    theme: ThemeMode
    size: tuple[int, int]


SHOTS = (
    Shot(name="light", theme="light", size=(1440, 900)),
    Shot(name="dark", theme="dark", size=(1440, 900)),
    Shot(name="small", theme="light", size=(1000, 700)),
)


def main(argv: list[str] | None = None) -> int:
    """Take all pictures; returns 0, or 1 where a page could not be filled in time."""
    arguments = _parser().parse_args(argv)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    app = QApplication(sys.argv[:1])
    GuiThreadCollector(app)
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    with tempfile.TemporaryDirectory() as scratch, loop:
        workspace = arguments.workspace or (DEMO_WORKSPACE if DEMO_WORKSPACE.is_dir() else Path(scratch) / "demo")
        studio = Studio(app, SettingsStore(Path(scratch)), workspace.resolve())
        failed = loop.run_until_complete(_take_all(studio, arguments.folder))
        return failed or loop.run_until_complete(_take_trainings(app, Path(scratch), workspace, arguments.folder))


async def _take_all(studio: Studio, folder: Path) -> int:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    app.setQuitOnLastWindowClosed(False)
    studio.window.show()
    try:
        await _fill_data(studio)
        await _fill_evaluate(studio)
        await _fill_export(studio)
        await _fill_runs(studio)
        await _fill_chat(studio)
        for message in list(studio.window.messages.messages):  # read by now: they belong to what was filled
            studio.window.messages.dismiss(message)
        for shot in SHOTS:
            await _take(studio, shot, folder)
    except TimeoutError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        studio.window.close()
        await studio.jobs.close()
    return 0


async def _take(studio: Studio, shot: Shot, folder: Path) -> None:
    studio.theme.set_mode(shot.theme)
    studio.window.resize(*shot.size)
    for place in studio.places:
        studio.window.show_tab(place.key)
        studio.window.pages.setFocus()
        await asyncio.sleep(0.6)
        studio.window.grab().save(str(folder / f"{place.key}-{shot.name}.png"))
    await _take_export_scenes(studio, shot, folder)
    if shot.name != "small":
        await _take_data_scenes(studio, shot, folder)
        await _take_chat_scenes(studio, shot, folder)


async def _take_data_scenes(studio: Studio, shot: Shot, folder: Path) -> None:
    """Problems, a search with its completion, the review, the row as trained, and the dialogs of bulk work."""
    tab, controller = studio.window.tab("data").widget, studio.window.tab("data").controller
    assert isinstance(tab, DataTab) and isinstance(controller, DataController)
    studio.window.show_tab("data")
    async for name, dialog in data_scenes(tab, controller, _until):
        await asyncio.sleep(1.2)
        _with_popup(dialog or studio.window).save(str(folder / f"{name}-{shot.name}.png"))


def _with_popup(widget: QWidget) -> QPixmap:
    """The widget, and the popup over it, which is a window of its own."""
    picture = widget.grab()
    popup = QApplication.activePopupWidget()
    if popup is not None:
        painter = QPainter(picture)
        painter.drawPixmap(widget.mapFromGlobal(popup.mapToGlobal(QPoint(0, 0))), popup.grab())
        painter.end()
    return picture


async def _take_chat_scenes(studio: Studio, shot: Shot, folder: Path) -> None:
    """Every way a request took, two phones side by side, a scripted run."""
    tab, chat = studio.window.tab("chat").widget, studio.window.tab("chat").controller
    assert isinstance(tab, ChatTab) and isinstance(chat, ChatController)
    studio.window.show_tab("chat")
    async for scene in chat_scenes(tab, chat):
        await asyncio.sleep(0.6)
        studio.window.grab().save(str(folder / f"chat-{scene}-{shot.name}.png"))


async def _take_export_scenes(studio: Studio, shot: Shot, folder: Path) -> None:
    tab = studio.window.tab("export").widget
    assert isinstance(tab, ExportTab)
    studio.window.show_tab("export")
    for name, show in scenes(tab).items():
        show()
        await asyncio.sleep(1.0)
        studio.window.grab().save(str(folder / f"{name}-{shot.name}.png"))


async def _take_trainings(app: QApplication, scratch: Path, workspace: Path, folder: Path) -> int:
    """The pages of the Train tab, where trainings can be run."""
    if missing_extra("train", "Training") is not None:
        return 0
    own = prepare_workspace(Workspace(workspace.resolve()), scratch / "trainings")
    studio = Studio(app, SettingsStore(scratch / "trainings-settings"), own.root)
    studio.window.show()
    studio.window.show_tab("train")
    scenes = TrainScenes(studio, _until)
    try:
        await scenes.prepare()
        for shot, scene in ((shot, scene) for shot in SHOTS for scene in scenes.all):
            studio.theme.set_mode(shot.theme)
            studio.window.resize(*shot.size)
            await scene.show()
            studio.window.pages.setFocus()
            await asyncio.sleep(0.6)
            studio.window.grab().save(str(folder / f"train-{scene.name}-{shot.name}.png"))
        await scenes.end()
    except TimeoutError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        studio.window.close()
        await studio.jobs.close()
    return 0


async def _fill_data(studio: Studio) -> None:
    controller = studio.window.tab("data").controller
    assert isinstance(controller, DataController)
    datasets = studio.workspace.datasets
    wanted = next((path for path in (datasets / "tier1.jsonl", datasets / "demo-tier1.jsonl") if path.is_file()), None)
    if wanted is None:
        wanted = datasets / "demo-tier1.jsonl"
        await _run(studio, "data", DataRecipe(task="generate", path=str(wanted), rows=ROWS, seed=SEED))
    studio.window.hand_over("data", OpenDataset(path=wanted))
    await _until(lambda: controller.document is not None, f"{wanted.name} was not opened")


async def _fill_evaluate(studio: Studio) -> None:
    if not evaluations(studio.workspace) and DEMO_TIER1.is_file():
        held_out = studio.workspace.datasets / "held-out.jsonl"
        recipe = DataRecipe(task="generate", path=str(held_out), rows=EVALUATED_ROWS, seed=SEED, phrases="test")
        await _run(studio, "data", recipe)
        await _run(studio, "evaluate", EvaluateRecipe(model=str(DEMO_TIER1), data=str(held_out), title="Demo router"))
    tab, controller = studio.window.tab("evaluate").widget, studio.window.tab("evaluate").controller
    assert isinstance(tab, EvaluateTab) and isinstance(controller, EvaluateController)
    controller.refresh()
    expected = len(evaluations(studio.workspace))
    await _until(lambda: tab.evaluations.rowCount() == expected, "the evaluations were not listed")
    if expected > 1:
        tab.baseline.setCurrentIndex(1)
    tab.details.setCurrentWidget(tab.wrong_table)
    await _until(lambda: tab.wrong_table.currentIndex().isValid() or not tab.wrong.items, "no wrong row was selected")


async def _fill_export(studio: Studio) -> None:
    """Check a damaged copy of an exported router, so that there is something red to see."""
    exports = [folder for folder in studio.workspace.runs_by_time() if folder.kind == "export"]
    for folder in routers_first(exports):
        found = {quant_of(path): path for path in _ggufs(folder)}
        if {"F16", "Q4_K_M"} <= found.keys() and is_measured(folder):
            with tempfile.TemporaryDirectory() as scratch:
                recipe = damaged_check(found["F16"], found["Q4_K_M"], Path(scratch))
                await _run(studio, "verify", recipe)
            return


async def _fill_runs(studio: Studio) -> None:
    """Show the newest run where a tab lists runs; of the exports, one with several files."""
    for key in ("train", "export"):
        studio.window.show_tab(key)
        await asyncio.sleep(0.5)
        for runs in studio.window.tab(key).widget.findChildren(RunList):
            listed = [runs.model.run_at(line).folder for line in range(runs.model.rowCount())]
            several = routers_first(folder for folder in listed if len(_ggufs(folder)) > 1)
            wanted = next(iter([*several, *listed]), None)
            runs.view.setCurrentIndex(runs.model.index(listed.index(wanted)) if wanted else QModelIndex())


def _ggufs(folder: RunFolder) -> list[Path]:
    return list((folder.path / "outputs").glob("*.gguf"))


async def _fill_chat(studio: Studio) -> None:
    chat = studio.window.tab("chat").controller
    assert isinstance(chat, ChatController)
    studio.window.show_tab("chat")
    await _until(lambda: not chat.is_busy, "the models were not listed")
    await fill_chat(chat, _until)


async def _run(studio: Studio, kind: str, recipe: Recipe) -> None:
    job = studio.jobs.start(kind, recipe)
    await _until(lambda: not job.is_running, f"{kind} did not end")


async def _until(holds: Callable[[], bool], otherwise: str) -> None:
    """Wait until something holds. Raises TimeoutError with what did not happen."""
    end = time.monotonic() + _PATIENCE_S
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"After {_PATIENCE_S:.0f} s {otherwise}.")
        await asyncio.sleep(0.05)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Take pictures of every tab.")
    parser.add_argument("folder", type=Path, help="where the PNG files go")
    parser.add_argument("--workspace", type=Path, help="the workspace to show; default: .demo, else a new one")
    return parser


if __name__ == "__main__":
    sys.exit(main())
