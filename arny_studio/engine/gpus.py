"""The GPUs of this machine, asked of NVIDIA's driver: no torch, and nothing to wait for where there is none."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from typing import Any

from msgspec import Struct

from arny_studio.jobs.events import Gpu

_AMPERE = 8  # compute capability from which bfloat16 is computed in hardware


class GpuFacts(Struct, frozen=True, kw_only=True):
    """A GPU that does not change while we look: `free_bytes` is what nobody holds now."""

    index: int
    uuid: str
    name: str
    total_bytes: int
    free_bytes: int
    capability: int  # major number of CUDA's compute capability

    @property
    def has_bf16(self) -> bool:
        """Whether bfloat16 is computed in hardware; a T4 (7) does not."""
        return self.capability >= _AMPERE


def gpu_facts() -> list[GpuFacts]:
    """The GPUs that training may use, those of CUDA_VISIBLE_DEVICES where it is set; none where torch has no CUDA."""
    if not _torch_has_cuda():
        return []
    with _driver() as driver:
        return [_facts(driver, index) for index in _visible(driver)] if driver is not None else []


def gpu_loads() -> list[Gpu]:
    """How busy, full and hot each GPU is now; none where there is no NVIDIA driver."""
    with _driver() as driver:
        return [_load(driver, index) for index in _visible(driver)] if driver is not None else []


@contextmanager
def _driver() -> Iterator[Any]:
    """NVIDIA's management library, or None where it or the driver is missing."""
    if importlib.util.find_spec("pynvml") is None:
        yield None
        return
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield None
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def _torch_has_cuda() -> bool:
    """Whether the installed torch was built for CUDA, by its version and without importing it."""
    try:
        return not metadata.version("torch").endswith("+cpu")
    except metadata.PackageNotFoundError:
        return False


def _visible(driver: Any) -> list[int]:
    """Indices of the GPUs this process may use; ids that are no numbers (UUIDs) leave all of them."""
    every = list(range(driver.nvmlDeviceGetCount()))
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return every
    numbers = [part.strip() for part in named.split(",") if part.strip()]
    if not all(number.lstrip("-").isdigit() for number in numbers):
        return every
    return [int(number) for number in numbers if int(number) in every]


def _facts(driver: Any, index: int) -> GpuFacts:
    handle = driver.nvmlDeviceGetHandleByIndex(index)
    memory = driver.nvmlDeviceGetMemoryInfo(handle)
    return GpuFacts(
        index=index,
        uuid=_text(driver.nvmlDeviceGetUUID(handle)),
        name=_text(driver.nvmlDeviceGetName(handle)),
        total_bytes=int(memory.total),
        free_bytes=int(memory.free),
        capability=int(driver.nvmlDeviceGetCudaComputeCapability(handle)[0]),
    )


def _load(driver: Any, index: int) -> Gpu:
    handle = driver.nvmlDeviceGetHandleByIndex(index)
    memory = driver.nvmlDeviceGetMemoryInfo(handle)
    return Gpu(
        index=index,
        name=_text(driver.nvmlDeviceGetName(handle)),
        used_bytes=int(memory.used),
        total_bytes=int(memory.total),
        percent=_asked(driver, lambda: driver.nvmlDeviceGetUtilizationRates(handle).gpu),
        temperature_c=_asked(driver, lambda: driver.nvmlDeviceGetTemperature(handle, driver.NVML_TEMPERATURE_GPU)),
    )


def _asked(driver: Any, question: Any) -> float | None:
    """An answer that not every GPU gives."""
    try:
        return float(question())
    except driver.NVMLError:
        return None


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
