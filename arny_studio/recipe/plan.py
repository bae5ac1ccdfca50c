"""What an export will make, before it makes anything: every file's size, the disk and time it takes, and the phones."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from msgspec import Struct

from arny_studio.recipe.base import Quant


class PhoneFit(Struct, frozen=True, kw_only=True):
    """One file on one phone: what it takes of the app's budget once it is loaded."""

    device: str
    title: str
    needed_bytes: int
    cap_bytes: int

    @property
    def fits(self) -> bool:
        return self.needed_bytes <= self.cap_bytes


class PlannedFile(Struct, frozen=True, kw_only=True):
    """One file or folder to be. `about_s` is the time it adds, its replay included."""

    name: str
    kind: Literal["gguf", "merged", "lora"]
    quant: Quant | Literal[""]
    size_bytes: int
    bits_per_weight: float
    about_s: float
    phones: list[PhoneFit] = []
    fallbacks: int = 0  # tensors that llama.cpp stores in a larger type, as their rows do not fit the format

    @property
    def fallback_sentence(self) -> str:
        """What to tell a person about them; empty where there are none."""
        if not self.fallbacks:
            return ""
        return (
            f"{self.quant}: the rows of {self.fallbacks} tensors are no multiple of 256 values, so llama.cpp stores them"
            " in a larger type."
        )


class ExportPlan(Struct, frozen=True, kw_only=True):
    """Everything that is known beforehand.

    `passing_bytes` is the F16 file where it is written only to be quantized, `scratch_bytes` the room for the parity
    gate's figures; `start_s` is the time until the F16 file stands and is replayed.
    """

    files: list[PlannedFile]
    passing_bytes: int
    scratch_bytes: int
    free_bytes: int
    start_s: float
    parameters: int

    @property
    def needed_bytes(self) -> int:
        """Disk that the whole plan takes while it runs."""
        return self.needed_for({file.quant for file in self.files})

    @property
    def about_s(self) -> float:
        """Time for the whole plan."""
        return self.about_for({file.quant for file in self.files})

    def needed_for(self, quants: Collection[str]) -> int:
        """Disk for some of the formats, and all that is no format."""
        passing = 0 if "F16" in quants else self.passing_bytes
        return sum(file.size_bytes for file in self._chosen(quants)) + passing + self.scratch_bytes

    def about_for(self, quants: Collection[str]) -> float:
        """Seconds for some of the formats."""
        return self.start_s + sum(file.about_s for file in self._chosen(quants))

    def file_of(self, quant: str) -> PlannedFile | None:
        """The file of a format."""
        return next((file for file in self.files if file.quant == quant and file.kind == "gguf"), None)

    def _chosen(self, quants: Collection[str]) -> list[PlannedFile]:
        return [file for file in self.files if not file.quant or file.quant in quants]
