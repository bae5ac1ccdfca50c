"""Write a dataset with one of the built-in generators."""

from __future__ import annotations

from pathlib import Path

from arny_studio.contract import load_contract
from arny_studio.dataset.generate.rows import generated_rows, write_generated
from arny_studio.jobs.events import Artifact, Finished, Stage
from arny_studio.workers.data_passes.passing import Pass


def run(work: Pass) -> Finished:
    """Write the rows to the recipe's path."""
    recipe = work.recipe
    work.emit(Stage(name="generate", title=f"Write {recipe.rows:,} {recipe.tier} samples", index=1, total=1))
    rows = generated_rows(
        recipe.tier,
        recipe.rows,
        seed=recipe.seed,
        contract=load_contract(recipe.contract),
        phrases=recipe.phrases,
        mix=recipe.mix,
    )
    path = Path(recipe.path)
    count = write_generated(path, rows, lambda done: work.advance(done, recipe.rows))
    work.emit(Artifact(kind="dataset", path=recipe.path, size_bytes=path.stat().st_size))
    return Finished(summary=f"Wrote {count:,} samples.")
