"""Device profiles: what a phone gives an app. Every number is editable; the built-in ones are starting points.

Real limits vary: iOS lets an app have 37–75 % of the RAM depending on model and release, Android's is device state.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from arny_studio.atomic import write_text_atomically
from arny_studio.device.benchmark import Speed
from arny_studio.errors import BadRecipe, MissingFile
from arny_studio.paths import DATA_DIR
from arny_studio.spelling import unknown_field_hint

DEVICES_DIR = DATA_DIR / "devices"
OWN_PROFILES = "phones"  # folder of a workspace

Mode = Literal["lite", "full_local", "both_resident"]
KvType = Literal["f32", "f16", "q8_0", "q4_0"]

FULL_LOCAL_FROM_MIB = 6 * 1024
BOTH_RESIDENT_FROM_MIB = 8 * 1024
LEAST_BUDGET_MIB = 64


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
    app_budget_mib: Annotated[
        int, Meta(ge=LEAST_BUDGET_MIB, le=262144, description="Above this the system kills the app.")
    ]
    mode: Annotated[
        Literal["auto", "lite", "full_local", "both_resident"],
        Meta(description="Which models stay in memory; auto goes by the RAM."),
    ] = "auto"
    threads: Annotated[int, Meta(ge=0, le=256, description="Threads; 0: one less than there are cores.")] = 0
    idle_s: Annotated[float, Meta(ge=0, description="Both resident: Tier-2 is released after this long unused.")] = 60.0
    tier1: TierSettings = TierSettings()
    tier2: TierSettings = TierSettings(context=2048)
    speeds: Annotated[
        tuple[Speed, ...], Meta(description="A real phone's benchmark; expected times come from it.")
    ] = ()

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

    def with_ram(self, ram_mib: int) -> DeviceProfile:
        """The same kind of phone with more or less RAM: reserve and budget keep their shares of it."""
        share = ram_mib / self.ram_mib
        reserve = round(self.os_reserve_mib * share)
        budget = min(max(LEAST_BUDGET_MIB, round(self.app_budget_mib * share)), ram_mib - reserve)
        return replace(self, ram_mib=ram_mib, os_reserve_mib=reserve, app_budget_mib=budget)


_FIELDS = tuple(dict.fromkeys((*DeviceProfile.__struct_fields__, *TierSettings.__struct_fields__)))


def built_in_profiles() -> dict[str, DeviceProfile]:
    """The profiles that ship with the product, by id, smallest phone first."""
    return _by_ram({path.stem: load_profile(path) for path in DEVICES_DIR.glob("*.toml")})


def own_profiles(folder: Path) -> dict[str, DeviceProfile]:
    """The profiles that somebody saved in a folder, by file name, smallest phone first; unreadable ones are left out."""
    found: dict[str, DeviceProfile] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            found[path.stem] = load_profile(path)
        except BadRecipe:
            continue
    return _by_ram(found)


def save_profile(profile: DeviceProfile, folder: Path) -> Path:
    """Write a profile under its title, replacing an own one of that title; returns the file.

    Raises BadRecipe where its numbers contradict each other.
    """
    import tomli_w

    check_profile(profile, profile.title)
    name = re.sub(r"[^a-z0-9]+", "-", profile.title.lower()).strip("-")[:40] or "phone"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.toml"
    write_text_atomically(path, tomli_w.dumps(msgspec.to_builtins(profile)))
    return path


def load_profile(name_or_path: str | Path, own: Path | None = None) -> DeviceProfile:
    """A built-in profile by id, one of the folder `own` by file name, or a profile file by path.

    Raises MissingFile where there is none, BadRecipe where it says something that no profile says.
    """
    path = _find(name_or_path, own)
    try:
        profile = msgspec.toml.decode(path.read_bytes(), type=DeviceProfile)
    except msgspec.ValidationError as error:
        raise BadRecipe(f"{path.name}: {error}.", hint=unknown_field_hint(str(error), _FIELDS)) from error
    except UnicodeDecodeError as error:
        raise BadRecipe(f"{path.name} is not a TOML file: byte {error.start + 1} is not UTF-8.") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise BadRecipe(f"{path.name} is not a TOML file: {error}.") from error
    check_profile(profile, path.name)
    return profile


def check_profile(profile: DeviceProfile, source: str) -> None:
    """Raises BadRecipe, naming `source`, where the numbers of a profile contradict each other."""
    held = profile.os_reserve_mib + profile.app_budget_mib
    if held > profile.ram_mib:
        raise BadRecipe(
            f"{source}: os_reserve_mib and app_budget_mib make {held} MiB together, the phone has {profile.ram_mib}.",
            hint="Lower one of them or raise ram_mib.",
        )


def _find(name_or_path: str | Path, own: Path | None) -> Path:
    path = Path(name_or_path)
    folders = [DEVICES_DIR, *([own] if own is not None else [])]
    candidates = [path] if path.suffix == ".toml" else [folder / f"{name_or_path}.toml" for folder in folders]
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        known = ", ".join(sorted(file.stem for folder in folders for file in folder.glob("*.toml")))
        raise MissingFile(
            f"There is no device profile {str(name_or_path)!r}.", hint=f"Known: {known}; or a .toml file."
        )
    return found


def _by_ram(profiles: dict[str, DeviceProfile]) -> dict[str, DeviceProfile]:
    return dict(sorted(profiles.items(), key=lambda item: item[1].ram_mib))
