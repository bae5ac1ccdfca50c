"""What would happen on a phone with these models, before it is switched on: mode, fit, and the predicted account."""

from __future__ import annotations

from msgspec import Struct

from arny_studio.device import DeviceProfile, RamLedger, TierSettings, admit, plan_residency
from arny_studio.device.ledger import Tier
from arny_studio.device.policy import Admission, mib
from arny_studio.jobs.events import Ledger, LedgerLine
from arny_studio.jobs.shapes import Shapes

MODE_WORDS = {"lite": "Lite", "full_local": "Full Local", "both_resident": "Both Resident"}
_MODE_SAYS = {
    "lite": "the router alone; what is complex is told honestly",
    "full_local": "the router stays, the reasoner comes when it is needed and goes after use",
    "both_resident": "both stay while they are used",
}


class Forecast(Struct, frozen=True, kw_only=True):
    """`sentence` says the mode and why; `problem` and `remedy` what will not fit. `settings` apply the remedy to `tier`."""

    mode: str
    sentence: str
    problem: str = ""
    remedy: str = ""
    tier: Tier = 1
    settings: TierSettings | None = None
    ledger: Ledger | None = None  # predicted lines, nothing measured


def forecast(profile: DeviceProfile, shapes: Shapes | None, tier1: str, tier2: str) -> Forecast:
    """By the same rules as the phone itself. Without shapes the mode alone is known."""
    router = shapes.shape(tier1) if shapes is not None else None
    reasoner = shapes.shape(tier2) if shapes is not None and tier2 else None
    if shapes is None or router is None:
        mode = profile.wished_mode
        return Forecast(mode=mode, sentence=f"{MODE_WORDS[mode]}: {_MODE_SAYS[mode]}.")
    plan = plan_residency(profile, shapes.host_bytes, router, reasoner)
    ledger = RamLedger(cap=profile.cap_bytes, host=shapes.host_bytes, os_reserve=profile.os_reserve_mib << 20)
    first = admit(ledger, 1, router, profile.tier1)
    if not first.fits:
        return _refused(profile, plan.mode, 1, first, ledger)
    ledger = ledger.loaded(1, first.footprint)
    if reasoner is None or plan.mode == "lite":
        return Forecast(mode=plan.mode, sentence=_fitting(plan.mode, ledger.free), ledger=_as_event(ledger))
    second = admit(ledger, 2, reasoner.beside(router), profile.tier2)
    if not second.fits:
        return _refused(profile, plan.mode, 2, second, ledger)
    ledger = ledger.loaded(2, second.footprint)
    return Forecast(mode=plan.mode, sentence=_fitting(plan.mode, ledger.free), ledger=_as_event(ledger))


def _fitting(mode: str, free: int) -> str:
    spare = f"{mib(free)} to spare at the fullest"
    return f"{MODE_WORDS[mode]}: {_MODE_SAYS[mode]}. Predicted: it fits, with {spare}."


def _refused(profile: DeviceProfile, mode: str, tier: Tier, admission: Admission, ledger: RamLedger) -> Forecast:
    what = "the phone does not start" if tier == 1 else "the reasoner will be refused"
    return Forecast(
        mode=mode,
        sentence=f"{MODE_WORDS[mode]}: {what}.",
        problem=admission.sentence,
        remedy=admission.remedy,
        tier=tier,
        settings=admission.remedy_settings,
        ledger=_as_event(ledger),
    )


def _as_event(ledger: RamLedger) -> Ledger:
    lines = [LedgerLine(owner=line.owner, part=line.part, predicted_bytes=line.predicted) for line in ledger.slices()]
    return Ledger(cause="forecast", cap_bytes=ledger.cap, used_bytes=0, peak_bytes=0, lines=lines)
