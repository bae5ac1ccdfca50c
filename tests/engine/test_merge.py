"""Merging: equal to PEFT, flat in memory, and one clear sentence for everything that cannot be merged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arny_studio.engine import merge
from arny_studio.engine.gguf_vocabulary import read_vocabulary
from arny_studio.engine.merge import HEAD, merged_tensors
from arny_studio.engine.merged_folder import bfloat16_bits, write_merged_folder
from arny_studio.engine.safetensors_reading import as_float32, open_weights, read_header
from arny_studio.errors import ArnyError, BadInput, MissingFile
from tests.tiny_models import Dtype, make_tiny_adapter, make_tiny_base, write_safetensors

Q_PROJ = "model.layers.0.self_attn.q_proj.weight"


def merged_values(base: Path, adapter: Path | None) -> dict[str, np.ndarray[Any, Any]]:
    with merged_tensors(base, adapter) as model:
        return {tensor.name: np.concatenate(list(tensor.blocks())) for tensor in model.tensors}


def stored_values(folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    with open_weights(folder) as weights:
        return {name: weights.whole(name) for name in weights.tensors}


def edit_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_tiny_base(tmp_path / "base", layers=1)


@pytest.fixture
def adapter(tmp_path: Path, base: Path) -> Path:
    return make_tiny_adapter(tmp_path / "adapter", base)


def test_that_a_base_without_adapter_stays_as_it_is_whether_sharded_or_not(tmp_path: Path) -> None:
    single = make_tiny_base(tmp_path / "single", dtype="bfloat16", tied=False)
    sharded = make_tiny_base(tmp_path / "sharded", dtype="bfloat16", tied=False, shards=3)
    expected = stored_values(single)
    for folder in (single, sharded):
        found = merged_values(folder, None)
        assert found.keys() == expected.keys()
        assert all(np.array_equal(found[name], expected[name]) for name in expected)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("rslora", [False, True])
def test_that_the_merge_is_pefts_within_one_step_of_its_16_bit_rounding(
    tmp_path: Path, dtype: Dtype, rslora: bool
) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = make_tiny_base(tmp_path / "base", layers=1, dtype=dtype)
    adapter = make_tiny_adapter(tmp_path / "adapter", base, rslora=rslora, dtype="float32", r=4, alpha=6)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=getattr(torch, dtype))
    theirs = PeftModel.from_pretrained(model, adapter).merge_and_unload().state_dict()

    plain = stored_values(base)
    for name, ours in merged_values(base, adapter).items():
        reference = theirs[name].float().numpy()
        # PEFT rounds the update and the sum, so its error is a step at the largest of the three magnitudes.
        largest = np.maximum.reduce([np.abs(plain[name]), np.abs(ours), np.abs(ours - plain[name])])
        digits = {"float32": 23, "float16": 10, "bfloat16": 7}[dtype]
        step = 2.0 ** (np.floor(np.log2(np.maximum(largest, 2.0**-14))) - digits)
        tolerance = 4 * step if dtype == "float32" else step  # float32: the products are summed in another order
        assert np.all(np.abs(ours - reference) <= tolerance), name
    assert not np.array_equal(plain[Q_PROJ], merged_values(base, adapter)[Q_PROJ])


def test_that_rank_stabilized_adapters_are_scaled_by_the_root_of_the_rank(tmp_path: Path, base: Path) -> None:
    plain = make_tiny_adapter(tmp_path / "plain", base, r=4, alpha=8)
    stable = make_tiny_adapter(tmp_path / "stable", base, r=4, alpha=8, rslora=True)
    origin = stored_values(base)[Q_PROJ]
    small = merged_values(base, plain)[Q_PROJ] - origin
    large = merged_values(base, stable)[Q_PROJ] - origin
    np.testing.assert_allclose(large, 2 * small, atol=1e-6)  # 8/√4 against 8/4


def test_that_alpha_and_rank_patterns_hold_for_the_modules_they_name(tmp_path: Path, base: Path) -> None:
    adapter = make_tiny_adapter(tmp_path / "adapter", base, r=4, alpha=8)
    before = merged_values(base, adapter)
    edit_json(adapter / "adapter_config.json", alpha_pattern={"self_attn.q_proj": 24})
    after = merged_values(base, adapter)
    origin = stored_values(base)
    np.testing.assert_allclose(after[Q_PROJ] - origin[Q_PROJ], 3 * (before[Q_PROJ] - origin[Q_PROJ]), atol=1e-6)
    assert np.array_equal(after["model.layers.0.mlp.up_proj.weight"], before["model.layers.0.mlp.up_proj.weight"])


def test_that_only_the_targets_of_an_adapter_change(tmp_path: Path, base: Path) -> None:
    adapter = make_tiny_adapter(tmp_path / "adapter", base, targets=("v_proj",))
    found, origin = merged_values(base, adapter), stored_values(base)
    changed = {name for name in origin if not np.array_equal(found[name], origin[name])}
    assert changed == {"model.layers.0.self_attn.v_proj.weight"}


def test_that_a_saved_embedding_replaces_the_base_s_and_unties_the_head(tmp_path: Path, base: Path) -> None:
    adapter = make_tiny_adapter(tmp_path / "adapter", base, modules_to_save=("embed_tokens",))
    with open_weights(adapter, "adapter_model") as weights:
        saved = weights.whole("base_model.model.model.embed_tokens.weight")
    found, origin = merged_values(base, adapter), stored_values(base)
    assert np.array_equal(found["model.embed_tokens.weight"], saved)
    assert np.array_equal(found[HEAD], origin["model.embed_tokens.weight"])  # what training kept using as the head


def test_that_a_low_rank_update_of_the_embedding_is_transposed_as_peft_stores_it(tmp_path: Path, base: Path) -> None:
    adapter = make_tiny_adapter(tmp_path / "adapter", base, targets=("q_proj",), r=2, alpha=2)
    rng = np.random.default_rng(5)
    down, up = rng.standard_normal((2, 512)).astype(np.float32), rng.standard_normal((256, 2)).astype(np.float32)
    module = "base_model.model.model.embed_tokens"
    write_safetensors(
        adapter / "adapter_model.safetensors",
        {f"{module}.lora_embedding_A": down, f"{module}.lora_embedding_B": up},
        "float32",
    )
    found, origin = merged_values(base, adapter), stored_values(base)
    expected = origin["model.embed_tokens.weight"] + (up @ down).T
    np.testing.assert_allclose(found["model.embed_tokens.weight"], expected, rtol=1e-5, atol=1e-6)


def test_that_small_blocks_give_the_same_values_as_large_ones(
    base: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = merged_values(base, adapter)
    monkeypatch.setattr(merge, "BLOCK_VALUES", 1000)
    for name, values in merged_values(base, adapter).items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-6, atol=1e-7)  # BLAS sums blocks in another order


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_that_the_merged_folder_reads_back_as_the_merged_model(tmp_path: Path, dtype: Dtype) -> None:
    base = make_tiny_base(tmp_path / "base", layers=1, dtype=dtype)
    adapter = make_tiny_adapter(tmp_path / "adapter", base)
    out = tmp_path / "merged"
    with merged_tensors(base, adapter) as model:
        vocabulary = read_vocabulary(base, size=model.config.vocab)
        write_merged_folder(model, vocabulary, base, base, out, lambda _done, _total: None)
    again = merged_values(out, None)
    for name, values in merged_values(base, adapter).items():
        assert np.all(np.abs(again[name] - values) <= np.abs(values) * 2.0**-8 + 1e-7), name
    assert (out / "chat_template.jinja").read_text() == vocabulary.chat_template
    assert json.loads((out / "tokenizer_config.json").read_text())["chat_template"] == vocabulary.chat_template


@given(
    st.lists(
        st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-(2.0**100), max_value=2.0**100),
        min_size=1,
    )
)
def test_that_bfloat16_rounding_goes_to_the_nearest_and_keeps_what_is_bfloat16_already(values: list[float]) -> None:
    exact = np.array(values, np.float32)
    rounded = as_float32(bfloat16_bits(exact).tobytes(), "BF16")
    assert np.all(np.abs(rounded - exact) <= np.abs(exact) * 2.0**-8 + 2.0**-133)
    assert np.array_equal(bfloat16_bits(rounded), bfloat16_bits(exact))


# --- refusals: each is one sentence that says what and where -----------------------------------------------------


def refusal(base: Path, adapter: Path | None = None) -> ArnyError:
    with pytest.raises(ArnyError) as caught:
        merged_values(base, adapter)
    assert caught.value.sentence.count("\n") == 0
    assert caught.value.sentence.endswith(".")
    return caught.value


def test_that_an_adapter_for_another_base_is_refused_with_tensor_expected_and_found(tmp_path: Path, base: Path) -> None:
    other = make_tiny_base(tmp_path / "other", layers=1, ffn=768)
    error = refusal(base, make_tiny_adapter(tmp_path / "adapter", other))
    assert isinstance(error, BadInput)
    assert "mlp.down_proj.weight" in error.sentence
    assert "256 × 768" in error.sentence
    assert "256 × 512" in error.sentence
    assert str(other) in error.hint


def test_that_an_adapter_for_a_deeper_base_is_refused_by_the_tensor_it_misses(tmp_path: Path, base: Path) -> None:
    deeper = make_tiny_base(tmp_path / "deeper", layers=2)
    error = refusal(base, make_tiny_adapter(tmp_path / "adapter", deeper))
    assert "model.layers.1." in error.sentence


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"use_dora": True}, "DoRA"),
        ({"peft_type": "IA3"}, "IA3"),
        ({"init_lora_weights": "pissa"}, "pissa"),
        ({"trainable_token_indices": [1]}, "single tokens"),
        ({"r": 8}, "rank 8"),
        ({"r": 0}, "r and lora_alpha"),
        ({"alpha_pattern": {"(": 1}}, "'('"),
    ],
)
def test_that_an_adapter_that_a_merge_would_get_wrong_is_refused(
    base: Path, adapter: Path, changes: dict[str, Any], said: str
) -> None:
    edit_json(adapter / "adapter_config.json", **changes)
    assert said in refusal(base, adapter).sentence


def test_that_half_an_update_is_refused(base: Path, adapter: Path) -> None:
    path = adapter / "adapter_model.safetensors"
    with open_weights(adapter, "adapter_model") as weights:
        kept = {name: weights.whole(name) for name in weights.tensors if "0.self_attn.q_proj.lora_B" not in name}
    write_safetensors(path, kept, "float32")
    assert "lora_B is missing" in refusal(base, adapter).sentence


def test_that_an_empty_folder_is_no_adapter(tmp_path: Path, base: Path) -> None:
    (tmp_path / "nothing").mkdir()
    assert isinstance(refusal(base, tmp_path / "nothing"), MissingFile)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_that_nan_and_inf_in_the_weights_name_the_tensor(base: Path, value: float) -> None:
    values = stored_values(base)
    values[Q_PROJ][7, 3] = value
    write_safetensors(base / "model.safetensors", values, "float32")
    sentence = refusal(base).sentence
    assert Q_PROJ in sentence
    assert "row 7" in sentence


def test_that_nan_in_the_adapter_names_its_tensor(base: Path, adapter: Path) -> None:
    with open_weights(adapter, "adapter_model") as weights:
        values = {name: weights.whole(name) for name in weights.tensors}
    name = "base_model.model.model.layers.0.self_attn.k_proj.lora_A.weight"
    values[name][0, 0] = np.nan
    write_safetensors(adapter / "adapter_model.safetensors", values, "float32")
    assert name in refusal(base, adapter).sentence


def test_that_a_missing_shard_is_named(tmp_path: Path) -> None:
    base = make_tiny_base(tmp_path / "base", layers=1, shards=2)
    (base / "model-00002-of-00002.safetensors").unlink()
    error = refusal(base)
    assert isinstance(error, MissingFile)
    assert "model-00002-of-00002.safetensors" in error.sentence


def test_that_a_shard_outside_the_folder_is_refused(tmp_path: Path) -> None:
    base = make_tiny_base(tmp_path / "base", layers=1, shards=2)
    edit_json(base / "model.safetensors.index.json", weight_map={Q_PROJ: "../elsewhere.safetensors"})
    assert "not a file name" in refusal(base).sentence


@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_that_safetensors_cut_short_anywhere_are_refused(base: Path, kept: int) -> None:
    path = base / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    assert str(path) in refusal(base).sentence


def test_that_a_pickle_checkpoint_is_refused_with_the_reason(base: Path) -> None:
    (base / "model.safetensors").rename(base / "pytorch_model.bin")
    sentence = refusal(base).sentence
    assert "pytorch_model.bin" in sentence
    assert "run any code" in sentence


def test_that_a_base_without_weights_config_or_folder_says_which(base: Path, tmp_path: Path) -> None:
    (base / "model.safetensors").unlink()
    assert "no weights" in refusal(base).sentence
    (base / "config.json").unlink()
    assert "config.json" in refusal(base).sentence
    assert "no model folder" in refusal(tmp_path / "nowhere").sentence


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"architectures": ["LlamaForCausalLM"]}, "LlamaForCausalLM"),
        ({"architectures": []}, "qwen2"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "bitsandbytes"),
        ({"hidden_size": 128}, "shape"),
        ({"num_hidden_layers": 2}, "lacks the tensor model.layers.1."),
        ({"num_hidden_layers": "one"}, "num_hidden_layers"),
        ({"vocab_size": 10**12}, "vocab_size"),
        ({"use_sliding_window": True}, "use_sliding_window"),
        ({"num_key_value_heads": 3}, "3 key-value heads"),
    ],
)
def test_that_a_config_of_another_model_is_refused(base: Path, changes: dict[str, Any], said: str) -> None:
    edit_json(base / "config.json", **changes)
    assert said in refusal(base).sentence


def test_that_a_tensor_no_qwen2_model_has_is_refused(base: Path) -> None:
    values = stored_values(base) | {"model.vision.patch": np.ones((2, 2), np.float32)}
    write_safetensors(base / "model.safetensors", values, "float32")
    assert "model.vision.patch" in refusal(base).sentence


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_that_a_damaged_safetensors_header_is_refused_or_read_but_never_crashes(
    base: Path, data: st.DataObject
) -> None:
    sound = (base / "model.safetensors").read_bytes()
    damaged = bytearray(sound)
    header = int.from_bytes(sound[:8], "little") + 8
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, header - 1))] = data.draw(st.integers(0, 255))
    path = base / "damaged.safetensors"
    path.write_bytes(damaged)
    try:
        tensors = read_header(path)
    except BadInput:
        return
    assert all(tensor.start + tensor.nbytes <= len(sound) for tensor in tensors.values())
