"""`arny data convert`, `diff` and `history`, in processes of their own, as a user runs them."""

from __future__ import annotations

import json
import subprocess
import sys

from arny_studio.dataset.document import Document
from tests.dataset.documents import row, written


def arny(*arguments):
    command = [sys.executable, "-m", "arny_studio.cli.main", "data", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_that_a_foreign_file_is_shown_then_converted_and_what_is_left_out_is_named(tmp_path):
    source, target = tmp_path / "alpaca.csv", tmp_path / "out.jsonl"
    source.write_text("instruction,output\nHi,Hello\nonly\n")
    shown = arny("convert", source)
    assert (shown.returncode, list(tmp_path.iterdir())) == (0, [source])
    assert "CSV with Alpaca instructions." in shown.stdout
    assert '{"messages":[{"role":"user","content":"Hi"}' in shown.stdout
    done = arny("convert", source, target)
    assert done.returncode == 4
    assert "left out: alpaca.csv:3: The line has 1 cells" in done.stdout
    assert len(target.read_text().splitlines()) == 1
    back = arny("convert", target, tmp_path / "back.parquet", "--to", "sharegpt", "--json")
    assert (back.returncode, json.loads(back.stdout)["written"]) == (0, 1)
    refused = arny("convert", target, tmp_path / "x.jsonl", "--to", "robot")
    assert refused.returncode == 2
    assert "no format 'robot'" in refused.stderr and "Traceback" not in refused.stderr


def test_that_a_named_state_can_be_compared_with_and_gone_back_to(tmp_path):
    path = written(tmp_path / "d.jsonl", [row("a"), row("b"), row("c")])
    assert arny("history", "take", path, "clean").returncode == 0
    written(path, [row("a"), row("B"), row("new"), row("c")])
    changed = arny("diff", path)
    assert changed.returncode == 4
    assert "1 added, 0 removed, 1 changed, 0 moved, 2 unchanged" in changed.stdout
    found = json.loads(arny("diff", path, "--snapshot", "clean", "--json").stdout)
    assert (found["changed"], found["added"]) == ([[1, 1]], [2])
    restored = arny("history", "restore", path, "clean")
    assert restored.returncode == 0, restored.stderr
    assert path.read_bytes().splitlines() == [row("a"), row("b"), row("c")]
    titles = [one["title"] for one in json.loads(arny("history", "list", path, "--json").stdout)]
    assert titles == ["Before going back to clean", "clean"]
    assert arny("history", "restore", path, "Before going back to clean").returncode == 0
    assert path.read_bytes().splitlines()[1] == row("B")


def test_that_a_file_open_in_a_window_is_not_restored_under_it(tmp_path):
    path = written(tmp_path / "d.jsonl", [row("a")])
    document = Document.open(path)
    document.take_snapshot("clean")
    refused = arny("history", "restore", path, "clean")
    document.close()
    assert refused.returncode == 1
    assert "d.jsonl is open in another window" in refused.stderr
