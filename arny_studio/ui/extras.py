"""Which optional parts of this installation are here. Looks for libraries without importing them."""

from __future__ import annotations

from importlib.util import find_spec

from arny_studio.errors import MissingExtra

_LIBRARIES = {
    "train": ("torch", "transformers", "trl", "peft", "datasets"),
    "infer": ("llama_cpp", "llguidance"),
}


def missing_extra(extra: str, purpose: str) -> MissingExtra | None:
    """The error that says which library of an extra (`train`, `infer`) is not installed; None where all are."""
    for library in _LIBRARIES[extra]:
        if find_spec(library) is None:
            return MissingExtra(library, extra, purpose)
    return None
