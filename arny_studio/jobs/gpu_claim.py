"""Who trains on which GPU of this machine: two runs never share one unless they are told to.

One small file per GPU in the settings folder names the process that holds it; a dead process holds nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from arny_studio import paths
from arny_studio.errors import BadInput
from arny_studio.jobs.claim import exclusive
from arny_studio.jobs.processes import identity_of, is_same_process


class Holder(Struct, frozen=True, kw_only=True):
    """The process that trains on a GPU, and the run it works on."""

    pid: int
    identity: str
    run: str

    @property
    def is_alive(self) -> bool:
        """Whether this very process still lives."""
        return is_same_process(self.pid, self.identity)


def holder_of(gpu: str) -> Holder | None:
    """Who holds the GPU with this id now, if anybody."""
    try:
        holder = msgspec.json.decode(_file_of(gpu).read_bytes(), type=Holder)
    except (OSError, msgspec.MsgspecError):
        return None
    return holder if holder.is_alive else None


def free_of(gpus: Sequence[str]) -> list[str]:
    """Those GPUs that nobody but this process holds."""
    return [gpu for gpu in gpus if (holder := holder_of(gpu)) is None or holder.pid == os.getpid()]


def claim_gpus(gpus: Sequence[str], count: int, *, run: str) -> list[str]:
    """Take `count` free GPUs for this process until it ends; gives their ids. Raises BadInput where too few are free."""
    with exclusive(_folder() / "claims.lock"):
        free = free_of(gpus)
        if len(free) < count:
            raise _too_few(gpus, free, count)
        holder = Holder(pid=os.getpid(), identity=identity_of(os.getpid()) or "", run=run)
        for gpu in free[:count]:
            _file_of(gpu).write_bytes(msgspec.json.encode(holder))
        return free[:count]


def _too_few(gpus: Sequence[str], free: Sequence[str], count: int) -> BadInput:
    held = [(gpu, holder) for gpu in gpus if gpu not in free and (holder := holder_of(gpu)) is not None]
    hint = "Queue it (arny queue add), or set share_gpu = true to let both have it."
    if not held:
        return BadInput(f"This training wants {count} GPUs, and this machine has {len(gpus)}.", hint="Lower processes.")
    runs = ", ".join(f"{holder.run} (process {holder.pid})" for _gpu, holder in held)
    which = "The GPU is" if len(gpus) == 1 else f"{len(held)} of {len(gpus)} GPUs are"
    return BadInput(f"{which} held by another training: {runs}.", hint=hint)


def _file_of(gpu: str) -> Path:
    return _folder() / (re.sub(r"[^\w.-]", "_", gpu) + ".json")


def _folder() -> Path:
    folder = paths.settings_dir() / "gpus"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
