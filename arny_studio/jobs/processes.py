"""Facts about operating-system processes: who somebody is, whether they still live, what they hold, and their end.

Works without psutil on Linux, so that a worker in a foreign environment needs msgspec only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

_PROC = Path("/proc")
_PR_SET_PDEATHSIG = 1


def identity_of(pid: int) -> str | None:
    """What tells this process from a later one with the same number; None where there is no such live process.

    Linux: boot id and start in clock ticks since boot, which no clock change moves. Elsewhere psutil's start time.
    """
    if _PROC.joinpath("self", "stat").exists():
        return _linux_identity(pid)
    return _psutil_identity(pid)  # pragma: no cover - other platforms


def _linux_identity(pid: int) -> str | None:
    try:
        stat = _PROC.joinpath(str(pid), "stat").read_text()
    except OSError:
        return None
    after_name = stat.rpartition(")")[2].split()  # the name may hold spaces and parentheses
    if after_name[0] in "ZX":  # a zombie does nothing any more
        return None
    return f"{_boot_id()}:{after_name[19]}"


def _boot_id() -> str:
    try:
        return _PROC.joinpath("sys/kernel/random/boot_id").read_text().strip()
    except OSError:  # pragma: no cover - hardened containers
        return "unknown-boot"


def _psutil_identity(pid: int) -> str | None:  # pragma: no cover - other platforms
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return None


def is_same_process(pid: int, identity: str) -> bool:
    """Whether the process that once had this number and identity still lives."""
    return identity_of(pid) == identity


def resident_bytes() -> int | None:
    """Resident set of this process; None where nothing can tell."""
    try:
        pages = int(_PROC.joinpath("self", "statm").read_bytes().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # pragma: no cover - other platforms
        return _psutil_resident_bytes()


def peak_resident_bytes() -> int:
    """The largest resident set that this process has had; 0 where nothing can tell."""
    try:
        import resource
    except ImportError:  # pragma: no cover - Windows
        return _psutil_resident_bytes() or 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts kibibytes


def _psutil_resident_bytes() -> int | None:  # pragma: no cover - other platforms
    try:
        import psutil
    except ImportError:
        return None
    return psutil.Process().memory_info().rss


def terminate(pid: int) -> None:
    """Ask a process to end (SIGTERM); silence where it is gone."""
    _signal_quietly(os.kill, pid, signal.SIGTERM)


def kill(pid: int) -> None:
    """Kill one process; silence where it is gone."""
    _signal_quietly(os.kill, pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def kill_group(pid: int) -> None:
    """Kill the group and the session that a worker leads, grandchildren and all; silence where nothing is left."""
    if os.name == "nt":  # pragma: no cover
        _kill_tree(pid)
        return
    _signal_quietly(os.killpg, pid, signal.SIGKILL)
    for member in _session_members(pid):  # those that made a group of their own
        kill(member)


def end_own_session() -> None:
    """Kill what this process started and left running. Does nothing unless it leads its own session."""
    if os.name == "nt" or os.getsid(0) != os.getpid():
        return
    for member in _session_members(os.getpid()):
        if member != os.getpid():
            kill(member)


def end_after_parent() -> None:
    """Linux: let the kernel end this process one second after the thread that started it, unless `end_within` says later.

    Needs nothing of this process, not even an interpreter that comes to itself: the death of the parent is the signal
    SIGHUP, whose handler is libc's own `alarm`, and the signal's number, 1, is the seconds it is called with.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    libc.signal(signal.SIGHUP, ctypes.cast(libc.alarm, ctypes.c_void_p))
    libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGHUP), 0, 0, 0)


def end_within(seconds: float) -> None:
    """Let the kernel end this process after this time, whatever it does then. May be called from any thread."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _session_members(session: int) -> list[int]:
    """The live processes of a session; elsewhere than on Linux nobody can list them, and the list is empty."""
    return [int(path.name) for path in _PROC.glob("[0-9]*") if _session_of(path) == session]


def _session_of(process: Path) -> int | None:
    try:
        return int(process.joinpath("stat").read_text().rpartition(")")[2].split()[3])
    except OSError:  # it has just ended
        return None


def _signal_quietly(send: Callable[[int, int], None], pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS forbids signalling a zombie
        send(pid, number)


def _kill_tree(pid: int) -> None:  # pragma: no cover - Windows
    import psutil

    try:
        root = psutil.Process(pid)
        for process in [*root.children(recursive=True), root]:
            process.kill()
    except psutil.Error:
        return
