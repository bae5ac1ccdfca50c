"""Which models a simulated phone holds, and the account of it: admission before a load, measurement during it.

Measured parts are differences of this process's resident set: weights are the file pages that a load maps, the KV cache
is the private memory that making the context takes, compute is all other private memory that the model's load and use
added.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from arny_studio.device import DeviceProfile, ModelShape, RamLedger, ResidencyPlan, admit, plan_residency
from arny_studio.device.ledger import Tier
from arny_studio.device.policy import Admission
from arny_studio.engine.gguf_check import check_gguf
from arny_studio.engine.gguf_shape import model_shape
from arny_studio.engine.llama_session import LlamaSession
from arny_studio.engine.watchdog import Watchdog, resident_set
from arny_studio.errors import MemoryCap
from arny_studio.jobs.events import Event, Ledger, LedgerLine, LoadRefused, ModelLoaded, ModelUnloaded


class PhoneMemory:
    """The models of one phone, its ledger and its watchdog. Close it to give everything back."""

    def __init__(
        self,
        profile: DeviceProfile,
        tier1: Path,
        tier2: Path | None,
        *,
        emit: Callable[[Event], None],
        threads: int = 0,
    ) -> None:
        """Read the headers and plan; loads nothing. Raises MissingFile or BadInput where a file is no usable GGUF."""
        self.profile, self._emit = profile, emit
        self._threads = threads or profile.threads
        self._files: dict[Tier, Path] = {1: tier1} if tier2 is None else {1: tier1, 2: tier2}
        self._shapes: dict[Tier, ModelShape] = {
            tier: model_shape(check_gguf(path)) for tier, path in self._files.items()
        }
        if tier2 is not None:
            self._shapes[2] = self._shapes[2].beside(self._shapes[1])
        self._sessions: dict[Tier, LlamaSession] = {}
        self._private_before: dict[Tier, int] = {}
        host = resident_set().total
        self.plan: ResidencyPlan = plan_residency(profile, host, self._shapes[1], self._shapes.get(2))
        self.ledger = RamLedger(cap=profile.cap_bytes, host=host, os_reserve=profile.os_reserve_mib << 20)
        self.watchdog = Watchdog(profile.cap_bytes, self._interrupt_all)
        self.watchdog.__enter__()
        self.loads = 0

    def close(self) -> None:
        """Release every model and end the watchdog."""
        for tier in reversed(list(self._sessions)):  # Tier-2 reads with Tier-1's tokenizer
            self._release(tier)
        self.watchdog.__exit__()

    def session(self, tier: Tier) -> LlamaSession | None:
        """The loaded model of a tier."""
        return self._sessions.get(tier)

    def admission(self, tier: Tier) -> Admission | None:
        """Whether a tier may be loaded now; None where the phone has no such model."""
        if tier not in self._shapes:
            return None
        return admit(self.ledger, tier, self._shapes[tier], self.profile.settings(tier))

    def refuse(self, tier: Tier, admission: Admission) -> None:
        """Say that a tier was not loaded."""
        self._emit(
            LoadRefused(
                tier=tier,
                needed_bytes=admission.footprint.total,
                free_bytes=max(0, admission.free),
                sentence=admission.sentence,
                remedy=admission.remedy,
            )
        )

    def load(self, tier: Tier, *, should_stop: Callable[[], bool] = lambda: False) -> LlamaSession:
        """The model of a tier, loaded if it is not resident yet.

        Raises MemoryCap where the ledger does not admit it, Interrupted where `should_stop` said so.
        """
        if (session := self._sessions.get(tier)) is not None:
            return session
        admission = admit(self.ledger, tier, self._shapes[tier], self.profile.settings(tier))
        if not admission.fits:
            self.refuse(tier, admission)
            raise MemoryCap(admission.sentence, hint=admission.remedy)
        started = time.perf_counter()
        self.ledger = self.ledger.loaded(tier, admission.footprint)
        try:
            session = self._open(tier, should_stop)
        except BaseException:
            self.ledger = self.ledger.unloaded(tier)
            self.watchdog.check()
            raise
        self._sessions[tier] = session
        self.loads += 1
        elapsed_ms = 1000 * (time.perf_counter() - started)
        self._emit(ModelLoaded(tier=tier, file=self._files[tier].name, elapsed_ms=elapsed_ms))
        self.account(f"loaded tier{tier}")
        return session

    def unload(self, tier: Tier, because: str) -> None:
        """Release a model, if it is resident."""
        if tier not in self._sessions:
            return
        self._release(tier)
        self._emit(ModelUnloaded(tier=tier, because=because))
        self.account(f"unloaded tier{tier}")

    def note_use(self, tier: Tier) -> None:
        """Count the private memory that grew while a tier worked as its compute, and publish the account."""
        if tier not in self._sessions:
            return
        private = resident_set().private
        grown = private - self._private_before[tier]
        resident = self.ledger.resident(tier)
        so_far = resident.measured.get("compute", 0) if resident else 0
        if grown > 0:
            self.ledger = self.ledger.measured(tier, "compute", so_far + grown)
        for loaded in self._sessions:
            self._private_before[loaded] = private
        self.account(f"used tier{tier}")

    def account(self, cause: str) -> None:
        """Publish the ledger as it stands, with the process's resident set."""
        used = self.watchdog.look()
        lines = [
            LedgerLine(owner=line.owner, part=line.part, predicted_bytes=line.predicted, measured_bytes=line.measured)
            for line in self.ledger.slices()
        ]
        cap, peak = self.ledger.cap, self.watchdog.peak
        self._emit(Ledger(cause=cause, cap_bytes=cap, used_bytes=used, peak_bytes=peak, lines=lines))

    def _open(self, tier: Tier, should_stop: Callable[[], bool]) -> LlamaSession:
        settings = self.profile.settings(tier)
        before = resident_set()

        def measure(stage: Literal["weights", "kv"]) -> None:
            nonlocal before
            now = resident_set()
            grown = max(0, now.private - before.private)
            if stage == "weights":
                self.ledger = self.ledger.measured(tier, "weights", now.mapped - before.mapped)
                self.ledger = self.ledger.measured(tier, "compute", grown)
            else:
                self.ledger = self.ledger.measured(tier, "kv", grown)
            before = now

        session = LlamaSession.open(
            self._files[tier],
            context=settings.context,
            batch=min(settings.batch, settings.context),
            threads=self._threads,
            kv_type=settings.kv_type,
            use_extra_bufts=settings.repack,
            lender=self._sessions.get(1),
            spells=tier == 1,
            should_stop=lambda: self.watchdog.exceeded_by is not None or should_stop(),
            on_stage=measure,
        )
        for loaded in (*self._sessions, tier):
            self._private_before[loaded] = before.private
        return session

    def _release(self, tier: Tier) -> None:
        self._sessions.pop(tier).close()
        self.ledger = self.ledger.unloaded(tier)
        private = resident_set().private
        for loaded in self._sessions:
            self._private_before[loaded] = private

    def _interrupt_all(self) -> None:
        for session in list(self._sessions.values()):
            session.interrupt()
