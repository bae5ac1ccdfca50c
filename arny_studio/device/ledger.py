"""The phone's RAM account: who holds how much, predicted and measured. A value; every change makes a new one."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from arny_studio.device.memory import Footprint

Tier = Literal[1, 2]
Owner = Literal["os", "app", "tier1", "tier2"]
PartName = Literal["reserve", "host", "weights", "kv", "compute"]


class Slice(Struct, frozen=True, kw_only=True):
    """One line of the account, in bytes; `measured` is None before it was measured."""

    owner: Owner
    part: PartName
    predicted: int
    measured: int | None = None


class Resident(Struct, frozen=True, kw_only=True):
    """One model in memory. `measured` fills up while it is loaded and used."""

    predicted: Footprint
    measured: dict[str, int] = {}

    @property
    def held(self) -> int:
        """What it must be counted with: per part the larger of prediction and measurement."""
        parts = self.predicted.__struct_fields__
        return sum(max(getattr(self.predicted, part), self.measured.get(part, 0)) for part in parts)


class RamLedger(Struct, frozen=True, kw_only=True):
    """The account of one phone. `cap`, `host` and `os_reserve` in bytes; `host` is the app without any model."""

    cap: int
    host: int
    os_reserve: int = 0
    tier1: Resident | None = None
    tier2: Resident | None = None

    @property
    def held(self) -> int:
        """What the app holds by this account."""
        return self.host + sum(resident.held for resident in (self.tier1, self.tier2) if resident)

    @property
    def free(self) -> int:
        """What is left under the cap; negative where the account is already over it."""
        return self.cap - self.held

    def resident(self, tier: Tier) -> Resident | None:
        return self.tier1 if tier == 1 else self.tier2

    def loaded(self, tier: Tier, predicted: Footprint) -> RamLedger:
        """The account with a model in it."""
        return self._with(tier, Resident(predicted=predicted))

    def unloaded(self, tier: Tier) -> RamLedger:
        """The account without a model."""
        return self._with(tier, None)

    def measured(self, tier: Tier, part: PartName, size: int) -> RamLedger:
        """The account with a measured size; raises KeyError where the tier is not resident."""
        resident = self.resident(tier)
        if resident is None:
            raise KeyError(f"tier {tier} is not resident")
        return self._with(tier, replace(resident, measured={**resident.measured, part: max(0, size)}))

    def slices(self) -> list[Slice]:
        """The account line by line: system, app, then each resident model's parts."""
        lines = [Slice(owner="os", part="reserve", predicted=self.os_reserve)]
        lines.append(Slice(owner="app", part="host", predicted=self.host, measured=self.host))
        if self.tier1 is not None:
            lines += _slices_of("tier1", self.tier1)
        if self.tier2 is not None:
            lines += _slices_of("tier2", self.tier2)
        return lines

    def _with(self, tier: Tier, resident: Resident | None) -> RamLedger:
        return replace(self, tier1=resident) if tier == 1 else replace(self, tier2=resident)


def _slices_of(owner: Owner, resident: Resident) -> list[Slice]:
    parts: tuple[PartName, ...] = ("weights", "kv", "compute")
    return [
        Slice(owner=owner, part=part, predicted=getattr(resident.predicted, part), measured=resident.measured.get(part))
        for part in parts
    ]
