"""Decides about the conversation: what is asked with which settings, forks, replays, confirmations, corrections."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication

from arny_studio.contract import Contract, Thresholds
from arny_studio.dataset.corrections import Correction, keep_correction
from arny_studio.jobs.events import Replied
from arny_studio.ui.background import Background
from arny_studio.ui.chat.branches import Branches
from arny_studio.ui.chat.conversation import Conversation, Exchange
from arny_studio.ui.chat.correction_dialog import CorrectionDialog, corrected_turns
from arny_studio.ui.chat.limits_view import preview_of
from arny_studio.ui.chat.phone_link import PhoneLink
from arny_studio.ui.chat.prompt_dialog import PromptDialog
from arny_studio.ui.chat.tab import ChatTab
from arny_studio.ui.tab import OpenDataset, TabContext

REPAINT_INTERVAL_MS = 60


class TalkController(QObject):
    """Between the conversation and one phone. `ensure_on` switches the phone on; False where it cannot be."""

    shown = Signal()  # everything known was painted

    def __init__(
        self, tab: ChatTab, context: TabContext, link: PhoneLink, contract: Contract, ensure_on: Callable[[], bool]
    ) -> None:
        super().__init__(tab)
        self._tab, self._context, self._link, self._contract = tab, context, link, contract
        self._ensure_on = ensure_on
        self._background = Background(context.messages.show_error)
        self._branches = Branches()
        self._may_continue = False
        self._chosen = ""  # the request that the inspector shows
        self._fork_at = ""  # the request that the next question takes the place of
        self._to_replay: deque[Exchange] = deque()
        self.repaint = QTimer(self)
        self.repaint.setSingleShot(True)
        self.repaint.setInterval(REPAINT_INTERVAL_MS)
        self._connect()

    def use_contract(self, contract: Contract) -> None:
        """Judge and correct by another contract."""
        self._contract = contract

    @property
    def is_replaying(self) -> bool:
        """Whether a replay goes on."""
        return bool(self._to_replay)

    @property
    def is_busy(self) -> bool:
        """Whether a correction is being written."""
        return self._background.is_busy

    @property
    def wished_earlier(self) -> list[Any]:
        """The turns that the next question continues; none where it begins something new."""
        return self._link.conversation.open_turns if self._may_continue else []

    def _connect(self) -> None:
        tab, link = self._tab, self._link
        tab.ask_requested.connect(self.ask)
        tab.stop_reply_requested.connect(self.stop)
        tab.new_conversation_requested.connect(self.begin_anew)
        tab.new_request_requested.connect(self._on_new_request_requested)
        tab.fork_turned.connect(self._on_fork_turned)
        tab.messages.exchange_chosen.connect(self._on_exchange_chosen)
        tab.messages.action_requested.connect(self._on_action_requested)
        tab.inspector.prompt_requested.connect(self._on_prompt_requested)
        tab.inspector.wrong_requested.connect(self._on_wrong_requested)
        tab.inspector.limits.changed.connect(self._on_limits_moved)
        tab.inspector.limits.replay_requested.connect(self.replay)
        link.changed.connect(self.show_soon)
        link.replied.connect(self._on_replied)
        self.repaint.timeout.connect(self.show)

    # -- asking ----------------------------------------------------------------------------------------------------

    @Slot(str)
    def ask(self, query: str) -> None:
        """Ask the phone; one that is off is switched on first."""
        if not self._ensure_on():
            return
        earlier = self.wished_earlier
        if self._fork_at:
            edited = self._link.conversation.find(self._fork_at)
            earlier = list(edited.earlier) if edited is not None else []
            self._fork(self._fork_at)
        self._ask(query, earlier=earlier, may_begin_anew=True)

    @Slot()
    def stop(self) -> None:
        """Stop the reply, and the replay that it may belong to."""
        self._to_replay.clear()
        self._link.cancel()

    @Slot()
    def begin_anew(self) -> None:
        """A new conversation; what happened to the phone stays."""
        self.stop()
        self._link.conversation = Conversation(happenings=self._link.conversation.happenings)
        self._branches, self._chosen, self._may_continue, self._fork_at = Branches(), "", False, ""
        self.show()
        self._tab.focus_input()

    @Slot()
    def replay(self) -> None:
        """Ask everything again, with the limits as they stand, in a fork."""
        exchanges = self._link.conversation.exchanges
        if not exchanges or self._link.conversation.open_request or not self._ensure_on():
            return
        self._to_replay = deque(exchanges)
        self._fork(exchanges[0].request)
        self._replay_next()

    def _ask(self, query: str, *, earlier: list[Any], seed: int | None = None, may_begin_anew: bool = False) -> None:
        settings = self._tab.settings.settings
        if seed is not None:
            settings = replace(settings, seed=seed)
        self._may_continue, self._fork_at = False, ""
        self._chosen = self._link.ask(query, earlier=earlier, settings=settings, may_begin_anew=may_begin_anew)
        self.show()

    def _fork(self, request: str) -> None:
        """Begin a fork before a request."""
        now = self._link.conversation
        self._branches = self._branches.forked(now)
        self._link.conversation = now.before(request)

    def _replay_next(self) -> None:
        if self._to_replay:
            exchange = self._to_replay.popleft()
            self._ask(exchange.query, earlier=self._link.conversation.open_turns if exchange.continues else [])

    @Slot(object)
    def _on_replied(self, replied: Replied) -> None:
        self._may_continue = bool(replied.open_turns)
        self._replay_next()

    # -- what is done about a message ------------------------------------------------------------------------------

    @Slot(str, str)
    def _on_action_requested(self, action: str, request: str) -> None:
        exchange = self._link.conversation.find(request)
        if exchange is None:
            return
        match action:
            case "copy":
                QGuiApplication.clipboard().setText(exchange.reply)
            case "again":
                self._ask_again(exchange)
            case "edit":
                self._fork_at = request
                self._tab.show_question(exchange.query)
            case "turn":
                self._turn(exchange)
            case "wrong":
                self._correct(exchange)
            case _:
                self._link.confirm(request, is_confirmed=action == "send")

    def _ask_again(self, exchange: Exchange) -> None:
        """The same question with the next seed, in a fork."""
        if self._link.conversation.open_request or not self._ensure_on():
            return
        self._fork(exchange.request)
        self._ask(exchange.query, earlier=list(exchange.earlier), seed=exchange.settings.seed + 1)

    def _turn(self, exchange: Exchange) -> None:
        """Take an answer as a request of its own, or a request as the answer to the question before it, in a fork."""
        if self._link.conversation.open_request or not self._ensure_on():
            return
        self._fork(exchange.request)
        self._ask(exchange.query, earlier=list(exchange.left), seed=exchange.settings.seed)

    def _correct(self, exchange: Exchange) -> None:
        datasets = self._context.workspace.datasets
        dialog = CorrectionDialog(exchange, self._contract, self._context.theme, datasets, self._tab)
        dialog.kept.connect(partial(self._on_correction_kept, exchange))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _on_correction_kept(self, exchange: Exchange, decision: dict[str, Any], dataset: Path, note: str) -> None:
        recipe, decided, prompt = self._link.recipe, exchange.decided, exchange.router_prompt
        if recipe is None or decided is None:
            return
        correction = Correction(
            turns=corrected_turns(exchange), old_text=decided.text, decision=decision, model=Path(recipe.tier1),
            prompt=prompt.text if prompt is not None else "", note=note,
        )  # fmt: skip
        work = partial(keep_correction, dataset, correction, self._contract)
        self._background.run("correction", work, lambda _row: self._tell_kept(dataset))

    def _tell_kept(self, dataset: Path) -> None:
        show = {"Show": lambda: self._context.go("data", OpenDataset(path=dataset))}
        self._context.messages.show_message("success", f"Kept as an accepted row of {dataset.name}.", buttons=show)

    # -- showing ---------------------------------------------------------------------------------------------------

    @Slot()
    def show_soon(self) -> None:
        """Paint what is known, at most a few times a second."""
        if not self.repaint.isActive():
            self.repaint.start()

    @Slot()
    def show(self) -> None:
        """Paint what is known."""
        conversation = self._link.conversation
        self._tab.show_conversation(conversation, continues=self._may_continue and not self._fork_at)
        is_open = bool(conversation.open_request)
        self._tab.show_forks(self._branches.words, can_turn=not is_open and not self.is_replaying)
        self._show_chosen()
        self._show_preview()
        self.shown.emit()

    def _show_chosen(self) -> None:
        conversation = self._link.conversation
        if conversation.find(self._chosen) is None and conversation.exchanges:
            self._chosen = conversation.exchanges[-1].request
        self._tab.messages.choose(self._chosen)
        self._tab.inspector.show_exchange(conversation.find(self._chosen))

    def _show_preview(self) -> None:
        conversation, limits = self._link.conversation, self._tab.inspector.limits
        has_reasoner = self._link.recipe is not None and bool(self._link.recipe.tier2)
        profile = self._link.recipe.profile if self._link.recipe is not None else None
        can_reason = has_reasoner and profile is not None and profile.wished_mode != "lite"
        said = preview_of(self._contract, conversation.exchanges, limits.thresholds, can_reason=can_reason)
        reason = "" if conversation.exchanges else "There is nothing to replay yet."
        if conversation.open_request:
            reason = "The phone still answers."
        limits.show_preview(said, can_replay=not reason, reason=reason)

    @Slot(object)
    def _on_limits_moved(self, thresholds: Thresholds) -> None:
        settings = self._tab.settings.settings
        changed = replace(settings, complexity_threshold=thresholds.complexity, confidence_floor=thresholds.confidence)
        self._tab.settings.show_settings(changed)
        self._show_preview()

    @Slot(int)
    def _on_fork_turned(self, step: int) -> None:
        if self._link.conversation.open_request:
            return
        self._branches, self._link.conversation = self._branches.turned(self._link.conversation, step)
        self._may_continue = bool(self._link.conversation.open_turns)
        self._chosen = ""
        self.show()

    @Slot()
    def _on_new_request_requested(self) -> None:
        self._may_continue = False
        self.show()
        self._tab.focus_input()

    def choose(self, request: str) -> None:
        """Bring a request into view, and its decision into the inspector."""
        self._on_exchange_chosen(request)
        self._tab.messages.reveal(request)

    @Slot(str)
    def _on_exchange_chosen(self, request: str) -> None:
        self._chosen = request
        self._show_chosen()

    @Slot()
    def _on_prompt_requested(self) -> None:
        exchange = self._link.conversation.find(self._chosen)
        if exchange is not None:
            dialog = PromptDialog(exchange, self._tab)
            dialog.finished.connect(dialog.deleteLater)
            dialog.open()

    @Slot()
    def _on_wrong_requested(self) -> None:
        exchange = self._link.conversation.find(self._chosen)
        if exchange is not None:
            self._correct(exchange)
