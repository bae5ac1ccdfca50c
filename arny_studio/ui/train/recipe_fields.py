"""The fields of a recipe as a form needs them: kind, bounds and help, read from the struct itself."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec import inspect as kinds

from arny_studio.recipe import Recipe, TrainRecipe

FieldKind = Literal["int", "float", "bool", "choice", "list", "text"]

MAIN_FIELDS = (
    "epochs", "learning_rate", "batch_size", "gradient_accumulation", "max_seq_length", "packing", "lora_r",
    "lora_alpha", "max_minutes",
)  # fmt: skip
PICKED_FIELDS = ("title", "base", "train_data", "validation_data")  # chosen beside the form
CARRIED_FIELDS = ("foreign",)  # kept from an import to an export, never edited
ADVANCED_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("What it learns", ("tier", "contract", "validation_rows", "max_steps", "seed")),
    ("Adapter", ("lora_dropout", "target_modules")),
    ("Optimizer", ("scheduler", "warmup_steps", "optimizer", "weight_decay")),
    ("Memory", ("load_in_4bit", "gradient_checkpointing")),
    ("Watching and saving", (
        "logging_steps", "save_steps", "eval_steps", "answer_steps", "answer_rows", "answer_tokens", "keep_best_by",
        "early_stopping",
    )),
    ("Engine", ("engine", "processes", "share_gpu")),
)  # fmt: skip
_LARGEST_INT = 2_147_483_647


class FieldSpec(Struct, frozen=True, kw_only=True):
    """One field. A bound is None where there is none; `above` and `below` are bounds that are not reached."""

    name: str
    kind: FieldKind
    help: str
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The name as people read it."""
        return (
            self.name.replace("_", " ")
            .capitalize()
            .replace("Lora", "LoRA")
            .replace("gpu", "GPU")
            .replace("4bit", "4 bits")
        )

    @property
    def bounds(self) -> str:
        """`1 to 512`, `above 0, up to 0.1`, `0 or more`; empty where everything goes."""
        if self.kind not in ("int", "float"):
            return ""
        low = f"above {self.above:g}" if self.above is not None else ""
        high = f"below {self.below:g}" if self.below is not None else ""
        if self.least is not None and self.most is not None:
            return f"{self.least:g} to {self.most:g}"
        if self.least is not None:
            low = f"{self.least:g} or more"
        if self.most is not None:
            high = f"up to {self.most:g}"
        return ", ".join(part for part in (low, high) if part)

    def problem_of(self, value: float) -> str:
        """Why a number cannot be taken; empty where it can."""
        outside = (
            (self.least is not None and value < self.least)
            or (self.most is not None and value > self.most)
            or (self.above is not None and value <= self.above)
            or (self.below is not None and value >= self.below)
        )
        return f"{self.title}: {self.bounds}." if outside or value != value else ""

    @property
    def int_range(self) -> tuple[int, int]:
        """Least and most for a spin box."""
        least = 0 if self.least is None else int(self.least)
        return least, _LARGEST_INT if self.most is None else int(self.most)


def fields_of(recipe: type[Recipe] = TrainRecipe) -> dict[str, FieldSpec]:
    """Every field of a recipe by name, in its own order."""
    info = kinds.type_info(recipe)
    assert isinstance(info, kinds.StructType)
    return {field.name: _spec(field.name, field.type) for field in info.fields}


def advanced_groups() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The fields that are folded away, by group; one that no group names comes last, so that none is forgotten."""
    grouped = {name for _, names in ADVANCED_GROUPS for name in names}
    elsewhere = {*MAIN_FIELDS, *PICKED_FIELDS, *CARRIED_FIELDS, *grouped}
    rest = tuple(name for name in fields_of() if name not in elsewhere)
    return (*ADVANCED_GROUPS, ("More", rest)) if rest else ADVANCED_GROUPS


def values_of(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain values by field."""
    return {field.name: getattr(recipe, field.name) for field in msgspec.structs.fields(recipe)}


def _spec(name: str, kind: Any) -> FieldSpec:
    about = ""
    if isinstance(kind, kinds.Metadata):
        about = (kind.extra_json_schema or {}).get("description", "")
        kind = kind.type
    match kind:
        case kinds.BoolType():
            return FieldSpec(name=name, kind="bool", help=about)
        case kinds.LiteralType(values=values):
            return FieldSpec(name=name, kind="choice", help=about, choices=tuple(str(value) for value in values))
        case kinds.IntType() | kinds.FloatType():
            return FieldSpec(
                name=name, kind="int" if isinstance(kind, kinds.IntType) else "float", help=about,
                least=kind.ge, most=kind.le, above=kind.gt, below=kind.lt,
            )  # fmt: skip
        case kinds.VarTupleType():
            return FieldSpec(name=name, kind="list", help=about)
        case _:
            return FieldSpec(name=name, kind="text", help=about)
