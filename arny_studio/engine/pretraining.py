"""Pretraining of a small Qwen2-architecture base from nothing, on two CPU cores.

Knows tokens, not what they mean: documents come in as id lists, events go out. The learning rate follows the
clock, not the step count, so a run ends when it was told to on any machine.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from msgspec import Struct
from torch import Tensor, nn
from transformers import Qwen2Config, Qwen2ForCausalLM

from arny_studio.jobs.events import Event, Log, Metric

IGNORED = -100


class BaseShape(Struct, frozen=True, kw_only=True):
    """Shape of the base. Head dimension is 128 so that the model can be widened to the 1.5B shape by zero-padding."""

    vocab_size: int = 4096
    hidden_size: int = 256
    intermediate_size: int = 768
    layers: int = 4
    heads: int = 2
    kv_heads: int = 2
    max_positions: int = 2048
    rope_theta: float = 10_000.0


class Document(Struct, frozen=True):
    """Token ids, and how many of the first are only read, not learned to say."""

    ids: list[int]
    prompt_length: int = 0


class Family(Struct, frozen=True, kw_only=True):
    """Documents of one kind: an endless stream, the tokens of a batch, and the weight of its loss."""

    name: str
    documents: Iterator[Document]
    batch_tokens: int = 1024
    weight: float = 1.0


class PretrainPlan(Struct, frozen=True, kw_only=True):
    """How long and how fast."""

    minutes: float
    learning_rate: float = 2e-3
    warmup_share: float = 0.02
    decay_share: float = 0.4
    seed: int = 7


def new_base(shape: BaseShape, *, end_ids: tuple[int, ...], pad_id: int, seed: int) -> Qwen2ForCausalLM:
    """A freshly initialised model; `end_ids` and `pad_id` go into its configuration."""
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=shape.vocab_size,
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=shape.max_positions,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        tie_word_embeddings=True,
        eos_token_id=end_ids[0],
        pad_token_id=pad_id,
        bos_token_id=None,
        use_cache=False,
    )
    return Qwen2ForCausalLM(config)


def pretrain(
    model: Qwen2ForCausalLM, families: Sequence[Family], plan: PretrainPlan, emit: Callable[[Event], None]
) -> int:
    """Train in place until the time is over; returns the tokens seen. Every step takes one batch of each family."""
    optimizer = _optimizer(model, plan)
    pad = int(model.config.pad_token_id or 0)
    streams = [(family, _batches(family, pad)) for family in families]
    started, tokens = time.monotonic(), 0
    model.train()
    for step in itertools.count(1):
        share = (time.monotonic() - started) / (plan.minutes * 60)
        if share >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * _rate_factor(share, plan)
        losses: dict[str, float] = {}
        for family, batches in streams:
            ids, labels = next(batches)
            loss = _loss(model, ids, labels)
            (family.weight * loss).backward()
            losses[family.name] = loss.item()
            tokens += int((ids != pad).sum())
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 50 == 1:
            _report(step, losses, float(norm), optimizer, tokens, time.monotonic() - started, emit)
    return tokens


def save_base(model: Qwen2ForCausalLM, folder: Path) -> None:
    """Write config and weights (bf16 safetensors); the tokenizer files are the tokenizer's business."""
    model.config.use_cache = True
    model.bfloat16().save_pretrained(folder)


def _loss(model: Qwen2ForCausalLM, ids: Tensor, labels: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=_has_fast_bf16()):
        hidden: Tensor = model.model(input_ids=ids).last_hidden_state
        wanted = labels[:, 1:] != IGNORED
        logits = model.lm_head(hidden[:, :-1][wanted])
    return nn.functional.cross_entropy(logits.float(), labels[:, 1:][wanted])


def _has_fast_bf16() -> bool:
    return "avx512_bf16" in Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else False


def _optimizer(model: nn.Module, plan: PretrainPlan) -> torch.optim.AdamW:
    """AdamW with decay on matrices only. Muon learns more per token, but its matrix steps cost as much as the model."""
    matrices = [p for p in model.parameters() if p.ndim == 2]
    vectors = [p for p in model.parameters() if p.ndim != 2]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=plan.learning_rate, betas=(0.9, 0.98), fused=True)


def _rate_factor(share: float, plan: PretrainPlan) -> float:
    """Warm up, hold, then fall linearly to zero over the last `decay_share` of the time."""
    if share < plan.warmup_share:
        return share / plan.warmup_share
    return min(1.0, (1 - share) / plan.decay_share)


def _batches(family: Family, pad_id: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of similar lengths: a pool of documents is sorted, cut by tokens, and shuffled."""
    generator = torch.Generator().manual_seed(0)
    source = iter(family.documents)
    while pool := list(itertools.islice(source, 256)):
        pool.sort(key=lambda document: len(document.ids))
        cuts = list(_cut_by_tokens(pool, family.batch_tokens))
        for index in torch.randperm(len(cuts), generator=generator).tolist():
            yield _padded(cuts[index], pad_id)


def _cut_by_tokens(pool: list[Document], batch_tokens: int) -> Iterator[list[Document]]:
    batch: list[Document] = []
    for document in pool:
        if batch and (len(batch) + 1) * len(document.ids) > batch_tokens:
            yield batch
            batch = []
        batch.append(document)
    if batch:
        yield batch


def _padded(batch: list[Document], pad_id: int) -> tuple[Tensor, Tensor]:
    """Ids and labels, both (documents, longest) int64; labels are IGNORED on prompts and padding."""
    width = max(len(document.ids) for document in batch)
    ids = torch.full((len(batch), width), pad_id, dtype=torch.long)
    labels = torch.full((len(batch), width), IGNORED, dtype=torch.long)
    for row, document in enumerate(batch):
        size = len(document.ids)
        ids[row, :size] = torch.tensor(document.ids)
        labels[row, document.prompt_length : size] = ids[row, document.prompt_length : size]
    return ids, labels


def _report(
    step: int,
    losses: dict[str, float],
    norm: float,
    optimizer: torch.optim.Optimizer,
    tokens: int,
    elapsed_s: float,
    emit: Callable[[Event], None],
) -> None:
    rate = optimizer.param_groups[0]["lr"]
    speed = tokens / max(elapsed_s, 1e-9)
    mean = sum(losses.values()) / len(losses)
    emit(Metric(step=step, loss=mean, gradient_norm=norm, learning_rate=rate, tokens=tokens, tokens_per_s=speed))
    emit(Log(text=", ".join(f"{name} {loss:.3f}" for name, loss in losses.items())))
