"""A disk that fills up at any moment of an export: one sentence of its own kind, and nothing left behind."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from arny_studio.engine import export as exporting
from arny_studio.engine import output_files
from arny_studio.engine.export import Export
from arny_studio.engine.replay import replay
from arny_studio.errors import DiskFull
from arny_studio.recipe import ExportRecipe, ParitySettings
from tests.tiny_models import make_tiny_adapter, make_tiny_base

MIB = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def resize(disk: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)


def test_that_a_disk_that_fills_up_at_any_write_is_said_and_leaves_nothing(
    tmp_path: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody asks for room beforehand, as if another program took it meanwhile.
    for module in (exporting, output_files):
        monkeypatch.setattr(module, "require_room", lambda *_: None)
    base = make_tiny_base(tmp_path / "base", layers=1)
    adapter = make_tiny_adapter(tmp_path / "adapter", base)
    recipe = ExportRecipe(
        base=str(base), adapter=str(adapter), quants=("F16", "Q8_0"), threads=1, merged_folder=True, lora_gguf=True,
        parity=ParitySettings(prompts=1, trainer_prompts=0),
    )  # fmt: skip

    def run() -> int:
        outputs = disk / "outputs"
        export = Export(
            recipe, outputs, base=base, adapter=adapter, versions={}, emit=lambda _: None,
            asked_to_stop=lambda: False, replays=replay,
        )  # fmt: skip
        made = sum(path.stat().st_size for path in export.run().files if path.is_file())
        for path in sorted(outputs.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        return made

    run()
    refused = 0
    for size in range(MIB // 4, 8 * MIB, MIB // 2):
        resize(disk, size)
        try:
            run()
        except DiskFull as error:
            refused += 1
            assert "bytes" in error.sentence or "full" in error.sentence
            assert list((disk / "outputs").iterdir()) == []
        else:
            break
    assert refused >= 5
