"""Device profiles: what a phone gives an app. Every number is editable; the built-in ones are starting points.

Real limits vary: iOS lets an app have 37–75 % of the RAM depending on model and release, Android's is device state.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from arny_studio.errors import BadRecipe, MissingFile
from arny_studio.paths import DATA_DIR
from arny_studio.spelling import unknown_field_hint

DEVICES_DIR = DATA_DIR / "devices"

Mode = Literal["lite", "full_local", "both_resident"]
KvType = Literal["f32", "f16", "q8_0", "q4_0"]

FULL_LOCAL_FROM_MIB = 6 * 1024
BOTH_RESIDENT_FROM_MIB = 8 * 1024


class TierSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one model is loaded on a phone."""

    context: Annotated[int, Meta(ge=128, le=131072, description="Context length, in tokens.")] = 1024
    kv_type: Annotated[KvType, Meta(description="Format of the KV cache.")] = "f16"
    batch: Annotated[int, Meta(ge=16, le=4096, description="Tokens per forward pass while reading a prompt.")] = 512
    repack: Annotated[bool, Meta(description="Keep a repacked copy of the weights: faster tokens, more memory.")] = (
        False
    )


class DeviceProfile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of phone."""

    title: Annotated[str, Meta(min_length=1, max_length=80, description="What people call this phone.")]
    ram_mib: Annotated[int, Meta(ge=512, le=262144, description="Built-in RAM.")]
    os_reserve_mib: Annotated[int, Meta(ge=0, le=262144, description="RAM that the system keeps for itself.")]
    app_budget_mib: Annotated[int, Meta(ge=64, le=262144, description="Above this the system kills the app.")]
    mode: Annotated[
        Literal["auto", "lite", "full_local", "both_resident"],
        Meta(description="Which models stay in memory; auto goes by the RAM."),
    ] = "auto"
    threads: Annotated[int, Meta(ge=0, le=256, description="Threads; 0: one less than there are cores.")] = 0
    idle_s: Annotated[float, Meta(ge=0, description="Both resident: Tier-2 is released after this long unused.")] = 60.0
    tier1: TierSettings = TierSettings()
    tier2: TierSettings = TierSettings(context=2048)

    @property
    def cap_bytes(self) -> int:
        """What the app may hold, in bytes."""
        return self.app_budget_mib << 20

    @property
    def wished_mode(self) -> Mode:
        """The mode before anyone looked at the models: the named one, or by RAM."""
        if self.mode != "auto":
            return self.mode
        if self.ram_mib < FULL_LOCAL_FROM_MIB:
            return "lite"
        return "full_local" if self.ram_mib < BOTH_RESIDENT_FROM_MIB else "both_resident"

    def settings(self, tier: Literal[1, 2]) -> TierSettings:
        return self.tier1 if tier == 1 else self.tier2


_FIELDS = tuple(dict.fromkeys((*DeviceProfile.__struct_fields__, *TierSettings.__struct_fields__)))


def built_in_profiles() -> dict[str, DeviceProfile]:
    """The profiles that ship with the product, by id, smallest phone first."""
    profiles = {path.stem: load_profile(path) for path in DEVICES_DIR.glob("*.toml")}
    return dict(sorted(profiles.items(), key=lambda item: item[1].ram_mib))


def load_profile(name_or_path: str | Path) -> DeviceProfile:
    """A built-in profile by id, or a profile file by path.

    Raises MissingFile where there is none, BadRecipe where it says something that no profile says.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = DEVICES_DIR / f"{name_or_path}.toml"
    if not path.is_file():
        known = ", ".join(sorted(path.stem for path in DEVICES_DIR.glob("*.toml")))
        raise MissingFile(
            f"There is no device profile {str(name_or_path)!r}.", hint=f"Built in: {known}; or a .toml file."
        )
    try:
        profile = msgspec.toml.decode(path.read_bytes(), type=DeviceProfile)
    except msgspec.ValidationError as error:
        raise BadRecipe(f"{path.name}: {error}.", hint=unknown_field_hint(str(error), _FIELDS)) from error
    except UnicodeDecodeError as error:
        raise BadRecipe(f"{path.name} is not a TOML file: byte {error.start + 1} is not UTF-8.") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise BadRecipe(f"{path.name} is not a TOML file: {error}.") from error
    _refuse_contradictions(profile, path.name)
    return profile


def _refuse_contradictions(profile: DeviceProfile, source: str) -> None:
    held = profile.os_reserve_mib + profile.app_budget_mib
    if held > profile.ram_mib:
        raise BadRecipe(
            f"{source}: os_reserve_mib and app_budget_mib make {held} MiB together, the phone has {profile.ram_mib}.",
            hint="Lower one of them or raise ram_mib.",
        )
