"""What `ui/screenshots.py` shows of the Data tab beside the page itself: problems, a search, bulk, review, as trained."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from PySide6.QtWidgets import QDialog, QWidget

from arny_studio.dataset.edits import InsertRow, SetRow
from arny_studio.ui.data.bulk_dialog import ALL, JUDGE, BulkDialog
from arny_studio.ui.data.controller import DataController
from arny_studio.ui.data.history_dialog import HistoryDialog
from arny_studio.ui.data.inspector import EDIT, REVIEW, TRAINED
from arny_studio.ui.data.tab import PROBLEMS, STATISTICS, DataTab

Until = Callable[[Callable[[], bool], str], Awaitable[None]]
_QUERY = "journey:hotel complexity>=20"


async def data_scenes(
    tab: DataTab, controller: DataController, until: Until
) -> AsyncIterator[tuple[str, QWidget | None]]:
    """Names of pictures, each with the dialog to be taken, or None for the window. Every scene is undone again."""
    opened = controller.desk.current
    await until(lambda: opened is not None and opened.pairs is not None, "the dataset was not read")
    for show in (_problems, _search, _review, _trained):
        await show(tab, controller, until)
        yield f"data{show.__name__.replace('_', '-')}", None
        tab.filter.completer.list.hide()
        controller.searching.search("")
        tab.inspector.show_page(EDIT)
        while controller.document is not None and controller.document.undo_title is not None:
            controller.editing.undo()
        tab.say("")
    tab.show_side(PROBLEMS)
    async for name, dialog in _dialogs(tab, controller, until):
        yield f"data-{name}", dialog
        dialog.reject()


async def _dialogs(tab: DataTab, controller: DataController, until: Until) -> AsyncIterator[tuple[str, QDialog]]:
    dialog = controller.bulk.show_bulk()
    assert dialog is not None
    dialog.choose("replace", {"find": "hotel", "replacement": "guest house", "scope": "user"})
    await _previewed(dialog, until)
    yield "bulk", dialog
    dialog = controller.bulk.show_bulk()
    assert dialog is not None
    dialog.operation.choose(JUDGE)
    dialog.judging.tags.setText("to check")
    await _previewed(dialog, until)
    yield "tag", dialog
    assert controller.document is not None
    if not controller.document.snapshots.all():
        controller.document.take_snapshot("As generated")
    history = controller.files.show_history()
    assert isinstance(history, HistoryDialog)
    yield "history", history


async def _previewed(dialog: BulkDialog, until: Until) -> None:
    dialog.scope.choose(ALL)
    dialog.preview_button.click()
    await until(dialog.apply_button.isEnabled, "the change was not prepared")


async def _problems(tab: DataTab, controller: DataController, until: Until) -> None:
    """Three mistakes as a curator would make them: a rule broken, text garbled, a row twice."""
    document = controller.document
    assert document is not None and document.row_count > 2
    for row, (old, new) in enumerate(
        (
            (b'\\"needs_execution\\":', b'\\"needs_execution\\":\\"maybe\\",\\"asked\\":'),
            (b'"user","content":"', b'"user","content":"caf\xc3\x83\xc2\xa9 '),
        )
    ):
        key = document.key_of(row)
        controller.editing.apply("Make a mistake", (SetRow(key, document.raw_of(key).replace(old, new)),))
    controller.editing.apply("Add a row", (InsertRow(document.key_of(2), document.raw(2)),))
    tab.show_side(PROBLEMS)
    controller.searching.search("problem:*")
    await until(lambda: 0 < tab.rows.rowCount() < document.row_count, "the mistakes were not found")
    tab.problems.table.select_line(0)


async def _search(tab: DataTab, controller: DataController, until: Until) -> None:
    """A filter with its statistics, and the list of what it could go on with."""
    tab.show_side(STATISTICS)
    controller.searching.search(_QUERY)
    await until(lambda: tab.rows.rowCount() < 100, "nothing was searched")
    tab.filter.focus()
    tab.filter.field.deselect()
    tab.filter.field.insert(" sta")
    tab.filter.field.textEdited.emit(tab.filter.query)


async def _review(tab: DataTab, controller: DataController, until: Until) -> None:
    tab.inspector.show_page(REVIEW)
    for decide in (controller.reviewing.accept, controller.reviewing.flag, controller.reviewing.accept):
        decide()


async def _trained(tab: DataTab, controller: DataController, until: Until) -> None:
    tab.inspector.show_page(TRAINED)
    await until(lambda: bool(tab.inspector.trained.tokens.toPlainText()), "the tokens were not shown")
