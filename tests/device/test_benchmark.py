"""A real phone's benchmark: read from what people have, matched to files, turned into expected time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arny_studio.device.benchmark import Speed, load_speeds, speed_of
from arny_studio.errors import BadInput, MissingFile


def test_that_a_csv_of_ours_is_read(tmp_path: Path):
    file = tmp_path / "phone.csv"
    file.write_text("model,quant,prefill,decode\nQwen2.5-1.5B,Q4_K_M,80,12.5\nQwen2.5-3B,Q4_K_M,40,7\n")
    assert load_speeds(file) == (
        Speed(model="Qwen2.5-1.5B", quant="Q4_K_M", prefill=80, decode=12.5),
        Speed(model="Qwen2.5-3B", quant="Q4_K_M", prefill=40, decode=7),
    )


def test_that_json_with_other_spellings_is_read(tmp_path: Path):
    file = tmp_path / "phone.json"
    file.write_text(json.dumps({"results": [{"name": "router-Q8_0", "prefill_tps": 10, "tg": "5"}]}))
    assert load_speeds(file) == (Speed(model="router-Q8_0", quant="Q8_0", prefill=10, decode=5),)


def test_that_the_rows_of_llama_bench_are_put_together_by_model(tmp_path: Path):
    file = tmp_path / "bench.json"
    row = {"model_filename": "/sdcard/qwen2.5-1.5b-q4_k_m.gguf", "model_type": "qwen2 1.5B Q4_K - Medium"}
    tests = [row | {"n_prompt": 512, "n_gen": 0, "avg_ts": 90.5}, row | {"n_prompt": 0, "n_gen": 128, "avg_ts": 11.0}]
    file.write_text(json.dumps(tests))
    (speed,) = load_speeds(file)
    assert (speed.quant, speed.prefill, speed.decode) == ("Q4_K_M", 90.5, 11.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model,quant,prefill,decode\n", "has no rows"),
        ("model,quant,prefill\na,Q4_0,3\n", "row 1: decode missing"),
        ("model,prefill,decode\na,fast,3\n", "row 1: 'fast' is not a number"),
        ("model,prefill,decode\na,nan,3\n", "'nan' is not a number"),
        ("model,prefill,decode\na,0,3\n", "a rate of 0 tokens per second is no speed"),
        ("[1, 2]", "is not a list of objects"),
        ("{", "is not JSON"),
    ],
)
def test_that_what_is_wrong_is_named_with_file_and_row(tmp_path: Path, text: str, said: str):
    file = tmp_path / "phone.csv"
    file.write_text(text)
    with pytest.raises(BadInput, match=r"phone\.csv") as caught:
        load_speeds(file)
    assert said in caught.value.sentence


def test_that_a_missing_file_and_one_that_is_no_text_are_sentences(tmp_path: Path):
    with pytest.raises(MissingFile):
        load_speeds(tmp_path / "none.csv")
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="not UTF-8"):
        load_speeds(tmp_path / "x.csv")


SPEEDS = (
    Speed(model="Qwen2.5-1.5B", quant="Q4_K_M", prefill=80, decode=10),
    Speed(model="my-router-Q8_0.gguf", quant="Q8_0", prefill=20, decode=4),
    Speed(model="reasoner", prefill=5, decode=2),
)


@pytest.mark.parametrize(
    ("file", "quant", "tier", "found"),
    [
        ("arny-tier1-1.5B-Q4_K_M.gguf", "Q4_K_M", 1, SPEEDS[0]),
        ("arny-tier1-1.5B-Q8_0.gguf", "Q8_0", 1, None),  # another quant is another speed
        ("my-router-Q8_0.gguf", "Q8_0", 1, SPEEDS[1]),
        ("anything.gguf", "Q5_K_M", 2, SPEEDS[2]),
        ("anything.gguf", "Q5_K_M", 1, None),
        ("arny-11.5b-Q4_K_M.gguf", "Q4_K_M", 1, None),
    ],
)
def test_that_a_file_finds_its_row_by_name_then_size_then_tier(file: str, quant: str, tier: int, found: Speed | None):
    assert speed_of(SPEEDS, file, quant, tier) == found


def test_that_counted_tokens_become_expected_time():
    assert SPEEDS[0].expected_ms(read=160, written=50) == 1000 * (2 + 5)
