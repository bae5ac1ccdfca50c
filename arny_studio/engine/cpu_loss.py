"""The training loss on a CPU, without the work that only a GPU hides. The same numbers, in half the time.

Three things are left out: the LM head at positions that nothing is learnt from, the recomputation of its logits in the
backward pass (they are small here), and attention between the conversations of one pack.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from arny_studio.engine.rendering import IGNORED
from arny_studio.engine.training_memory import LOGITS_AT_ONCE

PACKED_ATTENTION = "arny_packed"
MAX_LOGITS = LOGITS_AT_ONCE  # 256 MiB as float32; beyond that recomputing them is worth it


def attention_within_packs(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    cu_seq_lens_q: torch.Tensor | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention of each conversation of a pack by itself.

    Query, key and value have the shape (1, heads, tokens, head_dim); `cu_seq_lens_q` holds the bounds of the
    conversations, 0 and the length included. No mask is built, and no score is computed that a mask would hide.
    """
    if cu_seq_lens_q is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    lengths = cu_seq_lens_q.diff().tolist()
    parts = zip(*(tensor.split(lengths, dim=2) for tensor in (query, key, value)), strict=True)
    options["is_causal"] = True
    outputs = [sdpa_attention_forward(module, q, k, v, None, **options)[0] for q, k, v in parts]
    return torch.cat(outputs, dim=1), None


AttentionInterface.register(PACKED_ATTENTION, attention_within_packs)


def can_sum(labels: torch.Tensor, vocabulary: int) -> bool:
    """Whether all logits of the supervised positions may be held at once."""
    return int((labels[:, 1:] != IGNORED).sum()) * vocabulary <= MAX_LOGITS


def summed_loss(model: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, int]:
    """The negative log-likelihood summed over the supervised tokens of a batch, and how many there are.

    `model` is the causal language model with the adapter's layers in place. Padding is on the right, where causal
    attention hides it from every token that counts, so the padding mask is not used.
    """
    hidden_inputs = {name: value for name, value in inputs.items() if name not in ("labels", "attention_mask")}
    hidden = model.base_model(**hidden_inputs, use_cache=False).last_hidden_state
    targets = inputs["labels"][:, 1:]
    learnt = targets != IGNORED
    logits = model.get_output_embeddings()(hidden[:, :-1][learnt]).float()
    total = torch.nn.functional.cross_entropy(logits, targets[learnt], reduction="sum")
    return total, int(learnt.sum())
