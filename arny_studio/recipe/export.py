"""What to export, and in which formats."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from arny_studio.recipe.base import Quant, Recipe


class ExportRecipe(Recipe, tag="export", frozen=True, kw_only=True):
    """Adapter + base → merged → F16 GGUF → quants."""

    base: Annotated[str, Meta(description="Folder of the base model in safetensors.")]
    adapter: Annotated[str, Meta(description="Folder of the LoRA adapter; empty: the base as it is.")] = ""
    quants: Annotated[tuple[Quant, ...], Meta(min_length=1, description="Formats to write.")] = ("Q4_K_M",)
    name: Annotated[str, Meta(description="Basename of the GGUF files; empty: made from the base.")] = ""
    tier: Annotated[Literal["tier1", "tier2", ""], Meta(description="Which tier the files are for, if any.")] = ""
    contract: Annotated[str, Meta(description="Contract id or file, for lineage.")] = "router-v1"
    keep_f16: Annotated[bool, Meta(description="Keep the F16 file even where it is not asked for.")] = False
    merged_folder: Annotated[bool, Meta(description="Also write the merged model as safetensors.")] = False
    threads: Annotated[int, Meta(ge=0, description="Threads for quantizing; 0: one less than there are cores.")] = 0
