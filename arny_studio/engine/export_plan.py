"""Plans an export from headers alone.

Sizes are exact to a few KiB: llama.cpp's own choice of types is followed (`quant_types.py`, held equal by a test), which
costs nothing, where its dry run would need the F16 file first.
"""

from __future__ import annotations

import os
import shutil
from math import prod
from pathlib import Path

from msgspec.structs import replace

from arny_studio.device.memory import ModelShape, predict
from arny_studio.device.profiles import built_in_profiles
from arny_studio.engine.export_source import FolderSource, Source
from arny_studio.engine.lora_gguf import predicted_lora_bytes
from arny_studio.engine.merged_folder import merged_bytes
from arny_studio.engine.output_files import existing_folder
from arny_studio.engine.parity import trainer_check
from arny_studio.engine.quant_types import predicted_bytes, predicted_tensors
from arny_studio.engine.replay import MAX_TOKENS, distribution_bytes
from arny_studio.recipe import ExportRecipe, Quant
from arny_studio.recipe.plan import ExportPlan, PhoneFit, PlannedFile

# Measured on two cores; the plan says "about". Values written, or quantized per thread, in a second; bytes read back;
# tokens decoded in a second for each thousand million weights.
_F16_VALUES_PER_S = 90e6
_QUANT_VALUES_PER_S: dict[Quant, float] = {
    "Q8_0": 300e6, "Q6_K": 60e6, "Q5_K_M": 48e6, "Q4_K_M": 38e6, "Q4_0": 150e6,
}  # fmt: skip
_READ_BYTES_PER_S = 600e6
_TOKENS_PER_S_PER_BILLION = 40.0
_REPLAY_START_S, _TOKEN_S = 1.0, 0.001  # a process with llama.cpp; what a token costs however small the model is
_TRAINER_START_S, _TRAINER_TOKEN_S, _TRAINER_SLOWER = 12.0, 0.004, 2.0  # the same for torch, which computes in float32


def wanted_quants(recipe: ExportRecipe) -> tuple[Quant, ...]:
    """The formats to write, each once; F16 first where it is only to be kept."""
    kept: tuple[Quant, ...] = ("F16",) if recipe.keep_f16 else ()
    wanted: dict[Quant, None] = dict.fromkeys((*kept, *recipe.quants))
    return tuple(wanted)


def plan_export(source: Source, recipe: ExportRecipe, folder: Path) -> ExportPlan:
    """The plan for everything that the recipe asks for, into `folder`."""
    merges = isinstance(source, FolderSource)
    return ExportPlan(
        files=[_gguf(source, recipe, quant) for quant in wanted_quants(recipe)] + _others(source, recipe),
        passing_bytes=source.f16_bytes if merges else 0,
        scratch_bytes=distribution_bytes(recipe.parity.prompts, source.shape.vocab) if recipe.parity.prompts else 0,
        free_bytes=shutil.disk_usage(existing_folder(folder)).free,
        start_s=(source.parameters / _F16_VALUES_PER_S if merges else 0.0)
        + _replay_s(source, recipe)
        + _trainer_s(source, recipe),
        parameters=source.parameters,
    )


def phone_fits(shape: ModelShape, tier: str) -> list[PhoneFit]:
    """The file on each built-in phone, loaded as the router or as the reasoner."""
    fits: list[PhoneFit] = []
    is_router = tier != "tier2"
    for name, profile in built_in_profiles().items():
        needed = predict(shape, profile.settings(1 if is_router else 2), is_router=is_router).total
        fits.append(PhoneFit(device=name, title=profile.title, needed_bytes=needed, cap_bytes=profile.cap_bytes))
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
        about_s=_quant_s(source, recipe, quant) + size / _READ_BYTES_PER_S,
        phones=phone_fits(replace(source.shape, file_bytes=size, quant=quant), recipe.tier),
        fallbacks=sum(tensor.is_fallback for tensor in tensors),
    )


def _others(source: Source, recipe: ExportRecipe) -> list[PlannedFile]:
    if not isinstance(source, FolderSource):
        return []
    files: list[PlannedFile] = []
    if recipe.merged_folder:
        seconds, size = source.parameters / _F16_VALUES_PER_S, merged_bytes(source.model)
        files.append(
            PlannedFile(
                name=source.labels.folder_name, kind="merged", quant="", size_bytes=size, bits_per_weight=16.0,
                about_s=seconds,
            )
        )  # fmt: skip
    if recipe.lora_gguf and source.adapter is not None:
        size, name = predicted_lora_bytes(source.adapter), source.labels.lora_file_name
        files.append(PlannedFile(name=name, kind="lora", quant="", size_bytes=size, bits_per_weight=16.0, about_s=0.1))
    return files


def _quant_s(source: Source, recipe: ExportRecipe, quant: Quant) -> float:
    if quant == "F16":
        return 0.0
    threads = recipe.threads or max(1, (os.cpu_count() or 2) - 1)
    return source.parameters / _QUANT_VALUES_PER_S[quant] / threads + _replay_s(source, recipe)


def _replay_s(source: Source, recipe: ExportRecipe) -> float:
    tokens = recipe.parity.prompts * MAX_TOKENS / 2
    return _REPLAY_START_S + tokens * (_TOKEN_S + _weights_s(source)) if tokens else 0.0


def _trainer_s(source: Source, recipe: ExportRecipe) -> float:
    """Holding F16 against the trained model, where that can be done here."""
    prompts = min(recipe.parity.trainer_prompts, recipe.parity.prompts)
    if not prompts or not trainer_check(source, recipe.parity).is_possible:
        return 0.0
    tokens = prompts * MAX_TOKENS / 2
    return _TRAINER_START_S + tokens * (_TRAINER_TOKEN_S + _TRAINER_SLOWER * _weights_s(source))


def _weights_s(source: Source) -> float:
    """Reading all weights once, which each token does."""
    return source.parameters / 1e9 / _TOKENS_PER_S_PER_BILLION
