"""Base + LoRA → merged weights, a block of rows at a time: computed in float32, rounded once by whoever writes them.

Memory stays flat whatever the model: at most one block and the small factors of one adapter update are held. Knows
nothing of the file that the result goes to.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from msgspec import Struct

from arny_studio.engine.adapter import Adapter, LowRankUpdate, open_adapter
from arny_studio.engine.model_folder import ModelConfig, read_config
from arny_studio.engine.safetensors_reading import FloatRows, Weights, open_weights
from arny_studio.errors import BadInput

BLOCK_VALUES = 4 * 1024 * 1024  # values held at once: 16 MiB as float32
EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
_WITHOUT_WEIGHT = (".rotary_emb.inv_freq", ".attention.bias", ".attention.masked_bias")  # buffers of old checkpoints


class MergedTensor(Struct, frozen=True, kw_only=True):
    """One tensor of the merged model; `shape` has rows first, `dtype` is how the base stores it."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    weights: Weights
    stored: str  # its name inside `weights`
    adapter: Adapter | None = None  # set where a low-rank update is to be added

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape))

    def blocks(self) -> Iterator[FloatRows]:
        """The merged values as float32, row block after row block. Raises BadInput at the first NaN or Inf."""
        update = self.adapter.update(self.name) if self.adapter is not None else None
        step = max(1, BLOCK_VALUES // max(1, self.size // self.shape[0]))
        for start in range(0, self.shape[0], step):
            yield self._rows(start, min(start + step, self.shape[0]), update)

    def _rows(self, start: int, stop: int, update: LowRankUpdate | None) -> FloatRows:
        values = self.weights.rows(self.stored, start, stop)
        self._refuse_non_finite(values, start, f"in {self.weights[self.stored].file}")
        if update is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                values = values + update.rows(start, stop)
            self._refuse_non_finite(values, start, "after adding the adapter")
        return values

    def _refuse_non_finite(self, values: FloatRows, start: int, where: str) -> None:
        # The extremes carry NaN and Inf along, at a fraction of the cost of a flag per value.
        if not np.isfinite([values.max(initial=0), values.min(initial=0)]).all():
            row = start + int(np.argwhere(~np.isfinite(values))[0][0])
            raise BadInput(f"Tensor {self.name} contains NaN or Inf {where} (first in row {row}).")


class MergedModel(Struct, frozen=True, kw_only=True):
    """The merged model: its shape, and its tensors in the order in which they are written."""

    config: ModelConfig
    tensors: tuple[MergedTensor, ...]
    is_tied: bool
    has_adapter: bool
    sources: tuple[Path, ...]  # the weight files it is read from

    @property
    def parameters(self) -> int:
        """Number of weights, tied embeddings counted once."""
        return sum(tensor.size for tensor in self.tensors)


@contextmanager
def merged_tensors(base: Path, adapter: Path | None) -> Iterator[MergedModel]:
    """The model that `base` becomes with `adapter`; files stay open for the block.

    Raises MissingFile or BadInput where either is incomplete or damaged, or the adapter belongs to another base.
    """
    config = read_config(base)
    with ExitStack() as stack:
        weights = stack.enter_context(open_weights(base))
        opened = stack.enter_context(open_adapter(adapter)) if adapter is not None else None
        shapes = _shapes_with_head(config, weights, opened)
        _check_base(base, config, weights)
        if opened is not None:
            _check_adapter(base, opened, shapes)
        tensors = tuple(_merged(name, shape, weights, opened) for name, shape in shapes.items())
        yield MergedModel(
            config=config,
            tensors=tensors,
            is_tied=HEAD not in shapes,
            has_adapter=opened is not None,
            sources=tuple(dict.fromkeys(tensor.weights[tensor.stored].file for tensor in tensors)),
        )


def _shapes_with_head(config: ModelConfig, weights: Weights, adapter: Adapter | None) -> dict[str, tuple[int, ...]]:
    """The tensors to write. Tied embeddings come apart where the head is no longer the embedding.

    PEFT trains only the copy that it was told to train, so an adapter on one of the two makes them two tensors; and a
    checkpoint may hold a head of its own although its config says tied (transformers then uses that head).
    """
    shapes = config.tensor_shapes()
    touched = adapter.touched if adapter is not None else set()
    if config.is_tied and (touched & {EMBEDDING, HEAD} or _has_own_head(weights)):
        shapes[HEAD] = shapes[EMBEDDING]
    return shapes


def _has_own_head(weights: Weights) -> bool:
    if HEAD not in weights or EMBEDDING not in weights or weights[HEAD].shape != weights[EMBEDDING].shape:
        return False
    rows, columns = weights[HEAD].shape
    step = max(1, BLOCK_VALUES // max(1, columns))
    return any(
        not np.array_equal(
            weights.rows(HEAD, start, min(start + step, rows)), weights.rows(EMBEDDING, start, min(start + step, rows))
        )
        for start in range(0, rows, step)
    )


def _check_base(base: Path, config: ModelConfig, weights: Weights) -> None:
    expected = config.tensor_shapes()
    for name, shape in expected.items():
        if name not in weights:
            raise BadInput(
                f"The base {base} lacks the tensor {name}, which a Qwen2 model of {config.layers} layers has."
            )
        if weights[name].shape != shape:
            raise BadInput(
                f"Tensor {name} of the base {base} should have the shape {_by(shape)}, as its config.json says, but has"
                f" {_by(weights[name].shape)}."
            )
    for name in weights.tensors:
        if name not in expected and name != HEAD and not name.endswith(_WITHOUT_WEIGHT):
            raise BadInput(f"The base {base} holds the tensor {name}, which no Qwen2 model has.")


def _check_adapter(base: Path, adapter: Adapter, shapes: dict[str, tuple[int, ...]]) -> None:
    if not adapter.touched:
        raise BadInput(f"The adapter {adapter.folder} changes nothing: it holds no tensors.")
    for name in sorted(adapter.touched):
        if name not in shapes:
            raise BadInput(
                f"The adapter {adapter.folder} changes {name}, which the base {base} does not have.",
                hint=_other_base_hint(adapter),
            )
        update = adapter.update(name)
        for found in (adapter.replacement_shape(name), update.shape if update is not None else None):
            if found is not None and found != shapes[name]:
                raise BadInput(
                    f"The adapter {adapter.folder} was trained on another base than {base}: it expects {name} to be"
                    f" {_by(found)}, but found {_by(shapes[name])}.",
                    hint=_other_base_hint(adapter),
                )


def _merged(name: str, shape: tuple[int, ...], base: Weights, adapter: Adapter | None) -> MergedTensor:
    weights, stored = base, name
    if name == HEAD and HEAD not in base:
        stored = EMBEDDING
    replacement = adapter.replacement(name) if adapter is not None else None
    if replacement is not None:
        weights, stored = replacement
    has_update = adapter is not None and adapter.has_update(name)
    return MergedTensor(
        name=name,
        shape=shape,
        dtype=base[name if name in base else EMBEDDING].dtype,
        weights=weights,
        stored=stored,
        adapter=adapter if has_update else None,
    )


def _other_base_hint(adapter: Adapter) -> str:
    named = adapter.config.base_model
    return f"Its adapter_config.json names the base {named}." if named else ""


def _by(shape: tuple[int, ...]) -> str:
    return " × ".join(str(extent) for extent in shape)
