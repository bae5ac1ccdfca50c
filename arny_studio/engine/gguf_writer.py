"""Base + adapter → F16 GGUF, streamed. Tensor names and header layout come from the `gguf` package.

Matrices become F16; norms and biases stay F32, as llama.cpp's own converter has it, and the values are held equal to
that converter's (tests/slow). Needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import gguf
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from arny_studio.engine.gguf_check import GgufTensor, check_gguf
from arny_studio.engine.gguf_naming import ModelLabels, label_model
from arny_studio.engine.gguf_vocabulary import Vocabulary, read_vocabulary
from arny_studio.engine.merge import MergedModel, MergedTensor, merged_tensors
from arny_studio.engine.model_folder import ModelConfig, read_json_object, tokenizer_folder
from arny_studio.engine.output_files import finished_file
from arny_studio.errors import BadInput

OnProgress = Callable[[int, int], None]  # bytes written, bytes in all

_ARCH = gguf.MODEL_ARCH.QWEN2
_SAMPLING = {  # generation_config.json → the field of gguf.Metadata
    "top_k": "sampling_top_k",
    "top_p": "sampling_top_p",
    "min_p": "sampling_min_p",
    "temperature": "sampling_temp",
}


class PlannedTensor(Struct, frozen=True, kw_only=True):
    """One tensor of the file to be: its GGUF name, its values' source and its type."""

    name: str
    source: MergedTensor
    is_f16: bool

    @property
    def nbytes(self) -> int:
        """Bytes of its values."""
        return self.source.size * (2 if self.is_f16 else 4)

    def as_stored(self) -> GgufTensor:
        """As it will read back, but for its place."""
        shape = tuple(reversed(self.source.shape))
        return GgufTensor(
            name=self.name, shape=shape, type="F16" if self.is_f16 else "F32", start=0, nbytes=self.nbytes
        )


def write_gguf_f16(
    base: Path, adapter: Path | None, out: Path, *, name: str = "", finetune: str = "", on_progress: OnProgress
) -> None:
    """Write `out`, which appears only when it is complete and read back. Raises MissingFile, BadInput or DiskFull.

    `name` is the model's name (empty: made from the base), `finetune` what it was tuned for, such as tier1.
    """
    with merged_tensors(base, adapter) as model:
        vocabulary = read_vocabulary(tokenizer_folder(base, adapter), size=model.config.vocab)
        labels = label_model(base, adapter, parameters=model.parameters, name=name, finetune=finetune)
        write_model(model, vocabulary, labels, base, out, on_progress)


def write_model(
    model: MergedModel, vocabulary: Vocabulary, labels: ModelLabels, base: Path, out: Path, on_progress: OnProgress
) -> None:
    """`write_gguf_f16` for a model that is open already; `base` is asked for its generation settings."""
    planned = plan_tensors(model)
    writer = _new_writer(model, labels, vocabulary, base)
    for tensor in planned:
        writer.add_tensor_info(tensor.name, tensor.source.shape, _dtype(tensor), tensor.nbytes)
    with finished_file(out, predicted_f16_bytes(planned, vocabulary)) as partial:
        _write_header(writer, partial)
        with partial.open("ab") as file:
            _write_values(file, planned, on_progress)
        _verify(partial, planned)


def plan_tensors(model: MergedModel) -> list[PlannedTensor]:
    """The tensors of the file in order. A name that llama.cpp has no counterpart for is a BadInput."""
    names = gguf.get_tensor_name_map(_ARCH, model.config.layers)
    planned: list[PlannedTensor] = []
    for tensor in model.tensors:
        mapped = names.get_name(tensor.name, try_suffixes=(".weight", ".bias"))
        if mapped is None:
            raise BadInput(f"llama.cpp has no place for the tensor {tensor.name} in a Qwen2 model.")
        is_f16 = len(tensor.shape) > 1 and not mapped.endswith("_norm.weight")
        planned.append(PlannedTensor(name=mapped, source=tensor, is_f16=is_f16))
    return planned


def predicted_f16_bytes(planned: list[PlannedTensor], vocabulary: Vocabulary) -> int:
    """Size of the file, a few KiB at most too large: header, tensors and padding."""
    return predicted_header_bytes(planned, vocabulary) + sum(_padded(tensor.nbytes) for tensor in planned)


def predicted_header_bytes(planned: list[PlannedTensor], vocabulary: Vocabulary) -> int:
    """Size of the header, a few KiB at most too large: the vocabulary makes up most of it."""
    texts = sum(len(text.encode()) + 8 for text in (*vocabulary.tokens, *vocabulary.merges))
    return texts + 4 * len(vocabulary.kinds) + len(vocabulary.chat_template.encode()) + 96 * len(planned) + 4096


def _new_writer(model: MergedModel, labels: ModelLabels, vocabulary: Vocabulary, base: Path) -> gguf.GGUFWriter:
    writer = gguf.GGUFWriter(None, gguf.MODEL_ARCH_NAMES[_ARCH])
    writer.add_type(gguf.GGUFType.MODEL)
    _metadata(labels, base, has_adapter=model.has_adapter).set_gguf_meta_model(writer)
    _add_shape(writer, model.config)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    _add_vocabulary(writer, vocabulary)
    return writer


def _metadata(labels: ModelLabels, base: Path, *, has_adapter: bool) -> gguf.Metadata:
    card = labels.card
    metadata = gguf.Metadata(
        name=labels.name,
        basename=labels.basename,
        finetune=labels.finetune or None,
        size_label=labels.size_label,
        license=card.license or None,
        license_name=card.license_name or None,
        license_link=card.license_link or None,
        description=labels.description or None,
        tags=list(labels.tags) or None,
        quantized_by="Arny Studio",
    )
    if labels.datasets:
        metadata.datasets = [{"name": name} for name in labels.datasets]
    bases = [labels.base_name] if has_adapter else [gguf.Metadata.id_to_title(name) for name in card.base_models]
    if bases:
        metadata.base_models = [{"name": name} for name in bases]
        if has_adapter and labels.base_organization:
            metadata.base_models[0]["organization"] = gguf.Metadata.id_to_title(labels.base_organization)
    _add_sampling(metadata, base)
    return metadata


def _add_sampling(metadata: gguf.Metadata, base: Path) -> None:
    path = base / "generation_config.json"
    stated = read_json_object(path) if path.is_file() else {}
    for key, field in _SAMPLING.items():
        if isinstance(stated.get(key), int | float):
            setattr(metadata, field, stated[key])


def _add_shape(writer: gguf.GGUFWriter, config: ModelConfig) -> None:
    raw = config.raw
    writer.add_block_count(config.layers)
    if isinstance(raw.get("max_position_embeddings"), int):
        writer.add_context_length(raw["max_position_embeddings"])
    writer.add_embedding_length(config.hidden)
    writer.add_feed_forward_length(config.ffn)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.kv_heads)
    if raw.get("head_dim") is not None:
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(float(raw.get("rms_norm_eps", 1e-6)))
    _add_rope(writer, raw)


def _add_rope(writer: gguf.GGUFWriter, raw: dict[str, Any]) -> None:
    """transformers 5 keeps rope_theta inside rope_parameters, older ones beside rope_scaling."""
    rope: dict[str, Any] = raw.get("rope_parameters") or raw.get("rope_scaling") or {}
    theta = rope.get("rope_theta", raw.get("rope_theta", 10_000.0))
    writer.add_rope_freq_base(float(theta))
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind in ("linear", "yarn"):
        scaling = gguf.RopeScalingType.LINEAR if kind == "linear" else gguf.RopeScalingType.YARN
        writer.add_rope_scaling_type(scaling)
        writer.add_rope_scaling_factor(float(rope["factor"]))
        if kind == "yarn":
            original = rope.get("original_max_position_embeddings", raw.get("original_max_position_embeddings"))
            writer.add_rope_scaling_orig_ctx_len(int(original or raw["max_position_embeddings"]))
    elif kind != "default":
        raise BadInput(f"config.json asks for {kind!r} position scaling, which is not known here for Qwen2.")


def _add_vocabulary(writer: gguf.GGUFWriter, vocabulary: Vocabulary) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.kinds)
    writer.add_token_merges(vocabulary.merges)
    for role, number in vocabulary.special_ids.items():
        getattr(writer, f"add_{role}_token_id")(number)
    writer.add_add_bos_token(vocabulary.add_bos)
    writer.add_chat_template(vocabulary.chat_template)


def _write_header(writer: gguf.GGUFWriter, partial: Path) -> None:
    writer.write_header_to_file(partial)
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()


def _write_values(file: BinaryIO, planned: list[PlannedTensor], on_progress: OnProgress) -> None:
    total, done = sum(tensor.nbytes for tensor in planned), 0
    _pad(file)
    for tensor in planned:
        for block in tensor.source.blocks():
            file.write(_rounded(block, tensor).data)
            done += block.size * (2 if tensor.is_f16 else 4)
            on_progress(done, total)
        _pad(file)


def _rounded(block: np.ndarray[Any, Any], tensor: PlannedTensor) -> np.ndarray[Any, Any]:
    if not tensor.is_f16:
        return np.ascontiguousarray(block, np.float32)
    try:
        with np.errstate(over="raise", under="ignore"):
            return np.ascontiguousarray(block.astype(np.float16))
    except FloatingPointError as error:
        raise BadInput(
            f"Tensor {tensor.source.name} holds {float(np.abs(block).max()):.6g}, which F16 (up to 65504) cannot hold."
        ) from error


def _pad(file: BinaryIO) -> None:
    at = file.seek(0, 2)
    file.write(bytes(_padded(at) - at))


def _padded(size: int) -> int:
    return gguf.GGUFWriter.ggml_pad(size, gguf.GGUF_DEFAULT_ALIGNMENT)


def _dtype(tensor: PlannedTensor) -> np.dtype[Any]:
    return np.dtype(np.float16 if tensor.is_f16 else np.float32)


def _verify(partial: Path, planned: list[PlannedTensor]) -> None:
    """Read the file back: every tensor in its place, of its shape and type, and nothing else."""
    found = [replace(tensor, start=0) for tensor in check_gguf(partial).tensors]
    if found != [tensor.as_stored() for tensor in planned]:
        raise BadInput(f"{partial.name} does not read back as it was written; the disk or its memory is faulty.")
