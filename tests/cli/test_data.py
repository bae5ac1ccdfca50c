"""`arny generate` and `arny data`, in processes of their own, as a user runs them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from arny_studio.cli.data import app
from arny_studio.dataset.document import Document
from arny_studio.errors import BadInput, BadRecipe
from tests.dataset.rows import conversation, decided, without, write_rows


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


def within(*arguments):
    """A dataset command in this process; what it raises comes out."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture
def flawed(tmp_path):
    rows = (
        decided("a room in Paris", primary_journey="Hotels", journeys=["Hotels"]), decided("hello"), decided("hello"),
        conversation(("user", "schÃ¶n"), ("assistant", "ja"), id="p-1"), without("formatting_style", query="bye"),
    )  # fmt: skip
    return write_rows(tmp_path / "d.jsonl", *rows)


def test_that_a_check_counts_kinds_and_looks_into_another_file(flawed, tmp_path):
    done = within("check", flawed)
    assert done.exit_code == 4
    assert "d.jsonl:1:" in done.stdout and "unknown journeys (error)" in done.stdout
    other = write_rows(tmp_path / "test.jsonl", decided("HELLO"))
    found = json.loads(within("check", flawed, "--against", other, "--max-characters", 100, "--near", "--json").stdout)
    assert found["summary"]["by_kind"] == {
        "unknown-journey": 1, "missing-field": 1, "truncated": 4, "mojibake": 1, "duplicate": 1, "leak": 2
    }  # fmt: skip
    assert len([problem for problem in found["problems"] if problem["rule"] == "leak"]) == 2


def test_that_find_prints_matching_rows_byte_for_byte(flawed):
    rows = flawed.read_bytes().splitlines()
    assert within("find", flawed, "role:user paris").stdout_bytes == rows[0] + b"\n"
    assert within("find", flawed, "problem:duplicate or role:id p-1", "--count").stdout.strip() == "2"
    as_json = [
        json.loads(line)
        for line in within("find", flawed, "role:user hello", "--json", "--limit", 1).stdout.splitlines()
    ]
    assert as_json == [{"line": 2, "row": rows[1].decode()}]


def test_that_stats_count_with_and_without_a_filter(flawed):
    text = within("stats", flawed).stdout
    assert "5 rows, 4 usable" in text and "general" in text
    found = json.loads(within("stats", flawed, "-q", "role:user hello", "--json").stdout)
    assert (found["rows"], found["total"]) == (2, 5)


def test_that_a_dry_run_shows_the_difference_and_changes_nothing(flawed):
    before = flawed.read_bytes()
    done = within("fix", flawed, "--dry-run")
    assert done.exit_code == 4
    assert "Fix problems: 3 rows would change" in done.stdout
    assert flawed.read_bytes() == before and not (flawed.parent / ".arny").exists()


def test_that_fixing_saves_only_the_repaired_lines_and_keeps_a_snapshot(flawed):
    before = flawed.read_bytes().splitlines()
    assert within("fix", flawed).exit_code == 0
    after = flawed.read_bytes().splitlines()
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, True, True, False, False]
    assert json.loads(within("check", flawed, "--json").stdout)["summary"]["by_kind"] == {"duplicate": 1}
    document = Document.open(flawed, read_only=True)
    [snapshot] = document.snapshots.all()[-1:]
    assert document.snapshots.content(snapshot).read_bytes().splitlines() == before
    document.close()


def test_that_a_line_in_another_encoding_is_converted_and_says_so_when_it_is_found(flawed):
    rows = flawed.read_bytes().splitlines()
    foreign = rows[0].decode().replace("Paris", "café").encode("cp1252")
    flawed.write_bytes(b"\n".join([foreign, *rows[1:]]) + b"\n")
    previewed = within("fix", flawed, "--kind", "unreadable", "--dry-run").stdout
    assert "caf\ufffd" in previewed and "café" in previewed and flawed.read_bytes().startswith(foreign)
    within("fix", flawed, "--kind", "unreadable")
    within("review", flawed, "-q", "café", "--status", "flagged")
    [found] = [json.loads(line) for line in within("find", flawed, "café", "--json").stdout.splitlines()]
    assert found["row"].encode() == rows[0].replace(b"Paris", "café".encode())
    assert found["review"] == {"status": "flagged"} and found["provenance"]["change"] == "Fix: unreadable lines"
    [other] = [
        json.loads(line)
        for line in within("find", flawed, "role:user hello", "--json", "--limit", 1).stdout.splitlines()
    ]
    assert set(other) == {"line", "row"}


def test_that_dedupe_keeps_the_row_that_was_asked_for(flawed):
    assert json.loads(within("dedupe", flawed, "--json").stdout)["removed"] == 1
    assert within("check", flawed, "--json").stdout.count('"rule":"duplicate"') == 0
    assert within("dedupe", flawed, "--near", "--keep", "most-complete", "--dry-run").exit_code == 0


def test_that_bulk_operations_run_over_the_rows_that_match(flawed):
    done = within("bulk", flawed, "replace", "find=hello", "replacement=hi", "scope=user", "-q", "row:2..3")
    assert "2 rows changed" in done.stdout
    assert flawed.read_bytes().count(b'"content":"hi"') == 2
    for arguments, said in ((("replace", "find"), "name=value"), (("replaec",), "no bulk operation")):
        with pytest.raises(BadRecipe, match=said):
            within("bulk", flawed, *arguments)


def test_that_a_file_with_unsaved_edits_or_open_elsewhere_is_not_rewritten(flawed):
    document = Document.open(flawed)
    with pytest.raises(BadInput, match="open in another window"):
        within("fix", flawed)
    document.close()


def test_that_a_result_can_go_to_another_file_and_the_dataset_stays(flawed, tmp_path):
    before = flawed.read_bytes()
    target = tmp_path / "mended.jsonl"
    assert "Written to" in within("fix", flawed, "--out", target).stdout
    assert flawed.read_bytes() == before and not (flawed.parent / ".arny").exists()
    within("fix", flawed)
    assert target.read_bytes() == flawed.read_bytes() != before
    with pytest.raises(BadInput, match="is read here"):
        within("dedupe", flawed, "--out", flawed)


def test_that_rows_are_judged_found_and_counted_without_touching_a_byte(flawed):
    before = flawed.read_bytes()
    assert "2 of 2 rows" in within("review", flawed, "-q", "row:1..2", "--status", "flagged", "--tag", "tone").stdout
    assert (
        within("find", flawed, "tag:tone status:flagged", "--count").stdout.strip() == "3"
    )  # rows 2 and 3 say the same
    within("review", flawed, "-q", "row:1", "--status", "none", "--untag", "tone", "--note", "fine")
    said = json.loads(within("review", flawed, "-q", "row:1..2", "--json").stdout)
    assert said["status"] | {"rows": said["rows"]} == {"accepted": 0, "rejected": 0, "flagged": 1, "none": 1, "rows": 2}
    assert said["tags"] == {"tone": 1}
    assert flawed.read_bytes() == before


def test_that_the_gravest_problems_are_printed_first(flawed):
    lines = within("check", flawed).stdout.splitlines()
    severities = [line.split(":")[0] for line in lines if line.startswith(("error:", "warning:"))]
    assert severities == sorted(severities) and len(set(severities)) == 2
