"""The frame around the tabs: rail, messages, pages, menus, status bar. It knows no tab by name."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, Signal, Slot
from PySide6.QtGui import QCloseEvent, QResizeEvent
from PySide6.QtWidgets import QMainWindow, QMenu, QStackedWidget, QWidget

from arny_studio.ui.actions import MENUS, ActionRegistry
from arny_studio.ui.icons import app_icon
from arny_studio.ui.rail import NavigationRail
from arny_studio.ui.settings import SettingsStore
from arny_studio.ui.tab import Handover, Tab, TabPlace
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.layout import column, row
from arny_studio.ui.widgets.message_bar import MessageBar

_NARROW_BELOW_PX = 1180


class MainWindow(QMainWindow):
    """One window on one workspace."""

    tab_shown = Signal(str)
    closed = Signal()

    def __init__(self, places: tuple[TabPlace, ...], theme: ThemeSwitcher, settings: SettingsStore) -> None:
        super().__init__()
        self.setWindowTitle("Arny Studio")
        self.setWindowIcon(app_icon())
        self.setMinimumSize(880, 600)
        self.resize(1440, 900)
        self._settings = settings
        self._tabs: dict[str, Tab] = {}
        self.current = ""
        self.rail = NavigationRail(places, theme)
        self.messages = MessageBar(theme)
        self.pages = QStackedWidget()
        self.actions_of_app = ActionRegistry(self, theme)
        content = QWidget()
        content.setObjectName("content")
        content.setLayout(column(self.messages, self.pages, gap="xs"))
        page = QWidget()
        page.setObjectName("page")
        frame = row(self.rail, gap="s")
        frame.setSpacing(0)
        frame.addWidget(content, 1)
        page.setLayout(frame)
        self.setCentralWidget(page)
        self.rail.tab_requested.connect(self.show_tab)
        self._restore_geometry()

    def add_tab(self, key: str, tab: Tab) -> None:
        """Put a built tab behind its place in the rail."""
        self._tabs[key] = tab
        self.pages.addWidget(tab.widget)

    def tab(self, key: str) -> Tab:
        """A tab by key; KeyError where this installation lacks it."""
        return self._tabs[key]

    @Slot(str)
    def show_tab(self, key: str) -> None:
        """Bring a tab to the front."""
        tab = self._tabs[key]
        self.current = key
        self.pages.setCurrentWidget(tab.widget)
        self.rail.show_tab(key)
        self.actions_of_app.show_tab(key)
        self._settings.change(tab=key)
        if tab.on_shown is not None:
            tab.on_shown()
        self.tab_shown.emit(key)

    def hand_over(self, key: str, handover: Handover | None) -> None:
        """Show a tab and give it something from another one."""
        self.show_tab(key)
        receive = self._tabs[key].receive
        if handover is not None and receive is not None:
            receive(handover)

    def build_menus(self) -> None:
        """Make the menu bar from the registry; called again whenever the registry changes."""
        self.menuBar().clear()
        for name in MENUS:
            entries = self.actions_of_app.in_menu(name)
            if entries:
                menu = QMenu(f"&{name}", self.menuBar())
                menu.setToolTipsVisible(True)
                for before, entry in zip([None, *entries], entries, strict=False):
                    if before is not None and before.tab != entry.tab:
                        menu.addSeparator()
                    menu.addAction(entry.action)
                self.menuBar().addMenu(menu)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the room to the page where there is little."""
        super().resizeEvent(event)
        is_narrow = self._settings.values.rail_is_narrow or event.size().width() < _NARROW_BELOW_PX
        if is_narrow != self.rail.is_narrow:
            self.rail.set_narrow(is_narrow)

    def toggle_rail(self) -> None:
        """Wide or narrow, remembered."""
        self._settings.change(rail_is_narrow=not self.rail.is_narrow)
        self.rail.set_narrow(not self.rail.is_narrow)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember the geometry and let every tab put its things away."""
        self._settings.change(geometry=bytes(self.saveGeometry().toBase64().data()).decode())
        for tab in self._tabs.values():
            if tab.on_close is not None:
                tab.on_close()
        super().closeEvent(event)
        self.closed.emit()

    def _restore_geometry(self) -> None:
        saved = self._settings.values.geometry
        if saved:
            self.restoreGeometry(QByteArray.fromBase64(QByteArray(saved.encode())))
