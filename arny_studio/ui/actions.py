"""One registry of actions. Menus, shortcuts, command palette and shortcut sheet are all made from it."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from arny_studio.ui.theme import ThemeSwitcher

MENUS = ("File", "Edit", "Run", "View", "Help")


class RegisteredAction(Struct, frozen=True, kw_only=True):
    """An action and where it belongs. `tab` is the key of the tab it needs, empty for everywhere."""

    id: str
    menu: str
    tab: str
    action: QAction

    @property
    def title(self) -> str:
        """The title as people read it, without the mark of the menu's access key."""
        return self.action.text().replace("&", "").rstrip("…") + ("…" if self.action.text().endswith("…") else "")


class ActionRegistry(QObject):
    """Every action of the app by id. Actions of a tab are hidden, and their shortcuts idle, while another tab shows."""

    actions_changed = Signal()

    def __init__(self, window: QWidget, theme: ThemeSwitcher) -> None:
        super().__init__(window)
        self._window = window
        self._theme = theme
        self._by_id: dict[str, RegisteredAction] = {}
        self._tab = ""

    def add(
        self, id: str, title: str, slot: Callable[[], object], *, menu: str, shortcut: str = "", icon: str = "",
        tab: str = "", checkable: bool = False,
    ) -> QAction:  # fmt: skip
        """Register an action; `slot` is called without arguments. Returns the QAction for buttons to mirror.

        Raises ValueError for an id or a shortcut that is taken where both could be heard.
        """
        self._refuse_clash(id, shortcut, tab)
        action = QAction(title, self)
        action.setObjectName(id)
        action.setCheckable(checkable)
        if shortcut:
            action.setShortcut(QKeySequence(shortcut))
        if icon:
            self._theme.dress(action, icon, "text_muted")
        action.triggered.connect(_without_arguments(slot))
        action.setVisible(tab in ("", self._tab))
        self._window.addAction(action)
        self._by_id[id] = RegisteredAction(id=id, menu=menu, tab=tab, action=action)
        self.actions_changed.emit()
        return action

    def __getitem__(self, id: str) -> QAction:
        return self._by_id[id].action

    def all(self) -> list[RegisteredAction]:
        """Every action in the order of registration."""
        return list(self._by_id.values())

    def in_menu(self, menu: str) -> list[RegisteredAction]:
        """The actions of one menu."""
        return [entry for entry in self._by_id.values() if entry.menu == menu]

    def usable(self) -> list[RegisteredAction]:
        """What can be triggered right now."""
        return [entry for entry in self._by_id.values() if entry.action.isEnabled() and entry.action.isVisible()]

    def show_tab(self, tab: str) -> None:
        """Make the actions of this tab, and no other tab's, available."""
        self._tab = tab
        for entry in self._by_id.values():
            entry.action.setVisible(entry.tab in ("", tab))

    def _refuse_clash(self, id: str, shortcut: str, tab: str) -> None:
        if id in self._by_id:
            raise ValueError(f"action {id!r} is registered twice")
        wanted = QKeySequence(shortcut)
        for entry in self._by_id.values():
            heard_together = not tab or not entry.tab or tab == entry.tab
            if shortcut and heard_together and entry.action.shortcut() == wanted:
                raise ValueError(f"{shortcut} is taken by {entry.id!r}")


def _without_arguments(slot: Callable[[], object]) -> Callable[[bool], None]:
    def call(_checked: bool) -> None:
        slot()

    return call
