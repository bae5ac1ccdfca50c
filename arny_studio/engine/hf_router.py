"""Decisions of a Hugging Face folder, before any export: a model, or an adapter on its base. Needs the train extra."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arny_studio.engine.chat_template import Message
from arny_studio.engine.rendering import Renderer
from arny_studio.engine.scoring import Routed
from arny_studio.errors import BadInput, MissingExtra, MissingFile

try:
    import torch
    from transformers import AutoModelForCausalLM
except ImportError as _error:
    raise MissingExtra("torch with transformers", "train", "Evaluating a model folder") from _error

ADAPTER_CONFIG = "adapter_config.json"


class HfRouter:
    """Greedy decisions, a batch of prompts at a time, padded on the left."""

    _BATCH = 16

    def __init__(self, folder: Path, *, max_tokens: int, threads: int = 0, base: Path | None = None) -> None:
        """Load the model; `base` instead of the one an adapter names. Raises MissingFile or BadInput where it is none."""
        if threads:
            torch.set_num_threads(threads)
        base = base or _base_of(folder)
        self._renderer = Renderer.from_folder(base)
        self._max_tokens = max_tokens
        self._model: Any = _loaded(base, folder if base != folder else None)

    def close(self) -> None:
        """Let go of the weights."""
        self._model = None

    @property
    def vocab(self) -> int:
        """Rows of the embedding, which is also the length of a row of logits."""
        return int(self._model.config.vocab_size)

    def logits(self, ids: Sequence[int], places: Sequence[int]) -> NDArray[np.float32]:
        """Logits after the tokens at `places` of one text, of shape (places, vocab)."""
        with torch.inference_mode():
            out = self._model(input_ids=torch.tensor([list(ids)]), logits_to_keep=torch.tensor(list(places)))
        return out.logits[0].float().numpy()

    def route(self, prompts: Sequence[Sequence[Message]]) -> Iterator[Routed]:
        """One text per prompt, in order."""
        for start in range(0, len(prompts), self._BATCH):
            yield from self._route(prompts[start : start + self._BATCH])

    def _route(self, prompts: Sequence[Sequence[Message]]) -> list[Routed]:
        """One text per prompt; the time of a batch is shared evenly."""
        started = time.perf_counter()
        ids = [self._renderer.prompt_ids(messages) for messages in prompts]
        longest = max(map(len, ids))
        end = self._renderer.end_of_turn_id
        padded = torch.tensor([[end] * (longest - len(row)) + row for row in ids])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in ids])
        with torch.inference_mode():
            out = self._model.generate(
                input_ids=padded,
                attention_mask=mask,
                max_new_tokens=self._max_tokens,
                do_sample=False,
                eos_token_id=end,
                pad_token_id=end,
            )
        written = [_until(row, end) for row in out[:, longest:].tolist()]
        ms = 1000 * (time.perf_counter() - started) / len(prompts)
        texts = [self._renderer.tokenizer.decode(row, skip_special_tokens=False) for row in written]
        return [Routed(text=text, ms=ms, tokens=len(row)) for text, row in zip(texts, written, strict=True)]


def _until(row: list[int], end: int) -> list[int]:
    return row[: row.index(end)] if end in row else row


def _base_of(folder: Path) -> Path:
    """The folder itself, or the local base that an adapter names."""
    config_path = folder / ADAPTER_CONFIG
    if not config_path.is_file():
        if not (folder / "config.json").is_file():
            raise MissingFile(f"{folder} is no model folder: it has neither config.json nor {ADAPTER_CONFIG}.")
        return folder
    try:
        named = json.loads(config_path.read_bytes())["base_model_name_or_path"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{config_path} does not name the adapter's base.") from error
    base = Path(named)
    if not base.is_dir():
        raise MissingFile(f"The adapter in {folder} belongs to {named}, which is no folder here.")
    return base


def _loaded(base: Path, adapter: Path | None) -> Any:
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            base, dtype=torch.float32, local_files_only=True, use_safetensors=True, trust_remote_code=False
        )
        if adapter is not None:
            model = _with_adapter(model, adapter)
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{adapter or base} cannot be loaded: {str(error).splitlines()[0]}") from error
    return model.eval()


def _with_adapter(model: Any, adapter: Path) -> Any:
    try:
        from peft import PeftModel
    except ImportError as error:
        raise MissingExtra("peft", "train", "Evaluating an adapter") from error
    return PeftModel.from_pretrained(model, adapter, local_files_only=True)
