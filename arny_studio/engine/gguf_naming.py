"""What a GGUF is called, inside (`general.*`) and as a file, by the naming convention of the gguf package."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import gguf
from msgspec import Struct
from msgspec.structs import replace

from arny_studio.engine.adapter import read_adapter_config
from arny_studio.engine.gguf_check import GgufInfo
from arny_studio.engine.model_folder import ModelCard, read_model_card

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")
_STORAGE_SUFFIX = re.compile(r"-(unsloth-)?bnb-4bit$")  # how a base is stored says nothing about what it is
_TIER_WORDS = {
    "tier1": "Tier-1 router: reads a query and answers with a routing decision in strict JSON.",
    "tier2": "Tier-2 reasoner: answers hard questions in words.",
}


class ModelLabels(Struct, frozen=True, kw_only=True):
    """Names and origin of one exported model; empty where unknown."""

    name: str
    basename: str
    finetune: str
    size_label: str
    base_name: str
    base_organization: str
    card: ModelCard
    description: str = ""
    adapter_description: str = ""  # of the adapter alone
    tags: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()

    def file_name(self, quant: str) -> str:
        """Such as `Qwen2.5-1.5B-tier1-Q4_K_M.gguf`."""
        return f"{self._stem(quant)}.gguf"

    @property
    def lora_file_name(self) -> str:
        """Such as `Qwen2.5-1.5B-tier1-F16-LoRA.gguf`."""
        return f"{self._stem('F16', 'LoRA')}.gguf"

    @property
    def folder_name(self) -> str:
        """Of the merged model: the files' common beginning."""
        return self._stem("F16").removesuffix("-F16")

    def _stem(self, quant: str, kind: Literal["LoRA"] | None = None) -> str:
        return gguf.naming_convention(
            self.name, self.basename, self.finetune or None, None, self.size_label, output_type=quant, model_type=kind
        )


def label_model(
    base: Path, adapter: Path | None, *, parameters: int, name: str = "", finetune: str = "", license_id: str = "",
    tier: str = "", datasets: tuple[str, ...] = (),
) -> ModelLabels:  # fmt: skip
    """Labels from what base and adapter say.

    `name` is the basename where given, `finetune` what the training was for, `datasets` what it was trained on, and
    `license_id` an SPDX identifier that takes the place of the base's.
    """
    card = read_model_card(base)
    if license_id:
        card = replace(card, license=license_id, license_name="", license_link="")
    base_id = _base_id(card, adapter)
    # Without a parameter count, or else a size in the name that differs from it is taken for a finetune.
    full_name, organization, basename, base_finetune, _version, _size = gguf.Metadata.get_model_id_components(base_id)
    tunings = [base_finetune if not name else "", finetune]
    chosen_basename = _clean(name) or _clean(basename or full_name or base_id) or "model"
    chosen_finetune = "-".join(_clean(tuning) for tuning in tunings if tuning)
    label = gguf.size_label(parameters, parameters, 0, 0)
    base_name = gguf.Metadata.id_to_title(full_name or base_id)
    return ModelLabels(
        name=" ".join(part for part in (chosen_basename, label, chosen_finetune) if part),
        basename=chosen_basename,
        finetune=chosen_finetune,
        size_label=label,
        base_name=base_name,
        base_organization=organization or "",
        card=card,
        description=_description(tier, f"LoRA merged into {base_name}." if adapter else f"Converted from {base_name}."),
        adapter_description=_description(tier, f"LoRA for {base_name}.") if adapter else "",
        tags=("arny", *([tier] if tier else []), "text-generation"),
        datasets=datasets,
    )


def label_gguf(info: GgufInfo, *, name: str = "", tier: str = "") -> ModelLabels:
    """Labels from what an F16 GGUF says of itself; what it leaves out comes from its file name."""
    said = {key: info.text(f"general.{key}") for key in ("name", "basename", "finetune", "size_label", "license")}
    size = said["size_label"] or gguf.size_label(info.parameters, info.parameters, 0, 0)
    basename = _clean(name) or _clean(said["basename"]) or _clean(info.path.stem.removesuffix("-F16"))
    return ModelLabels(
        name=said["name"] or basename,
        basename=basename,
        finetune=_clean(said["finetune"] or tier),
        size_label=size,
        base_name=info.text("general.base_model.0.name") or said["name"] or basename,
        base_organization=info.text("general.base_model.0.organization"),
        card=ModelCard(name=said["name"] or basename, license=said["license"]),
        description=info.text("general.description"),
    )


def _description(tier: str, origin: str) -> str:
    what = _TIER_WORDS.get(tier, "")
    return " ".join(part for part in (what, origin) if part)


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
