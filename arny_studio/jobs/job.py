"""A run that is going on, as the window and the command hold it: state, events as they come, and the wish to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from msgspec import Struct

from arny_studio.jobs.commands import Command, Stop
from arny_studio.jobs.events import AnyEvent, Stopped, Terminal
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.outcome import Outcome, failed_by_death, signal_name
from arny_studio.jobs.state import RunState, apply

OnEvent = Callable[[AnyEvent], None]
StopMode = Literal["save", "now"]


class Grace(Struct, frozen=True, kw_only=True):
    """Seconds a worker gets to follow a wish: after the message, then after SIGTERM; then it is killed."""

    message_s: float
    terminate_s: float


SAVE_GRACE = Grace(message_s=120.0, terminate_s=30.0)  # time for a step and a checkpoint of a 3B run on a slow disk
NOW_GRACE = Grace(message_s=3.0, terminate_s=2.0)


class Worker(Protocol):
    """A running worker, started by us or adopted."""

    @property
    def pid(self) -> int:
        """Its process number."""
        ...

    def send(self, command: Command) -> bool:
        """Tell it something; False where it cannot hear."""
        ...

    def terminate(self) -> None:
        """SIGTERM."""
        ...

    def kill(self) -> None:
        """SIGKILL for it and everything it started."""
        ...

    def leave(self) -> None:
        """Hold on to it no more."""
        ...


class Job:
    """One run while it goes on. `state` holds what earlier attempts left, too; callbacks see new events only."""

    def __init__(
        self,
        folder: RunFolder,
        kind: str,
        state: RunState,
        on_event: OnEvent | None = None,
        *,
        is_detached: bool = False,
        last: Terminal | None = None,
    ) -> None:
        self.folder = folder
        self.kind = kind
        self.state = state
        self.is_detached = is_detached
        self.last = last
        self._subscribers: list[OnEvent] = [on_event] if on_event is not None else []
        self._worker: Worker | None = None
        self._outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._following: asyncio.Task[None] | None = None
        self._escalation: asyncio.Task[None] | None = None
        self._signals_sent: set[int] = set()

    @property
    def pid(self) -> int | None:
        """The worker's process number."""
        return self._worker.pid if self._worker is not None else None

    @property
    def is_running(self) -> bool:
        """Whether the worker has not ended yet."""
        return not self._outcome.done()

    def subscribe(self, callback: OnEvent) -> Callable[[], None]:
        """Call back with every event from now on, after `state` took it in. Returns the way to unsubscribe."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    async def send(self, command: Command) -> bool:
        """Send a command; False where the worker is gone, or was adopted and hears nothing but Stop."""
        return self._worker is not None and self.is_running and self._worker.send(command)

    async def stop(self, mode: StopMode = "save", *, grace: Grace | None = None) -> None:
        """Ask the worker to end, and see to it that it does: message, SIGTERM, SIGKILL of its whole session.

        Returns at once; `wait` tells the end. A second call with `now` shortens the grace.
        """
        if self._worker is None or not self.is_running:
            return
        _cancel(self._escalation)
        chosen = grace or (NOW_GRACE if mode == "now" else SAVE_GRACE)
        self._escalation = asyncio.ensure_future(self._escalate(self._worker, mode, chosen))
        await asyncio.sleep(0)  # the message is on its way when this returns

    async def wait(self) -> Outcome:
        """The outcome, once the worker has ended and its folder is free."""
        return await asyncio.shield(self._outcome)

    async def leave(self) -> None:
        """Follow the run no more. A detached worker goes on; an interactive one ends, since its input ends."""
        _cancel(self._following)
        _cancel(self._escalation)
        if self._worker is not None:
            self._worker.leave()
        self._outcome.cancel()

    def attach(self, worker: Worker) -> None:
        """Take charge of a worker."""
        self._worker = worker

    def follow(self, following: asyncio.Task[None]) -> None:
        """Keep the task that reads the worker; its failure is the job's."""
        self._following = following
        following.add_done_callback(self._on_followed)

    def deliver(self, event: AnyEvent) -> None:
        """Fold an event and tell the subscribers. Nothing follows a last event."""
        if self.last is not None:
            return
        if isinstance(event, Terminal):
            self.last = event
        self.state = apply(self.state, event)
        for callback in list(self._subscribers):
            self._tell(callback, event)

    def conclude(self, returncode: int | None) -> None:
        """The worker has ended, and its last event has been delivered."""
        assert self.last is not None
        _cancel(self._escalation)
        if not self._outcome.done():
            self._outcome.set_result(Outcome.from_event(self.last, exit_code=returncode))

    def missing_last_event(self, returncode: int | None, stderr_tail: Sequence[str]) -> Terminal:
        """The last event of a worker that sent none. One that did not follow a wish to stop was stopped, by us."""
        if self._signals_sent and (returncode is None or -returncode in self._signals_sent):
            how = signal_name(max(self._signals_sent) if returncode is None else -returncode)
            summary = f"The worker did not follow the wish to stop and was ended by {how}."
            return Stopped(summary=summary, resumable=bool(self.state.checkpoints))
        return failed_by_death(returncode, stderr_tail)

    async def _escalate(self, worker: Worker, mode: StopMode, grace: Grace) -> None:
        if worker.send(Stop(mode=mode)):
            await asyncio.sleep(grace.message_s)
        self._signals_sent.add(signal.SIGTERM)
        worker.terminate()
        await asyncio.sleep(grace.terminate_s)
        self._signals_sent.add(_KILL)
        worker.kill()

    def _tell(self, callback: OnEvent, event: AnyEvent) -> None:
        try:
            callback(event)
        except Exception as error:  # noqa: BLE001 - one listener's fault must not cost the others the run
            context = {"message": f"A listener of the run {self.folder.name} failed.", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)

    def _on_followed(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self._outcome.done():
            return
        error = task.exception()
        if error is not None:
            self._outcome.set_exception(error)


_KILL: int = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has no SIGKILL


def _cancel(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
