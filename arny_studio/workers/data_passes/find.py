"""Find the rows that a query means."""

from __future__ import annotations

import numpy as np

from arny_studio.dataset.filtering import matching_rows
from arny_studio.dataset.looking import ScanStopped
from arny_studio.dataset.query import parse
from arny_studio.dataset.scanning import scan
from arny_studio.jobs.events import Artifact, Finished, Result, Stage
from arny_studio.workers.data_passes.passing import Pass, StopRequested
from arny_studio.workers.data_passes.scan import options_of


def run(work: Pass) -> Finished:
    """Write the numbers of the rows to `out` (.npy, int64). Status and tags, which lie beside a dataset, are not known."""
    query = parse(work.recipe.query)
    work.emit(Stage(name="scan", title="Look at every row", index=1, total=2))
    try:
        columns = scan(
            work.view, options_of(work), should_stop=work.should_stop,
            on_progress=lambda _part, done, total: work.advance(done, total),
        )  # fmt: skip
    except ScanStopped:
        raise StopRequested from None
    work.emit(Stage(name="find", title=f"Find {work.recipe.query}", index=2, total=2))
    rows = matching_rows(query, columns, work.view.open(), on_progress=work.advance)
    out = work.out("rows.npy")
    np.save(out, rows)
    work.emit(Artifact(kind="rows", path=str(out), size_bytes=out.stat().st_size))
    work.emit(Result(name="find", values={"rows": len(rows), "total": columns.row_count}))
    return Finished(summary=f"{len(rows):,} of {columns.row_count:,} rows.")
