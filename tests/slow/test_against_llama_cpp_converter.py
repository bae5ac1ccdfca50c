"""Our F16 GGUF against the one llama.cpp's own `convert_hf_to_gguf.py` makes: every tensor bit for bit, every key read.

The converter comes with the source distribution of the llama-cpp-python that is installed; the test fetches that from
the package index. It refuses tokenizers whose hash it does not know, so that check is told that ours is Qwen2's, and it
looks for a SentencePiece model first, which needs a library we do not have and a file no Qwen2 model has.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arny_studio.engine.gguf_check import GgufArray, GgufInfo, check_gguf
from arny_studio.engine.gguf_naming import label_model
from arny_studio.engine.gguf_tokenizer_check import check_tokenizer, tokenization_of_file
from arny_studio.engine.gguf_vocabulary import read_vocabulary
from arny_studio.engine.gguf_writer import write_gguf_f16
from arny_studio.engine.lora_gguf import write_lora_gguf
from arny_studio.engine.merge import merged_tensors
from arny_studio.engine.merged_folder import write_merged_folder
from arny_studio.paths import DEMO_BASE
from tests.shaped_models import fetch_llama_cpp_source, make_shaped_base
from tests.tiny_models import make_tiny_adapter, make_tiny_base

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CONVERT = """
import sys
sys.path.insert(0, sys.argv[1])
from conversion import base
def no_sentencepiece(self, *_args, **_kwargs):
    raise FileNotFoundError("tokenizer.model")
base.TextModel.get_vocab_base_pre = lambda self, tokenizer: "qwen2"
base.TextModel._set_vocab_sentencepiece = no_sentencepiece
import convert_hf_to_gguf
sys.argv = ["convert_hf_to_gguf.py", sys.argv[2], "--outtype", "f16", "--outfile", sys.argv[3]]
convert_hf_to_gguf.main()
"""

# What a file is called is ours to choose; the rest of `general.*` is not.
OUR_NAMES = (
    "general.name", "general.basename", "general.finetune", "general.size_label", "general.version",
    "general.organization", "general.license", "general.base_model", "general.dataset", "general.tags",
    "general.languages", "general.author", "general.description", "general.url", "general.repo_url",
    "general.source", "general.quantized_by",
)  # fmt: skip
# Said by us and left to llama.cpp's defaults by the converter; each agrees with what llama.cpp then assumes or detects.
OURS_ONLY = {
    "tokenizer.ggml.eot_token_id", "tokenizer.ggml.bos_token_id", "tokenizer.ggml.padding_token_id",
    "tokenizer.ggml.add_bos_token", "qwen2.rope.freq_base",
}  # fmt: skip


@pytest.fixture(scope="session")
def llama_cpp_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `vendor/llama.cpp` folder of the source distribution."""
    return fetch_llama_cpp_source(tmp_path_factory.mktemp("sdist"))


def converted(source: Path, model: Path, out: Path) -> GgufInfo:
    done = subprocess.run(
        [sys.executable, "-c", CONVERT, str(source), str(model), str(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return check_gguf(out)


def tensor_bytes(info: GgufInfo) -> dict[str, tuple[tuple[int, ...], str, bytes]]:
    held = np.memmap(info.path, np.uint8, mode="r")
    return {
        tensor.name: (tensor.shape, tensor.type, held[tensor.start : tensor.start + tensor.nbytes].tobytes())
        for tensor in info.tensors
    }


def metadata(info: GgufInfo) -> dict[str, Any]:
    return {
        key: info.values(key) if isinstance(value, GgufArray) else value
        for key, value in info.metadata.items()
        if not key.startswith(OUR_NAMES)
    }


def assert_same(ours: GgufInfo, theirs: GgufInfo) -> None:
    found, expected = tensor_bytes(ours), tensor_bytes(theirs)
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []
    said, told = metadata(ours), metadata(theirs)
    assert {key: said.get(key) for key in told} == told
    assert set(said) - set(told) <= OURS_ONLY


def compare(source: Path, model: Path, folder: Path) -> None:
    write_gguf_f16(model, None, folder / "ours.gguf", on_progress=lambda _done, _total: None)
    assert_same(check_gguf(folder / "ours.gguf"), converted(source, model, folder / "theirs.gguf"))


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": "bfloat16"},
        {"dtype": "float16", "tied": False, "shards": 3},
        {"dtype": "float32", "layers": 11, "hidden": 384},
    ],
    ids=["tied bfloat16", "untied float16 in shards", "float32 of eleven layers"],
)
def test_that_a_random_model_converts_to_the_same_file(
    llama_cpp_source: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    model = make_tiny_base(tmp_path / "model", **options)
    compare(llama_cpp_source, model, tmp_path)


def test_that_yarn_scaling_sampling_and_spare_rows_convert_to_the_same_file(
    llama_cpp_source: Path, tmp_path: Path
) -> None:
    model = make_tiny_base(tmp_path / "model", layers=1, vocab=512)
    change(model / "generation_config.json", do_sample=True, temperature=0.7, top_k=20, top_p=0.8)
    scaling = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 2048, "rope_theta": 1000000.0}
    change(model / "config.json", rope_scaling=scaling, bos_token_id=509)
    change(model / "tokenizer_config.json", bos_token="<|endoftext|>", unk_token="<|endoftext|>")
    compare(llama_cpp_source, model, tmp_path)


def test_that_a_merged_folder_converts_to_the_same_file(llama_cpp_source: Path, tmp_path: Path) -> None:
    base = make_tiny_base(tmp_path / "base", dtype="bfloat16")
    adapter = make_tiny_adapter(tmp_path / "adapter", base, modules_to_save=("embed_tokens",))
    model = tmp_path / "model"
    with merged_tensors(base, adapter) as merged:
        vocabulary = read_vocabulary(base, size=merged.config.vocab)
        write_merged_folder(merged, vocabulary, base, base, model, lambda _done, _total: None)
    compare(llama_cpp_source, model, tmp_path)


def test_that_the_demo_base_converts_to_the_same_file(llama_cpp_source: Path, tmp_path: Path) -> None:
    compare(llama_cpp_source, DEMO_BASE, tmp_path)


SHAPES = ["0.5B", *os.environ.get("ARNY_SLOW_SHAPES", "").split()]  # "1.5B" there adds it: 3 GB of disk, minutes


@pytest.mark.parametrize("shape", SHAPES)
def test_that_the_exact_shapes_with_the_real_vocabulary_convert_to_the_same_file(
    llama_cpp_source: Path, tmp_path: Path, shape: str
) -> None:
    base = make_shaped_base(tmp_path / f"Qwen2.5-{shape}", shape, llama_cpp_source)
    compare(llama_cpp_source, base, tmp_path)
    check_tokenizer(tmp_path / "ours.gguf", tokenization_of_file(base / "tokenizer.json"))
    shutil.rmtree(tmp_path)


CONVERT_LORA = """
import runpy, sys
sys.path.insert(0, sys.argv[1])
sys.argv = ["convert_lora_to_gguf.py", "--base", sys.argv[2], "--outtype", "f16", "--outfile", sys.argv[4], sys.argv[3]]
runpy.run_path(sys.path[0] + "/convert_lora_to_gguf.py", run_name="__main__")
"""


def test_that_an_adapter_alone_converts_to_the_same_file(llama_cpp_source: Path, tmp_path: Path) -> None:
    base = make_tiny_base(tmp_path / "base", dtype="bfloat16")
    adapter = make_tiny_adapter(tmp_path / "adapter", base)
    write_lora_gguf(adapter, label_model(base, adapter, parameters=1), 2, tmp_path / "ours.gguf")
    arguments = [str(path) for path in (llama_cpp_source, base, adapter, tmp_path / "theirs.gguf")]
    done = subprocess.run([sys.executable, "-c", CONVERT_LORA, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    ours, theirs = check_gguf(tmp_path / "ours.gguf"), check_gguf(tmp_path / "theirs.gguf")
    assert tensor_bytes(ours) == tensor_bytes(theirs)
    for key in ("general.type", "general.architecture", "adapter.type", "adapter.lora.alpha"):
        assert ours.metadata[key] == theirs.metadata[key]


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
