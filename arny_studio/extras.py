"""Which library belongs to which optional extra, and whether it is here. Looks without importing."""

from __future__ import annotations

from importlib.util import find_spec

from arny_studio.errors import MissingExtra

LIBRARIES: dict[str, tuple[str, ...]] = {
    "train": ("torch", "transformers", "trl", "peft", "accelerate", "datasets"),
    "infer": ("llama_cpp", "llguidance"),
    "cuda": ("bitsandbytes",),
}


def missing_extra(extra: str, purpose: str) -> MissingExtra | None:
    """The error that says which library of an extra (`train`, `infer`) is not installed; None where all are."""
    for library in LIBRARIES[extra]:
        if find_spec(library) is None:
            return MissingExtra(library, extra, purpose)
    return None


def extra_of(module: str) -> str | None:
    """The extra that brings a module such as `torch.nn`; None where it belongs to none."""
    top = module.partition(".")[0]
    return next((extra for extra, libraries in LIBRARIES.items() if top in libraries), None)
