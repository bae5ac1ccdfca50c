"""What a GGUF is called, inside (`general.*`) and as a file, by the naming convention of the gguf package."""

from __future__ import annotations

import re
from pathlib import Path

import gguf
from msgspec import Struct

from arny_studio.engine.adapter import read_adapter_config
from arny_studio.engine.model_folder import ModelCard, read_model_card

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")
_STORAGE_SUFFIX = re.compile(r"-(unsloth-)?bnb-4bit$")  # how a base is stored says nothing about what it is


class ModelLabels(Struct, frozen=True, kw_only=True):
    """Names and origin of one exported model; empty where unknown."""

    name: str
    basename: str
    finetune: str
    size_label: str
    base_name: str
    base_organization: str
    card: ModelCard

    def file_name(self, quant: str) -> str:
        """Such as `Qwen2.5-1.5B-tier1-Q4_K_M.gguf`."""
        stem = gguf.naming_convention(
            self.name, self.basename, self.finetune or None, None, self.size_label, output_type=quant
        )
        return f"{stem}.gguf"


def label_model(
    base: Path, adapter: Path | None, *, parameters: int, name: str = "", finetune: str = ""
) -> ModelLabels:
    """Labels from what base and adapter say. `name` is the basename where given, `finetune` what the training was for."""
    card = read_model_card(base)
    base_id = _base_id(card, adapter)
    # Without a parameter count, or else a size in the name that differs from it is taken for a finetune.
    full_name, organization, basename, base_finetune, _version, _size = gguf.Metadata.get_model_id_components(base_id)
    tunings = [base_finetune if not name else "", finetune]
    chosen_basename = _clean(name) or _clean(basename or full_name or base_id) or "model"
    chosen_finetune = "-".join(_clean(tuning) for tuning in tunings if tuning)
    label = gguf.size_label(parameters, parameters, 0, 0)
    return ModelLabels(
        name=name or " ".join(part for part in (chosen_basename, label, chosen_finetune) if part),
        basename=chosen_basename,
        finetune=chosen_finetune,
        size_label=label,
        base_name=gguf.Metadata.id_to_title(full_name or base_id),
        base_organization=organization or "",
        card=card,
    )


def _base_id(card: ModelCard, adapter: Path | None) -> str:
    """The base's Hub id where its folder or the adapter knows it, else the folder's name."""
    if not _HUB_ID.fullmatch(card.name) and adapter is not None:
        named = read_adapter_config(adapter).base_model
        if _HUB_ID.fullmatch(named):
            return _STORAGE_SUFFIX.sub("", named)
    return _STORAGE_SUFFIX.sub("", card.name)


def _clean(text: str) -> str:
    """Fit for a file name on every system, on its own."""
    return re.sub(r"[^\w.+-]+", "-", text).strip("-._")
