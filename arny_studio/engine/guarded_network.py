"""A network that reaches allowed hosts at public addresses only, and not for longer than it may take.

The check sits where the connection is made, on the very address that is connected to: a name that resolves to a private
address, a redirect that names one, and a name that changes its address between check and use all end here.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import time
from collections.abc import Collection, Iterable
from typing import Any

import httpcore2

from arny_studio.errors import ArnyError

_EMBEDDED_V4 = ipaddress.ip_network("64:ff9b::/96")  # NAT64: an IPv4 address in IPv6 clothes


class Refused(ArnyError):
    """A connection that is not made, and why."""


class Deadline:
    """A moment after which nothing is waited for."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end_s = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left; raises ReadTimeout where there are none."""
        left_s = self._end_s - time.monotonic()
        if left_s <= 0:
            raise httpcore2.ReadTimeout(f"no answer within {self.seconds:g} s")
        return left_s


class GuardedBackend(httpcore2.NetworkBackend):
    """Connects to addresses that may be connected to; every wait ends at the deadline."""

    def __init__(self, private_hosts: Collection[str], deadline: Deadline) -> None:
        self._private_hosts = {host.lower() for host in private_hosts}
        self._deadline = deadline
        self._plain = httpcore2.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:  # fmt: skip
        """Resolve, check every address, connect to the first that answers. Raises Refused or a ConnectError."""
        addresses = addresses_of(host, port, may_be_private=host.lower() in self._private_hosts)
        for address in addresses[:-1]:
            with contextlib.suppress(httpcore2.ConnectError):
                return self._connected(address, port, socket_options)
        return self._connected(addresses[-1], port, socket_options)

    def _connected(self, address: str, port: int, socket_options: Iterable[Any] | None) -> httpcore2.NetworkStream:
        plain = self._plain.connect_tcp(address, port, timeout=self._deadline.left(), socket_options=socket_options)
        return _TimedStream(plain, self._deadline)


class _TimedStream(httpcore2.NetworkStream):
    """A stream whose every read and write ends at the deadline, so that a trickle cannot go on for ever."""

    def __init__(self, plain: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._plain, self._deadline = plain, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._plain.read(max_bytes, timeout=self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._plain.write(buffer, timeout=self._deadline.left())

    def close(self) -> None:
        self._plain.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        secured = self._plain.start_tls(ssl_context, server_hostname, timeout=self._deadline.left())
        return _TimedStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._plain.get_extra_info(info)


def addresses_of(host: str, port: int, *, may_be_private: bool) -> list[str]:
    """What a host resolves to. Raises Refused where any of it is not a public address, ConnectError where it is unknown.

    One private address among public ones refuses the host as a whole: whoever controls the name chose it.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore2.ConnectError(f"{host} is unknown here") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    private = next((address for address in addresses if not is_public(address)), None)
    if private is not None and not may_be_private:
        raise Refused(
            f"{host} is at {private}, a private or local address; nothing was sent.",
            hint="Allow that host as private in the connectors if it is yours.",
        )
    return addresses


def is_public(address: str) -> bool:
    """Whether an address is one of the open internet; an IPv4 address inside an IPv6 one is judged as itself."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed in _EMBEDDED_V4:
            return is_public(str(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)))
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if inner is not None:
            return is_public(str(inner))
        if parsed.teredo is not None:
            return False
    return parsed.is_global and not parsed.is_multicast
