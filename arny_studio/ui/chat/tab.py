"""The Chat page: the conversation, why each request went where it went, and the phone it ran on."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QPlainTextEdit, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from arny_studio.contract import Contract
from arny_studio.ui.chat.compare_page import ComparePage
from arny_studio.ui.chat.context_gauge import ContextGauge
from arny_studio.ui.chat.conversation import Conversation, PhonePhase
from arny_studio.ui.chat.inspector import Inspector
from arny_studio.ui.chat.message_list import MessageList
from arny_studio.ui.chat.phone_panel import PhonePanel
from arny_studio.ui.chat.script_page import ScriptPage
from arny_studio.ui.chat.settings_panel import SettingsPanel
from arny_studio.ui.chat.setup_bar import SetupBar
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import PageHead
from arny_studio.ui.widgets.layout import column, holder, row, scrolled, space
from arny_studio.ui.widgets.notice import Notice
from arny_studio.ui.widgets.text import allow, button, label

_WIDE_FROM_PX = 1140
_TALK_PX = 470
_CONTINUES = "A reply continues the last request, and what it knows already is kept; another request begins anew."
PAGES = (("talk", "Conversation"), ("compare", "Side by side"), ("script", "Scripted run"))


class ChatTab(QWidget):
    """Shows what the controller hands it; says what the user wants."""

    switch_requested = Signal()  # on or off
    ask_requested = Signal(str)
    stop_reply_requested = Signal()
    new_conversation_requested = Signal()
    new_request_requested = Signal()
    fork_turned = Signal(int)  # one back, one on

    def __init__(self, theme: ThemeSwitcher, contract: Contract) -> None:
        super().__init__()
        self._theme = theme
        self._build_buttons(theme)
        self.setup = SetupBar()
        self.notice = Notice(theme)
        self.messages = MessageList(theme)
        self.inspector = Inspector(theme, contract)
        self.phone = PhonePanel(theme)
        self.settings = SettingsPanel()
        self._settings_area = scrolled(self.settings)
        self._settings_area.setMaximumHeight(self.settings.sizeHint().height())
        self._settings_area.hide()
        self.gauge = ContextGauge()
        self.compare, self.script = ComparePage(theme), ScriptPage(theme)
        self._build_input()
        self._continues = label(_CONTINUES, "caption", wraps=True)
        self._about_continuing = holder(row(self._continues, self.new_request_button))
        about = "Two models on a simulated phone."
        self._head = PageHead("Chat", about, self._build_page_switch(), self.new_button, self.switch_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(space("xl"), space("l"), space("xl"), space("l"))
        layout.setSpacing(space("m"))
        self._about_phone = holder(column(self.setup, self.notice))  # two phones side by side have pickers of their own
        for part in (self._head, self._about_phone):
            layout.addWidget(part)
        self.pages = QStackedWidget()
        for page in (self._build_body(), self.compare, self.script):
            self.pages.addWidget(page)
        layout.addWidget(self.pages, 1)
        self._connect()
        self.show_phase("off")
        self.show_conversation(Conversation(), continues=False)
        self.show_forks("", can_turn=False)
        self.show_page("talk")

    def show_page(self, key: str) -> None:
        """Conversation, side by side, or scripted run."""
        number = [name for name, _title in PAGES].index(key)
        self._page_switches.button(number).setChecked(True)
        self.pages.setCurrentIndex(number)
        self._about_phone.setVisible(key != "compare")
        for made in (self.new_button, self.switch_button):
            made.setVisible(key == "talk")

    def show_phase(self, phase: PhonePhase) -> None:
        """Whether the phone is on."""
        is_on = phase in ("starting", "ready")
        self.switch_button.setText("Switch off" if is_on else "Start phone")
        self.switch_button.setProperty("look", "" if is_on else "primary")
        self.switch_button.style().unpolish(self.switch_button)
        self.switch_button.style().polish(self.switch_button)
        self._theme.dress(self.switch_button, "stop" if is_on else "phone", "text" if is_on else "on_accent")

    def allow_phone(self, reason: str) -> None:
        """Let the user switch the phone on and ask, or say what is in the way."""
        allow(self.switch_button, not reason, reason, tooltip="One worker process holds both models.")
        allow(self.send_button, not reason, reason, tooltip="Send (Enter)")
        self.input.setEnabled(not reason)

    def show_conversation(self, conversation: Conversation, *, continues: bool) -> None:
        """The bubbles, and whether the next words continue the last request."""
        self.messages.show_conversation(conversation)
        self.phone.show_happenings(conversation.happenings)
        is_open = bool(conversation.open_request)
        self.stop_button.setVisible(is_open)
        self.gauge.show_exchange(conversation.exchanges[-1] if conversation.exchanges else None)
        self._about_continuing.setVisible(continues and not is_open)
        allow(self.new_button, bool(conversation.exchanges), "The conversation has not begun.")

    def show_forks(self, words: str, *, can_turn: bool) -> None:
        """Which fork of the conversation is shown; nothing while there is one only."""
        self._forks.setVisible(bool(words))
        self._fork_words.setText(f"Fork {words}")
        for made in self.fork_buttons:
            made.setEnabled(can_turn)

    def show_question(self, words: str) -> None:
        """Put words into the input, to be changed and sent."""
        self.input.setPlainText(words)
        self.input.selectAll()
        self.focus_input()

    def focus_input(self) -> None:
        """Let the user type."""
        self.input.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Inspector and phone side by side where there is room, else one at a time."""
        super().resizeEvent(event)
        self._arrange(is_wide=event.size().width() >= _WIDE_FROM_PX)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Enter sends, Shift+Enter is a new line."""
        if watched is self.input and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            if is_enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self._on_send_clicked()
                return True
        return super().eventFilter(watched, event)

    def _build_buttons(self, theme: ThemeSwitcher) -> None:
        self.switch_button = button("Start phone", "primary")
        self.new_button = button("New conversation")
        self.send_button = button("Send", "primary")
        self.stop_button = button("Stop", "danger", tooltip="Stop this reply.")
        self.new_request_button = button("Start a new request instead", "quiet")
        self.settings_button = button("How it answers", "quiet", tooltip="Seed, sampling per tier, connectors.")
        self.settings_button.setCheckable(True)
        theme.dress(self.settings_button, "settings", "accent_text")
        theme.dress(self.new_button, "plus", "text_muted")
        theme.dress(self.send_button, "send", "on_accent")
        theme.dress(self.stop_button, "stop", "danger")
        for target in (self.switch_button, self.new_button, self.send_button, self.stop_button):
            target.setIconSize(QSize(16, 16))

    def _build_input(self) -> None:
        self.input = QPlainTextEdit()
        self.input.setPlaceholderText("Ask the phone…  (Enter sends, Shift+Enter begins a new line)")
        self.input.setAccessibleName("Your question")
        self.input.setTabChangesFocus(True)
        self.input.setFixedHeight(60)
        self.input.installEventFilter(self)

    def _build_page_switch(self) -> QWidget:
        self._page_switches = QButtonGroup(self)
        switches = row(gap="xs")
        for number, (_key, title) in enumerate(PAGES):
            made = button(title, "quiet")
            made.setCheckable(True)
            self._page_switches.addButton(made, number)
            switches.addWidget(made)
        switches.addSpacing(space("m"))
        return holder(switches)

    def _build_forks(self) -> QWidget:
        self._fork_words = label("", "caption")
        self.fork_buttons = (button("‹", "quiet"), button("›", "quiet"))
        for made, name in zip(self.fork_buttons, ("Fork before", "Next fork"), strict=True):
            made.setAccessibleName(name)
            made.setFixedWidth(32)
        self._forks = holder(row(self.fork_buttons[0], self._fork_words, self.fork_buttons[1], 1, gap="xs"))
        return self._forks

    def _build_body(self) -> QWidget:
        asking = row(self.input, column(self.stop_button, self.send_button, 1, gap="xs"), gap="s")
        below = row(gap="s")
        below.addWidget(self.settings_button)
        below.addWidget(self.gauge, 1)
        talk = column(gap="s")
        talk.addWidget(self._build_forks())
        talk.addWidget(self.messages, 1)
        talk.addWidget(self._about_continuing)
        talk.addWidget(self._settings_area)
        talk.addLayout(asking)
        talk.addLayout(below)
        self._switches = QButtonGroup(self)
        switches = row(gap="xs")
        for number, title in enumerate(("Decision", "Phone")):
            made = button(title, "quiet")
            made.setCheckable(True)
            self._switches.addButton(made, number)
            switches.addWidget(made)
        switches.addStretch(1)
        self._switch_bar = holder(switches)
        self._sides = QSplitter(Qt.Orientation.Horizontal)
        self._sides.addWidget(self.inspector)
        self._sides.addWidget(self.phone)
        side = column(self._switch_bar, gap="s")
        side.addWidget(self._sides, 1)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        talking = holder(talk)
        talking.setMinimumWidth(_TALK_PX)
        self.splitter.addWidget(talking)
        self.splitter.addWidget(holder(side))
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setSizes([480, 690])
        for splitter in (self._sides, self.splitter):
            splitter.setHandleWidth(space("m"))
            splitter.setChildrenCollapsible(False)
        for part in (self.inspector, self.phone):
            part.setMinimumWidth(312)
        return self.splitter

    def _connect(self) -> None:
        self.switch_button.clicked.connect(self.switch_requested)
        self.send_button.clicked.connect(self._on_send_clicked)
        self.stop_button.clicked.connect(self.stop_reply_requested)
        self.new_button.clicked.connect(self.new_conversation_requested)
        self.new_request_button.clicked.connect(self.new_request_requested)
        self.messages.suggestion_chosen.connect(self.ask_requested)
        self.settings_button.toggled.connect(self._settings_area.setVisible)
        self.fork_buttons[0].clicked.connect(self._on_fork_back)
        self.fork_buttons[1].clicked.connect(self._on_fork_on)
        self._page_switches.idClicked.connect(self._on_page_chosen)
        self._switches.idClicked.connect(self._on_side_chosen)
        self._is_wide = True
        self._switches.button(0).setChecked(True)
        self._arrange(is_wide=True)

    def _arrange(self, *, is_wide: bool) -> None:
        self._is_wide = is_wide
        self._switch_bar.setVisible(not is_wide)
        self._on_side_chosen(self._switches.checkedId())

    @Slot(int)
    def _on_side_chosen(self, number: int) -> None:
        self.inspector.setVisible(self._is_wide or number == 0)
        self.phone.setVisible(self._is_wide or number == 1)

    @Slot(int)
    def _on_page_chosen(self, number: int) -> None:
        self.show_page(PAGES[number][0])

    @Slot()
    def _on_fork_back(self) -> None:
        self.fork_turned.emit(-1)

    @Slot()
    def _on_fork_on(self) -> None:
        self.fork_turned.emit(1)

    @Slot()
    def _on_send_clicked(self) -> None:
        words = self.input.toPlainText().strip()
        if words and self.send_button.isEnabled():
            self.input.clear()
            self.ask_requested.emit(words)
