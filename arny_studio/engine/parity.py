"""The parity gate: held-out prompts through F16 and through every file made from it, and a verdict for each.

A file is judged against F16, and F16 against the trained model itself where torch is there. What is wrong with F16 is
wrong with everything made from it, so no file gets a better verdict than F16 did.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import psutil
from msgspec import Struct
from msgspec.structs import replace

from arny_studio.contract import Contract
from arny_studio.engine.export_source import FolderSource, Source
from arny_studio.engine.held_out import Prompts
from arny_studio.engine.replay import Case, ReplayOrder, ReplayResult
from arny_studio.evaluation.parity import FileParity, ParityReport, Replay, compare, judge, worst
from arny_studio.recipe import ParitySettings

PARITY = "parity.json"
OnProgress = Callable[[int, int], None]
_FLOAT32_BYTES, _ROOM = 4, 1.3  # of the trainer's weights, and what it needs beside them


class Replays(Protocol):
    """Runs an order to its end, here or in a child process."""

    def __call__(self, order: ReplayOrder, on_progress: OnProgress) -> ReplayResult: ...


class ParityGate:
    """One gate per export. `judge_reference` comes first, then the others. `contract_name` is its id or file."""

    def __init__(
        self,
        settings: ParitySettings,
        prompts: Prompts,
        contract: Contract,
        scratch: Path,
        *,
        contract_name: str,
        threads: int,
        replays: Replays,
    ) -> None:
        self._settings, self._prompts, self._contract = settings, prompts, contract
        self._contract_name, self._threads, self._replays = contract_name, threads, replays
        self._distributions = scratch / "reference.logits"
        self._reference: Replay | None = None
        self._reference_name = ""
        self._cases: list[Case] = []
        self.files: dict[str, FileParity] = {}
        self.trainer: FileParity | None = None

    def judge_reference(self, f16: Path, name: str, on_progress: OnProgress) -> FileParity:
        """Replay F16: it is what the others are held against."""
        result = self._replays(self._order(f16), on_progress)
        self._reference, self._cases, self._reference_name = result.replay, result.cases, name
        return self._judged(name, result.replay)

    def judge_trainer(self, source: FolderSource, name: str, on_progress: OnProgress) -> FileParity:
        """Hold F16 against the model that was trained; the verdict falls on F16."""
        count = min(self._settings.trainer_prompts, len(self._prompts.held_out))
        order = replace(
            self._order(source.base),
            adapter=str(source.adapter or ""),
            prompts=self._prompts.held_out[:count],
            cases=self._cases[:count],
        )
        result = self._replays(order, on_progress)
        assert self._reference is not None
        mine = replace(self._reference, replies=self._reference.replies[:count])
        # F16's distributions are the ones on disk, so the trainer is what is measured; both differ by the same.
        scores, prompts = compare(self._judging_contract, self._named(count), mine, result.replay)
        verdict, reasons = judge(scores, self._settings.limits)
        self.trainer = FileParity(verdict=verdict, reasons=reasons, against=name, scores=scores, prompts=prompts)
        own = self.files[name]
        said = [f"Against the trained model: {reason}" for reason in reasons]
        self.files[name] = replace(own, verdict=worst(own.verdict, verdict), reasons=[*own.reasons, *said])
        return self.files[name]

    def judge_file(self, file: Path, name: str, on_progress: OnProgress) -> FileParity:
        """Replay a file that was made from the reference."""
        return self._judged(name, self._replays(replace(self._order(file), cases=self._cases), on_progress).replay)

    def report(self, names: Mapping[str, str]) -> ParityReport:
        """Everything, for `parity.json`; `names` maps the names so far to the final ones."""
        files = {names.get(name, name): parity for name, parity in self.files.items()}
        return ParityReport(
            prompts_from=self._prompts.source, files=files, limits=self._settings.limits, trainer=self.trainer
        )

    @property
    def prompts(self) -> Prompts:
        """What is replayed."""
        return self._prompts

    @property
    def _judging_contract(self) -> Contract | None:
        return self._contract if self._prompts.decides else None

    def _order(self, model: Path) -> ReplayOrder:
        return ReplayOrder(
            model=str(model),
            prompts=self._prompts.held_out,
            contract=self._contract_name if self._prompts.decides else "",
            distributions=str(self._distributions),
            threads=self._threads,
        )

    def _judged(self, name: str, replay: Replay) -> FileParity:
        assert self._reference is not None
        scores, prompts = compare(self._judging_contract, self._named(len(replay.replies)), self._reference, replay)
        verdict, reasons = judge(scores, self._settings.limits)
        if name != self._reference_name and self.files[self._reference_name].verdict == "red":
            verdict, reasons = "red", [*reasons, f"{self._reference_name}, from which it was made, is red."]
        self.files[name] = FileParity(
            verdict=verdict, reasons=reasons, against=self._reference_name, scores=scores, prompts=prompts
        )
        return self.files[name]

    def _named(self, count: int) -> list[tuple[str, str]]:
        return [(prompt.id, prompt.query) for prompt in self._prompts.held_out[:count]]


class TrainerCheck(Struct, frozen=True, kw_only=True):
    """Whether the trained model can be replayed here; `because` says why not."""

    is_possible: bool
    because: str = ""


def trainer_check(source: Source, settings: ParitySettings) -> TrainerCheck:
    """Whether torch is here, the weights fit into memory, and there is a trained model at all."""
    if settings.trainer_prompts == 0 or not isinstance(source, FolderSource):
        return TrainerCheck(is_possible=False)
    needed = ["torch", "transformers", *(["peft"] if source.adapter is not None else [])]
    needed += ["bitsandbytes"] if source.model.config.quantization else []
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        because = f"F16 was not held against the trained model: {missing[0]} is not installed."
        return TrainerCheck(is_possible=False, because=because)
    room = int(_FLOAT32_BYTES * source.parameters * _ROOM)
    if psutil.virtual_memory().available < room:
        because = f"F16 was not held against the trained model, which takes {room / 2**30:.1f} GiB of memory."
        return TrainerCheck(is_possible=False, because=because)
    return TrainerCheck(is_possible=True)
