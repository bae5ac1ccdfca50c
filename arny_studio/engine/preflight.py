"""Everything that can be known of a training before it starts: data, template, steps, memory, time, room on the disk.

Needs neither torch nor transformers, so it takes seconds where the training would take minutes to fail. The training
worker runs the checks that keep a run from starting (`refuse_to_start`) itself.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from arny_studio.dataset.samples import RowProblem
from arny_studio.engine.base_model import Placement, check_base, local_base, read_config
from arny_studio.engine.chat_template import Message
from arny_studio.engine.gpus import gpu_facts
from arny_studio.engine.leakage import Leaks, leaks_of
from arny_studio.engine.relief import change_in_words, fitting_change
from arny_studio.engine.rendering import Renderer
from arny_studio.engine.training_data import TrainingRows, tokenized_rows
from arny_studio.engine.training_estimate import Plan, available_memory, placement_here, plan_training
from arny_studio.errors import ArnyError, BadInput, BadRecipe, DiskFull
from arny_studio.recipe import TrainRecipe
from arny_studio.recipe.licences import licence_of
from arny_studio.recipe.preflight import NAMED_LINES, Estimate, Finding, Level, PreflightReport
from arny_studio.recipe.preflight_wording import MEMORY_SLACK, bytes_in_words
from arny_studio.recipe.train import contradictions

Say = Callable[[str], None]


def examine(recipe: TrainRecipe, *, run_folder: Path | None, say: Say) -> PreflightReport:
    """Look at everything that a training would meet. `say` is told what is looked at; nothing is raised."""
    return _Examination(recipe, run_folder, say).report()


def relief_for(recipe: TrainRecipe, report: PreflightReport) -> str:
    """The smallest change that would fit into the free memory, in a sentence; empty where it fits as it is."""
    memory, room = report.memory, MEMORY_SLACK * report.memory_available_bytes
    if memory is None or memory.value <= room:
        return ""
    base, gpus = local_base(recipe.base), gpu_facts()
    assert base is not None  # there is an estimate
    train = tokenized_rows(Path(recipe.train_data), Renderer.from_folder(base), max_length=recipe.max_seq_length)

    def bytes_of(changed: TrainRecipe) -> int:
        plan = plan_training(changed, base, placement_here(changed, base, gpus), train, None)
        return int(plan.memory_bytes * memory.correction)

    change = fitting_change(recipe, bytes_of, int(room), on_gpu=bool(gpus))
    return f"The smallest change that should fit: {change_in_words(change or {})}."


def refuse_to_start(
    recipe: TrainRecipe, plan: Plan | None, train: TrainingRows, validation: TrainingRows | None, run_folder: Path
) -> None:
    """Raise what keeps a training from starting: a recipe that contradicts itself, nothing to learn or score, no room."""
    for field, sentence in contradictions(recipe).items():
        raise BadRecipe(f"{field}: {sentence}", hint="Change the recipe and start a new run.")
    if not train.supervised:
        _refuse_empty(train)
    if validation is not None and not validation.supervised:
        _refuse_empty(validation)
    if plan is None:
        return
    finding = _disk_finding(plan.disk_bytes, _free_bytes(run_folder))
    if finding.level == "error":
        raise DiskFull(finding.text, hint=finding.hint)


class _Examination:
    """One look, topic by topic. Every topic adds its finding; a later one is left out where an earlier one failed."""

    def __init__(self, recipe: TrainRecipe, run_folder: Path | None, say: Say) -> None:
        self._recipe = recipe
        self._run_folder = run_folder
        self._say = say
        self._findings: list[Finding] = []
        self._gpus = gpu_facts()

    def report(self) -> PreflightReport:
        """All topics in order."""
        for field, sentence in contradictions(self._recipe).items():
            self._add("recipe", f"Recipe: {field}", sentence, "error")
        self._say("Base model")
        base = self._base()
        self._licence()
        renderer = self._renderer(base) if base is not None else None
        self._say("Training data")
        train = self._rows(self._recipe.train_data, renderer, "rows", "Training rows")
        self._say("Validation data")
        validation = self._validation(renderer)
        if train is not None and train.rows:
            self._supervised(train)
            self._truncated(train)
            if renderer is not None:
                self._system_turns(renderer)
        leaks = self._leakage(train, validation)
        self._say("Memory, time and disk")
        plan = self._plan(base, train, validation)
        return self._assembled(train, validation, leaks, plan)

    def _assembled(
        self, train: TrainingRows | None, validation: TrainingRows | None, leaks: Leaks, plan: Plan | None
    ) -> PreflightReport:
        return PreflightReport(
            findings=self._findings,
            device=self._gpus[0].name if self._gpus else "cpu",
            rows=len(train.rows) if train else 0,
            rows_skipped=train.skipped if train else 0,
            validation_rows=len(validation.rows) if validation else 0,
            tokens=train.tokens if train else 0,
            supervised=train.supervised if train else 0,
            truncated=train.truncated if train else 0,
            leaked=len(leaks.exact),
            near_leaked=len(leaks.near),
            steps=plan.steps if plan else 0,
            seconds=Estimate(value=plan.seconds, raw=plan.seconds) if plan else None,
            memory=Estimate(value=plan.memory_bytes, raw=plan.memory_bytes) if plan else None,
            memory_parts=plan.memory_parts if plan else [],
            memory_available_bytes=available_memory(self._gpus),
            disk_needed_bytes=plan.disk_bytes if plan else 0,
            disk_free_bytes=_free_bytes(self._run_folder) if self._run_folder else 0,
        )

    def _base(self) -> Path | None:
        named = self._recipe.base
        try:
            base = local_base(named)
            if base is None and "bnb-4bit" in named.lower() and not self._gpus:
                text = f"{named} is stored in 4 bits, which trains on CUDA only; this machine has no GPU for it."
                self._add("base", "Base model", text, "error", hint="Use a 16-bit base, or the Demo preset.")
                return None
            if base is None:
                text = f"{named} is not on this machine yet; it is downloaded when the training starts."
                self._add("base", "Base model", text, "warning", hint=f"Bring it now: arny models download {named}")
                return None
            check_base(base)
            config = read_config(base)
        except ArnyError as error:
            self._refused("base", "Base model", error)
            return None
        architecture = next(iter(config.get("architectures") or []), "unknown architecture")
        self._add("base", "Base model", f"{base.name}: {architecture}.")
        return base

    def _licence(self) -> None:
        licence = licence_of(self._recipe.base)
        level: Level = "warning" if licence.is_restricted or not licence.id else "ok"
        self._add("licence", "Licence", f"{licence.name}. {licence.note}".strip(), level)

    def _renderer(self, base: Path) -> Renderer | None:
        """The chat template closes a turn with one special token, which the loss will teach."""
        try:
            renderer = Renderer.from_folder(base)
        except ArnyError as error:
            self._refused("template", "Chat template", error)
            return None
        end = renderer.end_of_turn
        text = f"Turns end with {end}, which the loss teaches; the adapter's tokenizer names it as its end of sequence."
        if end != "<|im_end|>":
            self._add("template", "Chat template", f"{text} Qwen's own is <|im_end|>.", "warning")
        else:
            self._add("template", "Chat template", text)
        return renderer

    def _rows(self, path: str, renderer: Renderer | None, key: str, title: str) -> TrainingRows | None:
        file = Path(path)
        if not file.is_file():
            self._add(key, title, f"There is no dataset at {path}.", "error", file=path)
            return None
        if renderer is None:
            return None
        limit = self._recipe.validation_rows if key == "validation" else 0
        try:
            found = tokenized_rows(file, renderer, max_length=self._recipe.max_seq_length, limit=limit)
        except (ArnyError, OSError) as error:
            sentence = error.sentence if isinstance(error, ArnyError) else f"{path} cannot be read: {error.strerror}."
            self._add(key, title, sentence, "error", file=path)
            return None
        self._add_rows(found, key, title)
        return found

    def _add_rows(self, found: TrainingRows, key: str, title: str) -> None:
        if not found.rows:
            text = _nothing_usable(found)
            self._add(
                key, title, text, "error", file=str(found.file), lines=_lines(found.problems), count=found.skipped
            )
            return
        text = f"{len(found.rows):,} used, {found.tokens:,} tokens."
        if found.skipped:
            text = f"{len(found.rows):,} used, {found.skipped:,} skipped, {found.tokens:,} tokens. {found.problems[0]}"
        level: Level = "warning" if found.skipped else "ok"
        self._add(key, title, text, level, file=str(found.file), lines=_lines(found.problems), count=found.skipped)

    def _validation(self, renderer: Renderer | None) -> TrainingRows | None:
        if self._recipe.validation_data:
            return self._rows(self._recipe.validation_data, renderer, "validation", "Validation rows")
        text = "No validation data is named, so nothing tells when the training goes too far."
        self._add("validation", "Validation rows", text, "warning")
        return None

    def _supervised(self, train: TrainingRows) -> None:
        share = train.supervised / train.tokens
        text = f"{share:.0%} of the tokens are learnt ({train.supervised:,}); the rest is prompt."
        self._add("supervised", "Under the loss", text, "warning" if share < 0.02 else "ok")

    def _truncated(self, train: TrainingRows) -> None:
        longest = max(train.lengths, default=0)
        limit = self._recipe.max_seq_length
        if not train.truncated:
            self._add("truncated", "Length", f"No row is cut: the longest has {longest:,} of {limit:,} tokens.")
            return
        rows = "1 row is longer" if train.truncated == 1 else f"{train.truncated:,} rows are longer"
        text = f"{rows} than {limit:,} tokens; cut there, the end of the answer is not learnt."
        lines = train.truncated_lines
        self._add("truncated", "Length", text, "warning", file=str(train.file), lines=lines, count=len(lines))

    def _system_turns(self, renderer: Renderer) -> None:
        """Qwen's template writes a system turn of its own where a conversation has none."""
        alone = renderer.render([Message("user", "x")])
        if "system" not in alone:
            return
        text = "The template adds a system turn of its own to rows without one; serve the model with the same one."
        self._add("template", "System turn", text, "note")

    def _leakage(self, train: TrainingRows | None, validation: TrainingRows | None) -> Leaks:
        if not train or not validation or not train.rows or not validation.rows:
            return Leaks([], [])
        leaks = leaks_of(train, validation)
        exact, near, file = len(leaks.exact), len(leaks.near), str(validation.file)
        if exact:
            rows = "1 validation row stands" if exact == 1 else f"{exact:,} validation rows stand"
            text = f"{rows} in the training data as well, so the loss there says nothing."
            self._add("leakage", "Leakage", text, "warning", file=file, lines=leaks.exact, count=exact)
        if near:
            rows = "1 validation row differs" if near == 1 else f"{near:,} validation rows differ"
            text = f"{rows} from a training row in a few words only; the loss flatters."
            self._add("near-leakage", "Near-duplicates", text, "note", file=file, lines=leaks.near, count=near)
        if not exact and not near:
            self._add("leakage", "Leakage", "No validation row stands in the training data, nor one much like it.")
        return leaks

    def _plan(self, base: Path | None, train: TrainingRows | None, validation: TrainingRows | None) -> Plan | None:
        if base is None or not train or not train.rows:
            return None
        try:
            placement = placement_here(self._recipe, base, self._gpus)
            plan = plan_training(self._recipe, base, placement, train, validation)
        except ArnyError as error:
            self._refused("device", "Device", error)
            return None
        except KeyError as error:
            text = f"The base's config.json has no {error}, so memory and time cannot be estimated."
            self._add("memory", "Memory", text, "note")
            return None
        self._device(placement)
        self._add("steps", "Steps", f"{plan.steps:,} steps, {plan.epochs:.1f} passes over the data.")
        if self._run_folder is not None:
            self._findings.append(_disk_finding(plan.disk_bytes, _free_bytes(self._run_folder)))
        return plan

    def _device(self, placement: Placement) -> None:
        name = self._gpus[0].name if self._gpus else "CPU"
        text = " ".join((f"{name}, {placement.dtype}.", *placement.remarks))
        self._add("device", "Device", text, "note" if placement.remarks else "ok")
        processes, cores = self._recipe.processes, os.cpu_count() or 1
        if not self._gpus and processes > cores:
            crowd = f"{processes} processes would share {cores} CPU cores, each with a copy of the base; use {cores}."
            self._add("processes", "Processes", crowd, "warning")

    def _refused(self, key: str, title: str, error: ArnyError) -> None:
        self._add(key, title, error.sentence, "error", hint=error.hint)

    def _add(
        self,
        key: str,
        title: str,
        text: str,
        level: Level = "ok",
        *,
        hint: str = "",
        file: str = "",
        lines: list[int] | None = None,
        count: int = 0,
    ) -> None:
        named = (lines or [])[:NAMED_LINES]
        self._findings.append(
            Finding(key=key, title=title, text=text, level=level, hint=hint, file=file, lines=named, count=count)
        )


def _disk_finding(needed: int, free: int) -> Finding:
    if needed <= free:
        text = f"{bytes_in_words(needed)} for checkpoints and adapter, {bytes_in_words(free)} free."
        return Finding(key="disk", title="Disk", text=text)
    text = (
        f"Checkpoints and adapter need {bytes_in_words(needed)}, and only {bytes_in_words(free)} are free on the disk."
    )
    return Finding(
        key="disk", title="Disk", text=text, level="error", hint="Free some room, or choose another workspace."
    )


def _free_bytes(folder: Path) -> int:
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free


def _lines(problems: list[RowProblem]) -> list[int]:
    return [problem.line for problem in problems]


def _nothing_usable(found: TrainingRows) -> str:
    if not found.problems:
        return f"{found.file} has no rows."
    return f"{found.file} has no usable row: all {found.skipped:,} were skipped. The first: {found.problems[0]}"


def _refuse_empty(found: TrainingRows) -> NoReturn:
    raise BadInput(
        _nothing_usable(found), hint="A row is a JSON object with a list of messages, the last the assistant's."
    )
