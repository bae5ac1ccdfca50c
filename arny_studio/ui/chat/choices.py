"""What the pickers of the phone offer: device profiles and GGUF files, those of the picker's tier first."""

from __future__ import annotations

from pathlib import Path

from arny_studio.device import built_in_profiles
from arny_studio.device.profiles import own_profiles
from arny_studio.ui.model_files import ModelFile, tier_first

Entries = list[tuple[str, object]]
NO_MODEL = ""


def profile_choices(own: Path) -> Entries:
    """The built-in phones, smallest first, then those saved in the folder `own`."""
    known = {**built_in_profiles(), **own_profiles(own)}
    return [(profile.title, name) for name, profile in known.items()]


def router_choices(files: list[ModelFile]) -> Entries:
    """The likely router first."""
    return [(file.title, str(file.path)) for file in tier_first(files, 1)]


def reasoner_choices(files: list[ModelFile]) -> Entries:
    """The likely reasoner first, or none where no file is known to be one."""
    ordered = tier_first(files, 2)
    entries: Entries = [(file.title, str(file.path)) for file in ordered]
    reasoners = sum(file.tier == 2 for file in ordered)
    return [*entries[:reasoners], ("None (Lite)", NO_MODEL), *entries[reasoners:]]
