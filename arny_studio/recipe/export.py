"""What to export, and in which formats; what to check; and what to hand over to whom."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from arny_studio.recipe.base import Quant, Recipe
from arny_studio.recipe.parity import ParitySettings

Tier = Literal["tier1", "tier2", ""]


class ExportRecipe(Recipe, tag="export", frozen=True, kw_only=True):
    """Adapter + base → merged → F16 GGUF → quants, each verified and held against F16."""

    base: Annotated[
        str, Meta(description="Folder of the base or merged model in safetensors, its Hub id, or an F16 GGUF.")
    ]
    adapter: Annotated[str, Meta(description="Folder of the LoRA adapter; empty: the base as it is.")] = ""
    quants: Annotated[tuple[Quant, ...], Meta(min_length=1, description="Formats to write.")] = ("Q4_K_M",)
    name: Annotated[str, Meta(description="Basename of the GGUF files; empty: made from the base.")] = ""
    tier: Annotated[Tier, Meta(description="Which tier the files are for, if any.")] = ""
    contract: Annotated[str, Meta(description="Contract id or file.")] = "router-v1"
    license: Annotated[str, Meta(description="Licence of the files; empty: the base's.")] = ""
    keep_f16: Annotated[bool, Meta(description="Keep the F16 file even where it is not asked for.")] = False
    merged_folder: Annotated[bool, Meta(description="Also write the merged model as safetensors.")] = False
    lora_gguf: Annotated[bool, Meta(description="Also write the adapter alone as a LoRA GGUF.")] = False
    out: Annotated[str, Meta(description="Folder that also gets the finished files; empty: none.")] = ""
    threads: Annotated[int, Meta(ge=0, description="Threads for quantizing; 0: one less than there are cores.")] = 0
    parity: ParitySettings = ParitySettings()


class VerifyRecipe(Recipe, tag="verify", frozen=True, kw_only=True):
    """Check a GGUF: header, values, tokenizer, chat template, lineage; and hold it against a reference."""

    file: Annotated[str, Meta(description="The GGUF to check.")]
    reference: Annotated[str, Meta(description="GGUF to hold it against, as a rule its F16; empty: none.")] = ""
    tokenizer: Annotated[str, Meta(description="Folder of the tokenizer it should have; empty: by lineage.")] = ""
    tier: Annotated[Tier, Meta(description="Which tier it is for; empty: by lineage or name.")] = ""
    contract: Annotated[str, Meta(description="Contract id or file.")] = "router-v1"
    threads: Annotated[int, Meta(ge=0, description="Threads; 0: one less than there are cores.")] = 0
    parity: ParitySettings = ParitySettings()


BundleTarget = Literal["ollama", "lm-studio", "llama-cli", "sideload", "phone"]


class BundleRecipe(Recipe, tag="bundle", frozen=True, kw_only=True):
    """Make a folder that another program takes as it is."""

    target: Annotated[BundleTarget, Meta(description="For whom: ollama, lm-studio, llama-cli, sideload, phone.")]
    tier1: Annotated[str, Meta(description="Router GGUF; empty: without a router.")] = ""
    tier2: Annotated[str, Meta(description="Reasoner GGUF; empty: without a reasoner.")] = ""
    contract: Annotated[str, Meta(description="Contract id or file.")] = "router-v1"
    context: Annotated[int, Meta(ge=512, le=131072, description="Context length to set, in tokens.")] = 2048
    out: Annotated[str, Meta(description="Folder to fill; empty: the run folder's outputs.")] = ""
