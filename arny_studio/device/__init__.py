"""Phones: profiles, memory estimate, RAM ledger, residency policy. Pure values; loads nothing."""

from arny_studio.device.ledger import RamLedger, Slice
from arny_studio.device.memory import Footprint, ModelShape, predict
from arny_studio.device.policy import Admission, ResidencyPlan, admit, plan_residency
from arny_studio.device.profiles import DeviceProfile, TierSettings, built_in_profiles, load_profile

__all__ = [
    "Admission", "DeviceProfile", "Footprint", "ModelShape", "RamLedger", "ResidencyPlan", "Slice", "TierSettings",
    "admit", "built_in_profiles", "load_profile", "plan_residency", "predict",
]  # fmt: skip
