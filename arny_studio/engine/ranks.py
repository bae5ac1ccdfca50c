"""One training in several processes of this machine, in the way of torchrun: rank, world size and a loopback address.

The first process (rank 0) speaks, saves and is told to stop; what it decides the others hear here, at the same places
of the same step. Data is shared out batch by batch, so that a step sees the rows that one process would have seen.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence

LOOPBACK = "127.0.0.1"


def rank_environment(rank: int, world: int, port: int) -> dict[str, str]:
    """What torch.distributed, accelerate and transformers read; the same names as torchrun sets."""
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world),
        "LOCAL_WORLD_SIZE": str(world),
        "MASTER_ADDR": LOOPBACK,
        "MASTER_PORT": str(port),
        "GLOO_SOCKET_IFNAME": "lo" if os.path.exists("/sys/class/net/lo") else "",  # noqa: PTH110
    }


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def is_first(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process speaks and saves."""
    return environment.get("RANK", "0") == "0"


def local_rank(environment: Mapping[str, str] = os.environ) -> int:
    """Which of the GPUs is this process's."""
    return int(environment.get("LOCAL_RANK", "0"))


def told_by_first(value: int) -> int:
    """The first process's value, in every process. All have to call it; alone it gives the value back."""
    import torch.distributed as group

    if not group.is_available() or not group.is_initialized():
        return value
    told = _tensor([value])
    group.broadcast(told, src=0)
    return int(told[0])


def summed_over_all(values: Sequence[float]) -> list[float]:
    """Each value summed over the processes. All have to call it."""
    import torch.distributed as group

    if not group.is_available() or not group.is_initialized():
        return list(values)
    total = _tensor(list(values))
    group.all_reduce(total)
    return total.tolist()


def wait_for_all() -> None:
    """Go on when every process has come here."""
    import torch.distributed as group

    if group.is_available() and group.is_initialized():
        group.barrier()


def _tensor(values: list[float] | list[int]):  # noqa: ANN202 - torch is imported late
    import torch
    import torch.distributed as group

    device = torch.device("cuda", local_rank()) if group.get_backend() == "nccl" else torch.device("cpu")
    return torch.tensor(values, dtype=torch.float64, device=device)
