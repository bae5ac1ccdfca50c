"""Which models stay in memory, and whether one more may be loaded: decided before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from arny_studio.device.ledger import RamLedger, Tier
from arny_studio.device.memory import BITS_PER_WEIGHT, Footprint, ModelShape, predict
from arny_studio.device.profiles import DeviceProfile, Mode, TierSettings

SMALLEST_CONTEXT = 512  # below this a conversation does not fit
SMALLEST_BATCH = 64  # smaller ones save next to nothing
SMALLER_QUANTS = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M")


class ResidencyPlan(Struct, frozen=True, kw_only=True):
    """The mode that holds on this phone with these models, and why."""

    mode: Mode
    because: str


class Admission(Struct, frozen=True, kw_only=True):
    """Whether a model may be loaded now. `sentence` and `remedy` say what is in the way where it may not."""

    fits: bool
    footprint: Footprint
    free: int  # bytes left under the cap before it is loaded
    sentence: str = ""
    remedy: str = ""
    remedy_settings: TierSettings | None = None  # what the remedy makes of the settings; None where they do not help


def plan_residency(profile: DeviceProfile, host: int, tier1: ModelShape, tier2: ModelShape | None) -> ResidencyPlan:
    """Lite below 6 GB, Full Local below 8 GB, Both Resident from 8 GB on if the ledger fits both, else Full Local.

    `host` is what the app holds without any model, in bytes.
    """
    if tier2 is None:
        return ResidencyPlan(mode="lite", because="There is no Tier-2 model.")
    mode = profile.wished_mode
    if mode != "both_resident":
        return ResidencyPlan(mode=mode, because=_why(profile))
    second = predict(tier2.beside(tier1), profile.tier2).total
    both = host + predict(tier1, profile.tier1, is_router=True).total + second
    if both <= profile.cap_bytes:
        return ResidencyPlan(mode=mode, because=f"Both models take {mib(both)}, the cap is {mib(profile.cap_bytes)}.")
    return ResidencyPlan(
        mode="full_local", because=f"Both models would take {mib(both)}, more than the cap of {mib(profile.cap_bytes)}."
    )


def _why(profile: DeviceProfile) -> str:
    if profile.mode == "auto":
        return f"The phone has {profile.ram_mib:,} MiB of RAM."
    return f"The profile asks for it ({profile.mode})."


def admit(ledger: RamLedger, tier: Tier, shape: ModelShape, settings: TierSettings) -> Admission:
    """Whether a model may be loaded beside what the ledger holds; with the smallest change that would fit, if not."""
    footprint = predict(shape, settings, is_router=tier == 1)
    free = ledger.unloaded(tier).free
    if footprint.total <= free:
        return Admission(fits=True, footprint=footprint, free=free)
    sentence = (
        f"{shape.name} needs {mib(footprint.total)} (weights {mib(footprint.weights)}, KV cache {mib(footprint.kv)}, "
        f"compute {mib(footprint.compute)}), but {mib(max(0, free))} of {mib(ledger.cap)} are free."
    )
    remedy, changed = smallest_remedy(tier, shape, settings, free)
    return Admission(
        fits=False, footprint=footprint, free=free, sentence=sentence, remedy=remedy, remedy_settings=changed
    )


def smallest_remedy(
    tier: Tier, shape: ModelShape, settings: TierSettings, free: int
) -> tuple[str, TierSettings | None]:
    """The first change, mildest first, after which the model would fit into `free` bytes: in words, and as settings.

    The settings are None where it takes another file, or where nothing helps.
    """
    for words, changed_shape, changed in _changes(shape, settings):
        if predict(changed_shape, changed, is_router=tier == 1).total <= free:
            return f"It would fit with {words}.", changed if changed_shape == shape else None
    if tier == 2:
        return "Nothing makes it fit beside Tier-1: run this phone in Lite mode or raise its budget.", None
    return "Nothing makes it fit: raise the budget or take a smaller model.", None


def _changes(shape: ModelShape, settings: TierSettings) -> Iterator[tuple[str, ModelShape, TierSettings]]:
    """Ever larger changes, each on top of the ones before; the words name those that are in force."""
    words: list[str] = []
    if settings.repack:
        settings = replace(settings, repack=False)
        words.append("no repacked weights")
        yield _and(words), shape, settings
    if settings.batch > SMALLEST_BATCH:
        settings = replace(settings, batch=SMALLEST_BATCH)
        words.append(f"a batch of {SMALLEST_BATCH} tokens")
        yield _and(words), shape, settings
    for context in _halved(settings.context):
        shorter = replace(settings, context=context)
        yield _and([*words, f"a context of {context} tokens"]), shape, shorter
    if settings.kv_type in ("f32", "f16"):
        settings = replace(settings, kv_type="q8_0")
        words.append("a q8_0 KV cache")
        yield _and(words), shape, settings
        for context in _halved(settings.context):
            yield _and([*words, f"a context of {context} tokens"]), shape, replace(settings, context=context)
    smallest = replace(settings, context=min(settings.context, SMALLEST_CONTEXT))
    for quant in _smaller_quants(shape.quant):
        yield _and([f"the {quant} file", *words]), shape.requantized(quant), settings
        if smallest.context < settings.context:
            and_context = [f"the {quant} file", *words, f"a context of {smallest.context} tokens"]
            yield _and(and_context), shape.requantized(quant), smallest


def _halved(context: int) -> Iterator[int]:
    while context // 2 >= SMALLEST_CONTEXT:
        context //= 2
        yield context


def _smaller_quants(quant: str) -> list[str]:
    if quant not in BITS_PER_WEIGHT:
        return []
    return [name for name in SMALLER_QUANTS if BITS_PER_WEIGHT[name] < BITS_PER_WEIGHT[quant]]


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def mib(size: int) -> str:
    """Bytes as people read them here."""
    return f"{size / 2**20:,.0f} MiB"
