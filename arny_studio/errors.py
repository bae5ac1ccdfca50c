"""Errors that are fit to be shown to a person: one sentence, and a hint where something can be done.

The process boundary turns them into a `failed` event (`kind`), the command into an exit code (`exit_code`).
"""

from __future__ import annotations

from typing import ClassVar, Literal

FailureKind = Literal[
    "bad_input", "out_of_memory", "memory_cap", "missing_file", "missing_extra", "disk_full", "library", "bug"
]


class ArnyError(Exception):
    """What went wrong, in one sentence that says what, where and (as `hint`) what to do."""

    kind: ClassVar[FailureKind] = "bad_input"
    exit_code: ClassVar[int] = 1

    def __init__(self, sentence: str, *, hint: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint


class BadInput(ArnyError):
    """A file or value from the user that cannot be used as it is."""


class BadRecipe(ArnyError):
    """A recipe, profile or command line that says something we do not understand."""

    exit_code = 2


class MissingFile(ArnyError):
    """A path that should exist and does not."""

    kind = "missing_file"


class MissingExtra(ArnyError):
    """A library that belongs to an optional extra is not installed."""

    kind = "missing_extra"

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {library}, which is not installed.",
            hint=f'Install the extra: pip install "arny-studio[{extra}]"',
        )


class DiskFull(ArnyError):
    """Not enough room for what is to be written."""

    kind = "disk_full"


class MemoryCap(ArnyError):
    """A model does not fit, or no longer fits, under the RAM cap of the simulated phone."""

    kind = "memory_cap"


class DeviceLost(ArnyError):
    """The GPU, or a process that trains with this one, went away in the middle of the work."""

    kind = "library"


class OutOfMemory(ArnyError):
    """The real machine ran out of memory."""

    kind = "out_of_memory"
