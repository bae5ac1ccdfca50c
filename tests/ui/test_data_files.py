"""Files in the Data tab: several at once, changed outside, of another form, from a killed app, generated, of old."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import orjson
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QDialog

from arny_studio.ui.data.generate_dialog import GenerateDialog
from arny_studio.ui.tab import OpenDataset
from tests.ui.data_rows import (
    PATIENCE_MS,
    decision,
    dialog_of,
    four_rows,
    line_of,
    opened_in,
    texts_in,
    title,
)

ROOT = Path(__file__).resolve().parents[2]


def test_that_an_outside_change_is_told_with_four_ways_out_and_merged_by_row(studio, qtbot, opened, dataset):
    controller, bars = opened.controller, opened.widget.bars
    opened.widget.inspector.editor.content_edited.emit(1, "mine")
    theirs = dataset.with_suffix(".new")
    theirs.write_bytes(four_rows().replace("München".encode(), b"Hamburg"))
    theirs.replace(dataset)
    controller.saving.save()
    qtbot.waitUntil(lambda: "outside" in bars.bars, timeout=PATIENCE_MS)
    assert list(bars.bars["outside"].buttons) == ["Keep mine", "Take theirs", "Merge by row", "Save as…"]
    bars.bars["outside"].buttons["Merge by row"].click()
    qtbot.waitUntil(lambda: "merged" in bars.bars, timeout=PATIENCE_MS)
    document = controller.document
    assert b'"mine"' in document.raw(0) and b"Hamburg" in document.raw(3)
    controller.saving.save()
    qtbot.waitUntil(lambda: not document.is_changed, timeout=PATIENCE_MS)
    assert dataset.read_bytes() == theirs_merged()


def theirs_merged() -> bytes:
    text = four_rows().replace("München".encode(), b"Hamburg")
    return text.replace(b"What is the capital of France?", b"mine")


def test_that_history_compares_and_goes_back(studio, qtbot, opened):
    controller, document = opened.controller, opened.controller.document
    before = [document.raw(row) for row in range(4)]
    document.take_snapshot("as it came")
    opened.widget.inspector.editor.content_edited.emit(1, "changed")
    dialog = controller.files.show_history()
    dialog.table.select_line(0)
    qtbot.waitUntil(lambda: dialog.changes.rowCount() == 1, timeout=PATIENCE_MS)
    assert "1 row changed" in dialog.state.text()
    assert "changed" in dialog.diff.toPlainText()
    dialog.restore_button.click()
    qtbot.waitUntil(lambda: document.raw(0) == before[0], timeout=PATIENCE_MS)
    assert document.undo_title == "Go back to “as it came”"


def test_that_several_documents_are_tabs_and_a_line_can_be_handed_over(studio, qtbot, opened, tmp_path):
    other = tmp_path / "other.jsonl"
    other.write_bytes(b"\n".join(line_of(number, f"Query {number}", decision()) for number in range(1, 6)) + b"\n")
    controller = opened.controller
    studio.window.hand_over("data", OpenDataset(path=other, line=3))
    qtbot.waitUntil(lambda: title(opened) == "Row 3", timeout=PATIENCE_MS)
    assert opened.widget.document_tabs.count() == 2
    opened.widget.document_tabs.setCurrentIndex(0)
    qtbot.waitUntil(lambda: controller.document.path.name == "four.jsonl", timeout=PATIENCE_MS)
    controller.close_current()
    assert controller.document.path.name == "other.jsonl"
    assert opened.widget.document_tabs.isHidden()


def test_that_a_second_window_on_a_file_is_read_only_and_says_so(studio, qtbot, dataset):
    from arny_studio.dataset.document import Document

    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"from pathlib import Path; from arny_studio.dataset.document import Document; "
            f"d = Document.open(Path({str(dataset)!r})); print('open', flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    with holder:
        assert holder.stdout is not None and holder.stdin is not None
        assert holder.stdout.readline() == b"open\n"
        tab = opened_in(studio, qtbot, dataset)
        assert isinstance(tab.controller.document, Document) and tab.controller.document.is_read_only
        assert "read only" in tab.widget.bars.bars["read only"].sentence
        tab.widget.inspector.editor.content_edited.emit(1, "no")
        assert b"capital of France" in tab.controller.document.raw(0)
        holder.stdin.close()


KILLED = """
import asyncio, os, sys
from pathlib import Path
os.environ["QT_QPA_PLATFORM"] = "offscreen"
import qasync
from PySide6.QtWidgets import QApplication
from arny_studio.ui.app import build_studio
app = QApplication([])
loop = qasync.QEventLoop(app)
asyncio.set_event_loop(loop)

async def edit():
    studio = build_studio(app, Path(sys.argv[1]))
    studio.window.show()
    tab = studio.window.tab("data")
    tab.controller.open_path(Path(sys.argv[2]))
    while tab.controller.desk.current is None or tab.controller.desk.current.current_key is None:
        await asyncio.sleep(0.02)
    card = tab.widget.inspector.editor.cards[1]
    card.text.selectAll()
    card.text.insertPlainText("typed and never saved")
    tab.controller.reviewing.accept()
    tab.controller.document.flush()
    print("edited", flush=True)
    await asyncio.sleep(600)

with loop:
    loop.run_until_complete(edit())
"""


def test_that_edits_of_a_killed_app_are_there_again_and_said_in_a_bar(open_studio, qtbot, dataset, tmp_path):
    before = dataset.read_bytes()
    root = tmp_path / "workspace"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(root), str(dataset)], stdout=subprocess.PIPE, env=environment, cwd=ROOT
    ) as app:
        assert app.stdout is not None
        assert app.stdout.readline() == b"edited\n"
        app.send_signal(signal.SIGKILL)
    assert dataset.read_bytes() == before
    studio = open_studio(root)
    tab = studio.window.tab("data")
    qtbot.waitUntil(lambda: tab.controller.document is not None, timeout=PATIENCE_MS)
    assert tab.controller.document.path == dataset
    assert b"typed and never saved" in tab.controller.document.raw(0)
    assert tab.controller.document.is_changed
    assert "recovery" in tab.widget.bars.bars
    assert not [made for made in studio.window.findChildren(QDialog) if made.isVisible()]
    assert tab.controller.document.review_of(0).status == "accepted"


def test_that_closing_the_window_keeps_unsaved_edits_for_the_next_one(open_studio, qtbot, dataset, tmp_path):
    root = tmp_path / "workspace"
    first = open_studio(root)
    tab = opened_in(first, qtbot, dataset)
    tab.widget.inspector.editor.content_edited.emit(1, "hot exit")
    first.window.close()
    second = open_studio(root)
    tab = second.window.tab("data")
    qtbot.waitUntil(lambda: tab.controller.document is not None, timeout=PATIENCE_MS)
    assert b"hot exit" in tab.controller.document.raw(0)
    tab.controller.editing.undo()
    assert b"capital of France" in tab.controller.document.raw(0)


def test_that_dropping_files_opens_them_and_a_missing_one_is_told(studio, qtbot, dataset, tmp_path):
    tab = studio.window.tab("data")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(dataset))])
    arguments = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    tab.widget.dropEvent(QDropEvent(QPointF(QPoint(50, 50)), *arguments))
    qtbot.waitUntil(lambda: tab.controller.document is not None, timeout=PATIENCE_MS)
    assert studio.settings.values.recent_datasets == (str(dataset),)
    tab.controller.open_path(tmp_path / "gone.jsonl")
    qtbot.waitUntil(lambda: bool(studio.window.messages.messages), timeout=PATIENCE_MS)
    assert "gone.jsonl" in studio.window.messages.messages[0].sentence
    assert tab.controller.document.path == dataset


def test_that_a_file_of_another_form_is_shown_before_it_is_converted(studio, qtbot, tmp_path):
    source = tmp_path / "share.jsonl"
    talk = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]
    source.write_bytes(orjson.dumps({"conversations": talk}) + b"\n")
    tab = studio.window.tab("data")
    studio.window.show_tab("data")
    tab.controller.open_path(source)
    qtbot.waitUntil(lambda: tab.controller.importing.dialog is not None, timeout=PATIENCE_MS)
    dialog = tab.controller.importing.dialog
    qtbot.waitUntil(lambda: dialog.format.currentData() == "sharegpt", timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: any('"role":"user"' in text for text in texts_in(dialog)), timeout=PATIENCE_MS)
    assert not list(studio.workspace.datasets.iterdir())
    dialog.import_button.click()
    qtbot.waitUntil(lambda: tab.controller.document is not None, timeout=PATIENCE_MS)
    assert json.loads(tab.controller.document.raw(0))["messages"][0] == {"role": "user", "content": "Hi"}


def test_that_the_demo_dataset_is_written_once_and_rows_can_be_generated_behind_it(studio, qtbot):
    tab = studio.window.tab("data")
    studio.window.show_tab("data")
    qtbot.mouseClick(tab.widget._empty_demo, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: tab.controller.document is not None, timeout=PATIENCE_MS)
    assert tab.widget.rows.rowCount() == 600
    tab.controller.generate()
    dialog = dialog_of(qtbot, studio, GenerateDialog)
    dialog.target.choose("current")
    dialog.rows.setValue(12)
    dialog.preview_button.click()
    qtbot.waitUntil(lambda: len(dialog._preview.text().split("\n\n")) == 8, timeout=PATIENCE_MS)
    dialog.generate.click()
    qtbot.waitUntil(lambda: tab.controller.document.row_count == 612, timeout=PATIENCE_MS)
    assert tab.controller.document.undo_title == "Add 12 generated rows"


def test_that_generating_asks_for_tier_rows_and_seed_and_never_overwrites(studio, qtbot):
    folder = studio.workspace.datasets
    (folder / "tier1-train.jsonl").write_text("")
    dialog = GenerateDialog(folder, studio.window)
    qtbot.addWidget(dialog)
    assert dialog.path.name == "tier1-train-2.jsonl"
    dialog.name.setText("tier1-train.jsonl")
    assert not dialog.generate.isEnabled()
    assert "there already" in dialog.generate.toolTip()
    dialog.phrases.setCurrentIndex(dialog.phrases.findData("shapes"))
    assert dialog.path.name == "tier1-shapes.jsonl"
    dialog.tier.setCurrentIndex(dialog.tier.findData("tier2"))
    assert dialog.phrases.findData("shapes") < 0 and dialog.phrases.findData("phrasings") < 0
    dialog.name.setText("mine")
    dialog.rows.setValue(20)
    dialog.seed.setValue(3)
    with qtbot.waitSignal(dialog.generate_requested) as caught:
        dialog.generate.click()
    recipe, is_for_current = caught.args
    assert (recipe.task, recipe.tier, recipe.rows, recipe.seed, is_for_current) == ("generate", "tier2", 20, 3, False)
    assert recipe.path == str(folder / "mine.jsonl")
