"""Decides about the phone: which one, on and off, what it will hold, what its end means, and who may ask it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

from msgspec.structs import replace
from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog

from arny_studio.contract import Thresholds, load_contract
from arny_studio.device import DeviceProfile, load_profile
from arny_studio.device.profiles import OWN_PROFILES, save_profile
from arny_studio.errors import ArnyError
from arny_studio.extras import missing_extra
from arny_studio.jobs.outcome import Outcome
from arny_studio.jobs.secrets import store_secret
from arny_studio.jobs.shapes import Shapes, model_shapes
from arny_studio.recipe import PhoneRecipe
from arny_studio.recipe.connectors import ConnectorSet, load_connectors, save_connectors
from arny_studio.ui.background import Background
from arny_studio.ui.chat.choices import profile_choices
from arny_studio.ui.chat.compare_controller import CompareController
from arny_studio.ui.chat.connectors_dialog import ConnectorsDialog
from arny_studio.ui.chat.conversation import Conversation, PhonePhase
from arny_studio.ui.chat.forecast import Forecast, forecast
from arny_studio.ui.chat.phone_choice import chosen_profile, recipe_of, with_ram_of
from arny_studio.ui.chat.phone_link import PhoneLink
from arny_studio.ui.chat.profile_editor import ProfileEditor
from arny_studio.ui.chat.ram_bar import picture_of
from arny_studio.ui.chat.script_controller import ScriptController
from arny_studio.ui.chat.setup_bar import SetupBar
from arny_studio.ui.chat.tab import ChatTab
from arny_studio.ui.chat.talk_controller import TalkController
from arny_studio.ui.model_files import ModelFile, model_files
from arny_studio.ui.tab import ChatWith, Handover, TabContext
from arny_studio.ui.wording import bytes_in_words

CONNECTORS_NAME = "connectors.toml"
_FILTERS = {"device": "Device profiles (*.toml)", "tier1": "GGUF files (*.gguf)", "tier2": "GGUF files (*.gguf)"}
_RESTART = "Restart the phone"


class ChatController(QObject):
    """Between the Chat tab and the phone worker. One phone at a time, beside a comparison or a scripted run."""

    def __init__(self, tab: ChatTab, context: TabContext) -> None:
        super().__init__(tab)
        self._tab, self._context = tab, context
        self._contract_name = "router-v1"
        self.contract = load_contract(self._contract_name)
        self._background = Background(context.messages.show_error)
        self._own = context.workspace.root / OWN_PROFILES
        self._profile: DeviceProfile = load_profile("6gb")  # what picker, slider and editor stand for
        self._forecast: Forecast | None = None
        self._shapes: Shapes | None = None
        self._restarts = False  # switch on again as soon as it is off
        self._notice_is_of: Literal["", "difference", "restart"] = ""  # what its end would make untrue
        self._has_answered = False  # since it was switched on: a phone that is killed before that stays off
        self.link = PhoneLink(context.jobs, self)
        self.talk = TalkController(tab, context, self.link, self.contract, self._ensure_on)
        settings = lambda: tab.settings.settings  # noqa: E731 - read when it is asked
        self.compare = CompareController(tab.compare, context, settings, self._own)
        self.script = ScriptController(tab.script, context, self._script_recipe)
        self._connect()
        self._add_actions()
        for setup in self._setups:
            setup.show_choices(profile_choices(self._own), [])
            setup.show_value("device", "6gb")
        tab.compare.setups[1].show_value("device", "4gb")
        tab.inspector.limits.show_limits(Thresholds.of(self.contract))
        self.talk.show()
        self.refresh()

    @property
    def conversation(self) -> Conversation:
        """What was said to the phone."""
        return self.link.conversation

    @property
    def phase(self) -> PhonePhase:
        """Whether the phone is on."""
        return self.link.phase

    @property
    def is_busy(self) -> bool:
        """Whether anything is being read or written in the background."""
        return self._background.is_busy or self.talk.is_busy

    def ask(self, query: str) -> None:
        """Ask the phone; one that is off is switched on first."""
        self.talk.ask(query)

    @Slot(str)
    def use_contract(self, name_or_path: str) -> None:
        """Decide, judge and correct by another contract: a built-in id or a file."""
        self._contract_name, self.contract = name_or_path, load_contract(name_or_path)
        self.talk.use_contract(self.contract)
        self.compare.contract = name_or_path
        self._tab.inspector.use_contract(self.contract)
        self._tab.inspector.limits.show_limits(Thresholds.of(self.contract))
        self._judge()

    def receive(self, handover: Handover) -> None:
        """Put a file into the phone."""
        if isinstance(handover, ChatWith):
            self._tab.setup.show_value(f"tier{handover.tier}", str(handover.path))
            self._tab.show_page("talk")
            self._tab.focus_input()

    def refresh(self) -> None:
        """Look again at which models there are."""
        self._background.run("models", partial(model_files, self._context.workspace), self._on_models)

    def close(self) -> None:
        """Show no more; the phone ends with the window."""
        self.talk.repaint.stop()
        self._background.forget("models")
        self._background.forget("shapes")

    @property
    def _setups(self) -> tuple[SetupBar, ...]:
        return (self._tab.setup, *self._tab.compare.setups)

    def _connect(self) -> None:
        tab, link = self._tab, self.link
        tab.switch_requested.connect(self._on_switch_requested)
        tab.phone.pressure_requested.connect(link.press_for_memory)
        tab.phone.ram_chosen.connect(self._on_ram_chosen)
        tab.phone.edit_requested.connect(self._on_edit_requested)
        tab.phone.remedy_requested.connect(self._on_remedy_requested)
        tab.setup.changed.connect(self._on_setup_changed)
        tab.settings.connectors_requested.connect(self._on_connectors_requested)
        tab.settings.contract_chosen.connect(self.use_contract)
        for setup in self._setups:
            setup.file_requested.connect(partial(self._ask_for_file, setup))
        link.phase_changed.connect(self._on_phase_changed)
        link.replied.connect(self._on_replied)
        link.ended.connect(self._on_ended)
        self.talk.shown.connect(self._show_memory)

    def _add_actions(self) -> None:
        add = partial(self._context.actions.add, tab="chat")
        add("chat.new", "&New conversation", self.talk.begin_anew, menu="File", shortcut="Ctrl+N", icon="plus")
        add(
            "chat.switch", "Switch the phone on or off", self._on_switch_requested, menu="Run", shortcut="F5",
            icon="phone",
        )  # fmt: skip
        add("chat.stop", "Stop the reply", self.talk.stop, menu="Run", shortcut="Ctrl+.", icon="stop")
        add("chat.pressure", "Memory pressure", self.link.press_for_memory, menu="Run", icon="memory")
        add("chat.replay", "Replay the conversation", self.talk.replay, menu="Run", icon="refresh")
        add("chat.connectors", "Connectors…", self._on_connectors_requested, menu="Run")
        add("chat.compare", "Two phones side by side", partial(self._tab.show_page, "compare"), menu="View")
        add("chat.script", "Scripted run", partial(self._tab.show_page, "script"), menu="View")
        add("chat.input", "Go to the question", self._tab.focus_input, menu="View", shortcut="Ctrl+L", icon="send")

    # -- which phone -----------------------------------------------------------------------------------------------

    def recipe(self) -> PhoneRecipe:
        """The phone that the pickers, the slider and the editor stand for. Raises ArnyError with what is wrong."""
        return self._recipe()

    def _recipe(self, queries: str = "") -> PhoneRecipe:
        return recipe_of(
            self._tab.setup, self._profile, self._tab.settings.settings, contract=self._contract_name,
            connectors=self._connectors, queries=queries,
        )  # fmt: skip

    def _script_recipe(self, queries: str) -> PhoneRecipe:
        return self._recipe(queries)

    @property
    def _connectors(self) -> str:
        path = self._context.workspace.root / CONNECTORS_NAME
        return str(path) if path.is_file() else ""

    def _on_models(self, models: list[ModelFile]) -> None:
        for setup in self._setups:
            setup.show_choices(profile_choices(self._own), models)
        self._look_at_models()
        self._judge()

    @Slot()
    def _on_setup_changed(self) -> None:
        try:
            profile = chosen_profile(self._tab.setup, self._own)
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        if profile.title != self._profile.title:
            self._profile = profile
        self._look_at_models()
        self._judge()

    def _look_at_models(self) -> None:
        """Read the headers of the chosen files, so that it is known beforehand what would fit."""
        wanted = [path for tier in ("tier1", "tier2") if (path := self._tab.setup.value(tier))]
        known = {model.path for model in self._shapes.models} if self._shapes is not None else set()
        if wanted and set(wanted) != known and missing_extra("infer", "The phone") is None:
            paths = [Path(name) for name in wanted]
            self._background.run("shapes", partial(model_shapes, paths), self._on_shapes, self._on_no_shapes)

    def _on_shapes(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._judge()

    def _on_no_shapes(self, _error: Exception) -> None:
        self._shapes = None  # the phone itself will say what is wrong with the file
        self._judge()

    @Slot()
    def _judge(self) -> None:
        """Say what keeps the phone from starting, or that another one is on than the pickers say."""
        self._show_forecast()
        missing = missing_extra("infer", "The phone")
        if missing is not None:
            self._tab.notice.say("warning", missing.sentence, missing.hint)
            self._tab.allow_phone(missing.sentence)
            return
        try:
            recipe = self.recipe()
        except ArnyError as error:
            self._tab.allow_phone("" if self.link.is_on else error.sentence)
            return
        self._tab.allow_phone("")
        if self.link.is_on and self.link.recipe is not None and not _is_same_phone(recipe, self.link.recipe):
            sentence = "The phone that is on has other models or another profile than chosen."
            self._tab.notice.say("info", sentence, action=_RESTART, on_action=self.restart)
            self._notice_is_of = "difference"
        elif self._notice_is_of == "difference":  # any other notice stays until it is answered
            self._quieten()

    def _quieten(self) -> None:
        self._notice_is_of = ""
        self._tab.notice.be_quiet()

    def _show_forecast(self) -> None:
        setup = self._tab.setup
        self._forecast = forecast(self._profile, self._shapes, setup.value("tier1"), setup.value("tier2"))
        self._tab.phone.show_forecast(self._forecast, self._profile.ram_mib)
        self._show_memory()

    @Slot()
    def _show_memory(self) -> None:
        """The phone that is on, or was killed, by its own account; else what would be in it."""
        is_live = self.link.ledger is not None and self.link.phase not in ("off", "failed")
        ledger = self.link.ledger if is_live else (self._forecast.ledger if self._forecast is not None else None)
        of_link = self.link.recipe.profile if self.link.recipe is not None else None
        profile = of_link if is_live and of_link is not None else self._profile
        panel = self._tab.phone
        panel.show_memory(picture_of(profile, ledger))
        panel.show_timeline(self.link.timeline)
        panel.show_phase(self.link.phase, self.link.about if self.link.phase == "ready" else _about(profile))

    @Slot(int)
    def _on_ram_chosen(self, ram_mib: int) -> None:
        self._profile = with_ram_of(self._profile, ram_mib)
        self._judge()

    @Slot()
    def _on_edit_requested(self) -> None:
        editor = ProfileEditor(self._tab)
        editor.show_profile(self._profile)
        editor.used.connect(self._use_profile)
        editor.saved.connect(self._on_profile_saved)
        editor.finished.connect(editor.deleteLater)
        editor.open()

    @Slot(object)
    def _use_profile(self, profile: DeviceProfile) -> None:
        self._profile = profile
        self._judge()

    @Slot(object)
    def _on_profile_saved(self, profile: DeviceProfile) -> None:
        try:
            path = save_profile(profile, self._own)
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        self._use_profile(profile)
        for setup in self._setups:
            setup.show_devices(profile_choices(self._own))
        self._tab.setup.show_value("device", path.stem)
        self._context.messages.show_message("success", f"{profile.title} is saved as a phone of your own.")

    @Slot()
    def _on_remedy_requested(self) -> None:
        if self._forecast is not None and self._forecast.settings is not None:
            self._use_profile(replace(self._profile, **{f"tier{self._forecast.tier}": self._forecast.settings}))

    # -- on and off ------------------------------------------------------------------------------------------------

    def _ensure_on(self) -> bool:
        if not self.link.is_on:
            self.start()
        return self.link.is_on

    @Slot()
    def _on_switch_requested(self) -> None:
        if self.link.is_on:
            self._restarts = False
            self.link.stop()
        else:
            self.start()

    def restart(self) -> None:
        """Switch off, then on with what is chosen."""
        if self.link.is_on:
            self._restarts = True
            self.link.stop()
        else:
            self.start()

    def start(self) -> None:
        """Switch the phone on."""
        self._tab.notice.be_quiet()
        self._start()

    def _start(self) -> None:
        self._has_answered = False
        try:
            self.link.start(self.recipe())
        except ArnyError as error:
            self._context.messages.show_error(error)

    @Slot(str)
    def _on_phase_changed(self, phase: PhonePhase) -> None:
        self._tab.show_phase(phase)
        self._tab.setup.lock(phase == "starting")
        self._show_memory()

    @Slot(object)
    def _on_replied(self, _replied: object) -> None:
        self._has_answered = True
        if self._notice_is_of == "restart":  # it is back, and works
            self._quieten()

    @Slot(object)
    def _on_ended(self, outcome: Outcome) -> None:
        phase = self.link.phase
        self.talk.show()
        if phase == "off":
            self._judge()
            if self._restarts:
                self._restarts = False
                self.start()
            return
        self._tell_end(phase, outcome)
        if phase == "killed" and self._has_answered:
            self._start()  # as a phone does; one that dies before it ever answered would die again

    def _tell_end(self, phase: PhonePhase, outcome: Outcome) -> None:
        will_restart = phase == "killed" and self._has_answered
        happening = self.conversation.happenings[-1].text
        hint = f"The phone restarts. {outcome.hint}" if will_restart else outcome.hint
        self._notice_is_of = "restart" if will_restart else ""
        if will_restart:
            self._tab.notice.say("error", happening, hint)
        else:
            self._tab.notice.say("error", happening, hint, action=_RESTART, on_action=self.restart)

    # -- files and connectors --------------------------------------------------------------------------------------

    def _ask_for_file(self, setup: SetupBar, which: str) -> None:
        dialog = QFileDialog(self._tab, "Choose a file", str(self._context.workspace.models), _FILTERS[which])
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(partial(setup.show_value, which))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot()
    def _on_connectors_requested(self) -> None:
        try:
            known = load_connectors(Path(self._connectors)) if self._connectors else ConnectorSet()
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        dialog = ConnectorsDialog(known, self.contract, self._context.theme, self._tab)
        dialog.saved.connect(self._on_connectors_saved)
        dialog.secret_given.connect(self._on_secret_given)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    @Slot(object)
    def _on_connectors_saved(self, connectors: ConnectorSet) -> None:
        try:
            save_connectors(connectors, self._context.workspace.root / CONNECTORS_NAME)
        except ArnyError as error:
            self._context.messages.show_error(error)
            return
        self._judge()
        if self.link.is_on:
            sentence = "The phone takes the connectors over when it is switched on the next time."
            self._tab.notice.say("info", sentence, action=_RESTART, on_action=self.restart)

    @Slot(str, str)
    def _on_secret_given(self, name: str, value: str) -> None:
        where = store_secret(name, value)
        said = "in the system's keyring" if where == "keyring" else "for this session only: there is no keyring here"
        self._context.messages.show_message("success", f"The secret {name} is kept {said}.")


def _is_same_phone(one: PhoneRecipe, other: PhoneRecipe) -> bool:
    """Whether only settings differ that travel with every request."""
    names = ("tier1", "tier2", "profile", "contract", "connectors")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _about(profile: DeviceProfile) -> str:
    mode = profile.wished_mode.replace("_", " ")
    ram, budget = bytes_in_words(profile.ram_mib << 20), bytes_in_words(profile.cap_bytes)
    return f"{profile.title}: {ram} of RAM, {budget} for the app, {mode}"
