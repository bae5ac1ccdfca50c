"""Work of less than about a second, off the event loop: one runnable, one result. Anything longer is a job."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

import shiboken6
from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal, Slot

_LEAST_THREADS = 8  # most of the work waits for a child process or the disk: it must not keep what is quick waiting


class _Outlet(QObject):
    """Carries one result from the thread to the event loop (queued, since the slots live on this object)."""

    done = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QObject, on_done: Callable[[Any], None], on_failed: Callable[[Any], None]) -> None:
        super().__init__(parent)
        self._receivers = (on_done, on_failed)
        self.done.connect(self._on_done)
        self.failed.connect(self._on_failed)

    @Slot(object)
    def _on_done(self, value: object) -> None:
        self._receivers[0](value)

    @Slot(object)
    def _on_failed(self, error: object) -> None:
        self._receivers[1](error)


class _Work(QRunnable):
    def __init__(self, function: Callable[[], Any], outlet: _Outlet) -> None:
        super().__init__()
        self._function = function
        self._outlet = outlet

    def run(self) -> None:
        # RuntimeError: the window, and with it the outlet, went away while we worked.
        with contextlib.suppress(RuntimeError):
            try:
                result = self._function()
            except Exception as error:  # noqa: BLE001 - carried to the event loop and handled or raised there
                self._outlet.failed.emit(error)
            else:
                self._outlet.done.emit(result)


class Background(QObject):
    """Runs functions in Qt's thread pool and delivers results on the event loop.

    A newer call with the same `topic` makes the older one's result void, so a slow search never overwrites a fast one.
    """

    def __init__(self, on_error: Callable[[Exception], object]) -> None:
        super().__init__()
        self._on_error = on_error
        self._latest: dict[str, int] = {}
        self._outlets: dict[_Outlet, None] = {}
        self._pool = QThreadPool.globalInstance()
        self._pool.setMaxThreadCount(max(_LEAST_THREADS, self._pool.maxThreadCount()))

    def run(
        self, topic: str, function: Callable[[], Any], on_done: Callable[[Any], None],
        on_error: Callable[[Exception], object] | None = None,
    ) -> None:  # fmt: skip
        """Call `function` in a thread, then `on_done(result)`, or `on_error(exception)`, here."""
        ticket = self._latest[topic] = self._latest.get(topic, 0) + 1

        def deliver(receiver: Callable[[Any], object], value: object) -> None:
            self._outlets.pop(outlet, None)
            outlet.deleteLater()
            if self._latest.get(topic) == ticket and _can_receive(receiver):
                receiver(value)

        outlet = _Outlet(self, partial(deliver, on_done), partial(deliver, on_error or self._on_error))
        self._outlets[outlet] = None
        self._pool.start(_Work(function, outlet))

    def forget(self, topic: str) -> None:
        """Make whatever runs under this topic void."""
        self._latest[topic] = self._latest.get(topic, 0) + 1

    @property
    def is_busy(self) -> bool:
        """Whether any function still runs or waits."""
        return bool(self._outlets)


def _can_receive(receiver: Callable[[Any], object]) -> bool:
    """Whether the object behind a method is still there: its window may have been closed in the meantime."""
    function = receiver.func if isinstance(receiver, partial) else receiver
    owner = getattr(function, "__self__", None)
    return not isinstance(owner, QObject) or shiboken6.isValid(owner)
