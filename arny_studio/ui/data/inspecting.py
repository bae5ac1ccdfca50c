"""The "As trained" page's questions to the inspect worker: started when the page is first looked at, newest row wins."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Slot

from arny_studio.dataset.reading import parse_row
from arny_studio.dataset.samples import RowProblem
from arny_studio.errors import ArnyError
from arny_studio.jobs.commands import Inspect, InspectedTurn
from arny_studio.jobs.events import AnyEvent, Inspected
from arny_studio.recipe import InspectRecipe
from arny_studio.ui.data.desk import Desk
from arny_studio.ui.data.row_faces import LONGEST_PARSED_BYTES
from arny_studio.ui.data.trained_view import TrainedView
from arny_studio.ui.jobs_controller import ActiveJob
from arny_studio.ui.tab import TabContext
from arny_studio.ui.train.choices import base_choices

_DELAY_MS = 80


class Inspecting(QObject):
    """Asks only while the page can be seen."""

    def __init__(self, view: TrainedView, desk: Desk, context: TabContext) -> None:
        super().__init__(view)
        self._view = view
        self._desk = desk
        self._context = context
        self._job: ActiveJob | None = None
        self._asked = 0
        self._is_shown = False
        self._timer = QTimer(self, singleShot=True, interval=_DELAY_MS)
        self._timer.timeout.connect(self._ask)
        for signal in (desk.key_changed, desk.current_changed, desk.touched, view.changed):
            signal.connect(self._timer.start)

    def set_shown(self, is_shown: bool) -> None:
        """Whether the page is in front; nothing is asked behind the others."""
        self._is_shown = is_shown
        if is_shown:
            self._view.base.show_choices(base_choices(self._context.workspace))
            self._timer.start()

    @Slot()
    def _ask(self) -> None:
        opened = self._desk.current
        key = opened.current_key if opened is not None else None
        if not self._is_shown:
            return
        if opened is None or key is None or opened.document.row_of(key) < 0:
            self._view.show_nothing("Select a row to see what is trained.")
            return
        raw = opened.document.raw_of(key)
        sample = parse_row(raw, file="", line=1) if len(raw) <= LONGEST_PARSED_BYTES else None
        if sample is None or isinstance(sample, RowProblem):
            said = (
                "The line is too long to be shown." if sample is None else f"Training skips this row: {sample.sentence}"
            )
            self._view.show_nothing(said)
            return
        job = self._worker()
        if job is not None:
            self._asked += 1
            turns = [InspectedTurn(turn.role, turn.content) for turn in sample.messages]
            base, limit = str(self._view.base.currentData() or ""), self._view.limit.value()
            job.send(Inspect(request=str(self._asked), base=base, turns=turns, max_length=limit))

    def _worker(self) -> ActiveJob | None:
        if self._job is None or not self._job.is_running:
            try:
                self._job = self._context.jobs.start("inspect", InspectRecipe(title="Inspector"))
            except ArnyError as error:
                self._context.messages.show_error(error)
                return None
            self._job.event_received.connect(self._on_event)
            self._view.show_nothing("Starting the tokenizer of the base…")
        return self._job

    @Slot(object)
    def _on_event(self, event: AnyEvent) -> None:
        if isinstance(event, Inspected) and event.request == str(self._asked):
            self._view.show_answer(event)
