"""What `ui/screenshots.py` shows of the Export tab beside the page itself: the form, a verdict, flips, lineage, red."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from arny_studio.jobs.folder import RunFolder
from arny_studio.recipe import ExportRecipe, ParitySettings, VerifyRecipe
from arny_studio.ui.export.tab import ExportTab

_PROMPTS = 16
_SWAPPED = ("blk.0.attn_q.weight", "blk.3.attn_q.weight")


def scenes(tab: ExportTab) -> dict[str, Callable[[], None]]:
    """Name of the picture → what to do before it is taken."""
    return {
        "export-form": tab.runs.new_requested.emit,
        "export-verdict": lambda: _show(tab, "export", "Verdict"),
        "export-lineage": lambda: _show(tab, "export", "Lineage"),
        "export-red": lambda: _show(tab, "verify", "Verdict"),
        "export-flips": lambda: _show(tab, "verify", "Prompts"),
    }


def damaged_check(f16: Path, quant: Path, scratch: Path) -> VerifyRecipe:
    """A check of a copy in which two layers' projections stand in each other's place: sound values, another model."""
    from gguf import GGUFReader

    damaged = scratch / f"damaged-{quant.name}"
    shutil.copyfile(quant, damaged)
    reader = GGUFReader(damaged, "r+")
    tensors = {tensor.name: tensor.data for tensor in reader.tensors}
    first, second = (tensors[name] for name in _SWAPPED)
    held = first.copy()
    first[:] = second
    second[:] = held
    reader.data.flush()
    return VerifyRecipe(
        title=f"Check of {damaged.name}", file=str(damaged), reference=str(f16), parity=ParitySettings(prompts=_PROMPTS)
    )


def routers_first(folders: Iterable[RunFolder]) -> list[RunFolder]:
    """Exports of routers before all others: what a gate measures of them says most."""
    return sorted(folders, key=lambda folder: folder.kind != "export" or folder.recipe(ExportRecipe).tier != "tier1")


def _show(tab: ExportTab, kind: str, title: str) -> None:
    """The newest run of a kind that was held against its F16, a router's if there is one, and one of its tabs."""
    runs = tab.runs.model
    listed = [runs.run_at(line).folder for line in range(runs.rowCount())]
    measured = [folder for folder in listed if folder.kind == kind and is_measured(folder)]
    for folder in routers_first(measured)[:1]:
        tab.runs.view.setCurrentIndex(runs.index(listed.index(folder)))
    tab.run.show_details(title)


def is_measured(folder: RunFolder) -> bool:
    """Whether its files were held against a reference."""
    return (folder.path / "outputs" / "parity.json").is_file()
