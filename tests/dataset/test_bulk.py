"""Bulk operations as functions of a row, and as patches over a whole file."""

from __future__ import annotations

import json

import numpy as np
import pytest

from arny_studio.contract import load_contract
from arny_studio.dataset.bulk import OPERATIONS, operation_of
from arny_studio.dataset.bulk_patch import write_patch
from arny_studio.dataset.checking import RowChecker
from arny_studio.dataset.document import Document
from arny_studio.dataset.edits import ApplyPatch, Change
from arny_studio.dataset.row_source import FileRows
from arny_studio.errors import BadInput, BadRecipe
from tests.dataset.rows import ANSWER, conversation, decided, without, write_rows

CONTRACT = load_contract()


def rewritten(raw, name, **arguments):
    return operation_of(name, arguments).rewriter(CONTRACT)(raw)


def decision(raw):
    return json.loads(json.loads(raw)["messages"][-1]["content"])


def test_that_text_is_replaced_only_in_the_scope_and_inside_decisions_as_text():
    raw = decided('say "hi"', direct_answer='"hi" to you', intent="hi_there")
    everywhere = rewritten(raw, "replace", find='"hi"', replacement="hello\n")
    assert json.loads(everywhere)["messages"][0]["content"] == "say hello\n"
    assert decision(everywhere)["direct_answer"] == "hello\n to you"
    only_user = rewritten(raw, "replace", find="hi", replacement="ho", scope="user")
    assert json.loads(only_user)["messages"][0]["content"] == 'say "ho"' and decision(only_user) == decision(raw)
    only_field = rewritten(raw, "replace", find="HI", replacement="yo", scope="intent", ignores_case="true")
    assert decision(only_field) == decision(raw) | {"intent": "yo_there"}


def test_that_regular_expressions_replace_with_groups_and_plain_text_takes_backslashes_as_they_are():
    raw = conversation(("user", "from A to B"), ("assistant", "ok"))
    swapped = rewritten(raw, "replace", find=r"from (\w) to (\w)", replacement=r"\2-\1", is_regex="true")
    assert json.loads(swapped)["messages"][0]["content"] == "B-A"
    plain = rewritten(raw, "replace", find="A to", replacement=r"\1")
    assert json.loads(plain)["messages"][0]["content"] == r"from \1 B"


def test_that_fields_are_set_renamed_and_removed_in_the_decision_and_in_the_row():
    raw = decided(spaced=True)
    assert decision(rewritten(raw, "set_field", field="complexity_score", value="40"))["complexity_score"] == 40
    assert decision(rewritten(raw, "set_field", field="intent", value="hello"))["intent"] == "hello"
    assert list(decision(rewritten(without("journeys"), "set_field", field="journeys", value='["hotel"]'))) == list(
        ANSWER
    )
    assert rewritten(raw, "set_field", field="needs_execution", value="false") == raw
    assert decision(rewritten(raw, "set_field", field="complexity_score", value="2.0"))["complexity_score"] == 2.0
    assert "intent" not in decision(rewritten(raw, "remove_field", field="intent"))
    assert next(iter(decision(rewritten(raw, "rename_field", field="intent", to="wish")))) == "wish"
    tagged = rewritten(raw, "set_field", field="source", value="hand", where="row")
    assert json.loads(tagged)["source"] == "hand" and tagged[: len(raw) - 1] == raw[:-1]
    assert rewritten(tagged, "remove_field", field="source", where="row") == raw
    with pytest.raises(BadInput, match="both"):
        rewritten(raw, "rename_field", field="intent", to="journeys")


def test_that_normalising_writes_compact_json_in_contract_order_and_nothing_else():
    turned = json.dumps(dict(reversed(ANSWER.items())), indent=1)
    raw = conversation(("user", "hi"), ("assistant", turned), id=7)
    assert rewritten(raw, "normalise") == conversation(
        ("user", "hi"), ("assistant", json.dumps(ANSWER, separators=(",", ":"))), id=7
    )
    prose = conversation(("user", "hi"), ("assistant", "{curly} prose"))
    assert rewritten(prose, "normalise") == prose


def test_that_encoding_is_repaired_modestly_or_as_ftfy_does():
    raw = conversation(("user", "“schÃ¶n”\x07"), ("assistant", "ja"))
    assert json.loads(rewritten(raw, "repair_encoding"))["messages"][0]["content"] == "“schön”"
    thorough = rewritten(raw, "repair_encoding", thorough="true")
    assert json.loads(thorough)["messages"][0]["content"] == '"schön"'


def test_that_fixing_everything_takes_one_repair_after_the_other():
    fields = ANSWER | {
        "primary_journey": "Hotels",
        "journeys": ["Hotels"],
        "complexity_score": "70",
        "direct_answer": None,
    }
    raw = conversation(("user", "schÃ¶n"), ("assistant", "{" + json.dumps(fields)[1:] + "\n```"))
    fixed = rewritten(raw, "fix")
    assert json.loads(fixed)["messages"][0]["content"] == "schön"
    assert decision(fixed) == fields | {"primary_journey": "hotel", "journeys": ["hotel"], "complexity_score": 70}
    assert rewritten(raw, "fix", kind="control") == raw


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("replaec", {}, "'replace'"),
        ("replace", {"find": "("}, ""),
        ("replace", {"find": "(", "is_regex": "true"}, "character 1"),
        ("replace", {"find": "a", "replacement": r"\1", "is_regex": "true"}, "replacement"),
        ("replace", {"find": "a", "scope": "intnet"}, "'intent'"),
        ("replace", {"find": ""}, "find"),
        ("replace", {"fnid": "a", "find": "b"}, "'find'"),
        ("set_field", {"field": "messages", "value": "1", "where": "row"}, "turns"),
        ("fix", {"kind": "schemas"}, "'schema'"),
        ("drop_duplicates", {"keep": "best"}, "keep"),
    ],
)
def test_that_an_operation_that_makes_no_sense_is_refused_before_any_row(name, arguments, said):
    if said:
        with pytest.raises(BadRecipe) as refused:
            operation_of(name, arguments).rewriter(CONTRACT)
        assert said in refused.value.sentence + refused.value.hint
    else:
        assert operation_of(name, arguments).rewriter(CONTRACT)(decided()) == decided()


def test_that_decisions_are_rewritten_for_another_contract():
    tools = rewritten(decided(), "convert_contract", contract="tools-v1")
    assert RowChecker(load_contract("tools-v1")).columns_of(tools).problems == 0
    assert RowChecker(CONTRACT).columns_of(tools).problems != 0


def test_that_every_operation_has_a_title_and_helps_with_each_setting():
    examples = {
        "replace": {"find": "a"}, "set_field": {"field": "a", "value": "1"}, "rename_field": {"field": "a", "to": "b"},
        "remove_field": {"field": "a"}, "convert_contract": {"contract": "tools-v1"},
    }  # fmt: skip
    for name in OPERATIONS:
        assert operation_of(name, examples.get(name, {})).title


def patched(tmp_path, rows, name, only=None, **arguments):
    """The rows after an operation went through a patch into a document and to the disk."""
    path = write_rows(tmp_path / "d.jsonl", *rows)
    patch = tmp_path / "changes.patch"
    keys = None if only is None else np.array(only)
    report = write_patch(FileRows.open(path), operation_of(name, arguments), CONTRACT, patch, only=keys)
    document = Document.open(path)
    document.apply(Change(report.title, (ApplyPatch(str(patch)),)))
    document.save()
    after = path.read_bytes().splitlines()
    assert document.undo() == report.title
    assert list(document.rows()) == list(rows)
    document.close(discard=True)
    return report, after


def test_that_a_patch_changes_the_rows_it_names_reports_the_rest_and_is_undone_in_one_step(tmp_path):
    rows = [decided("hi there"), b"{", decided("nothing"), conversation(("user", "hi"), ("assistant", "b"))]
    report, after = patched(tmp_path, rows, "replace", find="hi", replacement="ho", scope="user")
    assert (report.looked_at, report.changed, report.removed, report.failed) == (4, 3, 0, 1)
    assert after == [
        decided("ho there"),
        b"{",
        decided("notthe").replace(b"notthe", b"nothong"),
        rows[3].replace(b"hi", b"ho"),
    ]
    assert "line 2" in report.why_failed
    assert [(change.line, change.key) for change in report.first] == [(1, 0), (3, 2), (4, 3)]
    assert report.first[0].after == decided("ho there").decode()


def test_that_only_the_rows_that_are_meant_are_touched(tmp_path):
    rows = [decided(f"q{n}") for n in range(20)]
    report, after = patched(tmp_path, rows, "delete", only=[3, 19])
    assert (report.looked_at, report.removed) == (2, 2)
    assert after == [row for n, row in enumerate(rows) if n not in (3, 19)]


@pytest.mark.parametrize(("keep", "kept"), [("first", [0, 3, 4]), ("last", [2, 3, 4]), ("most_complete", [1, 3, 4])])
def test_that_of_duplicates_the_row_that_was_asked_for_stays(tmp_path, keep, kept):
    turns = (("user", "the same question as before, word for word"), ("assistant", "b"))
    near = (("user", "the same question as before, word for work"), ("assistant", "b"))
    rows = [
        conversation(*turns, id=1),
        conversation(*turns, id=2, meta="m"),
        conversation(*turns, id=3),
        decided("other"),
        conversation(*near),
    ]
    report, after = patched(tmp_path, rows, "drop_duplicates", keep=keep)
    assert after == [rows[row] for row in kept]
    assert (report.changed, report.removed) == (0, 2)
    _, after = patched(tmp_path, rows, "drop_duplicates", keep=keep, near="true")
    assert len(after) == 2


def test_that_a_pass_that_is_stopped_leaves_no_patch(tmp_path):
    path = write_rows(tmp_path / "d.jsonl", decided())

    def stop(done, total):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        write_patch(FileRows.open(path), operation_of("normalise", {}), CONTRACT, tmp_path / "p", on_progress=stop)
    assert [found.name for found in tmp_path.iterdir()] == ["d.jsonl"]
