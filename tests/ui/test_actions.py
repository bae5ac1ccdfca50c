from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMainWindow, QPushButton

from arny_studio.ui.actions import MENUS, ActionRegistry
from arny_studio.ui.shortcut_sheet import ShortcutSheet
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.chip import Chip


@pytest.fixture
def registry(qapp, qtbot):
    window = QMainWindow()
    window.setCentralWidget(QPushButton("x"))
    qtbot.addWidget(window)
    made = ActionRegistry(window, ThemeSwitcher(qapp, "light"))
    window.show()
    qtbot.waitExposed(window)
    window.activateWindow()
    made.window_of_test = window
    return made


def test_that_a_shortcut_calls_its_slot_without_arguments(registry, qtbot):
    called = []
    registry.add("x.y", "Do it", lambda: called.append(1), menu="File", shortcut="Ctrl+J")
    qtbot.keyClick(registry.window_of_test, Qt.Key.Key_J, Qt.KeyboardModifier.ControlModifier)
    assert called == [1]


def test_that_an_action_of_another_tab_is_hidden_and_deaf(registry, qtbot):
    called = []
    registry.add("a.x", "A", lambda: called.append("a"), menu="Run", tab="a", shortcut="Ctrl+J")
    registry.add("b.x", "B", lambda: called.append("b"), menu="Run", tab="b", shortcut="Ctrl+J")
    for tab in ("a", "b"):
        registry.show_tab(tab)
        qtbot.keyClick(registry.window_of_test, Qt.Key.Key_J, Qt.KeyboardModifier.ControlModifier)
    assert called == ["a", "b"]
    assert [entry.id for entry in registry.usable()] == ["b.x"]


def test_that_a_taken_id_or_shortcut_is_refused(registry):
    registry.add("a", "A", print, menu="File", shortcut="Ctrl+J")
    with pytest.raises(ValueError, match="twice"):
        registry.add("a", "A", print, menu="File")
    with pytest.raises(ValueError, match="taken"):
        registry.add("b", "B", print, menu="File", tab="data", shortcut="Ctrl+J")


def test_that_every_action_of_the_app_is_in_a_menu_and_has_a_title(studio):
    for entry in studio.actions.all():
        assert entry.menu in MENUS, entry.id
        assert entry.title.strip(), entry.id
    in_menus = {action for menu in studio.window.menuBar().actions() for action in menu.menu().actions()}
    assert {entry.action for entry in studio.actions.all()} <= in_menus


def test_that_the_palette_finds_a_command_by_typing_and_runs_it(studio, qtbot):
    studio.window.show_tab("data")
    studio.actions["help.palette"].trigger()
    palette = studio.palette
    qtbot.waitUntil(palette.isVisible, timeout=30_000)
    qtbot.keyClicks(palette._query, "dark")
    assert palette.titles()[0] == "Dark theme"
    qtbot.keyClick(palette._query, Qt.Key.Key_Return)
    assert not palette.isVisible()
    assert studio.theme.current.is_dark
    assert studio.settings.values.theme == "dark"


def test_that_arrows_move_in_the_palette_and_escape_closes_it(studio, qtbot):
    studio.actions["help.palette"].trigger()
    palette = studio.palette
    qtbot.keyClicks(palette._query, "go to")
    first = palette._list.currentIndex().row()
    qtbot.keyClick(palette._query, Qt.Key.Key_Down)
    assert palette._list.currentIndex().row() == first + 1
    qtbot.keyClick(palette._query, Qt.Key.Key_Escape)
    assert not palette.isVisible()


def test_that_the_shortcut_sheet_lists_every_shortcut(studio, qtbot):
    sheet = ShortcutSheet(studio.actions, studio.window)
    qtbot.addWidget(sheet)
    listed = {chip.text() for chip in sheet.findChildren(Chip)}
    wanted = {entry.action.shortcut().toString() for entry in studio.actions.all()} - {""}
    assert wanted == listed
