"""Asks a real service over HTTP and reads its JSON answer: 5 s, 1 MB, allowed hosts, and no surprises on the way.

Redirects are followed for GET only, at most three, to allowed hosts, never from https to http; headers of a connector
go to its own host alone. No proxy, no cookie, no compression, nothing kept between two requests.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore2
import orjson

from arny_studio.engine.cloud_result import CloudResult, Row
from arny_studio.engine.guarded_network import Deadline, GuardedBackend, Refused
from arny_studio.errors import ArnyError
from arny_studio.recipe.connectors import Connector, ConnectorSet

TIMEOUT_S = 5.0
MOST_BYTES = 1_000_000
MOST_REDIRECTS = 3
ROWS_SHOWN, KEYS_SHOWN, LONGEST_VALUE = 5, 8, 300

_REDIRECTS = (301, 302, 303, 307, 308)
_STEP = re.compile(r"\.([A-Za-z_][\w-]*)|\[(\d+)\]")


class ConnectorFailed(ArnyError):
    """A service gave nothing that can be used; the sentence names it and says why."""


def fetch(
    connector: Connector,
    connectors: ConnectorSet,
    slots: dict[str, Any],
    *,
    secret: Callable[[str], str | None],
    timeout_s: float = TIMEOUT_S,
) -> CloudResult:
    """Ask the service with the slots of a request filled in. Raises ConnectorFailed or Refused with a sentence."""
    secrets = _secrets(connector, secret)
    deadline = Deadline(timeout_s)
    try:
        raw = _body(connector, connectors, slots, secrets, deadline)
    except httpcore2.TimeoutException as error:
        raise ConnectorFailed(f"{_who(connector)} did not answer within {timeout_s:g} s.") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError, ValueError) as error:
        raise ConnectorFailed(f"{_who(connector)} could not be reached: {_words_of(error)}.") from error
    rows = _rows(_at(_json(raw, connector), connector))
    return CloudResult(connector=connector.title, title=f"{connector.host} answered", rows=rows)


def _secrets(connector: Connector, secret: Callable[[str], str | None]) -> dict[str, str]:
    found = {name: secret(name) for name in connector.secrets}
    missing = next((name for name, value in found.items() if not value), None)
    if missing is not None:
        hint = f"Store it under Connectors, or in the environment variable {missing}."
        raise ConnectorFailed(f"{connector.title} needs the secret {missing!r}, which nobody stored.", hint=hint)
    broken = next((name for name, value in found.items() if value and not value.isprintable()), None)
    if broken is not None:  # said here, since the library's own words would show the secret
        raise ConnectorFailed(f"The secret {broken!r} holds a line break or another character that no header holds.")
    return {name: value for name, value in found.items() if value}


def _body(
    connector: Connector, connectors: ConnectorSet, slots: dict[str, Any], secrets: dict[str, str], deadline: Deadline
) -> bytes:
    backend = GuardedBackend(connectors.private_hosts, deadline)
    with httpcore2.ConnectionPool(network_backend=backend, max_keepalive_connections=0) as pool:
        url = connector.filled_url(slots)
        for _ in range(MOST_REDIRECTS + 1):
            own = connector.filled_headers(secrets) if _origin(url) == _origin(connector.url) else {}
            content = connector.filled_body(slots) if connector.method == "POST" else None
            answer = _ask(pool, connector, url, own, content, deadline)
            if isinstance(answer, bytes):
                return answer
            url = _redirected(connector, connectors, url, answer)
    raise ConnectorFailed(f"{_who(connector)} redirects more than {MOST_REDIRECTS} times.")


def _ask(
    pool: httpcore2.ConnectionPool, connector: Connector, url: str, own: dict[str, str], content: bytes | None,
    deadline: Deadline,
) -> bytes | str:  # fmt: skip
    """One exchange: the body, or where it redirects to."""
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "arny-studio", **own}
    if content is not None:
        headers.setdefault("Content-Type", "application/json")
    left_s = deadline.left()
    limits = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), left_s)}
    with pool.stream(connector.method, url, headers=_as_bytes(headers), content=content, extensions=limits) as response:
        found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        if response.status in _REDIRECTS and "location" in found:
            return found["location"]
        if not 200 <= response.status < 300:
            raise ConnectorFailed(f"{_who(connector)} answered with status {response.status}.")
        if found.get("content-encoding", "identity") != "identity":
            raise ConnectorFailed(f"{_who(connector)} sent a compressed answer, which was not asked for.")
        return _bounded(response, connector)


def _bounded(response: httpcore2.Response, connector: Connector) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in response.iter_stream():
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            raise ConnectorFailed(f"{_who(connector)} sent more than {MOST_BYTES // 1_000_000} MB; nothing was kept.")
    return b"".join(parts)


def _redirected(connector: Connector, connectors: ConnectorSet, url: str, location: str) -> str:
    """Where to ask next. Raises Refused where that is not allowed."""
    if connector.method != "GET":
        raise Refused(f"{_who(connector)} redirects what was sent elsewhere; that is not followed.")
    target = urljoin(url, location)
    there = urlsplit(target)
    host = (there.hostname or "").lower()
    if there.scheme not in ("http", "https") or (url.startswith("https:") and there.scheme != "https"):
        raise Refused(f"{_who(connector)} redirects to an address that is not https; that is not followed.")
    if host not in {allowed.lower() for allowed in connectors.allowed_hosts}:
        raise Refused(f"{_who(connector)} redirects to {host[:80]}, which is not among the allowed hosts.")
    return target


def _json(raw: bytes, connector: Connector) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ConnectorFailed(f"{_who(connector)} sent no JSON: {error}.") from error


def _at(value: Any, connector: Connector) -> Any:
    """The part of the answer that the connector's path names."""
    for key, index in _STEP.findall(connector.result):
        is_there = key in value if isinstance(value, dict) and key else bool(index) and isinstance(value, list)
        if not is_there or (index and int(index) >= len(value)):
            raise ConnectorFailed(f"{_who(connector)} sent JSON without {connector.result}.")
        value = value[key] if key else value[int(index)]
    return value


def _rows(value: Any) -> tuple[Row, ...]:
    """At most five rows with the same keys, every value short and plain."""
    items = value if isinstance(value, list) else [value]
    rows = [item if isinstance(item, dict) else {"value": item} for item in items[:ROWS_SHOWN]]
    keys = list(dict.fromkeys(key for row in rows for key in row))[:KEYS_SHOWN]
    return tuple({key[:60]: _plain(row.get(key)) for key in keys} for row in rows)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port


def _as_bytes(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("utf-8")) for name, value in headers.items()]


def _who(connector: Connector) -> str:
    return f"{connector.title} ({connector.host})"


def _words_of(error: Exception) -> str:
    return str(error).rstrip(".")[:200] or type(error).__name__
