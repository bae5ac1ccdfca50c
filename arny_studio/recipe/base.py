"""What every recipe carries. Fields say their unit, bound and help once; form, flags and docs are derived.

Paths in a recipe are absolute, or relative to the folder of the recipe file; `load_recipe` resolves nothing.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Quant = Literal["F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0"]


class Recipe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What every recipe carries."""

    title: Annotated[str, Meta(description="What people call this run.")] = ""
