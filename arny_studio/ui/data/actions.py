"""Every action of the Data page, for menus, shortcuts, the palette and the sheet. Only names and keys; no decisions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from arny_studio.ui.actions import ActionRegistry
from arny_studio.ui.data.inspector import REVIEW, TRAINED
from arny_studio.ui.data.tab import PROBLEMS, STATISTICS, DataTab

if TYPE_CHECKING:
    from arny_studio.ui.data.controller import DataController


def add_actions(controller: DataController, tab: DataTab, registry: ActionRegistry) -> None:
    """Register them all, and put the less frequent ones behind "More"."""
    add = partial(registry.add, tab="data")
    _add_file_actions(add, controller)
    _add_edit_actions(add, controller, tab)
    _add_review_actions(add, controller)
    _add_view_actions(add, controller, tab)
    more = tab.more_menu()
    for id in ("data.generate", "data.check", "data.split", "data.leaks", "data.history", "data.snapshot"):
        more.addAction(registry[id])
    more.addSeparator()
    for id in ("data.save_as", "data.contract", "data.panel", "data.close"):
        more.addAction(registry[id])


def _add_file_actions(add: partial, controller: DataController) -> None:
    add("data.open", "&Open dataset…", controller.choose_file, menu="File", shortcut="Ctrl+O", icon="open")
    add("data.save", "&Save dataset", controller.saving.save, menu="File", shortcut="Ctrl+S", icon="download")
    add("data.save_as", "Save dataset &as…", controller.saving.save_as, menu="File", shortcut="Ctrl+Shift+S")
    add("data.close", "&Close dataset", controller.close_current, menu="File", shortcut="Ctrl+W", icon="close")
    add("data.generate", "&Generate dataset…", controller.generate, menu="File", icon="sparkle")
    add("data.history", "&History…", controller.files.show_history, menu="File", shortcut="Ctrl+Shift+H", icon="clock")
    add("data.snapshot", "Keep a named snapshot…", controller.files.name_snapshot, menu="File")


def _add_edit_actions(add: partial, controller: DataController, tab: DataTab) -> None:
    editing = controller.editing
    add("data.undo", "Undo", editing.undo, menu="Edit", shortcut="Ctrl+Z", icon="reset")
    add("data.redo", "Redo", editing.redo, menu="Edit", shortcut="Ctrl+Shift+Z", icon="refresh")
    add("data.find", "Search in dataset", tab.filter.focus, menu="Edit", shortcut="Ctrl+F", icon="search")
    add("data.bulk", "&Find and replace, bulk edit…", controller.bulk.show_bulk, menu="Edit", shortcut="Ctrl+H")
    add("data.edit", "Edit the row", controller.edit_row, menu="Edit", shortcut="E")
    add("data.add_row", "Add a row below", editing.insert_row, menu="Edit", shortcut="Ctrl+Shift+N", icon="plus")
    add("data.duplicate_row", "Duplicate the row", editing.duplicate_row, menu="Edit", shortcut="Ctrl+D", icon="copy")
    add(
        "data.delete_rows",
        "Delete the selected rows",
        controller.delete_rows,
        menu="Edit",
        shortcut="Del",
        icon="trash",
    )
    add("data.add_turn", "Add a turn", editing.add_turn, menu="Edit", shortcut="Ctrl+Return")
    add(
        "data.split_turn", "Split the turn at the cursor", editing.split_turn, menu="Edit", shortcut="Ctrl+Shift+Return"
    )
    add("data.delete_turn", "Delete the turn", editing.delete_turn, menu="Edit", shortcut="Ctrl+Shift+Backspace")
    add("data.turn_up", "Move the turn up", partial(editing.move_turn, -1), menu="Edit", shortcut="Ctrl+Shift+Up")
    add("data.turn_down", "Move the turn down", partial(editing.move_turn, 1), menu="Edit", shortcut="Ctrl+Shift+Down")
    add("data.contract", "Use another contract…", controller.files.choose_contract, menu="Edit")


def _add_review_actions(add: partial, controller: DataController) -> None:
    reviewing = controller.reviewing
    add("data.next", "Next row", controller.next_row, menu="Run", shortcut="J", icon="chevron-down")
    add("data.previous", "Row before", controller.previous_row, menu="Run", shortcut="K", icon="chevron-up")
    add("data.next_while_typing", "Next row, also while typing", controller.next_row, menu="Run", shortcut="Alt+Down")
    add(
        "data.previous_while_typing",
        "Row before, also while typing",
        controller.previous_row,
        menu="Run",
        shortcut="Alt+Up",
    )
    add("data.accept", "Accept the row", reviewing.accept, menu="Run", shortcut="A", icon="check")
    add("data.reject", "Reject the row", reviewing.reject, menu="Run", shortcut="R", icon="close")
    add("data.flag", "Flag the row", reviewing.flag, menu="Run", shortcut="F", icon="flag")
    add("data.tag", "Tag the selected rows…", controller.tag_rows, menu="Run", shortcut="Ctrl+Shift+T")
    add("data.check", "&Check dataset", controller.scanning.check_current, menu="Run", shortcut="F7", icon="check")
    add(
        "data.next_problem",
        "Next row with a problem",
        controller.go_to_problem,
        menu="Run",
        shortcut="F8",
        icon="warning",
    )
    add("data.split", "&Split into train, validation, test…", controller.files.show_split, menu="Run")
    add("data.leaks", "Look for &leaks into another file…", controller.files.choose_other_file, menu="Run")


def _add_view_actions(add: partial, controller: DataController, tab: DataTab) -> None:
    inspector = tab.inspector
    add("data.panel", "Problems and statistics at the side", tab.fold_side, menu="View", shortcut="Ctrl+Shift+B")
    add("data.problems", "Problems", partial(tab.show_side, PROBLEMS), menu="View", shortcut="Ctrl+Shift+P")
    add("data.statistics", "Statistics", partial(tab.show_side, STATISTICS), menu="View", shortcut="Ctrl+Shift+I")
    add("data.trained", "The row as trained", partial(inspector.show_page, TRAINED), menu="View", shortcut="Ctrl+T")
    add("data.review", "The row's review", partial(inspector.show_page, REVIEW), menu="View", shortcut="Ctrl+Shift+R")
