"""The F16 GGUF: what is in it, how it is called, and that nothing half-made ever bears its name."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from arny_studio.engine import gguf_writer
from arny_studio.engine.gguf_check import check_gguf
from arny_studio.engine.gguf_naming import label_model
from arny_studio.engine.gguf_tokenizer_check import check_tokenizer, tokenization_of_file
from arny_studio.engine.gguf_writer import write_gguf_f16
from arny_studio.engine.output_files import finished_file, require_room
from arny_studio.engine.quantize import ExportFailed
from arny_studio.engine.safetensors_reading import open_weights
from arny_studio.errors import ArnyError, BadInput, DiskFull, MissingFile
from tests.tiny_models import make_tiny_adapter, make_tiny_base, make_tiny_gguf, write_safetensors

NAMES = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "blk.1.attn_q.weight": "model.layers.1.self_attn.q_proj.weight",
    "blk.1.attn_q.bias": "model.layers.1.self_attn.q_proj.bias",
    "blk.0.attn_output.weight": "model.layers.0.self_attn.o_proj.weight",
    "blk.0.ffn_down.weight": "model.layers.0.mlp.down_proj.weight",
    "blk.0.attn_norm.weight": "model.layers.0.input_layernorm.weight",
    "blk.0.ffn_norm.weight": "model.layers.0.post_attention_layernorm.weight",
}


def silently(_done: int, _total: int) -> None:
    return


def read_tensors(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    return {tensor.name: np.array(tensor.data) for tensor in gguf.GGUFReader(path).tensors}


def edit_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_tiny_base(tmp_path / "base")


def test_that_matrices_are_f16_vectors_f32_and_the_values_the_base_s(tmp_path: Path, base: Path) -> None:
    write_gguf_f16(base, None, tmp_path / "out.gguf", name="tiny", on_progress=silently)
    found = read_tensors(tmp_path / "out.gguf")
    assert len(found) == 2 + 12 * 2
    with open_weights(base) as weights:
        for name, source in NAMES.items():
            expected = weights.whole(source)
            kind = np.float32 if expected.ndim == 1 else np.float16
            assert found[name].dtype == kind
            assert np.array_equal(found[name], expected.astype(kind)), name


@pytest.mark.parametrize("tied", [True, False])
def test_that_tied_embeddings_are_stored_once(tmp_path: Path, tied: bool) -> None:
    base = make_tiny_base(tmp_path / "base", layers=1, tied=tied)
    write_gguf_f16(base, None, tmp_path / "out.gguf", on_progress=silently)
    assert ("output.weight" in read_tensors(tmp_path / "out.gguf")) is not tied


def test_that_the_metadata_is_complete(tmp_path: Path, base: Path) -> None:
    (base / "README.md").write_text("---\nlicense: apache-2.0\nbase_model: Someone/Origin-1B\n---\n# A model\n")
    edit_json(base / "generation_config.json", temperature=0.7, top_k=20, top_p=0.8)
    adapter = make_tiny_adapter(tmp_path / "adapter", base)
    edit_json(adapter / "adapter_config.json", base_model_name_or_path="Qwen/Qwen2.5-1.5B")
    write_gguf_f16(base, adapter, tmp_path / "out.gguf", finetune="tier1", on_progress=silently)
    info = check_gguf(tmp_path / "out.gguf")
    tokenizer = json.loads((base / "tokenizer.json").read_text())
    ids = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    expected = {
        "general.type": "model",
        "general.basename": "Qwen2.5",
        "general.name": "Qwen2.5 1.4M tier1",
        "general.finetune": "tier1",
        "general.size_label": "1.4M",
        "general.license": "apache-2.0",
        "general.base_model.0.name": "Qwen2.5 1.5B",
        "general.base_model.0.organization": "Qwen",
        "general.file_type": 1,
        "general.quantization_version": 2,
        "general.sampling.top_k": 20,
        "qwen2.block_count": 2,
        "qwen2.embedding_length": 256,
        "qwen2.attention.head_count_kv": 2,
        "qwen2.rope.freq_base": 1000000.0,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.eos_token_id": ids["<|im_end|>"],
        "tokenizer.ggml.eot_token_id": ids["<|im_end|>"],
        "tokenizer.ggml.padding_token_id": ids["<|endoftext|>"],
        "tokenizer.ggml.bos_token_id": ids["<|endoftext|>"],
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": (base / "chat_template.jinja").read_text(),
    }
    assert {key: info.metadata.get(key) for key in expected} == expected
    kinds = info.values("tokenizer.ggml.token_type")
    assert info.values("tokenizer.ggml.tokens")[ids["<|im_end|>"]] == "<|im_end|>"
    assert kinds[ids["<|im_end|>"]] == gguf.TokenType.CONTROL
    assert len(info.values("tokenizer.ggml.merges")) == len(tokenizer["model"]["merges"])


def test_that_rows_of_the_embedding_without_a_token_are_marked_unused(tmp_path: Path, base: Path) -> None:
    with open_weights(base) as weights:
        values = {name: weights.whole(name) for name in weights.tensors}
    embedding = values["model.embed_tokens.weight"]
    values["model.embed_tokens.weight"] = np.concatenate([embedding, np.zeros((8, 256), np.float32)])
    write_safetensors(base / "model.safetensors", values, "float32")
    edit_json(base / "config.json", vocab_size=520)
    write_gguf_f16(base, None, tmp_path / "out.gguf", on_progress=silently)
    info = check_gguf(tmp_path / "out.gguf")
    assert info.values("tokenizer.ggml.tokens")[519] == "[PAD519]"
    assert info.values("tokenizer.ggml.token_type")[519] == gguf.TokenType.UNUSED


def test_that_the_tokenizer_that_training_left_beside_the_adapter_is_the_one_written(
    tmp_path: Path, base: Path
) -> None:
    adapter = make_tiny_adapter(tmp_path / "adapter", base)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (adapter / name).write_bytes((base / name).read_bytes())
    (adapter / "chat_template.jinja").write_text("{{ 'trained with <|im_end|>' }}")
    write_gguf_f16(base, adapter, tmp_path / "out.gguf", on_progress=silently)
    assert check_gguf(tmp_path / "out.gguf").text("tokenizer.chat_template") == "{{ 'trained with <|im_end|>' }}"


@pytest.mark.parametrize(
    ("hub_id", "name", "finetune", "expected"),
    [
        ("Qwen/Qwen2.5-1.5B-Instruct", "", "tier1", "Qwen2.5-1.5B-Instruct-tier1-Q4_K_M.gguf"),
        ("unsloth/Qwen2.5-1.5B-bnb-4bit", "", "", "Qwen2.5-1.5B-Q4_K_M.gguf"),
        ("Qwen/Qwen2.5-1.5B", "arny demo", "tier2", "arny-demo-1.5B-tier2-Q4_K_M.gguf"),
        ("Qwen/Qwen2.5-1.5B", "../../etc/passwd", "a/b", "etc-passwd-1.5B-a-b-Q4_K_M.gguf"),
    ],
)
def test_that_files_are_named_by_the_convention(
    base: Path, hub_id: str, name: str, finetune: str, expected: str
) -> None:
    edit_json(base / "config.json", _name_or_path=hub_id)
    labels = label_model(base, None, parameters=1_543_714_304, name=name, finetune=finetune)
    assert labels.file_name("Q4_K_M") == expected


def test_that_a_snapshot_in_the_hub_s_cache_is_named_by_its_id(tmp_path: Path) -> None:
    base = make_tiny_base(tmp_path / "hub" / "models--Qwen--Qwen2.5-0.5B" / "snapshots" / "0123abcd", layers=1)
    assert label_model(base, None, parameters=494_032_768).file_name("Q8_0") == "Qwen2.5-494M-Q8_0.gguf"


def test_that_progress_counts_bytes_up_to_the_total(tmp_path: Path, base: Path) -> None:
    said: list[tuple[int, int]] = []
    write_gguf_f16(base, None, tmp_path / "out.gguf", on_progress=lambda *now: said.append(now))
    assert said == sorted(said)
    assert said[-1][0] == said[-1][1] > 0


def test_that_the_written_tokenizer_splits_text_as_the_trained_one_does(tmp_path: Path, base: Path) -> None:
    write_gguf_f16(base, None, tmp_path / "out.gguf", on_progress=silently)
    check_tokenizer(tmp_path / "out.gguf", tokenization_of_file(base / "tokenizer.json"))
    other = make_tiny_base(tmp_path / "other", layers=1, vocab=300)
    with pytest.raises(ExportFailed, match="tokenizes"):
        check_tokenizer(tmp_path / "out.gguf", tokenization_of_file(other / "tokenizer.json"))


# --- nothing half-made ------------------------------------------------------------------------------------------


def refusal(base: Path, out: Path, adapter: Path | None = None) -> ArnyError:
    with pytest.raises(ArnyError) as caught:
        write_gguf_f16(base, adapter, out, on_progress=silently)
    assert not out.exists()
    assert not list(out.parent.glob("*.partial"))
    assert caught.value.sentence.endswith(".")
    return caught.value


@pytest.mark.parametrize("missing", ["tokenizer.json", "tokenizer_config.json"])
def test_that_a_base_without_tokenizer_is_refused_by_the_file_it_lacks(
    tmp_path: Path, base: Path, missing: str
) -> None:
    (base / missing).unlink()
    error = refusal(base, tmp_path / "out.gguf")
    assert isinstance(error, MissingFile)
    assert f"no {missing}" in error.sentence


def test_that_a_base_without_chat_template_is_refused(tmp_path: Path, base: Path) -> None:
    (base / "chat_template.jinja").unlink()
    edit_json(base / "tokenizer_config.json", chat_template=None)
    assert "chat template" in refusal(base, tmp_path / "out.gguf").sentence


def test_that_a_tokenizer_that_llama_cpp_would_split_differently_is_refused(tmp_path: Path, base: Path) -> None:
    edit_json(base / "tokenizer.json", pre_tokenizer={"type": "ByteLevel", "add_prefix_space": False})
    assert "does not split text as Qwen2" in refusal(base, tmp_path / "out.gguf").sentence


def test_that_a_tokenizer_larger_than_the_embedding_is_refused(tmp_path: Path, base: Path) -> None:
    large = make_tiny_base(tmp_path / "large", layers=1, vocab=520)
    (base / "tokenizer.json").write_bytes((large / "tokenizer.json").read_bytes())
    assert "512 rows" in refusal(base, tmp_path / "out.gguf").sentence


def test_that_a_tokenizer_without_eos_is_refused(tmp_path: Path, base: Path) -> None:
    edit_json(base / "tokenizer_config.json", eos_token=None)
    edit_json(base / "config.json", eos_token_id=None)
    assert "eos_token" in refusal(base, tmp_path / "out.gguf").sentence


def test_that_a_value_f16_cannot_hold_names_its_tensor(tmp_path: Path, base: Path) -> None:
    with open_weights(base) as weights:
        values = {name: weights.whole(name) for name in weights.tensors}
    values["model.layers.0.mlp.up_proj.weight"][3, 3] = 1e5
    write_safetensors(base / "model.safetensors", values, "float32")
    sentence = refusal(base, tmp_path / "out.gguf").sentence
    assert "model.layers.0.mlp.up_proj.weight holds 100000" in sentence


def test_that_an_older_file_stays_until_the_new_one_is_complete(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = make_tiny_gguf(tmp_path / "out.gguf", layers=1)
    before = out.read_bytes()

    class Interrupted(Exception):
        pass

    def interrupt(done: int, total: int) -> None:
        assert out.read_bytes() == before
        if done > total // 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        write_gguf_f16(base, None, out, on_progress=interrupt)
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.glob("out*")] == ["out.gguf"]
    write_gguf_f16(base, None, out, on_progress=silently)
    assert check_gguf(out).number("qwen2.block_count") == 2


def test_that_a_file_that_reads_back_wrong_never_gets_its_name(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = gguf_writer.check_gguf
    monkeypatch.setattr(gguf_writer, "check_gguf", lambda path: _one_tensor_less(real(path)))
    assert "does not read back" in refusal(base, tmp_path / "out.gguf").sentence


def _one_tensor_less(info: Any) -> Any:
    from msgspec.structs import replace

    return replace(info, tensors=info.tensors[:-1])


# --- a full disk ------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 3 MiB, where we may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_that_a_disk_that_is_too_small_is_noticed_before_writing(tmp_path: Path, small_disk: Path) -> None:
    base = make_tiny_base(tmp_path / "base", layers=4)
    error = refusal(base, small_disk / "out.gguf")
    assert isinstance(error, DiskFull)
    assert "bytes" in error.sentence
    assert str(small_disk) in error.sentence


def test_that_a_disk_that_fills_up_while_writing_is_one_sentence(
    tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = make_tiny_base(tmp_path / "base", layers=4)
    monkeypatch.setattr("arny_studio.engine.output_files.require_room", lambda *_: None)
    error = refusal(base, small_disk / "out.gguf")
    assert isinstance(error, DiskFull)
    assert "more are needed" in error.sentence


def test_that_a_limit_on_file_size_reads_as_a_full_disk(tmp_path: Path, base: Path) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        error = refusal(base, tmp_path / "out.gguf")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert isinstance(error, DiskFull)


def test_that_the_missing_bytes_are_told(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match=r"no room for x: [\d,]+ bytes \([\d,.]+ MiB\) more are needed"):
        require_room(tmp_path, 1 << 60, "x")


def test_that_another_system_error_is_a_sentence_too(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Input/output error"), finished_file(tmp_path / "x", 1):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    assert list(tmp_path.iterdir()) == []
