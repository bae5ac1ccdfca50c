"""A model as a library lists it: what it is, how large, and under which terms."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

ModelKind = Literal["base", "adapter", "gguf"]


class ModelEntry(Struct, frozen=True, kw_only=True):
    """One base, adapter or GGUF. `form` says how its weights are kept: `16-bit`, `NF4`, `Q4_K_M`, `r=16`.

    `problem` tells why it cannot be used; what could not be read is empty or None.
    """

    path: str
    name: str
    kind: ModelKind
    architecture: str = ""
    parameters: int | None = None
    size_bytes: int = 0
    form: str = ""
    licence: str = ""
    licence_note: str = ""
    base: str = ""  # what an adapter belongs to
    source: str = ""  # the Hub id it was downloaded from
    problem: str = ""
