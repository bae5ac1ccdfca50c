"""The merged model as a Hugging Face folder: 16-bit safetensors, configuration, tokenizer and chat template.

The template stands both in a file of its own (transformers 5) and in the tokenizer's configuration (everything older).
"""

from __future__ import annotations

import json
import os
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np

from arny_studio.engine.gguf_vocabulary import Vocabulary
from arny_studio.engine.gguf_writer import OnProgress
from arny_studio.engine.merge import MergedModel, MergedTensor
from arny_studio.engine.model_folder import read_json_object
from arny_studio.engine.output_files import disk_full_as_sentence
from arny_studio.engine.safetensors_reading import FloatRows
from arny_studio.errors import BadInput

_LEFT_OUT = ("torch_dtype", "dtype", "quantization_config")  # of config.json: what the merged weights no longer are
_TOKENIZER_FILES = ("tokenizer.json", "vocab.json", "merges.txt", "added_tokens.json", "special_tokens_map.json")


def write_merged_folder(
    model: MergedModel, vocabulary: Vocabulary, base: Path, tokenizer: Path, folder: Path, on_progress: OnProgress
) -> None:
    """Write `folder` (new or empty). Values are stored as the base's: BF16 or F16, and F16 for an F32 base."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "model.safetensors"
    with disk_full_as_sentence(weights, merged_bytes(model), "the merged folder"):
        _write_weights(model, weights, on_progress)
        _write_json(folder / "config.json", _config(model))
        for name in _TOKENIZER_FILES:
            if (tokenizer / name).is_file():
                shutil.copyfile(tokenizer / name, folder / name)
        _copy_generation_config(base, tokenizer, folder)
        stated = read_json_object(tokenizer / "tokenizer_config.json")
        _write_json(folder / "tokenizer_config.json", stated | {"chat_template": vocabulary.chat_template})
        (folder / "chat_template.jinja").write_text(vocabulary.chat_template, encoding="utf-8")


def merged_bytes(model: MergedModel) -> int:
    """Bytes of the merged weights."""
    return 2 * model.parameters + 200 * len(model.tensors)


def _copy_generation_config(base: Path, tokenizer: Path, folder: Path) -> None:
    """Training leaves its own beside the tokenizer, with the ends of generation it taught."""
    for source in (tokenizer, base):
        if (source / "generation_config.json").is_file():
            shutil.copyfile(source / "generation_config.json", folder / "generation_config.json")
            return


def _config(model: MergedModel) -> dict[str, Any]:
    kind = "bfloat16" if _stored_dtype(model.tensors[0]) == "BF16" else "float16"
    raw = {key: value for key, value in model.config.raw.items() if key not in _LEFT_OUT}
    return raw | {"dtype": kind, "tie_word_embeddings": model.is_tied}


def _write_weights(model: MergedModel, path: Path, on_progress: OnProgress) -> None:
    total, done = sum(2 * tensor.size for tensor in model.tensors), 0
    with path.open("wb") as file:
        file.write(_header(model))
        for tensor in model.tensors:
            for block in tensor.blocks():
                file.write(_rounded(block, tensor))
                done += 2 * block.size
                on_progress(done, total)
        file.flush()
        os.fsync(file.fileno())


def _header(model: MergedModel) -> bytes:
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for tensor in model.tensors:
        end = offset + 2 * tensor.size
        shape = list(tensor.shape)
        entries[tensor.name] = {"dtype": _stored_dtype(tensor), "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def _stored_dtype(tensor: MergedTensor) -> str:
    return "BF16" if tensor.dtype == "BF16" else "F16"


def _rounded(block: FloatRows, tensor: MergedTensor) -> bytes:
    if _stored_dtype(tensor) == "BF16":
        return bfloat16_bits(block).tobytes()
    try:
        with np.errstate(over="raise", under="ignore"):
            return block.astype(np.float16).tobytes()
    except FloatingPointError as error:
        raise BadInput(f"Tensor {tensor.name} holds a value above 65504, which F16 cannot hold.") from error


def bfloat16_bits(values: FloatRows) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Finite float32 values rounded to the nearest bfloat16, ties to even, as bits."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    return ((bits + np.uint32(0x7FFF) + ((bits >> 16) & np.uint32(1))) >> 16).astype(np.uint16)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
