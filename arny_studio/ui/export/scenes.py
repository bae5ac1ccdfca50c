"""What `ui/screenshots.py` shows of the Export tab beside the page itself: the form, a verdict, flips, lineage, red."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from arny_studio.recipe import ParitySettings, VerifyRecipe
from arny_studio.ui.export.tab import ExportTab
from arny_studio.ui.runs.run_list import RunList

_PROMPTS = 16
_SWAPPED = ("blk.0.attn_q.weight", "blk.3.attn_q.weight")


def scenes(tab: ExportTab) -> dict[str, Callable[[], None]]:
    """Name of the picture → what to do before it is taken."""
    return {
        "export-form": tab.show_form,
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


def _show(tab: ExportTab, kind: str, title: str) -> None:
    """The newest run of a kind with files to show, and one of its tabs."""
    for runs in tab.findChildren(RunList):
        for line in range(runs.model.rowCount()):
            folder = runs.model.run_at(line).folder
            if folder.kind == kind and (folder.path / "outputs" / "parity.json").is_file():
                runs.view.setCurrentIndex(runs.model.index(line))
                break
    tab.run.show_details(title)
