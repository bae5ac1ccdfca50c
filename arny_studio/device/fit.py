"""Which phones hold which models, and why not: the admission of the simulator, asked ahead of any load."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from arny_studio.device.ledger import RamLedger, Tier
from arny_studio.device.memory import ModelShape, predict
from arny_studio.device.policy import admit
from arny_studio.device.profiles import DeviceProfile, Mode

LITE_SENTENCE = "A Lite phone loads the router alone."
OTHER_MODE, OTHER_PHONE = "It takes Full Local mode.", "It takes Full Local mode and a larger budget."


class Fit(Struct, frozen=True, kw_only=True):
    """One model on one phone in one role. `needed` and `free` in bytes; `sentence` and `remedy` where it does not fit."""

    phone: str
    mode: Mode
    model: str
    role: Literal["router", "reasoner"]
    fits: bool
    needed: int
    free: int
    sentence: str = ""
    remedy: str = ""


def fits_of(
    profiles: Mapping[str, DeviceProfile], host: int, models: Iterable[ModelShape], router: ModelShape | None = None
) -> list[Fit]:
    """Every model on every phone: as the router, and beside `router` (where there is one) as the reasoner.

    `host` is what the app holds without a model, in bytes.
    """
    found: list[Fit] = []
    for model in models:
        for name, profile in profiles.items():
            ledger = RamLedger(cap=profile.cap_bytes, host=host)
            found.append(_fit(name, profile, ledger, 1, model))
            if router is not None and model != router:
                ledger = ledger.loaded(1, predict(router, profile.tier1, is_router=True))
                found.append(_fit(name, profile, ledger, 2, model.beside(router)))
    return found


def _fit(name: str, profile: DeviceProfile, ledger: RamLedger, tier: Tier, model: ModelShape) -> Fit:
    admission = admit(ledger, tier, model, profile.settings(tier))
    is_lite = tier == 2 and profile.wished_mode == "lite"
    in_other_mode = OTHER_MODE if admission.fits else OTHER_PHONE
    return Fit(
        phone=name,
        mode=profile.wished_mode,
        model=model.name,
        role="router" if tier == 1 else "reasoner",
        fits=admission.fits and not is_lite,
        needed=admission.footprint.total,
        free=max(0, admission.free),
        sentence=f"{LITE_SENTENCE} {admission.sentence}".strip() if is_lite else admission.sentence,
        remedy=in_other_mode if is_lite else admission.remedy,
    )
