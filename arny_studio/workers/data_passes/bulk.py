"""Run a bulk operation over a dataset and write what it changes as a patch."""

from __future__ import annotations

from arny_studio.contract import load_contract
from arny_studio.dataset.bulk import operation_of
from arny_studio.dataset.bulk_patch import as_values, write_patch
from arny_studio.jobs.events import Artifact, Finished, Result, Stage
from arny_studio.workers.data_passes.passing import Pass


def run(work: Pass) -> Finished:
    """Write the patch to `out`; its counts and first changes are the result `patch`. The dataset is not touched."""
    recipe = work.recipe
    operation = operation_of(recipe.operation, recipe.arguments)
    work.emit(Stage(name="bulk", title=operation.title, index=1, total=1))
    out = work.out("changes.patch")
    report = write_patch(
        work.view.open(), operation, load_contract(recipe.contract), out, only=work.only(), on_progress=work.advance
    )
    work.emit(Artifact(kind="patch", path=str(out), size_bytes=out.stat().st_size))
    work.emit(Result(name="patch", values=as_values(report)))
    failed = f", {report.failed:,} left as they are ({report.why_failed})" if report.failed else ""
    return Finished(summary=f"{report.title}: {report.changed:,} rows change, {report.removed:,} go{failed}.")
