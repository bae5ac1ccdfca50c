"""`arny generate` and `arny data`, in processes of their own, as a user runs them."""

from __future__ import annotations

import json
import subprocess
import sys


def arny(*arguments):
    command = [sys.executable, "-m", "arny_studio.cli.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def generated(path, *options):
    done = arny("generate", "tier1", path, "--rows", 60, *options)
    assert done.returncode == 0, done.stderr
    return path.read_bytes()


def test_that_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path):
    first = generated(tmp_path / "a.jsonl", "--seed", 3)
    assert generated(tmp_path / "b.jsonl", "--seed", 3) == first
    assert generated(tmp_path / "c.jsonl", "--seed", 4) != first


def test_that_generated_data_passes_the_check_and_a_broken_line_is_found_with_its_place(tmp_path):
    path = tmp_path / "d.jsonl"
    generated(path)
    assert arny("data", "check", path).returncode == 0
    with path.open("ab") as file:
        file.write(b'{"messages": [}\n\xff\n')
    found = arny("data", "check", path)
    assert found.returncode == 4
    assert "d.jsonl:61:15" in found.stdout
    assert "d.jsonl:62:1" in found.stdout and "not UTF-8" in found.stdout
    summary = json.loads(arny("data", "check", path, "--json").stdout)["summary"]
    assert (summary["rows"], summary["usable"], summary["errors"]) == (62, 60, 2)


def test_that_a_split_writes_its_sides_and_counts_them(tmp_path):
    path = tmp_path / "d.jsonl"
    generated(path)
    done = arny("data", "split", path, "--validation", 0.2, "--test", 0.2, "--json")
    sides = json.loads(done.stdout)
    assert sum(side["rows"] for side in sides.values()) == 60
    assert {"train", "validation", "test"} == set(sides)


def test_that_bad_input_ends_in_one_sentence_and_leaves_no_file(tmp_path):
    cases = {
        ("data", "check", tmp_path / "gone.jsonl"): (1, "There is no dataset"),
        ("data", "split", tmp_path / "gone.jsonl", "--validation", 0.6, "--test", 0.5): (2, "leave rows for training"),
        ("generate", "tier1", tmp_path / "x.jsonl", "--contract", "router-v9"): (1, "no contract 'router-v9'"),
        ("generate", "tier1", tmp_path / "x.jsonl", "--phrases", "odd"): (2, "odd"),
        ("generate", "tier1", tmp_path / "x.jsonl", "--rows", 0): (2, "rows"),
    }
    for arguments, (code, said) in cases.items():
        done = arny(*arguments)
        assert (done.returncode, said in done.stderr) == (code, True), (arguments, done.stderr)
        assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
