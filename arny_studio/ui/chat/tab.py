"""The Chat page: the conversation, why each request went where it went, and the phone it ran on."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QPlainTextEdit, QSplitter, QVBoxLayout, QWidget

from arny_studio.contract import Contract
from arny_studio.ui.chat.conversation import Conversation, PhonePhase
from arny_studio.ui.chat.inspector import Inspector
from arny_studio.ui.chat.message_list import MessageList
from arny_studio.ui.chat.phone_panel import PhonePanel
from arny_studio.ui.chat.setup_bar import SetupBar
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.card import PageHead
from arny_studio.ui.widgets.layout import column, holder, row, space
from arny_studio.ui.widgets.notice import Notice
from arny_studio.ui.widgets.text import allow, button, label

_WIDE_FROM_PX = 1080
_CONTINUES = "Your reply continues the last request; what it knows already is kept."


class ChatTab(QWidget):
    """Shows what the controller hands it; says what the user wants."""

    switch_requested = Signal()  # on or off
    ask_requested = Signal(str)
    stop_reply_requested = Signal()
    new_conversation_requested = Signal()
    new_request_requested = Signal()

    def __init__(self, theme: ThemeSwitcher, contract: Contract) -> None:
        super().__init__()
        self._theme = theme
        self._build_buttons(theme)
        self.setup = SetupBar()
        self.notice = Notice(theme)
        self.messages = MessageList(theme)
        self.inspector = Inspector(theme, contract)
        self.phone = PhonePanel(theme)
        self.input = QPlainTextEdit()
        self.input.setPlaceholderText("Ask the phone…  (Enter sends, Shift+Enter begins a new line)")
        self.input.setAccessibleName("Your question")
        self.input.setTabChangesFocus(True)
        self.input.setFixedHeight(60)
        self.input.installEventFilter(self)
        self._continues = label(_CONTINUES, "caption", wraps=True)
        self._about_continuing = holder(row(self._continues, self.new_request_button))
        head = PageHead("Chat", "Two models on a simulated phone.", self.new_button, self.switch_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(space("xl"), space("l"), space("xl"), space("l"))
        layout.setSpacing(space("m"))
        for part in (head, self.setup, self.notice):
            layout.addWidget(part)
        layout.addWidget(self._build_body(), 1)
        self._connect()
        self.show_phase("off")
        self.show_conversation(Conversation(), continues=False)

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
        self._about_continuing.setVisible(continues and not is_open)
        allow(self.new_button, bool(conversation.exchanges), "The conversation has not begun.")

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
        theme.dress(self.new_button, "plus", "text_muted")
        theme.dress(self.send_button, "send", "on_accent")
        theme.dress(self.stop_button, "stop", "danger")
        for target in (self.switch_button, self.new_button, self.send_button, self.stop_button):
            target.setIconSize(QSize(16, 16))

    def _build_body(self) -> QWidget:
        asking = row(self.input, column(self.stop_button, self.send_button, 1, gap="xs"), gap="s")
        talk = column(gap="s")
        talk.addWidget(self.messages, 1)
        talk.addWidget(self._about_continuing)
        talk.addLayout(asking)
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
        self.splitter.addWidget(holder(talk))
        self.splitter.addWidget(holder(side))
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setSizes([500, 660])
        for splitter in (self._sides, self.splitter):
            splitter.setHandleWidth(space("m"))
            splitter.setChildrenCollapsible(False)
        for part in (self.inspector, self.phone):
            part.setMinimumWidth(290)
        return self.splitter

    def _connect(self) -> None:
        self.switch_button.clicked.connect(self.switch_requested)
        self.send_button.clicked.connect(self._on_send_clicked)
        self.stop_button.clicked.connect(self.stop_reply_requested)
        self.new_button.clicked.connect(self.new_conversation_requested)
        self.new_request_button.clicked.connect(self.new_request_requested)
        self.messages.suggestion_chosen.connect(self.ask_requested)
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

    @Slot()
    def _on_send_clicked(self) -> None:
        words = self.input.toPlainText().strip()
        if words and self.send_button.isEnabled():
            self.input.clear()
            self.ask_requested.emit(words)
