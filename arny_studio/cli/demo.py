"""`arny demo`: the whole job once through, on the embedded demo base, with nothing but the product's own workers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer
from msgspec import Struct
from rich.console import Console

from arny_studio.cli.demo_report import DemoResults, TierResults, write_report
from arny_studio.cli.running import run_recipe
from arny_studio.contract import load_contract
from arny_studio.dataset.generate.rows import Tier, generated_rows, write_generated
from arny_studio.dataset.problems import PAIR_KINDS, kind_of
from arny_studio.dataset.row_source import SourceView
from arny_studio.dataset.scanning import ScanOptions, scan
from arny_studio.dataset.splitting import Side, SplitShares, split_file
from arny_studio.errors import ArnyError, BadInput
from arny_studio.evaluation import RouterScores
from arny_studio.jobs.events import AnyEvent, Decided, Ledger, LoadRefused, ModelLoaded, ModelUnloaded, Replied
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.workspace import Workspace
from arny_studio.paths import DATA_DIR, DEMO_BASE
from arny_studio.recipe import EvaluateRecipe, ExportRecipe, ParitySettings, PhoneRecipe, Quant, Recipe, TrainRecipe
from arny_studio.recipe.presets import preset

QUERIES = DATA_DIR / "demo" / "queries.jsonl"
TIERS: tuple[Tier, ...] = ("tier1", "tier2")
QUANTS: tuple[Quant, ...] = ("F16", "Q4_K_M", "Q8_0")
PARITY_PROMPTS = 16
TRAINER_PROMPTS: dict[Tier, int] = {"tier1": 4, "tier2": 0}  # loading torch once more is enough to show it
SHARES = SplitShares(validation=0.04, test=0.02)
MIB = 1 << 20

Made = TypeVar("Made")

console = Console(highlight=False, soft_wrap=True)


class DemoPlan(Struct, frozen=True, kw_only=True):
    """How large the demonstration is."""

    rows: int = 6000
    train_minutes: float = 0.65  # with loading and saving it stays under a minute per tier
    evaluation_rows: int = 120
    seed: int = 7


def demo(
    workspace: Annotated[Path, typer.Option(help="Where everything the demo makes is kept.")] = Path(".demo"),
    rows: Annotated[int, typer.Option(min=20, help="Samples to generate per tier.")] = DemoPlan().rows,
    train_minutes: Annotated[float, typer.Option(min=0.02, help="Training time per tier.")] = DemoPlan().train_minutes,
    evaluation_rows: Annotated[int, typer.Option(min=1, help="Held-out rows to score.")] = DemoPlan().evaluation_rows,
    open_app: Annotated[bool, typer.Option("--open", help="Open the app afterwards where there is a display.")] = False,
) -> None:
    """Generate, fine-tune, export, evaluate and route, on the embedded demo model; then write a report."""
    started = time.monotonic()
    plan = DemoPlan(rows=rows, train_minutes=train_minutes, evaluation_rows=evaluation_rows)
    results = run_demo(Workspace(workspace.resolve()), plan)
    report = write_report(results, workspace.resolve() / "reports" / "demo")
    _say(f"\n[bold]Done[/] in {time.monotonic() - started:.0f} s. The report: {report}")
    if open_app and has_display():
        subprocess.run([sys.executable, "-m", "arny_studio", "--workspace", str(workspace)], check=False)


def run_demo(workspace: Workspace, plan: DemoPlan) -> DemoResults:
    """All five steps; raises ArnyError at the first one that does not end well."""
    data, held_out = _step(1, "Write, check and split the datasets", lambda: _make_datasets(workspace, plan))
    trained = _step(2, "Fine-tune both tiers", lambda: _train_both(workspace, data, plan))
    exported = _step(3, "Merge, write F16, quantize", lambda: _export_both(workspace, trained))
    before, after = _step(4, "Evaluate before and after", lambda: _evaluate(workspace, exported, held_out, plan))
    replies = _step(5, "Route queries on a simulated 6 GB phone", lambda: _route(workspace, exported))
    return DemoResults(
        tiers={tier: TierResults(run=trained[tier], export=exported[tier]) for tier in TIERS},
        before=before,
        after=after,
        replies=replies,
    )


def has_display() -> bool:
    """Whether a window can be shown here."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _step(number: int, title: str, work: Callable[[], Made]) -> Made:
    _say(f"\n[bold]{number}/5  {title}[/]")
    started = time.monotonic()
    made = work()
    _say(f"     {time.monotonic() - started:.1f} s")
    return made


def _make_datasets(workspace: Workspace, plan: DemoPlan) -> tuple[dict[Tier, dict[Side, Path]], Path]:
    """Sides of each tier's dataset, and router samples of phrases and entities that training never sees."""
    sides: dict[Tier, dict[Side, Path]] = {tier: _dataset(workspace, tier, plan) for tier in TIERS}
    held_out = workspace.datasets / "tier1.held-out.jsonl"
    rows = generated_rows("tier1", plan.evaluation_rows, seed=plan.seed, contract=load_contract(), phrases="test")
    write_generated(held_out, rows, lambda _: None)
    return sides, held_out


def _dataset(workspace: Workspace, tier: Tier, plan: DemoPlan) -> dict[Side, Path]:
    path = workspace.datasets / f"{tier}.jsonl"
    rows = plan.rows if tier == "tier1" else min(plan.rows, 3000)
    started = time.monotonic()
    write_generated(path, generated_rows(tier, rows, seed=plan.seed, contract=load_contract()), lambda _: None)
    elapsed_s = time.monotonic() - started
    summary = scan(SourceView(path=str(path)), ScanOptions()).summary
    wrong = [kind_of(name).title for name in summary.by_kind if name not in PAIR_KINDS]
    if wrong:
        raise BadInput(f"The generator wrote rows that its own contract refuses: {', '.join(wrong)}.")
    written = split_file(path, path.parent, SHARES, fresh=True).sides
    counts = ", ".join(f"{side} {count:,}" for side, (_, count) in written.items())
    _say(f"     {path.name}: {rows:,} samples ({rows / elapsed_s:,.0f}/s), {summary.usable:,} valid; {counts}")
    return {side: file for side, (file, _) in written.items()}


def _train_both(workspace: Workspace, data: dict[Tier, dict[Side, Path]], plan: DemoPlan) -> dict[Tier, RunFolder]:
    return {tier: _train(workspace, tier, data[tier], plan) for tier in TIERS}


def _train(workspace: Workspace, tier: Tier, sides: dict[Side, Path], plan: DemoPlan) -> RunFolder:
    recipe: TrainRecipe = preset(
        f"demo-{tier}",
        train_data=str(sides["train"]),
        validation_data=str(sides["validation"]),
        max_minutes=plan.train_minutes,
        title=f"Demo {tier}",
    )
    run = _run(workspace, "train", recipe)
    curve = run.state().curve
    first, last = next((loss for _, loss in curve.points("loss")), None), curve.last("loss")
    _say(f"     {tier}: loss {first:.2f} → {last:.2f} in {curve.last_step} steps" if first and last else f"     {tier}")
    return run


def _export_both(workspace: Workspace, trained: dict[Tier, RunFolder]) -> dict[Tier, RunFolder]:
    return {tier: _export(workspace, tier, trained[tier]) for tier in TIERS}


def _export(workspace: Workspace, tier: Tier, trained: RunFolder) -> RunFolder:
    recipe = ExportRecipe(
        title=f"Demo {tier}",
        base=str(DEMO_BASE),
        adapter=str(trained.outputs / "adapter"),
        quants=QUANTS,
        name="arny-demo",
        tier=tier,
        license="Apache-2.0",
        parity=ParitySettings(prompts=PARITY_PROMPTS, trainer_prompts=TRAINER_PROMPTS[tier]),
    )
    run = _run(workspace, "export", recipe)
    for path in sorted(run.outputs.glob("*.gguf")):
        _say(f"     {path.name}  {path.stat().st_size / MIB:.1f} MiB")
    return run


def _evaluate(
    workspace: Workspace, exported: dict[Tier, RunFolder], held_out: Path, plan: DemoPlan
) -> tuple[RouterScores, RouterScores]:
    untuned = ExportRecipe(
        title="Demo base", base=str(DEMO_BASE), quants=("F16",), name="arny-demo-base", parity=ParitySettings(prompts=0)
    )
    base = gguf_of(_run(workspace, "export", untuned), "F16")
    before = _scores(workspace, "Demo base, before", base, held_out, plan)
    after = _scores(workspace, "Demo tier1, after", gguf_of(exported["tier1"], "Q4_K_M"), held_out, plan)
    return before, after


def _scores(workspace: Workspace, title: str, model: Path, data: Path, plan: DemoPlan) -> RouterScores:
    recipe = EvaluateRecipe(title=title, model=str(model), data=str(data), limit=plan.evaluation_rows)
    scores = msgspec.convert(_run(workspace, "evaluate", recipe).state().results["scores"], RouterScores)
    shares = (("JSON valid", scores.json_valid), ("journey", scores.journey_accuracy))
    shares += (("missing fields", scores.missing_fields_exact),)
    said = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares if share is not None)
    _say(f"     {title}: {said} ({scores.rows} held-out rows)")
    return scores


def _route(workspace: Workspace, exported: dict[Tier, RunFolder]) -> list[Replied]:
    """Run the demo queries with the files this demo made; prints each as it is answered."""
    recipe = PhoneRecipe(
        title="Demo phone",
        tier1=str(gguf_of(exported["tier1"], "Q4_K_M")),
        tier2=str(gguf_of(exported["tier2"], "Q4_K_M")),
        device="6gb",
        queries=str(QUERIES),
        reasoner_max_tokens=160,
    )
    replies: list[Replied] = []

    def show(event: AnyEvent) -> None:
        _print_phone_event(event)
        if isinstance(event, Replied):
            replies.append(event)

    _run(workspace, "phone", recipe, on_event=show)
    paths = sorted({reply.action for reply in replies})
    _say(f"     paths taken: {', '.join(paths)}")
    return replies


def _print_phone_event(event: AnyEvent) -> None:
    match event:
        case Decided():
            console.print(f"     JSON    {event.text}", markup=False)
        case ModelLoaded(tier=tier, elapsed_ms=elapsed_ms):
            _say(f"     memory  Tier-{tier} loaded in {elapsed_ms:.0f} ms")
        case ModelUnloaded(tier=tier, because=because):
            _say(f"     memory  Tier-{tier} unloaded: {because}")
        case LoadRefused(sentence=sentence):
            _say(f"     memory  refused: {sentence}")
        case Ledger():
            console.print(f"     RAM     {ledger_line(event)}", markup=False)
        case Replied():
            console.print(f"     reply   {event.reply}", markup=False)
            _say(f"     [bold]{event.action}[/] “{event.query}” in {event.ms:.0f} ms, peak {event.peak_mib:.0f} MiB\n")


def ledger_line(ledger: Ledger) -> str:
    """The RAM account in one line: each owner's predicted MiB, then what is measured against the cap."""
    owners: dict[str, int] = {}
    for line in ledger.lines:
        owners[line.owner] = owners.get(line.owner, 0) + line.predicted_bytes
    predicted = ", ".join(f"{owner} {size / MIB:.0f}" for owner, size in owners.items())
    return f"{ledger.cause}: predicted MiB {predicted}; measured {ledger.used_bytes / MIB:.0f} of {ledger.cap_bytes / MIB:.0f}"


def gguf_of(run: RunFolder, quant: str) -> Path:
    """The file of a quant among an export's outputs."""
    found = next(run.outputs.glob(f"*{quant}*.gguf"), None)
    if found is None:
        raise BadInput(f"The export {run.name} has no {quant} file.")
    return found


def _run(
    workspace: Workspace, kind: str, recipe: Recipe, on_event: Callable[[AnyEvent], None] | None = None
) -> RunFolder:
    outcome, run = run_recipe(kind, recipe, workspace=workspace.root, on_event=on_event, quiet=on_event is not None)
    if outcome.kind != "finished":
        raise ArnyError(f"The {kind} run ended: {outcome.sentence}", hint=outcome.hint)
    return run


def _say(text: str) -> None:
    console.print(text)
