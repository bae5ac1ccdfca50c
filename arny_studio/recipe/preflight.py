"""What a training would do, found out before it starts: the order to look, and the report that comes back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from arny_studio.recipe.base import Recipe
from arny_studio.recipe.train import TrainRecipe

Level = Literal["ok", "note", "warning", "error"]
PartName = Literal["weights", "adapter", "optimizer", "gradients", "activations", "logits", "libraries"]
NAMED_LINES = 200  # offending lines that a finding lists; `count` tells them all


class PreflightRecipe(Recipe, tag="preflight", frozen=True, kw_only=True):
    """Look at what a training recipe would do, without training."""

    train: Annotated[TrainRecipe, Meta(description="The training that is looked at.")]
    run_folder: Annotated[
        str, Meta(description="The runs folder of the workspace: its disk, and its models; empty: none.")
    ] = ""


class Finding(Struct, frozen=True, kw_only=True):
    """One line of the report. An `error` keeps the training from starting.

    `lines` are line numbers in `file`, from 1, at most NAMED_LINES of the `count` that there are.
    """

    key: str
    title: str
    text: str
    level: Level = "ok"
    hint: str = ""
    file: str = ""
    lines: list[int] = []
    count: int = 0


class MemoryPart(Struct, frozen=True, kw_only=True):
    """One part of the memory estimate, and how it came about."""

    name: PartName
    title: str
    bytes: int
    formula: str


class Estimate(Struct, frozen=True, kw_only=True):
    """A figure as it is shown: the formula's `raw` value times what past runs on this machine taught.

    `past_error` is the median of |predicted / actual - 1| over `past_runs`; None where there are none.
    """

    value: float
    raw: float
    correction: float = 1.0
    past_runs: int = 0
    past_error: float | None = None


class PreflightReport(Struct, frozen=True, kw_only=True):
    """All that is known of a training before it starts. Figures that need the base or the data are 0 or None without."""

    findings: list[Finding]
    device: str = "cpu"
    rows: int = 0
    rows_skipped: int = 0
    validation_rows: int = 0
    tokens: int = 0
    supervised: int = 0
    truncated: int = 0
    leaked: int = 0
    near_leaked: int = 0
    steps: int = 0
    seconds: Estimate | None = None
    memory: Estimate | None = None
    memory_parts: list[MemoryPart] = []
    memory_available_bytes: int = 0
    memory_relief: str = ""  # the smallest change that fits, where it does not
    disk_needed_bytes: int = 0
    disk_free_bytes: int = 0

    @property
    def can_start(self) -> bool:
        """Whether nothing stands against the training."""
        return self.blocker is None

    @property
    def blocker(self) -> Finding | None:
        """The first finding that keeps the training from starting."""
        return next((finding for finding in self.findings if finding.level == "error"), None)


def report_from(values: dict[str, Any]) -> PreflightReport:
    """The report of a `preflight` result. Raises msgspec.ValidationError where it is none."""
    return msgspec.convert(values, PreflightReport)
