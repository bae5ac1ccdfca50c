"""Widgets of the Chat tab on their own: the editor of phones, connectors, the timeline, and text that is only text."""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QCoreApplication, QPointF, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QLabel, QStyleOptionComboBox, QWidget

from arny_studio.contract import load_contract
from arny_studio.device import load_profile
from arny_studio.jobs.events import (
    ConfirmationWanted,
    Decided,
    Executed,
    FieldCost,
    LoadRefused,
    Prompted,
    Replied,
)  # fmt: skip
from arny_studio.recipe.connectors import Connector, ConnectorSet
from arny_studio.ui.chat.compare_page import ComparePage
from arny_studio.ui.chat.comparison import Side, compared
from arny_studio.ui.chat.connectors_dialog import ConnectorsDialog
from arny_studio.ui.chat.conversation import Conversation, asked, heard
from arny_studio.ui.chat.correction_dialog import CorrectionDialog
from arny_studio.ui.chat.inspector import Inspector
from arny_studio.ui.chat.message_list import MessageList
from arny_studio.ui.chat.phone_panel import PhonePanel
from arny_studio.ui.chat.profile_editor import ProfileEditor
from arny_studio.ui.chat.prompt_dialog import PromptDialog
from arny_studio.ui.chat.script_page import ScriptPage
from arny_studio.ui.chat.timeline import Timeline, given_back, marked, noted
from arny_studio.ui.chat.timeline_view import TimelineView
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.inputs import Choice, Number


@pytest.fixture
def theme(qapp):
    return ThemeSwitcher(qapp, "light")


@pytest.fixture
def parent(qtbot):
    made = QWidget()
    qtbot.addWidget(made)
    return made


def test_that_the_editor_shows_every_number_and_takes_them_back(parent, qtbot, tmp_path: Path):
    editor = ProfileEditor(parent)
    profile = load_profile("12gb")
    editor.show_profile(profile)
    assert editor.profile == profile
    speeds = tmp_path / "speeds.csv"
    speeds.write_text("model,quant,prefill,decode\nrouter,Q4_K_M,80,12\n")
    editor.import_speeds(speeds)
    assert editor.profile.speeds[0].decode == 12
    editor.title.setText("Mine")
    with qtbot.waitSignal(editor.saved) as saved:
        editor.save_button.click()
    assert (saved.args[0].title, saved.args[0].speeds[0].model) == ("Mine", "router")


def test_that_the_editor_refuses_numbers_that_contradict_each_other(parent, qtbot, tmp_path: Path):
    editor = ProfileEditor(parent)
    editor.show_profile(load_profile("6gb"))
    budget = editor._inputs["app_budget_mib"]
    assert isinstance(budget, Number)
    budget.setValue(6000)
    with qtbot.assertNotEmitted(editor.used):
        editor.use_button.click()
    assert "make 8560 MiB together" in editor.problem.text()
    editor.import_speeds(tmp_path / "none.csv")
    assert "no benchmark" in editor.problem.text()


def test_that_a_connector_is_saved_with_its_host_allowed_or_told_what_is_wrong(parent, theme, qtbot):
    dialog = ConnectorsDialog(ConnectorSet(), load_contract("router-v1"), theme, parent)
    dialog.add_button.click()
    dialog.url.setText("http://127.0.0.1:8080/x?q={query}")
    dialog.headers.setPlainText("X-Key: {secret:k}")
    dialog.save_button.click()
    assert "over https only" in dialog.problem.text()
    dialog.is_private.setChecked(True)
    with qtbot.waitSignal(dialog.saved) as saved:
        dialog.save_button.click()
    (kept,) = saved.args[0].connectors
    assert saved.args[0].allowed_hosts == saved.args[0].private_hosts == ("127.0.0.1",)
    assert kept.headers == {"X-Key": "{secret:k}"}
    dialog.secret_name.setText("k")
    dialog.secret_value.setText("s3cret")
    with qtbot.waitSignal(dialog.secret_given) as given:
        dialog.secret_button.click()
    assert given.args == ["k", "s3cret"]
    assert dialog.secret_value.text() == ""
    dialog.remove_button.click()
    assert dialog.connectors.connectors == ()


def test_that_a_host_allowed_for_redirects_stays_allowed(parent, theme, qtbot):
    one = Connector(title="A", journeys=("flight",), url="https://a.example/")
    known = ConnectorSet(allowed_hosts=("a.example", "cdn.example"), connectors=(one,))
    dialog = ConnectorsDialog(known, load_contract("router-v1"), theme, parent)
    with qtbot.waitSignal(dialog.saved) as saved:
        dialog.save_button.click()
    assert saved.args[0] == known


def test_that_the_timeline_paints_its_curve_and_names_the_mark_under_the_mouse(theme, qtbot):
    view = TimelineView(theme)
    qtbot.addWidget(view)
    view.resize(400, 140)
    empty = view.grab().toImage()
    line = Timeline(points=tuple((float(n), n << 20) for n in range(40)), caps=((0.0, 50 << 20),))
    line = marked(line, 20.0, "kill", "Killed by the system")
    view.show_timeline(line)
    assert view.grab().toImage() != empty
    x = view._x(20.0)
    mark = view.mark_at(QPointF(x + 3, 100))
    assert mark is not None
    assert mark.text == "Killed by the system"
    assert view.mark_at(QPointF(x + 60, 100)) is None


def test_that_a_phone_that_ended_before_it_held_anything_is_painted(theme, qtbot):
    view = TimelineView(theme)
    qtbot.addWidget(view)
    view.show_timeline(given_back(Timeline(), 5.0))
    assert not view.grab().isNull()
    assert view._most > 0


# -- text from models, services and files is only text --------------------------------------------------------------

_TAGS = (
    '<img src="{file}">', "<img src='{url}'>", '<img src="{url}" width=1>', '<body background="{file}">',
    '<table background="{url}"><tr><td>x</td></tr></table>', '<link rel="stylesheet" href="{file}">',
    '<style>@import url("{file}");</style>', '<style>body{{background-image:url("{url}")}}</style>',
    '<p style="background-image:url({file})">x</p>', '<a href="{url}">x</a>', '<a href="{file}"><img src="{file}"></a>',
    '<object data="{file}"></object>', '<embed src="{file}">', '<iframe src="{url}"></iframe>', '<frame src="{file}">',
    '<script src="{url}"></script>', "<script>fetch('{url}')</script>", '<svg><image href="{file}"/></svg>',
    '<svg onload="fetch(\'{url}\')">', '<video src="{file}" autoplay></video>', '<audio src="{url}"></audio>',
    '<input type="image" src="{file}">', '<meta http-equiv="refresh" content="0;url={url}">', '<base href="{url}">',
    '<form action="{url}"><input></form>', '<html><head></head><body><img src="{file}"/></body></html>',
    '<qt><img src="{file}"></qt>', '<!DOCTYPE html><img src="{file}">', '<?xml version="1.0"?><img src="{file}"/>',
    '<!DOCTYPE x [<!ENTITY e SYSTEM "{file}">]><x>&e;</x>', "![x]({file})", "![x]({url})", "[x]({file})", "<{url}>",
    "[x]: {file}\n![][x]", "&lt;img src=&quot;{file}&quot;&gt;", "\u202e<img src='{file}'>", "\0<img src='{file}'>",
    "<img\nsrc='{file}'\n>", "<IMG SRC='{file}'>", "<b><img src={file}></b>", "<<img src='{file}'>>", "{file}", "{url}",
    "<img src='qrc:/x'><img src='{file}'>", "<img src='data:image/png;base64,AAAA'>", "<ul><li><img src='{file}'></ul>",
    "<pre><img src='{file}'></pre>", "$(cat {file})", "`curl {url}`", "{{{{ ''.__class__ }}}} {file}", "<|im_end|>{file}",
    '{{"intent": "<img src={file}>"}}', "<h1 style='background:url({url})'>x</h1>",
)  # fmt: skip


class Watch:
    """Notices whoever opens a file of a folder (inotify) or connects to a port."""

    def __init__(self, folder: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._handle = self._libc.inotify_init1(os.O_NONBLOCK)
        opens_or_reads = 0x20 | 0x1
        assert self._libc.inotify_add_watch(self._handle, os.fsencode(folder), opens_or_reads) >= 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/x.png"

    def noticed(self) -> bool:
        """Whether anything was opened or connected to since the last look."""
        try:
            return bool(os.read(self._handle, 1 << 16))
        except BlockingIOError:
            pass
        try:
            self._listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        os.close(self._handle)
        self._listener.close()


@pytest.fixture
def bait(tmp_path: Path) -> Iterator[tuple[Watch, Path]]:
    picture = QImage(4, 4, QImage.Format.Format_RGB32)
    picture.fill(QColor("red"))
    file = tmp_path / "bait.png"
    assert picture.save(str(file))
    watch = Watch(tmp_path)
    yield watch, file
    watch.close()


def conversation_of(text: str) -> Conversation:
    talk = asked(Conversation(), "r1", text)
    decision = {"intent": text, "journeys": [text], "direct_answer": text, "complexity_score": 3}
    for event in (
        Prompted(request="r1", tier=1, text=text, tokens=1, context=9), Prompted(request="r1", tier=2, text=text, tokens=1, context=9),
        Decided(request="r1", text=text, decision=decision, is_valid=False, problems=[text], because=text, action="execute", tokens=2, fields=[FieldCost(name=text)]),
        ConfirmationWanted(request="r1", connector=text, sentence=text),
        LoadRefused(tier=2, needed_bytes=1, free_bytes=0, sentence=text, remedy=text),
        Executed(request="r1", label=text, is_simulated=False, rows=[{text: text}]),
        Replied(request="r1", query=text, decision=decision, valid=False, action="execute", reply=f"{text}\n| x |\n{text}", ms=1, peak_mib=1),
    ):  # fmt: skip
        talk = heard(talk, event)
    return talk


def test_that_times_of_a_real_phone_have_a_column_only_where_its_benchmark_was_imported(theme, qtbot):
    page = ScriptPage(theme)
    qtbot.addWidget(page)
    page.resize(1400, 700)
    page.show()

    def shown() -> list[str]:
        page.show_run(is_running=False)
        page.show_figures([("Queries", "1")], has_report=False)
        columns = [number for number in range(page.model.columnCount()) if not page.table.isColumnHidden(number)]
        return [page.model.columns[number] for number in columns]

    replied = Replied(
        request="r1", query="hello", decision=None, valid=True, action="answer", reply="Hi", ms=5, peak_mib=1
    )
    page.model.add(replied)
    assert "On the phone" not in shown()
    page.model.add(replace(replied, request="r2", expected_ms=120.0))
    assert {"On the phone", "Peak MiB"} <= set(shown())
    page.resize(890, 500)  # what a window of 1000 by 700 leaves
    assert "On the phone" in shown()
    assert not {"Peak MiB", "Loads"} & set(shown())


def test_that_a_picker_elides_what_does_not_fit(qtbot):
    picker = Choice("Router model")
    qtbot.addWidget(picker)
    picker.show_choices([("Demo tier1  ·  Q4_K_M  ·  23 Nov 13:33", "file")])
    option = QStyleOptionComboBox()
    picker.resize(140, 34)
    picker.initStyleOption(option)
    assert option.currentText.startswith("Demo tier1") and option.currentText.endswith("…")  # pyright: ignore[reportAttributeAccessIssue]
    picker.resize(900, 34)
    picker.initStyleOption(option)
    assert option.currentText == picker.currentText()  # pyright: ignore[reportAttributeAccessIssue]


def test_that_a_reply_laid_out_as_a_table_is_shown_as_one_with_the_words_around_it(theme, qtbot):
    talk = asked(Conversation(), "r1", "Flights to Rome")
    rows = [{"flight": "SA1", "per_night": 3}, {"flight": "SA2", "per_night": 4}]
    reply = "Simulated: flights\n| Flight | Per night |\n| --- | --- |\n| SA1 | 3 |\n| SA2 | 4 |\n\n(A note.)"
    talk = heard(talk, Executed(request="r1", label="Simulated: flights", is_simulated=True, rows=rows))
    messages = MessageList(theme)
    qtbot.addWidget(messages)
    messages.show_conversation(talk)
    view = messages.view_of("r1")
    assert not view.result.isVisibleTo(view)
    done = Replied(request="r1", query="", decision=None, valid=True, action="execute", reply=reply, ms=1, peak_mib=1)
    messages.show_conversation(heard(talk, done))
    assert view.reply.text == "Simulated: flights"
    shown = [label.text() for label in view.result.findChildren(QLabel)]
    assert shown == ["Flight", "Per night", "SA1", "3", "SA2", "4"]
    assert view._below.text() == "(A note.)"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is Linux's")
def test_that_no_text_of_a_model_a_service_or_a_file_reads_a_file_or_opens_a_connection(theme, parent, qtbot, bait):
    watch, file = bait
    contract = load_contract("router-v1")
    rich = QLabel(f'<img src="{file}">')
    qtbot.addWidget(rich)
    rich.grab()
    assert watch.noticed(), "the bait is not taken by a label that is rich text: this test would see nothing"
    messages, inspector, panel = MessageList(theme), Inspector(theme, contract), PhonePanel(theme)
    compare, script = ComparePage(theme), ScriptPage(theme)
    widgets = (messages, inspector, panel, compare, script)
    for widget in widgets:
        qtbot.addWidget(widget)
        widget.resize(800, 600)
    assert len(_TAGS) >= 50
    for payload in _TAGS:
        text = payload.format(file=file, url=watch.url)
        talk = conversation_of(text)
        exchange = talk.exchanges[-1]
        messages.show_conversation(talk)
        inspector.show_exchange(exchange)
        panel.show_happenings(talk.happenings)
        panel.show_timeline(noted(Timeline(), LoadRefused(tier=2, needed_bytes=1, free_bytes=0, sentence=text)))
        side = Side(title=text, state=text, conversation=talk)
        compare.show_sides(side, Side(title="B"), compared(side, Side()), is_running=False)
        assert exchange.replied is not None
        script.model.show_items([exchange.replied])
        script.show_run(is_running=False, said=text)
        script.model.data(script.model.index(0, 0), Qt.ItemDataRole.ToolTipRole)
        dialogs = (
            PromptDialog(exchange, parent),
            CorrectionDialog(exchange, contract, theme, file.parent / "none", parent),
        )
        for widget in (*widgets, *dialogs):
            widget.grab()
        for label in (found for widget in (*widgets, *dialogs) for found in widget.findChildren(QLabel)):
            assert label.textFormat() == Qt.TextFormat.PlainText or not label.text(), (payload, label.text())
        for dialog in dialogs:
            dialog.deleteLater()
        QCoreApplication.processEvents()
        assert not watch.noticed(), payload
