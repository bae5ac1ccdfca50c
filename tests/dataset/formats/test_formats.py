"""Conversations as others write them: recognised, previewed, converted and converted back without a loss."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.dataset.formats import convert_file, detect, preview
from arny_studio.dataset.formats.shapes import SHAPES, ShapeError, shape_of
from arny_studio.dataset.generate.tier1 import generate_tier1
from arny_studio.errors import BadInput, BadRecipe, MissingFile

TURNS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"},
]
MESSAGES = {"messages": TURNS, "id": "r1", "meta": {"source": "me"}}
SAMPLES = {
    "messages": MESSAGES,
    "sharegpt": {"conversations": [{"from": "system", "value": "Be brief."}, {"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]},
    "alpaca": {"instruction": "Hi", "input": "", "output": "Hello", "system": "Be brief."},
    "prompt_completion": {"prompt": TURNS[:2], "completion": TURNS[2:]},
    "chatml": {"text": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n"},
}  # fmt: skip


def jsonl(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path):
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("shape", SAMPLES)
def test_that_every_shape_is_recognised_and_becomes_the_same_messages(tmp_path, shape):
    more = {"id": "r1", "meta": {"source": "me"}}
    path = jsonl(tmp_path / "x.jsonl", SAMPLES[shape] | more)
    found = detect(path)
    assert (found.shape, found.container, found.opens_in_place) == (shape, "jsonl", shape == "messages")
    [shown] = preview(path)
    assert shown.row == MESSAGES
    convert_file(path, tmp_path / "out.jsonl")
    assert read(tmp_path / "out.jsonl") == [MESSAGES]


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "tsv", "parquet"])
@pytest.mark.parametrize("shape", SAMPLES)
def test_that_messages_come_back_from_every_shape_in_every_file(tmp_path, shape, suffix):
    other = {"messages": TURNS[1:], "id": 'zwei, "2"\nü'}
    path = jsonl(tmp_path / "x.jsonl", MESSAGES, other)
    convert_file(path, tmp_path / f"out.{suffix}", to=shape)
    convert_file(tmp_path / f"out.{suffix}", tmp_path / "back.jsonl")
    first, second = read(tmp_path / "back.jsonl")
    assert first == MESSAGES
    assert {key: second[key] for key in other} == other


@given(
    st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), min_size=1, max_size=3),
    st.text(min_size=1, max_size=5),
)
def test_that_any_conversation_survives_every_shape(pairs, system):
    turns = [{"role": "system", "content": system}]
    for query, answer in pairs:
        turns += [{"role": "user", "content": query}, {"role": "assistant", "content": answer}]
    for shape in SHAPES:
        made = shape.from_messages({"messages": turns, "tag": 1})
        assert shape.fits(made)
        assert shape.to_messages(orjson.loads(orjson.dumps(made))) == {"messages": turns, "tag": 1}


def test_that_older_habits_of_the_shapes_are_understood():
    alpaca = shape_of("alpaca").to_messages({
        "instruction": "Translate", "input": "hola", "output": "hello", "history": [["a", "b"]]
    })["messages"]  # fmt: skip
    assert [turn["content"] for turn in alpaca] == ["a", "b", "Translate\n\nhola", "hello"]
    sharegpt = {"system": "s", "conversations": [{"role": "user", "content": "q", "weight": 0}]}
    assert shape_of("sharegpt").to_messages(sharegpt)["messages"] == [
        {"role": "system", "content": "s"}, {"role": "user", "content": "q", "weight": 0}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "row", "path"),
    [
        ("sharegpt", {"conversations": [{"from": "robot", "value": "x"}]}, "$.conversations[0].from"),
        ("sharegpt", {"conversations": []}, "$.conversations"),
        ("alpaca", {"instruction": 5, "output": "x"}, "$.instruction"),
        ("alpaca", {"instruction": "x", "output": "x", "history": ["x"]}, "$.history[0]"),
        ("prompt_completion", {"prompt": "x", "completion": None}, "$.completion"),
        ("chatml", {"text": "hello"}, "$.text"),
        ("chatml", {"text": "<|im_start|>user\nx<|im_end|>\nrest"}, "$.text"),
        ("messages", {"messages": [{"role": "user"}]}, "$.messages[0].content"),
    ],
)
def test_that_a_row_that_is_not_of_its_shape_says_where(shape, row, path):
    with pytest.raises(ShapeError) as caught:
        shape_of(shape).to_messages(row)
    assert caught.value.path == path


def test_that_rows_that_cannot_be_converted_are_named_by_line_and_left_out(tmp_path):
    path = tmp_path / "x.jsonl"
    rows = [SAMPLES["alpaca"], {"instruction": "x"}, SAMPLES["alpaca"]]
    path.write_bytes(b"\n".join([*map(orjson.dumps, rows), b"{oops", b'{"instruction": "\xff"}']))
    report = convert_file(path, tmp_path / "out.jsonl")
    assert (report.written, report.left_out) == (2, 3)
    assert [str(problem).split(": ")[0] for problem in report.problems] == ["x.jsonl:2", "x.jsonl:4:2", "x.jsonl:5:18"]
    assert report.sentence == "2 rows written to out.jsonl; 3 could not be converted."


def test_that_what_cannot_be_said_in_a_shape_is_a_problem_and_not_a_guess(tmp_path):
    marked = {"messages": [{"role": "user", "content": "<|im_end|>"}, {"role": "assistant", "content": "x"}]}
    twice = {"messages": [TURNS[1], TURNS[1], TURNS[2]]}
    path = jsonl(tmp_path / "x.jsonl", MESSAGES, marked, twice)
    assert convert_file(path, tmp_path / "a.jsonl", to="chatml").left_out == 1
    assert convert_file(path, tmp_path / "b.jsonl", to="alpaca").left_out == 1


def test_that_files_without_a_known_form_are_refused_and_leave_nothing(tmp_path):
    path = jsonl(tmp_path / "x.jsonl", {"question": "x"})
    assert "its rows have question" in detect(path).sentence
    with pytest.raises(BadInput, match="none of the known forms"):
        convert_file(path, tmp_path / "out.jsonl")
    with pytest.raises(BadInput, match=r"No row of y.jsonl could be converted. The first: y.jsonl:1: "):
        convert_file(jsonl(tmp_path / "y.jsonl", {"text": "x"}), tmp_path / "out.jsonl")
    with pytest.raises(BadRecipe, match="another file than its source"):
        convert_file(path, path)
    with pytest.raises(BadRecipe, match="no format 'alpacca'"):
        convert_file(jsonl(tmp_path / "z.jsonl", MESSAGES), tmp_path / "out.jsonl", to="alpacca")
    with pytest.raises(MissingFile):
        detect(tmp_path / "gone.csv")
    assert not (tmp_path / "out.jsonl").exists()


def test_that_a_csv_says_which_line_is_wrong(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b'\xef\xbb\xbfprompt;completion\r\n"a\nb";c\r\nonly one\r\nd;e\r\n')
    first, second, third = preview(path)
    assert first.row == {"messages": [{"role": "user", "content": "a\nb"}, {"role": "assistant", "content": "c"}]}
    assert second.problem is not None and str(second.problem).startswith("x.csv:4: The line has 1 cells")
    assert third.line == 5
    path.write_bytes(b"prompt,completion\na,b\nc,\xe9\n")
    with pytest.raises(BadInput, match=r"line 3, byte 3 \(0xe9\)"):
        preview(path)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_that_an_answer_that_is_json_stays_a_text_in_a_table(tmp_path, suffix):
    rows = list(generate_tier1(20, seed=1))
    path = jsonl(tmp_path / "x.jsonl", *rows)
    for shape in ("alpaca", "messages", "prompt_completion"):
        convert_file(path, tmp_path / f"t.{suffix}", to=shape)
        convert_file(tmp_path / f"t.{suffix}", tmp_path / "back.jsonl")
        assert read(tmp_path / "back.jsonl") == rows
