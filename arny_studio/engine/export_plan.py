"""What an export will make, before it makes anything: every file's size, the disk and time it takes, and the phones.

Sizes are exact to a few KiB: llama.cpp's own choice of types is followed (`quant_types.py`, held equal by a test), which
costs nothing, where its dry run would need the F16 file first.
"""

from __future__ import annotations

import os
import shutil
from math import prod
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from arny_studio.device.memory import ModelShape, predict
from arny_studio.device.profiles import built_in_profiles
from arny_studio.engine.export_source import FolderSource, Source
from arny_studio.engine.lora_gguf import predicted_lora_bytes
from arny_studio.engine.merged_folder import merged_bytes
from arny_studio.engine.output_files import existing_folder
from arny_studio.engine.quant_types import predicted_bytes, predicted_tensors
from arny_studio.engine.replay import MAX_TOKENS, distribution_bytes
from arny_studio.recipe import ExportRecipe, Quant

# Measured on two cores; the plan says "about". Values written or quantized per second and thread, and tokens decoded
# per second for each thousand million weights.
_F16_VALUES_PER_S = 120e6
_QUANT_VALUES_PER_S: dict[Quant, float] = {
    "Q8_0": 150e6, "Q6_K": 25e6, "Q5_K_M": 18e6, "Q4_K_M": 14e6, "Q4_0": 60e6,
}  # fmt: skip
_READ_BYTES_PER_S = 600e6
_TOKENS_PER_S_PER_BILLION = 40.0


class PhoneFit(Struct, frozen=True, kw_only=True):
    """One file on one phone: what it takes of the app's budget once it is loaded."""

    device: str
    needed_bytes: int
    cap_bytes: int

    @property
    def fits(self) -> bool:
        return self.needed_bytes <= self.cap_bytes


class PlannedFile(Struct, frozen=True, kw_only=True):
    """One file or folder to be."""

    name: str
    kind: Literal["gguf", "merged", "lora"]
    quant: Quant | Literal[""]
    size_bytes: int
    bits_per_weight: float
    phones: list[PhoneFit] = []
    fallbacks: int = 0  # tensors that llama.cpp stores in a larger type, as their rows do not fit the format


class ExportPlan(Struct, frozen=True, kw_only=True):
    """Everything that is known beforehand. `needed_bytes` counts what is there only while the export runs too."""

    files: list[PlannedFile]
    needed_bytes: int
    free_bytes: int
    about_s: float
    parameters: int


def wanted_quants(recipe: ExportRecipe) -> tuple[Quant, ...]:
    """The formats to write, each once; F16 first where it is only to be kept."""
    kept: tuple[Quant, ...] = ("F16",) if recipe.keep_f16 else ()
    wanted: dict[Quant, None] = dict.fromkeys((*kept, *recipe.quants))
    return tuple(wanted)


def plan_export(source: Source, recipe: ExportRecipe, folder: Path) -> ExportPlan:
    """The plan for everything that the recipe asks for, into `folder`."""
    files = [_gguf(source, recipe, quant) for quant in wanted_quants(recipe)]
    files += _others(source, recipe)
    made = sum(file.size_bytes for file in files)
    has_f16 = any(file.quant == "F16" for file in files)
    passing = 0 if has_f16 or not isinstance(source, FolderSource) else source.f16_bytes
    logits = distribution_bytes(recipe.parity.prompts, source.shape.vocab) if recipe.parity.prompts else 0
    return ExportPlan(
        files=files,
        needed_bytes=made + passing + logits,
        free_bytes=shutil.disk_usage(existing_folder(folder)).free,
        about_s=_seconds(source, recipe, files),
        parameters=source.parameters,
    )


def phone_fits(shape: ModelShape, tier: str) -> list[PhoneFit]:
    """The file on each built-in phone, with the room that the app itself takes."""
    fits: list[PhoneFit] = []
    for name, profile in built_in_profiles().items():
        is_router = tier != "tier2"
        settings = profile.settings(1 if is_router else 2)
        needed = predict(shape, settings, is_router=is_router).total
        fits.append(PhoneFit(device=name, needed_bytes=needed, cap_bytes=profile.cap_bytes))
    return fits


def _gguf(source: Source, recipe: ExportRecipe, quant: Quant) -> PlannedFile:
    tensors = predicted_tensors(source.stored, quant)
    values = sum(prod(tensor.shape) for tensor in source.stored)
    size = predicted_bytes(source.stored, source.header_bytes, quant)
    return PlannedFile(
        name=source.labels.file_name(quant),
        kind="gguf",
        quant=quant,
        size_bytes=size,
        bits_per_weight=round(8 * sum(tensor.nbytes for tensor in tensors) / max(1, values), 2),
        phones=phone_fits(replace(source.shape, file_bytes=size, quant=quant), recipe.tier),
        fallbacks=sum(tensor.is_fallback for tensor in tensors),
    )


def _others(source: Source, recipe: ExportRecipe) -> list[PlannedFile]:
    files: list[PlannedFile] = []
    if isinstance(source, FolderSource) and recipe.merged_folder:
        size, name = merged_bytes(source.model), source.labels.folder_name
        files.append(PlannedFile(name=name, kind="merged", quant="", size_bytes=size, bits_per_weight=16.0))
    if isinstance(source, FolderSource) and recipe.lora_gguf and source.adapter is not None:
        size, name = predicted_lora_bytes(source.adapter), source.labels.lora_file_name
        files.append(PlannedFile(name=name, kind="lora", quant="", size_bytes=size, bits_per_weight=16.0))
    return files


def _seconds(source: Source, recipe: ExportRecipe, files: list[PlannedFile]) -> float:
    """About how long it takes on this machine, by figures measured on another."""
    threads = recipe.threads or max(1, (os.cpu_count() or 2) - 1)
    values = source.parameters
    seconds = values / _F16_VALUES_PER_S if isinstance(source, FolderSource) else 0.0
    ggufs = [file for file in files if file.kind == "gguf"]
    seconds += sum(
        values / _QUANT_VALUES_PER_S[file.quant] / threads for file in ggufs if file.quant in _QUANT_VALUES_PER_S
    )
    seconds += sum(file.size_bytes for file in files) / _READ_BYTES_PER_S
    tokens = recipe.parity.prompts * MAX_TOKENS / 2
    rounds = len({"F16", *(file.quant for file in ggufs)}) if recipe.parity.prompts else 0
    return seconds + rounds * (1.0 + tokens * values / 1e9 / _TOKENS_PER_S_PER_BILLION)
