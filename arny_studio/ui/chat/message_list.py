"""The conversation as bubbles. Model text is plain text, always."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QScrollArea, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from arny_studio.ui.chat.conversation import Conversation, Exchange
from arny_studio.ui.chat.inspector import action_chip, milliseconds_in_words
from arny_studio.ui.chat.result_view import ResultTable, laid_out
from arny_studio.ui.theme import ThemeSwitcher
from arny_studio.ui.widgets.bubble import Bubble
from arny_studio.ui.widgets.card import Card
from arny_studio.ui.widgets.chip import Chip
from arny_studio.ui.widgets.layout import column, holder, row, scrolled, space
from arny_studio.ui.widgets.text import button, elided, label, plain_tooltip

PAGE = 24  # exchanges shown at once: every bubble costs a layout with each word that is streamed
_LEAST_PX = 90
SUGGESTIONS = (
    "Book a flight from Berlin to Lisbon on 3 May for two",
    "Find me a hotel",
    "What is 15% of 240?",
    "Explain the challenges of quantum computing",
)


class ExchangeView(QWidget):
    """A question and its reply, with what can be done about them."""

    action_requested = Signal(str, str)  # copy | again | edit | turn | wrong | send | decline, and the request

    def __init__(self, exchange: Exchange, theme: ThemeSwitcher) -> None:
        super().__init__()
        self.setProperty("surface", "clear")
        self.request = exchange.request
        self._shown: Exchange | None = None
        self.question = Bubble("user", exchange.query, name="You")
        self._kinds = {words: Chip(words) for words in ("continues", "new request")}
        for place, chip in enumerate(self._kinds.values(), start=1):
            self.question.head.insertWidget(place, chip)
        self.reply = Bubble("assistant", "", name="Phone")
        self.why = button("Why?", "quiet", tooltip="Show the decision behind this reply.")
        self.why.setCheckable(True)
        self.buttons = {
            "turn": button("", "quiet"),
            "edit": _tool(theme, "edit", "Edit the question and go on from here in a fork"),
            "copy": _tool(theme, "copy", "Copy the reply"),
            "again": _tool(theme, "refresh", "Ask again with the next seed, in a fork"),
            "wrong": _tool(theme, "flag", "The decision is wrong: correct it and keep it as a row of a dataset"),
            "send": button("Send it", "primary"),
            "decline": button("Do not send"),
        }
        self.result, self._below = ResultTable(), label(wraps=True, selectable=True)
        self._note = label(role="caption", wraps=True)
        self._wanted = label(role="warning", wraps=True)
        self._asking = holder(column(self._wanted, row(self.buttons["send"], self.buttons["decline"], 1), gap="s"))
        self._action: QWidget | None = None
        self._place()
        self.show_exchange(exchange)

    def show_exchange(self, exchange: Exchange) -> None:
        """Show what there is by now."""
        if exchange == self._shown:
            return
        had_action = self._shown.action if self._shown is not None else ""
        self._shown = exchange
        said = laid_out(exchange)
        self.reply.set_text(said.above or _waiting_words(exchange))
        self.result.show_rows(said.rows)
        self._below.setText(elided(said.below))
        self._below.setVisible(bool(said.below))
        if exchange.action and exchange.action != had_action:
            self._show_action(exchange.action)
        self._note.setText(_cost_words(exchange))
        self._note.setVisible(bool(self._note.text()))
        for name in ("edit", "copy", "again"):
            self.buttons[name].setVisible(not exchange.is_open)
        self._show_kind(exchange)
        self.buttons["wrong"].setVisible(exchange.decided is not None and not exchange.is_open)
        self._asking.setVisible(exchange.wanted is not None)
        self._wanted.setText(f"{exchange.wanted.sentence} Send it?" if exchange.wanted is not None else "")

    def _place(self) -> None:
        self.question.head.addWidget(self.buttons["turn"])
        self.question.head.addWidget(self.buttons["edit"])
        self.reply.head.addWidget(self.why)
        for part in (self.result, self._below, self._asking):
            self.reply.body.addWidget(part)
        below = row(gap="xs")
        below.addWidget(self._note, 1)
        for name in ("copy", "again", "wrong"):
            below.addWidget(self.buttons[name])
        self.reply.body.addLayout(below)
        self.setLayout(column(self.question, self.reply, gap="s"))
        for name, made in self.buttons.items():
            made.setProperty("action", name)
            made.clicked.connect(self._on_action_clicked)

    def _show_kind(self, exchange: Exchange) -> None:
        """Whether it continues what was open or leaves it, and the way to have it taken otherwise."""
        self._kinds["continues"].setVisible(exchange.continues)
        self._kinds["new request"].setVisible(bool(exchange.left))
        turn = self.buttons["turn"]
        turn.setVisible((exchange.continues or bool(exchange.left)) and not exchange.is_open)
        turn.setText("As a new request" if exchange.continues else "As the answer")
        about = "without what was open" if exchange.continues else "as the answer to the question before it"
        plain_tooltip(turn, f"Ask this again {about}, in a fork")

    def _show_action(self, action: str) -> None:
        if self._action is not None:
            self._action.deleteLater()
        self._action = action_chip(action)
        self.reply.head.insertWidget(1, self._action)

    @Slot()
    def _on_action_clicked(self) -> None:
        source = self.sender()
        if source is not None:
            self.action_requested.emit(str(source.property("action")), self.request)


class MessageList(Card):
    """All bubbles, the newest at the bottom; follows the end unless the reader scrolled up."""

    exchange_chosen = Signal(str)  # request
    suggestion_chosen = Signal(str)
    action_requested = Signal(str, str)  # as ExchangeView's

    def __init__(self, theme: ThemeSwitcher) -> None:
        super().__init__(flush=True)
        self._theme = theme
        self._conversation = Conversation()
        self._shown_most = PAGE
        self._views: dict[str, ExchangeView] = {}
        self._switches = QButtonGroup(self)
        self.earlier_button = button("", "quiet")
        self._lines = QVBoxLayout()
        self._lines.setSpacing(space("l"))
        self._lines.addWidget(self.earlier_button, 0, Qt.AlignmentFlag.AlignHCenter)
        self._lines.addStretch(1)
        inside = column(self._lines)
        inside.setContentsMargins(space("l"), space("m"), space("l"), space("m"))
        self.area: QScrollArea = scrolled(holder(inside))
        self._pages = QStackedWidget()
        self._pages.setMinimumHeight(_LEAST_PX)
        self._pages.addWidget(scrolled(self._build_start(theme)))
        self._pages.addWidget(self.area)
        self.add(self._pages, 1)
        self._is_at_end = True
        self._from_end: int | None = None  # pixels to keep below what is read while bubbles come in above it
        bar = self.area.verticalScrollBar()
        bar.rangeChanged.connect(self._on_range_changed)
        bar.valueChanged.connect(self._on_scrolled)
        self._switches.buttonClicked.connect(self._on_why_clicked)
        self.earlier_button.clicked.connect(self._on_earlier_clicked)

    def show_conversation(self, conversation: Conversation) -> None:
        """Add and change bubbles, the newest ones; forget those of another conversation."""
        if not any(exchange.request in self._views for exchange in conversation.exchanges):
            self._shown_most = PAGE
        self._conversation = conversation
        shown = conversation.exchanges[-self._shown_most :]
        wanted = {exchange.request for exchange in shown}
        for request in [request for request in self._views if request not in wanted]:
            view = self._views.pop(request)
            self._switches.removeButton(view.why)
            view.hide()
            view.deleteLater()
        for place, exchange in enumerate(shown, start=1):
            view = self._views.get(exchange.request)
            if view is None:
                self._add(exchange, place, is_newest=place == len(shown))
            else:
                view.show_exchange(exchange)
        hidden = len(conversation.exchanges) - len(shown)
        self.earlier_button.setText(f"Show {min(hidden, PAGE)} earlier of {hidden}")
        self.earlier_button.setVisible(hidden > 0)
        self._pages.setCurrentIndex(1 if shown else 0)

    def choose(self, request: str) -> None:
        """Mark the exchange that the inspector shows."""
        view = self._views.get(request)
        if view is not None:
            view.why.setChecked(True)

    def reveal(self, request: str) -> None:
        """Scroll to the bubbles of a request."""
        view = self._views.get(request)
        if view is not None:
            self.area.ensureWidgetVisible(view)

    def view_of(self, request: str) -> ExchangeView:
        """The bubbles of a request."""
        return self._views[request]

    def _add(self, exchange: Exchange, place: int, *, is_newest: bool) -> None:
        view = ExchangeView(exchange, self._theme)
        view.action_requested.connect(self.action_requested)
        self._views[exchange.request] = view
        self._switches.addButton(view.why)
        self._lines.insertWidget(place, view)
        self._is_at_end = self._is_at_end or is_newest

    def _build_start(self, theme: ThemeSwitcher) -> QWidget:
        choices = column(gap="s")
        for text in SUGGESTIONS:
            made = button(text)
            made.clicked.connect(self._on_suggestion_clicked)
            choices.addWidget(made)
        mark = button("", "quiet")
        mark.setEnabled(False)
        theme.dress(mark, "chat", "accent")
        about = label(
            "Ask the phone something. You see what the router decides, why, and what it costs.", "muted", wraps=True
        )
        words = column(1, label("What does the router do with it?", "heading"), about, choices, 2, gap="m", margin="xl")
        return holder(row(1, holder(words), 1))

    @Slot()
    def _on_suggestion_clicked(self) -> None:
        source = self.sender()
        self.suggestion_chosen.emit(source.text())  # pyright: ignore[reportAttributeAccessIssue]

    @Slot(object)
    def _on_why_clicked(self, pressed: object) -> None:
        request = next((view.request for view in self._views.values() if view.why is pressed), "")
        self.exchange_chosen.emit(request)

    @Slot()
    def _on_earlier_clicked(self) -> None:
        bar = self.area.verticalScrollBar()
        self._from_end, self._is_at_end = bar.maximum() - bar.value(), False
        self._shown_most += PAGE
        self.show_conversation(self._conversation)

    @Slot(int, int)
    def _on_range_changed(self, _least: int, most: int) -> None:
        if self._from_end is not None:
            self.area.verticalScrollBar().setValue(most - self._from_end)
            self._from_end = None
        elif self._is_at_end:
            QTimer.singleShot(0, self, self._go_to_end)

    @Slot(int)
    def _on_scrolled(self, value: int) -> None:
        self._is_at_end = value >= self.area.verticalScrollBar().maximum() - 4

    def _go_to_end(self) -> None:
        bar = self.area.verticalScrollBar()
        bar.setValue(bar.maximum())


def _waiting_words(exchange: Exchange) -> str:
    if exchange.is_lost:
        return "The phone ended before it could answer."
    if exchange.replied is not None:
        return "(No words.)"
    if exchange.wanted is not None:
        return "Waiting for your word."
    return "Deciding…" if exchange.decided is None else "Answering…"


def _cost_words(exchange: Exchange) -> str:
    replied = exchange.replied
    if replied is None:
        return ""
    parts = [milliseconds_in_words(replied.ms)]
    if replied.expected_ms is not None:
        parts.append(f"expected on the phone {milliseconds_in_words(replied.expected_ms)}")
    if replied.first_token_ms is not None:
        parts.append(f"first word {milliseconds_in_words(replied.first_token_ms)}")
    if replied.tokens_per_s:
        parts.append(f"{replied.tokens_per_s:.0f} tokens/s")
    parts.append(f"peak {replied.peak_mib:,.0f} MiB")
    if replied.loads:
        parts.append("loaded Tier-2")
    return "  ·  ".join(parts)


def _tool(theme: ThemeSwitcher, icon: str, about: str) -> QToolButton:
    made = QToolButton()
    made.setIconSize(QSize(15, 15))
    made.setAccessibleName(about)
    plain_tooltip(made, about)
    theme.dress(made, icon, "text_muted")
    return made
