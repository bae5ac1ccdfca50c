"""A LoRA adapter alone as GGUF, to be laid over the base's GGUF by llama.cpp (`--lora`). Needs no torch.

llama.cpp knows one alpha for the whole file and scales by alpha / r of each tensor. What differs from that (rsLoRA,
rank and alpha patterns) is multiplied into B, so that the file means the same as the adapter.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from arny_studio.engine.adapter import Adapter, LowRankUpdate, open_adapter
from arny_studio.engine.gguf_check import check_gguf
from arny_studio.engine.gguf_naming import ModelLabels
from arny_studio.engine.output_files import finished_file
from arny_studio.errors import BadInput

_ARCH = gguf.MODEL_ARCH.QWEN2
_HEADER_BYTES = 8192
_BYTES_PER_TENSOR = 160  # name, shape, offset and padding, at most


def write_lora_gguf(adapter: Path, labels: ModelLabels, layers: int, out: Path) -> None:
    """Write `out`, which appears only when it is complete and read back.

    Raises BadInput where the adapter carries whole tensors or changes the embedding, which a LoRA GGUF cannot say.
    """
    with open_adapter(adapter) as opened:
        _refuse_whole_tensors(opened)
        writer = _header(opened, labels)
        names = gguf.get_tensor_name_map(_ARCH, layers)
        for tensor in sorted(opened.touched):
            mapped = names.get_name(tensor, try_suffixes=(".weight",))
            update = opened.update(tensor)
            if mapped is None or update is None:
                raise BadInput(f"llama.cpp has no place for an adapter on {tensor} in a Qwen2 model.")
            for half, values in zip(("lora_a", "lora_b"), _halves(opened, tensor, update), strict=True):
                writer.add_tensor(f"{mapped}.{half}", values)
        with finished_file(out, predicted_lora_bytes(adapter)) as partial:
            writer.write_header_to_file(partial)
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
            writer.close()
            check_gguf(partial)


def predicted_lora_bytes(adapter: Path) -> int:
    """Size of the file, a few KiB at most too large."""
    with open_adapter(adapter) as opened:
        values = [opened.weights[name] for name in opened.weights.tensors]
        return _HEADER_BYTES + sum(2 * int(np.prod(tensor.shape)) + _BYTES_PER_TENSOR for tensor in values)


def _refuse_whole_tensors(adapter: Adapter) -> None:
    whole = sorted(name for name in adapter.touched if not adapter.has_update(name))
    if whole:
        raise BadInput(
            f"The adapter {adapter.folder} carries {whole[0]} whole (modules_to_save), which a LoRA GGUF cannot hold.",
            hint="Export the merged model instead.",
        )
    if "model.embed_tokens.weight" in adapter.touched:
        raise BadInput(
            f"The adapter {adapter.folder} changes the embedding, for which llama.cpp takes no LoRA of a tied model.",
            hint="Export the merged model instead.",
        )


def _header(adapter: Adapter, labels: ModelLabels) -> gguf.GGUFWriter:
    writer = gguf.GGUFWriter(None, gguf.MODEL_ARCH_NAMES[_ARCH])
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, adapter.config.alpha)
    metadata = gguf.Metadata(
        name=f"{labels.name} LoRA",
        basename=labels.basename,
        finetune=labels.finetune or None,
        size_label=labels.size_label,
        license=labels.card.license or None,
        base_models=[{"name": labels.base_name}],
        description=labels.adapter_description or None,
        quantized_by="Arny Studio",
    )
    metadata.set_gguf_meta_model(writer)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    return writer


def _halves(adapter: Adapter, tensor: str, update: LowRankUpdate) -> tuple[np.ndarray, np.ndarray]:
    """A of shape (r, columns) and B of shape (rows, r), as F16; B takes what llama.cpp's own scale leaves over."""
    rank = update.down.shape[0]
    rest = update.scale / (adapter.config.alpha / rank)
    return _f16(tensor, update.down), _f16(tensor, update.up * np.float32(rest))


def _f16(tensor: str, values: np.ndarray) -> np.ndarray:
    try:
        with np.errstate(over="raise", under="ignore"):
            return np.ascontiguousarray(values.astype(np.float16))
    except FloatingPointError as error:
        raise BadInput(f"The adapter's update of {tensor} holds a value above 65504, which F16 cannot hold.") from error
