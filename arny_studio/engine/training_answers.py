"""Greedy answers of the model in training to a fixed set of prompts. Draws no random number, so the training is unmoved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import StoppingCriteria, StoppingCriteriaList

from arny_studio.engine.held_out_scoring import Prompt
from arny_studio.engine.rendering import Renderer

_BATCH = 16


class _WhenAsked(StoppingCriteria):
    """Ends generation once somebody wishes to stop."""

    def __init__(self, asked: Callable[[], object]) -> None:
        self._asked = asked

    def __call__(self, input_ids: torch.LongTensor, scores: Any, **_: Any) -> Any:
        done = self._asked() is not None
        return torch.full((input_ids.shape[0],), done, dtype=torch.bool, device=input_ids.device)


def answers_of(
    model: Any, renderer: Renderer, prompts: Sequence[Prompt], *, max_tokens: int, asked: Callable[[], object]
) -> list[str] | None:
    """One text per prompt, without the token that closes the turn. None where a wish to stop cut it short."""
    texts: list[str] = []
    with _answering(model):
        for start in range(0, len(prompts), _BATCH):
            texts += _batch(model, renderer, prompts[start : start + _BATCH], max_tokens, asked)
            if asked() is not None:
                return None
    return texts


def _batch(
    model: Any, renderer: Renderer, prompts: Sequence[Prompt], max_tokens: int, asked: Callable[[], object]
) -> list[str]:
    """Prompts of unequal length are padded on the left, where the mask hides the padding."""
    ids = [renderer.prompt_ids(prompt.messages) for prompt in prompts]
    longest, end = max(map(len, ids)), renderer.end_of_turn_id
    device = next(model.parameters()).device
    padded = torch.tensor([[end] * (longest - len(row)) + row for row in ids], device=device)
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in ids], device=device)
    with torch.no_grad():
        out = model.generate(
            input_ids=padded,
            attention_mask=mask,
            max_new_tokens=max_tokens,
            do_sample=False,
            use_cache=True,
            eos_token_id=end,
            pad_token_id=end,
            stopping_criteria=StoppingCriteriaList([_WhenAsked(asked)]),
        )
    written = out[:, longest:].tolist()
    rows = [row[: row.index(end)] if end in row else row for row in written]
    return [renderer.tokenizer.decode(row, skip_special_tokens=False) for row in rows]


@contextmanager
def _answering(model: Any) -> Iterator[None]:
    """Evaluation mode, the cache on, and an attention that knows padding: that of packs takes no mask."""
    config = model.config
    before = (model.training, config.use_cache, config._attn_implementation)
    model.eval()
    config.use_cache, config._attn_implementation = True, "sdpa"
    try:
        yield
    finally:
        model.train(before[0])
        config.use_cache, config._attn_implementation = before[1], before[2]
