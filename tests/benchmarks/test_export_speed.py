"""Exporting against the way it is done elsewhere, both sides in one run, on an exact Qwen2.5 shape.

`ARNY_BENCH_SHAPE=1.5B` measures the router's own shape (12 GB of disk, minutes); without it the 0.5B shape is taken.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arny_studio.engine.gguf_check import check_gguf
from arny_studio.engine.quant_types import FILE_TYPES
from arny_studio.engine.quantize import quantize
from arny_studio.recipe import Quant
from tests.shaped_models import fetch_llama_cpp_source, make_shaped_adapter, make_shaped_base

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

SHAPE = os.environ.get("ARNY_BENCH_SHAPE", "0.5B")
QUANTS: tuple[Quant, ...] = ("Q4_K_M", "Q5_K_M", "Q8_0")
MIB = 1 << 20
THREADS = max(1, (os.cpu_count() or 2) - 1)

MEASURED = """
import json, sys, time
def peak():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
started = time.perf_counter()
{work}
print(json.dumps({{"seconds": time.perf_counter() - started, "peak": peak()}}))
"""
OURS = """
from pathlib import Path
from arny_studio.engine.gguf_writer import write_gguf_f16
base, adapter, out = map(Path, sys.argv[1:4])
write_gguf_f16(base, adapter, out, on_progress=lambda done, total: None)
"""
THEIRS = """
import os, subprocess, torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
base, adapter, out, source = sys.argv[1:5]
model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
model.save_pretrained(out + ".merged")
AutoTokenizer.from_pretrained(base).save_pretrained(out + ".merged")
del model
convert = '''
import sys
sys.path.insert(0, sys.argv[1])
from conversion import base
base.TextModel.get_vocab_base_pre = lambda self, tokenizer: "qwen2"
def no_sentencepiece(self, *_args, **_kwargs):
    raise FileNotFoundError("tokenizer.model")
base.TextModel._set_vocab_sentencepiece = no_sentencepiece
import convert_hf_to_gguf
sys.argv = ["convert_hf_to_gguf.py", sys.argv[2], "--outtype", "f16", "--outfile", sys.argv[3]]
convert_hf_to_gguf.main()
'''
subprocess.run([sys.executable, "-c", convert, source, out + ".merged", out], check=True, stdout=2)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fetch_llama_cpp_source(tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, source: Path) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("model")
    base = make_shaped_base(folder / f"Qwen2.5-{SHAPE}", SHAPE, source)
    return base, make_shaped_adapter(folder / "adapter", base)


def measured(work: str, *arguments: Path) -> dict[str, float]:
    command = [sys.executable, "-c", MEASURED.format(work=work), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def tensors(path: Path) -> dict[str, Any]:
    held = np.memmap(path, np.uint8, mode="r")
    return {
        tensor.name: (tensor.type, held[tensor.start : tensor.start + tensor.nbytes])
        for tensor in check_gguf(path).tensors
    }


def assert_within_one_bf16_step(ours: Path, theirs: Path) -> None:
    """PEFT rounds the merged weight to bfloat16 before F16 is made of it, ours goes to F16 at once."""
    found, expected = tensors(ours), tensors(theirs)
    assert found.keys() == expected.keys()
    for name in ("blk.0.attn_q.weight", "blk.3.ffn_down.weight", "token_embd.weight"):
        first, second = (side[name][1][: 8 * MIB].view(np.float16).astype(np.float32) for side in (found, expected))
        assert np.all(np.abs(first - second) <= np.abs(second) * 2**-8 + 1e-7), name


def test_that_base_and_adapter_become_f16_faster_and_in_little_memory(
    tmp_path: Path, model: tuple[Path, Path], source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, adapter = model
    ours, theirs = tmp_path / "ours.gguf", tmp_path / "theirs.gguf"
    rounds = [(measured(OURS, base, adapter, ours), measured(THEIRS, base, adapter, theirs, source)) for _ in range(2)]
    assert_within_one_bf16_step(ours, theirs)
    mine, other = (sorted(pair[side]["seconds"] for pair in rounds)[0] for side in (0, 1))
    peaks = [max(pair[side]["peak"] for pair in rounds) / MIB for side in (0, 1)]
    with capsys.disabled():
        sys.stderr.write(
            f"\nF16 of {SHAPE}: {mine:.1f} s against {other:.1f} s; {peaks[0]:.0f} MiB against {peaks[1]:.0f} MiB\n"
        )
    shutil.rmtree(tmp_path)
    assert other / mine >= 1.5
    assert peaks[0] <= 600


def bare_quantize(f16: Path, out: Path, quant: Quant) -> None:
    """llama.cpp's own call and nothing else."""
    from llama_cpp import llama_cpp

    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.nthread, parameters.ftype = THREADS, int(FILE_TYPES[quant])
    assert llama_cpp.llama_model_quantize(os.fsencode(f16), os.fsencode(out), ctypes.byref(parameters)) == 0


def test_that_three_quants_cost_what_the_bare_calls_cost(
    tmp_path: Path, model: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    from arny_studio.engine.gguf_writer import write_gguf_f16

    f16 = tmp_path / "f16.gguf"
    write_gguf_f16(model[0], None, f16, on_progress=lambda _done, _total: None)
    seconds = {"ours": 0.0, "bare": 0.0}
    for quant in QUANTS:
        ours, bare = tmp_path / f"ours-{quant}.gguf", tmp_path / f"bare-{quant}.gguf"
        started = time.perf_counter()
        bare_quantize(f16, bare, quant)
        seconds["bare"] += time.perf_counter() - started
        started = time.perf_counter()
        quantize(f16, ours, quant, threads=THREADS, on_progress=lambda _done, _total: None)
        seconds["ours"] += time.perf_counter() - started
        found, expected = tensors(ours), tensors(bare)
        assert found.keys() == expected.keys()
        assert all(np.array_equal(found[name][1], expected[name][1]) for name in expected)
        assert {path.name for path in tmp_path.iterdir()} == {f16.name, ours.name, bare.name}  # one F16, no more
        ours.unlink()
        bare.unlink()
    with capsys.disabled():
        sys.stderr.write(f"\nQuants of {SHAPE}: {seconds['ours']:.1f} s, bare calls {seconds['bare']:.1f} s\n")
    shutil.rmtree(tmp_path)
    assert seconds["ours"] / seconds["bare"] <= 1.05
