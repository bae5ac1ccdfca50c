"""Secrets by name: in the system's keyring, else in an environment variable of that name; never in a file or a log.

The worker that sends a request reads the secret itself; recipes, commands and connector files carry its name only.
Where the system has no keyring, a secret lives in this process's environment, which its workers inherit: this session
only.
"""

from __future__ import annotations

import contextlib
import os
from types import ModuleType
from typing import Literal

SERVICE = "arny-studio"


def read_secret(name: str) -> str | None:
    """The secret of this name, or None where nobody stored one."""
    keyring, errors = _keyring()
    try:
        stored = keyring.get_password(SERVICE, name)
    except errors:
        stored = None
    return stored or os.environ.get(name) or None


def store_secret(name: str, value: str) -> Literal["keyring", "session"]:
    """Keep a secret, in the keyring where there is one, else for this session; says where."""
    keyring, errors = _keyring()
    try:
        keyring.set_password(SERVICE, name, value)
    except errors:
        os.environ[name] = value
        return "session"
    return "keyring"


def forget_secret(name: str) -> None:
    """Remove a secret from wherever it is kept."""
    keyring, errors = _keyring()
    with contextlib.suppress(*errors):  # not there, or no keyring
        keyring.delete_password(SERVICE, name)
    os.environ.pop(name, None)


def _keyring() -> tuple[ModuleType, tuple[type[Exception], ...]]:
    """The library and its error types; imported late, since it looks for backends."""
    import keyring
    from keyring.errors import KeyringError

    return keyring, (KeyringError, OSError)
