"""Who executes a request: the connector of its journey, else the offline sandbox. The phone asks; this file answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from arny_studio.contract import Routing
from arny_studio.engine import cloud_sandbox
from arny_studio.engine.cloud_result import CloudResult
from arny_studio.engine.llama_session import Interrupted
from arny_studio.jobs.secrets import read_secret
from arny_studio.recipe.connectors import ConnectorSet, load_connectors

PATIENCE_S = 6.0  # a little more than a request may take
_LOOK_S = 0.02


class Cloud:
    """The services of one phone. Raises MissingFile or BadRecipe where the connector file is none."""

    def __init__(self, connectors: str) -> None:
        self.connectors = load_connectors(Path(connectors)) if connectors else ConnectorSet()

    def confirmation(self, routing: Routing) -> str:
        """What the user has to agree to before anything is sent, in a sentence; empty where nothing."""
        connector = self.connectors.connector_of(routing.journey)
        if connector is None:
            is_payment = cloud_sandbox.is_payment(routing.intent)
            return "This would move money. The offline sandbox only pretends to." if is_payment else ""
        if not connector.needs_confirmation:
            return ""
        return f"{connector.title} would send this request to {connector.host} ({connector.method})."

    def execute(
        self, routing: Routing, decision: dict[str, Any], words: str, *, should_stop: Callable[[], bool]
    ) -> CloudResult:
        """Ask whoever serves the journey. Raises ConnectorFailed or Refused, Interrupted where `should_stop` said so."""
        connector = self.connectors.connector_of(routing.journey)
        if connector is None:
            return cloud_sandbox.execute(routing.journey, routing.intent, words)
        from arny_studio.engine.http_connector import ConnectorFailed, fetch

        slots = {**decision, "query": words}
        result = _in_background(
            lambda: fetch(connector, self.connectors, slots, secret=read_secret), should_stop=should_stop
        )
        if result is None:
            raise ConnectorFailed(f"{connector.title} ({connector.host}) did not answer: looking up its address hangs.")
        return result


def _in_background(work: Callable[[], CloudResult], *, should_stop: Callable[[], bool]) -> CloudResult | None:
    """Run in a thread, so that the phone can be stopped while a service is slow; None where even its limit passed.

    Looking up a name knows no limit of its own; a thread that hangs in it is left to itself.
    """
    end_s = time.monotonic() + PATIENCE_S
    done = threading.Event()
    outcome: list[CloudResult | Exception] = []

    def run() -> None:
        try:
            outcome.append(work())
        except Exception as error:  # noqa: BLE001 - raised again by whoever waits
            outcome.append(error)
        finally:
            done.set()

    threading.Thread(target=run, name="connector", daemon=True).start()
    while not done.wait(_LOOK_S):
        if should_stop():
            raise Interrupted
        if time.monotonic() > end_s:
            return None
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]
