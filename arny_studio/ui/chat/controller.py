"""Decides about the phone: switch it on and off, ask it, and fold what it says into the conversation."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QFileDialog

from arny_studio.contract import load_contract
from arny_studio.device import DeviceProfile, load_profile
from arny_studio.errors import ArnyError, BadRecipe
from arny_studio.extras import missing_extra
from arny_studio.jobs.commands import Ask, CancelReply, MemoryPressure
from arny_studio.jobs.events import AnyEvent, Decided, Ledger, Replied, Stage
from arny_studio.jobs.outcome import Outcome
from arny_studio.recipe import PhoneRecipe
from arny_studio.ui.background import Background
from arny_studio.ui.chat.choices import profile_choices
from arny_studio.ui.chat.conversation import (
    Conversation,
    Happening,
    PhonePhase,
    asked,
    ended,
    heard,
    phase_after,
    with_happening,
)
from arny_studio.ui.chat.ram_bar import picture_of
from arny_studio.ui.chat.tab import ChatTab
from arny_studio.ui.jobs_controller import ActiveJob
from arny_studio.ui.model_files import ModelFile, model_files
from arny_studio.ui.tab import ChatWith, Handover, TabContext

REPAINT_INTERVAL_MS = 60
_FILTERS = {"device": "Device profiles (*.toml)", "tier1": "GGUF files (*.gguf)", "tier2": "GGUF files (*.gguf)"}


class ChatController(QObject):
    """Between the Chat tab and the phone worker. One phone at a time."""

    def __init__(self, tab: ChatTab, context: TabContext) -> None:
        super().__init__(tab)
        self._tab = tab
        self._context = context
        self._contract = load_contract("router-v1")
        self._background = Background(context.messages.show_error)
        self.conversation = Conversation()
        self.phase: PhonePhase = "off"
        self.ledger: Ledger | None = None
        self._profile: DeviceProfile = load_profile("6gb")
        self._job: ActiveJob | None = None
        self._recipe: PhoneRecipe | None = None  # of the phone that is on
        self._restarts = False  # switch on again as soon as it is off
        self._may_continue = False
        self._chosen = ""  # the request that the inspector shows
        self._asked_count = 0
        self._repaint = QTimer(self)
        self._repaint.setSingleShot(True)
        self._repaint.setInterval(REPAINT_INTERVAL_MS)
        self._connect()
        self._add_actions()
        tab.setup.show_choices(profile_choices(), [])
        tab.setup.show_value("device", "6gb")
        self.refresh()

    def receive(self, handover: Handover) -> None:
        """Put a file into the phone."""
        if isinstance(handover, ChatWith):
            self._tab.setup.show_value(f"tier{handover.tier}", str(handover.path))
            self._tab.focus_input()

    def refresh(self) -> None:
        """Look again at which models there are."""
        self._background.run("models", partial(model_files, self._context.workspace), self._on_models)

    def close(self) -> None:
        """Show no more; the phone ends with the window."""
        self._repaint.stop()
        self._background.forget("models")

    def _connect(self) -> None:
        tab = self._tab
        tab.switch_requested.connect(self._on_switch_requested)
        tab.ask_requested.connect(self.ask)
        tab.stop_reply_requested.connect(self._on_stop_reply_requested)
        tab.new_conversation_requested.connect(self._on_new_conversation_requested)
        tab.new_request_requested.connect(self._on_new_request_requested)
        tab.messages.exchange_chosen.connect(self._on_exchange_chosen)
        tab.phone.pressure_requested.connect(self._on_pressure_requested)
        tab.setup.changed.connect(self._judge)
        tab.setup.file_requested.connect(self._on_file_requested)
        self._repaint.timeout.connect(self._on_repaint_due)

    def _add_actions(self) -> None:
        add = partial(self._context.actions.add, tab="chat")
        add(
            "chat.new",
            "&New conversation",
            self._on_new_conversation_requested,
            menu="File",
            shortcut="Ctrl+N",
            icon="plus",
        )
        add(
            "chat.switch",
            "Switch the phone on or off",
            self._on_switch_requested,
            menu="Run",
            shortcut="F5",
            icon="phone",
        )
        add("chat.stop", "Stop the reply", self._on_stop_reply_requested, menu="Run", shortcut="Ctrl+.", icon="stop")
        add("chat.pressure", "Memory pressure", self._on_pressure_requested, menu="Run", icon="memory")
        add("chat.input", "Go to the question", self._tab.focus_input, menu="View", shortcut="Ctrl+L", icon="send")

    # -- the phone -------------------------------------------------------------------------------------------------

    def _on_models(self, models: list[ModelFile]) -> None:
        self._tab.setup.show_choices(profile_choices(), models)
        self._judge()

    def recipe(self) -> PhoneRecipe:
        """The phone that the pickers stand for. Raises ArnyError with what is wrong."""
        setup = self._tab.setup
        if not setup.value("tier1"):
            raise BadRecipe("Choose a GGUF for the router: export a run first, or choose a file.")
        profile = load_profile(setup.value("device") or "6gb")
        return PhoneRecipe(
            title=profile.title, tier1=setup.value("tier1"), tier2=setup.value("tier2"),
            device=setup.value("device") or "6gb", contract=self._contract.id,
        )  # fmt: skip

    @Slot()
    def _judge(self) -> None:
        """Say what keeps the phone from starting, or that another one is on than the pickers say."""
        self._show_profile()
        missing = missing_extra("infer", "The phone")
        if missing is not None:
            self._tab.notice.say("warning", missing.sentence, missing.hint)
            self._tab.allow_phone(missing.sentence)
            return
        try:
            recipe = self.recipe()
        except ArnyError as error:
            self._tab.allow_phone("" if self._is_on else error.sentence)
            return
        self._tab.allow_phone("")
        if self._is_on and recipe != self._recipe:
            sentence = "The phone that is on has other models or another profile than chosen."
            self._tab.notice.say("info", sentence, action="Restart the phone", on_action=self.restart)
        elif self._is_on:
            self._tab.notice.be_quiet()

    def _show_profile(self) -> None:
        """The empty phone, as long as none is on."""
        if self._is_on or not self._tab.setup.value("device"):
            return
        try:
            self._profile = load_profile(self._tab.setup.value("device"))
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        self._tab.phone.show_memory(picture_of(self._profile, None))
        self._tab.phone.about.setText(_about(self._profile))

    @property
    def _is_on(self) -> bool:
        return self._job is not None and self._job.is_running

    @Slot()
    def _on_switch_requested(self) -> None:
        if self._is_on:
            self._restarts = False
            self._job.stop("now")  # pyright: ignore[reportOptionalMemberAccess]
        else:
            self.start()

    def restart(self) -> None:
        """Switch off, then on with what is chosen."""
        if self._is_on:
            self._restarts = True
            self._job.stop("now")  # pyright: ignore[reportOptionalMemberAccess]
        else:
            self.start()

    def start(self) -> None:
        """Switch the phone on."""
        try:
            recipe = self.recipe()
            self._profile = load_profile(recipe.device)
            job = self._context.jobs.start("phone", recipe)
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        self._recipe, self._job, self.ledger = recipe, job, None
        self._may_continue = False
        self._tab.notice.be_quiet()
        self._tab.inspector.show_limits(recipe.complexity_threshold, recipe.confidence_floor)
        self._tab.phone.show_memory(picture_of(self._profile, None))
        self._enter("starting", _about(self._profile))
        job.event_received.connect(self._on_event)
        job.ended.connect(self._on_ended)

    @Slot(object)
    def _on_event(self, event: AnyEvent) -> None:
        if self.sender() is not self._job:
            return
        match event:
            case Stage(name="serve", title=title):
                self._enter("ready", title.replace("_", " "))
            case Ledger():
                self.ledger = event
            case Decided(request=request):
                self._chosen = request
            case Replied():
                self._may_continue = bool(event.open_turns)
        self.conversation = heard(self.conversation, event)
        self._show_soon()

    @Slot(object)
    def _on_ended(self, outcome: Outcome) -> None:
        if self.sender() is not self._job:
            return
        was_ready = self.phase == "ready"
        phase = phase_after(outcome, self.conversation, was_ready=was_ready)
        self.conversation = ended(self.conversation)
        if phase != "off":
            self._tell_end(phase, outcome)
        self._may_continue = False
        self._enter(phase)
        if phase == "off":  # one that was killed keeps its last figures on show
            self.ledger = None
            self._judge()
        self._on_repaint_due()
        if self._restarts and phase == "off":
            self._restarts = False
            self.start()

    def _tell_end(self, phase: PhonePhase, outcome: Outcome) -> None:
        sentence = f"Killed by the system: {outcome.sentence}" if phase == "killed" else outcome.sentence
        happening = Happening(time_s=time.time(), level="error", text=sentence)
        self.conversation = with_happening(self.conversation, happening)
        self._tab.notice.say("error", sentence, outcome.hint, action="Restart the phone", on_action=self.restart)

    def _enter(self, phase: PhonePhase, about: str = "") -> None:
        self.phase = phase
        self._tab.show_phase(phase)
        self._tab.phone.show_phase(phase, about)
        self._tab.setup.lock(phase == "starting")

    # -- the conversation ------------------------------------------------------------------------------------------

    @Slot(str)
    def ask(self, query: str) -> None:
        """Ask the phone; one that is off is switched on first."""
        if not self._is_on:
            self.start()
        if not self._is_on or self._job is None:
            return
        self._asked_count += 1
        request = f"r{self._asked_count}"
        continues = self._may_continue and not self.conversation.open_request
        self._may_continue = False
        earlier = self.conversation.open_turns if continues else []
        self.conversation = asked(self.conversation, request, query, continues=continues)
        self._chosen = request
        self._job.send(Ask(request=request, query=query, earlier=earlier))
        self._on_repaint_due()

    @Slot()
    def _on_stop_reply_requested(self) -> None:
        request = self.conversation.open_request
        if request and self._job is not None:
            self._job.send(CancelReply(request=request))

    @Slot()
    def _on_new_conversation_requested(self) -> None:
        self._on_stop_reply_requested()
        self.conversation = Conversation(happenings=self.conversation.happenings)
        self._chosen, self._may_continue = "", False
        self._on_repaint_due()
        self._tab.focus_input()

    @Slot()
    def _on_new_request_requested(self) -> None:
        self._may_continue = False
        self._on_repaint_due()
        self._tab.focus_input()

    @Slot()
    def _on_pressure_requested(self) -> None:
        if self.phase == "ready" and self._job is not None:
            self._job.send(MemoryPressure())
            happening = Happening(time_s=time.time(), level="warning", text="The system asks for memory.")
            self.conversation = with_happening(self.conversation, happening)
            self._show_soon()

    @Slot(str)
    def _on_exchange_chosen(self, request: str) -> None:
        self._chosen = request
        self._show_inspector()

    @Slot(str)
    def _on_file_requested(self, which: str) -> None:
        dialog = QFileDialog(self._tab, "Choose a file", str(self._context.workspace.models), _FILTERS[which])
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(partial(self._on_file_chosen, which))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _on_file_chosen(self, which: str, name: str) -> None:
        self._tab.setup.show_value(which, str(Path(name)))

    def _show_soon(self) -> None:
        if not self._repaint.isActive():
            self._repaint.start()

    @Slot()
    def _on_repaint_due(self) -> None:
        self._tab.show_conversation(self.conversation, continues=self._may_continue)
        if self.ledger is not None:
            self._tab.phone.show_memory(picture_of(self._profile, self.ledger))
            self._tab.phone.show_phase(self.phase)
        self._show_inspector()

    def _show_inspector(self) -> None:
        self._tab.messages.choose(self._chosen)
        self._tab.inspector.show_exchange(self.conversation.find(self._chosen))


def _about(profile: DeviceProfile) -> str:
    mode = profile.wished_mode.replace("_", " ")
    return (
        f"{profile.title}: {profile.ram_mib / 1024:g} GiB of RAM, {profile.app_budget_mib / 1024:g} for the app, {mode}"
    )
