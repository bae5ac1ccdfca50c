"""Secrets by name: the keyring first, then the environment; without a keyring this session only."""

from __future__ import annotations

import os
from collections.abc import Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.errors import PasswordDeleteError

from arny_studio.jobs.secrets import SERVICE, forget_secret, read_secret, store_secret


class InMemory(KeyringBackend):
    """A keyring as the system has one, for the length of a test."""

    priority = 1  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("none")


@pytest.fixture(autouse=True)
def own_keyring(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = keyring.get_keyring()
    monkeypatch.delenv("FLIGHTS_KEY", raising=False)
    yield
    keyring.set_keyring(before)
    os.environ.pop("FLIGHTS_KEY", None)


def test_that_a_secret_goes_into_the_keyring_and_nowhere_else():
    backend = InMemory()
    keyring.set_keyring(backend)
    assert store_secret("FLIGHTS_KEY", "s3cret") == "keyring"
    assert backend.kept == {(SERVICE, "FLIGHTS_KEY"): "s3cret"}
    assert "FLIGHTS_KEY" not in os.environ
    assert read_secret("FLIGHTS_KEY") == "s3cret"
    forget_secret("FLIGHTS_KEY")
    assert read_secret("FLIGHTS_KEY") is None


def test_that_without_a_keyring_a_secret_lasts_for_this_session():
    keyring.set_keyring(NoKeyring())
    assert store_secret("FLIGHTS_KEY", "s3cret") == "session"
    assert read_secret("FLIGHTS_KEY") == "s3cret"
    forget_secret("FLIGHTS_KEY")
    assert read_secret("FLIGHTS_KEY") is None


def test_that_an_environment_variable_is_read_where_the_keyring_has_nothing(monkeypatch: pytest.MonkeyPatch):
    keyring.set_keyring(InMemory())
    monkeypatch.setenv("FLIGHTS_KEY", "from outside")
    assert read_secret("FLIGHTS_KEY") == "from outside"
