"""The demo's report: `report.md` with tables, and the loss curves as SVG beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from arny_studio.atomic import write_text_atomically
from arny_studio.evaluation import RouterScores
from arny_studio.evaluation.plots import Series, line_plot_svg
from arny_studio.evaluation.report import markdown_table, scores_table
from arny_studio.jobs.events import Replied
from arny_studio.jobs.folder import RunFolder

MIB = 1 << 20


class TierResults(Struct, frozen=True, kw_only=True):
    """What the demo made of one tier."""

    run: RunFolder
    export: RunFolder


class DemoResults(Struct, frozen=True, kw_only=True):
    """What the whole demo made."""

    tiers: Mapping[str, TierResults]
    before: RouterScores
    after: RouterScores
    replies: list[Replied]


def write_report(results: DemoResults, folder: Path) -> Path:
    """Write `report.md` and its plots into `folder`; returns the report's path."""
    for tier, made in results.tiers.items():
        write_text_atomically(folder / f"loss-{tier}.svg", loss_plot(made.run, f"{tier}: loss"))
    report = folder / "report.md"
    write_text_atomically(report, "\n".join(_sections(results)))
    return report


def loss_plot(run: RunFolder, title: str) -> str:
    """Training and validation loss of a run as SVG."""
    curve = run.state().curve
    series = []
    for label, column in (("training", "loss"), ("validation", "validation_loss")):
        points = list(curve.points(column))
        series.append(Series(label=label, xs=[step for step, _ in points], ys=[loss for _, loss in points]))
    return line_plot_svg([line for line in series if line.xs], title=title, x_label="step", y_label="loss")


def _sections(results: DemoResults) -> Iterator[str]:
    yield "# Arny Studio: demo run\n"
    yield (
        "Made by `arny demo` on the embedded 4.5M-parameter demo base. It shows that the whole way works; "
        "the real pair is Qwen2.5 1.5B and 3B.\n"
    )
    yield "## Training\n"
    yield markdown_table(
        ["tier", "steps", "first loss", "last loss", "seconds"], _training_rows(results), right=range(1, 5)
    )
    yield from (f"![{tier}: loss](loss-{tier}.svg)\n" for tier in results.tiers)
    yield "## Files\n"
    yield markdown_table(["file", "MiB", "sha256"], _file_rows(results), right=[1])
    yield "## Router, before and after\n"
    yield "Held-out phrase templates and entities, decoded without constraint; after: the Q4_K_M file.\n"
    yield scores_table({"before": results.before, "after": results.after})
    yield "## Queries on a simulated 6 GB phone\n"
    yield "Memory and load policy are simulated; the speed is this computer's. Execution results come from the offline sandbox.\n"
    yield markdown_table(
        ["query", "action", "reply", "ms", "peak MiB"],
        (
            [reply.query, reply.action, reply.reply, f"{reply.ms:.0f}", f"{reply.peak_mib:.0f}"]
            for reply in results.replies
        ),
        right=[3, 4],
    )
    yield "## Decisions\n"
    for reply in results.replies:
        decision = msgspec.json.encode(reply.decision).decode()
        yield f"- {_inline_code(reply.query)} → {_inline_code(decision)}"
    yield ""


def _training_rows(results: DemoResults) -> Iterator[list[object]]:
    for tier, made in results.tiers.items():
        state = made.run.state()
        losses = [loss for _, loss in state.curve.points("loss")]
        first, last = (f"{losses[0]:.3f}", f"{losses[-1]:.3f}") if losses else ("–", "–")
        yield [tier, state.curve.last_step, first, last, f"{state.elapsed_s:.0f}"]


def _file_rows(results: DemoResults) -> Iterator[list[object]]:
    for made in results.tiers.values():
        for artifact in made.export.state().artifacts:
            if artifact.kind == "gguf":
                yield [Path(artifact.path).name, f"{artifact.size_bytes / MIB:.1f}", artifact.sha256[:16]]


def _inline_code(text: str) -> str:
    """Code that survives back-ticks of its own."""
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"
