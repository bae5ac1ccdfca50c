"""Which pass to make over a dataset, and over which of its states."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from arny_studio.recipe.base import Recipe


class DataRecipe(Recipe, tag="data", frozen=True, kw_only=True):
    """A pass over a whole dataset: write one, look at every row of one, change one, or split one."""

    task: Annotated[
        Literal["generate", "scan", "check", "find", "bulk", "split", "preview", "import"],
        Meta(description="Which pass."),
    ]
    path: Annotated[str, Meta(description="The dataset: written by generate, read by every other pass.")]
    journal: Annotated[str, Meta(description="Journal of unsaved edits; empty: the file as it is.")] = ""
    journal_bytes: Annotated[int, Meta(ge=0, description="How much of the journal counts.")] = 0
    version: Annotated[int, Meta(ge=0, description="The document's version that this is.")] = 0
    contract: Annotated[str, Meta(description="Contract id or file.")] = "router-v1"
    tier: Annotated[Literal["tier1", "tier2"], Meta(description="Which generator writes.")] = "tier1"
    rows: Annotated[int, Meta(ge=1, le=10_000_000, description="Rows to generate.")] = 3000
    seed: Annotated[int, Meta(ge=0, description="Seed of the generator.")] = 7
    phrases: Annotated[
        Literal["train", "phrasings", "test", "shapes"],
        Meta(
            description="Phrases and entities of training, held-out ones (test), or, for Tier-1, held-out phrases alone"
            " (phrasings) or held-out sentence shapes."
        ),
    ] = "train"
    validation_share: Annotated[float, Meta(ge=0, lt=1, description="Share of rows for validation.")] = 0.1
    test_share: Annotated[float, Meta(ge=0, lt=1, description="Share of rows for testing.")] = 0.0
    max_tokens: Annotated[int, Meta(ge=0, description="Longest sample in tokens; 0: no limit.")] = 0
    max_characters: Annotated[int, Meta(ge=0, description="Longest sample in characters; 0: no limit.")] = 0
    base: Annotated[
        str, Meta(description="Folder of the base model whose tokenizer counts; empty: tokens are estimated.")
    ] = ""
    near_duplicates: Annotated[bool, Meta(description="Also look for rows that are almost the same.")] = False
    against: Annotated[str, Meta(description="Another dataset whose queries must not occur in this one.")] = ""
    query: Annotated[str, Meta(description="What find looks for, as in the search field.")] = ""
    operation: Annotated[str, Meta(description="Which bulk operation; see `arny data fix --help`.")] = ""
    arguments: Annotated[dict[str, str], Meta(description="The operation's own settings.")] = field(
        default_factory=dict
    )
    format: Annotated[str, Meta(description="Form of an imported file; empty: recognised by its rows.")] = ""
    mix: Annotated[
        dict[str, Any], Meta(description="Shares of a generated Tier-1 dataset that differ from the usual ones.")
    ] = field(default_factory=dict)
    only: Annotated[str, Meta(description="File of the row keys that are meant (.npy, int64); empty: all rows.")] = ""
    out: Annotated[str, Meta(description="Where the pass puts what it makes; empty: the run's outputs.")] = ""
