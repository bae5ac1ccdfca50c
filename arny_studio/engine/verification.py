"""A GGUF from anywhere, checked and held against a reference: what `arny verify` and "Check a GGUF" do."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from arny_studio.atomic import replaced_file
from arny_studio.contract import load_contract
from arny_studio.engine.gguf_adapter_check import is_adapter
from arny_studio.engine.gguf_check import check_gguf
from arny_studio.engine.gguf_verify import Check, verify_gguf
from arny_studio.engine.held_out import held_out_prompts
from arny_studio.engine.lineage import lineage_beside
from arny_studio.engine.parity import PARITY, ParityGate, Replays
from arny_studio.errors import BadInput
from arny_studio.evaluation.parity import FileParity
from arny_studio.jobs.events import Artifact, Event, Progress, Result, Stage
from arny_studio.recipe import VerifyRecipe


class Verified(Struct, frozen=True, kw_only=True):
    """What was found."""

    checks: list[Check]
    parity: FileParity | None

    @property
    def is_sound(self) -> bool:
        return all(check.passed for check in self.checks) and (self.parity is None or self.parity.verdict != "red")


def verify(recipe: VerifyRecipe, outputs: Path, emit: Callable[[Event], None], replays: Replays) -> Verified:
    """Do what the recipe asks; the file stays as it is. Raises BadInput where it, or the reference, is no GGUF."""
    file = Path(recipe.file)
    if recipe.reference and is_adapter(check_gguf(file)):
        raise BadInput(
            f"{file.name} is an adapter: alone it answers nothing that could be held against another file.",
            hint="Check it without a reference, or check the merged GGUF.",
        )
    has_reference = bool(recipe.reference) and recipe.parity.prompts > 0
    total = 3 if has_reference else 1
    emit(Stage(name="verify", title=f"Read {file.name}", index=1, total=total))
    checks: list[Check] = []
    for check in verify_gguf(file, tokenizer=Path(recipe.tokenizer) if recipe.tokenizer else None):
        checks.append(check)
        emit(Result(name=f"check {check.name}", values={"passed": check.passed, "says": check.says}))
    emit(Result(name="file", values={"name": file.name, "size_bytes": file.stat().st_size}))
    if not has_reference:
        return Verified(checks=checks, parity=None)
    reference = Path(recipe.reference)
    check_gguf(reference)
    with tempfile.TemporaryDirectory(dir=outputs) as scratch:
        gate = _gate(recipe, file, Path(scratch), replays)
        emit(Stage(name="parity F16", title=f"Replay held-out prompts on {reference.name}", index=2, total=total))
        gate.judge_reference(reference, reference.name, _progress(emit))
        emit(Stage(name="parity", title=f"Replay held-out prompts on {file.name}", index=3, total=total))
        parity = gate.judge_file(file, file.name, _progress(emit))
    _leave(outputs, file, parity, gate, emit)
    return Verified(checks=checks, parity=parity)


def _gate(recipe: VerifyRecipe, file: Path, scratch: Path, replays: Replays) -> ParityGate:
    contract = load_contract(recipe.contract)
    lineage = lineage_beside(file) or lineage_beside(Path(recipe.reference))
    prompts = held_out_prompts(
        recipe.parity.prompts, data=recipe.parity.data, tier=recipe.tier or _tier_of(file, lineage), contract=contract,
        training=lineage.get("training"),
    )  # fmt: skip
    return ParityGate(
        recipe.parity,
        prompts,
        contract,
        scratch,
        contract_name=recipe.contract,
        threads=recipe.threads,
        replays=replays,
    )


def _tier_of(file: Path, lineage: dict[str, Any]) -> str:
    """By the lineage, else by what the file's name says."""
    said = str(lineage.get("recipe", {}).get("tier", "")) or file.name.lower()
    return next((tier for tier in ("tier1", "tier2") if tier in said), "")


def _leave(outputs: Path, file: Path, parity: FileParity, gate: ParityGate, emit: Callable[[Event], None]) -> None:
    values = msgspec.to_builtins(msgspec.structs.replace(parity, prompts=[]))
    emit(Result(name=f"parity {file.name}", values=values))
    report = outputs / PARITY
    with replaced_file(report) as out:
        out.write(msgspec.json.format(msgspec.json.encode(gate.report({})), indent=2))
    size = report.stat().st_size
    emit(Artifact(kind="parity", path=f"{outputs.name}/{PARITY}", size_bytes=size))


def _progress(emit: Callable[[Event], None]) -> Callable[[int, int], None]:
    said = -1

    def report(done: int, total: int) -> None:
        nonlocal said
        if done != said:
            said = done
            emit(Progress(done=done, total=total, unit="prompts"))

    return report
