"""Connectors: where a phone sends what needs live data, per journey. A file of them is data, not code.

A connector names a method, a URL template, headers and the place of the rows in the JSON that comes back. Templates
hold `{query}` (what the user said about the request) and `{field}` for every field of the decision; headers may hold
`{secret:NAME}`, which is read from the keyring by the worker that sends the request and is written down nowhere.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

import msgspec
import orjson
from msgspec import Meta, Struct

from arny_studio.atomic import write_text_atomically
from arny_studio.errors import BadRecipe, MissingFile
from arny_studio.spelling import unknown_field_hint

PAYMENT_JOURNEY = "financial_wellness"
_SLOT = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
_SECRET = re.compile(r"\{secret:([A-Za-z0-9_.-]{1,64})\}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_PATH = re.compile(r"\$?(?:\.[A-Za-z_][\w-]*|\[\d{1,4}\])*")


class Connector(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One service, asked over HTTP."""

    title: Annotated[str, Meta(min_length=1, max_length=80, description="What people call this service.")]
    journeys: Annotated[tuple[str, ...], Meta(min_length=1, description="The journeys that it serves.")]
    method: Annotated[Literal["GET", "POST"], Meta(description="HTTP method.")] = "GET"
    url: Annotated[str, Meta(max_length=2000, description="Address, with {query} and {field of the decision}.")]
    headers: Annotated[dict[str, str], Meta(description="Headers; {secret:NAME} comes from the keyring.")] = {}
    body: Annotated[str, Meta(max_length=20000, description="JSON sent with POST, with the same slots.")] = ""
    result: Annotated[str, Meta(max_length=200, description="Where the rows are, such as $.data.flights.")] = "$"
    asks_first: Annotated[bool, Meta(description="Ask the user before anything is sent.")] = False

    @property
    def host(self) -> str:
        """The host that is asked, in lower case."""
        return (urlsplit(self.url).hostname or "").lower()

    @property
    def needs_confirmation(self) -> bool:
        """Whether nothing is sent before the user said yes; payments always ask."""
        return self.asks_first or (self.method == "POST" and PAYMENT_JOURNEY in self.journeys)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of the secrets that its headers ask for."""
        return tuple(name for value in self.headers.values() for name in _SECRET.findall(value))

    def filled_url(self, slots: dict[str, Any]) -> str:
        """The address for one request; every value is percent-encoded, so none can change the address's shape."""
        return _SLOT.sub(lambda slot: quote(_as_text(slots.get(slot[1])), safe=""), self.url)

    def filled_body(self, slots: dict[str, Any]) -> bytes:
        """The body for one request; every value is a JSON string's inside, so none can end it."""
        return _SLOT.sub(lambda slot: orjson.dumps(_as_text(slots.get(slot[1]))).decode()[1:-1], self.body).encode()

    def filled_headers(self, secrets: dict[str, str]) -> dict[str, str]:
        """The headers with their secrets; raises KeyError where one is missing."""
        return {name: _SECRET.sub(lambda found: secrets[found[1]], value) for name, value in self.headers.items()}


class ConnectorSet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Connectors, and the hosts that they may talk to. A journey without one goes to the offline sandbox."""

    allowed_hosts: Annotated[tuple[str, ...], Meta(description="Hosts that may be asked, and redirected to.")] = ()
    private_hosts: Annotated[
        tuple[str, ...], Meta(description="Of these, the ones that may be at a private or local address.")
    ] = ()
    connectors: tuple[Connector, ...] = ()

    def connector_of(self, journey: str) -> Connector | None:
        """The first connector that serves a journey."""
        return next((each for each in self.connectors if journey in each.journeys), None)


def load_connectors(path: Path) -> ConnectorSet:
    """Read a connector file. Raises MissingFile, or BadRecipe with the file, the connector and what is wrong."""
    if not path.is_file():
        raise MissingFile(f"There is no connector file at {path}.")
    try:
        connectors = msgspec.toml.decode(path.read_bytes(), type=ConnectorSet)
    except msgspec.ValidationError as error:
        known = (*ConnectorSet.__struct_fields__, *Connector.__struct_fields__)
        raise BadRecipe(f"{path.name}: {error}.", hint=unknown_field_hint(str(error), known)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise BadRecipe(f"{path.name} is not a TOML file: {error}.") from error
    check_connectors(connectors, path.name)
    return connectors


def save_connectors(connectors: ConnectorSet, path: Path) -> None:
    """Write a connector file. Raises BadRecipe where it could not be used."""
    import tomli_w

    check_connectors(connectors, path.name)
    write_text_atomically(path, tomli_w.dumps(msgspec.to_builtins(connectors)))


def check_connectors(connectors: ConnectorSet, source: str) -> None:
    """Raises BadRecipe, naming `source` and the connector, for what must never be sent."""
    for connector in connectors.connectors:
        problem = problem_of(connector, connectors)
        if problem:
            raise BadRecipe(f"{source}, {connector.title}: {problem}")


def problem_of(connector: Connector, connectors: ConnectorSet) -> str:
    """Why a connector cannot be used, in a sentence; empty where it can."""
    try:
        address = urlsplit(connector.url)
        port = address.port
    except ValueError as error:
        return f"{connector.url[:80]!r} is no address: {error}."
    if address.scheme not in ("http", "https") or not address.hostname:
        return f"The address must begin with https:// or http:// and a host, not {connector.url[:80]!r}."
    if "{" in address.netloc or address.username is not None or port == 0:
        return "The host is fixed: it holds no slot, no user and no password."
    if connector.host not in _lower(connectors.allowed_hosts):
        return f"The host {connector.host} is not among the allowed hosts."
    if connector.secrets and address.scheme != "https" and connector.host not in _lower(connectors.private_hosts):
        return "A secret is sent over https only."
    return _problem_of_parts(connector)


def _problem_of_parts(connector: Connector) -> str:
    if any("\r" in text or "\n" in text or "\0" in text for text in (*connector.headers.values(), connector.url)):
        return "Neither headers nor the address hold line breaks."
    wrong = next((name for name in connector.headers if not _HEADER_NAME.fullmatch(name)), None)
    if wrong is not None:
        return f"{wrong[:40]!r} is no header name."
    if "{secret:" in connector.url or "{secret:" in connector.body:
        return "Secrets belong into headers, where no log and no redirect shows them."
    if connector.result and not _PATH.fullmatch(connector.result):
        return f"{connector.result!r} is no path; write it like $.data.flights or $.items[0].offers."
    return ""


def _lower(hosts: tuple[str, ...]) -> set[str]:
    return {host.lower() for host in hosts}


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
