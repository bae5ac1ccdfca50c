"""What a tab is, and what it is given.

Every tab is a package `arny_studio/ui/<key>/` with

    tab.py         widgets and signals: shows what it is told, says what happened; decides nothing, reads no file
    controller.py  a QObject that decides: talks to the domain and to `context.jobs`, tells the tab what to show
    __init__.py    `build(context: TabContext) -> Tab`, the one place where the two are connected

and is listed in `TABS`. A tab never reaches for its parent, another tab or the main window: what it needs is in the
context, and what it hands to another tab travels as a handover: `context.go("evaluate", EvaluateModel(path=…))`.

Rules that hold for every tab:

- no torch, transformers, llama_cpp, peft, trl, datasets, arny_studio.engine or arny_studio.workers, not even inside a
  function: heavy work is a job (`context.jobs.start(kind, recipe)`), work under a second goes through
  `ui/background.py`;
- text from models, datasets and files is plain text: make labels with `widgets.text.label` (QLabel guesses rich text
  otherwise), never put such text into a tooltip or QMessageBox without `widgets.text.plain_tooltip`;
- errors go to `context.messages.show_error(error)`; a job that fails is shown by the shell already;
- sizes and colours come from the theme: set `surface`, `role`, `look`, `tone` properties (see resources/style.qss), use
  `context.theme.color("series_1")` where you paint yourself and listen to `context.theme.theme_changed`;
- icons are `context.theme.dress(button, "play")`, so that they follow the theme;
- actions (menu, shortcut, palette) are `context.actions.add(…, tab="train")`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from arny_studio.jobs.workspace import Workspace
from arny_studio.ui.actions import ActionRegistry
from arny_studio.ui.jobs_controller import JobsController
from arny_studio.ui.settings import SettingsStore
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.message_bar import MessageBar


class OpenDataset(Struct, frozen=True, kw_only=True):
    """To the Data tab: show this file, at a line of it (from 1) where one is named."""

    path: Path
    line: int = 0


class TrainOn(Struct, frozen=True, kw_only=True):
    """To the Train tab: use this file as training data."""

    path: Path


class ExportRun(Struct, frozen=True, kw_only=True):
    """To the Export tab: export the adapter of this run folder."""

    folder: Path


class EvaluateModel(Struct, frozen=True, kw_only=True):
    """To the Evaluate tab: score this GGUF or model folder."""

    path: Path


class ChatWith(Struct, frozen=True, kw_only=True):
    """To the Chat tab: put this GGUF into the phone, as the router or as the reasoner."""

    path: Path
    tier: int = 1


Handover = OpenDataset | TrainOn | ExportRun | EvaluateModel | ChatWith


class TabContext(Struct, frozen=True, kw_only=True):
    """Everything a tab may use. `go` shows another tab, by key, and hands it something."""

    workspace: Workspace
    jobs: JobsController
    settings: SettingsStore
    theme: ThemeSwitcher
    actions: ActionRegistry
    messages: MessageBar
    go: Callable[[str, Handover | None], None]


class Tab(Struct, frozen=True, kw_only=True):
    """A built tab. `on_shown` runs each time it comes to the front, `on_close` once before the window goes."""

    widget: QWidget
    controller: QObject
    receive: Callable[[Handover], None] | None = None
    on_shown: Callable[[], None] | None = None
    on_close: Callable[[], None] | None = None


class TabPlace(Struct, frozen=True, kw_only=True):
    """A place in the rail: key, name, icon, and the package that fills it."""

    key: str
    title: str
    icon: str

    @property
    def package(self) -> str:
        """The package whose `build` makes the tab."""
        return f"arny_studio.ui.{self.key}"


TABS = tuple(
    TabPlace(key=key, title=title, icon=key)
    for key, title in (
        ("data", "Data"), ("train", "Train"), ("export", "Export"), ("evaluate", "Evaluate"), ("chat", "Chat"),
    )
)  # fmt: skip


def present_tabs() -> tuple[TabPlace, ...]:
    """The tabs whose package is part of this installation."""
    specs = {place: find_spec(place.package) for place in TABS}
    return tuple(place for place, spec in specs.items() if spec is not None and spec.has_location)
