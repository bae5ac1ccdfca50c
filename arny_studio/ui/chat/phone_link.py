"""One simulated phone as the window holds it: its worker, what was said to it and what it did, as one folded state."""

from __future__ import annotations

import time
from itertools import count

from PySide6.QtCore import QObject, Signal, Slot

from arny_studio.jobs.commands import Ask, CancelReply, Confirm, MemoryPressure
from arny_studio.jobs.events import AnyEvent, Ledger, Replied, Stage, Turn
from arny_studio.jobs.outcome import Outcome
from arny_studio.recipe import AskSettings, PhoneRecipe
from arny_studio.ui.chat.conversation import (
    Conversation,
    Happening,
    PhonePhase,
    asked,
    confirmed,
    ended,
    heard,
    phase_after,
    with_happening,
)  # fmt: skip
from arny_studio.ui.chat.timeline import Timeline, given_back, marked, noted, with_cap
from arny_studio.ui.jobs_controller import ActiveJob, JobsController

_numbers = count(1)  # requests of all phones, so that no two share a name


class PhoneLink(QObject):
    """Starts, asks and ends one phone. `changed` follows everything that is worth a repaint."""

    changed = Signal()
    phase_changed = Signal(str)  # PhonePhase
    replied = Signal(object)  # Replied
    ended = Signal(object)  # Outcome

    def __init__(self, jobs: JobsController, parent: QObject) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._job: ActiveJob | None = None
        self.recipe: PhoneRecipe | None = None  # of the phone that is or was on
        self.phase: PhonePhase = "off"
        self.about = ""  # as the phone says it: title and mode
        self.conversation = Conversation()
        self.ledger: Ledger | None = None
        self.timeline = Timeline()

    @property
    def job(self) -> ActiveJob | None:
        """The worker that is, or was, this phone."""
        return self._job

    @property
    def is_on(self) -> bool:
        """Whether the worker runs; true from the moment of `start`."""
        return self._job is not None and self._job.is_running

    def reset(self) -> None:
        """Forget what was said and done."""
        self.conversation, self.timeline, self.ledger = Conversation(), Timeline(), None

    def start(self, recipe: PhoneRecipe) -> None:
        """Switch it on. Raises ArnyError where the worker cannot be started."""
        job = self._jobs.start("phone", recipe)
        self._job, self.recipe, self.ledger, self.about = job, recipe, None, ""
        job.event_received.connect(self._on_event)
        job.ended.connect(self._on_ended)
        if recipe.profile is not None:
            self.timeline = with_cap(self.timeline, time.time(), recipe.profile.cap_bytes)
        self._enter("starting")

    def stop(self) -> None:
        """Switch it off, in mid-answer and in mid-load too."""
        if self._job is not None and self._job.is_running:
            self._job.stop("now")

    def ask(self, query: str, *, earlier: list[Turn], settings: AskSettings, may_begin_anew: bool = False) -> str:
        """Ask something; returns the request's name. One asked while it switches on waits."""
        request = f"r{next(_numbers)}"
        self.conversation = asked(self.conversation, request, query, earlier=earlier, settings=settings)
        if self._job is not None:
            self._job.send(
                Ask(request=request, query=query, earlier=earlier, may_begin_anew=may_begin_anew, settings=settings)
            )
        self.changed.emit()
        return request

    def cancel(self) -> None:
        """Stop the reply that is being made."""
        request = self.conversation.open_request
        if request and self._job is not None:
            self._job.send(CancelReply(request=request))

    def confirm(self, request: str, *, is_confirmed: bool) -> None:
        """Answer whether something may be sent."""
        if self._job is not None:
            self._job.send(Confirm(request=request, is_confirmed=is_confirmed))
        self.conversation = confirmed(self.conversation, request)
        self.changed.emit()

    def press_for_memory(self) -> None:
        """Let the phone's system ask for memory."""
        if self.phase == "ready" and self._job is not None:
            self._job.send(MemoryPressure())
            self.tell("warning", "The system asks for memory.")
            self.timeline = marked(self.timeline, time.time(), "pressure", "The system asks for memory")

    def tell(self, level: str, text: str) -> None:
        """Add a line to what happened."""
        happening = Happening(time_s=time.time(), level=level, text=text)  # pyright: ignore[reportArgumentType]
        self.conversation = with_happening(self.conversation, happening)
        self.changed.emit()

    def _enter(self, phase: PhonePhase) -> None:
        self.phase = phase
        self.phase_changed.emit(phase)
        self.changed.emit()

    @Slot(object)
    def _on_event(self, event: AnyEvent) -> None:
        if self.sender() is not self._job:
            return
        self.conversation = heard(self.conversation, event)
        self.timeline = noted(self.timeline, event)
        match event:
            case Stage(name="serve", title=title):
                self.about = title.replace("_", " ")
                self._enter("ready")
            case Ledger():
                self.ledger = event
        self.changed.emit()
        if isinstance(event, Replied):
            self.replied.emit(event)

    @Slot(object)
    def _on_ended(self, outcome: Outcome) -> None:
        if self.sender() is not self._job:
            return
        phase = phase_after(outcome, self.conversation, was_ready=self.phase == "ready")
        self.conversation = ended(self.conversation)
        if phase != "off":
            said = f"Killed by the system: {outcome.sentence}" if phase == "killed" else outcome.sentence
            said = said.replace("Killed by the system: Killed by the system:", "Killed by the system:")
            self.tell("error", said)
            kind = "refusal" if phase == "refused" else "kill"
            self.timeline = marked(self.timeline, time.time(), kind, said)
        self.timeline = given_back(self.timeline, time.time())
        self._enter(phase)
        self.ended.emit(outcome)
