"""From pickers to a phone: the profile and the recipe that they stand for."""

from __future__ import annotations

from pathlib import Path

from arny_studio.device import DeviceProfile, load_profile
from arny_studio.errors import BadRecipe
from arny_studio.recipe import AskSettings, PhoneRecipe
from arny_studio.ui.chat.phone_panel import STEPS_PER_GIB
from arny_studio.ui.chat.setup_bar import SetupBar

NO_ROUTER = "Choose a GGUF for the router: export a run first, or choose a file."


def chosen_profile(setup: SetupBar, own: Path) -> DeviceProfile:
    """The profile that a picker stands on. Raises ArnyError where it cannot be read."""
    return load_profile(setup.value("device") or "6gb", own)


def with_ram_of(profile: DeviceProfile, ram_mib: int) -> DeviceProfile:
    """The profile with the RAM that a slider stands on; as it is where the slider merely rounds it."""
    is_rounding = round(profile.ram_mib * STEPS_PER_GIB / 1024) == round(ram_mib * STEPS_PER_GIB / 1024)
    return profile if is_rounding else profile.with_ram(ram_mib)


def recipe_of(
    setup: SetupBar, profile: DeviceProfile, settings: AskSettings, *, contract: str, connectors: str, queries: str = ""
) -> PhoneRecipe:
    """The recipe of a phone. Raises BadRecipe where no router is chosen."""
    if not setup.value("tier1"):
        raise BadRecipe(NO_ROUTER)
    return PhoneRecipe(
        title=profile.title, tier1=setup.value("tier1"), tier2=setup.value("tier2"), device=profile.title,
        profile=profile, contract=contract, connectors=connectors, queries=queries,
        complexity_threshold=settings.complexity_threshold, confidence_floor=settings.confidence_floor,
        constrained=settings.constrained, router_temperature=settings.router_temperature,
        router_max_tokens=settings.router_max_tokens, reasoner_temperature=settings.reasoner_temperature,
        reasoner_max_tokens=settings.reasoner_max_tokens, seed=settings.seed,
    )  # fmt: skip
