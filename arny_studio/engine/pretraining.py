"""Pretraining of a small Qwen2-architecture base from nothing, on two CPU cores.

Two things are learned: to go on writing, and to read. A document may say what its prompt means; small heads over the
last token of the prompt learn to tell it, and are thrown away afterwards. Per token read this teaches a router several
times as much as writing the answer does. The heads sit on the lower half of the layers, because the upper half of a
later token can look up only what lower layers have found out about an earlier one; a document that is only read needs
no more than that half, and costs half. Matrices are trained with Muon (Jordan et al. 2024;
`torch.optim.Muon`): after 0.6 M tokens it routed 70 % of held-out requests where AdamW routed 25 %.

Documents come in as id lists, events go out. The learning rate follows the clock, not the step count, so a run ends
when it was told to on any machine. Several processes may train one model together, each on documents of its own, where
gradients are averaged: two processes see much more text on two cores than two threads do.
"""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from msgspec import Struct
from torch import Tensor, nn
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen2Model

from arny_studio.jobs.events import Event, Log, Metric

IGNORED = -100
POOL = 2048  # documents that are sorted by length at a time
EMBEDDING_STD = 0.05  # larger than Qwen's 0.02: words that are met seldom are heard from the start


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


class Meaning(Struct, frozen=True):
    """What a prompt means, as class numbers: one kind of many, and any number of marks."""

    kind: int
    marks: tuple[int, ...] = ()


class Document(Struct, frozen=True):
    """Token ids, how many of the first are only read, not learned to say, and what those mean where that is known."""

    ids: list[int]
    prompt_length: int = 0
    meaning: Meaning | None = None


class Family(Struct, frozen=True, kw_only=True):
    """Documents of one kind: an endless stream, the tokens of a batch, the weight of what it says, and when it is there."""

    name: str
    documents: Iterator[Document]
    batch_tokens: int = 1024
    weight: float = 1.0
    starts_at: float = 0.0  # shares of the time
    ends_at: float = 1.0


class PretrainPlan(Struct, frozen=True, kw_only=True):
    """How long and how fast: a rate for the matrices of the layers, one for the embedding, one for everything else."""

    minutes: float
    muon_rate: float = 0.01
    embedding_rate: float = 0.003
    adam_rate: float = 3e-3
    warmup_share: float = 0.01
    decay_share: float = 0.95
    kinds: int = 512  # most kinds and marks a meaning may name
    marks: int = 256
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
    model = Qwen2ForCausalLM(config)
    nn.init.normal_(model.model.embed_tokens.weight, std=EMBEDDING_STD)
    return model


Average = Callable[[Tensor], Tensor]
"""The mean of a (n,) vector over all processes that train together."""


def pretrain(
    model: Qwen2ForCausalLM,
    families: Sequence[Family],
    plan: PretrainPlan,
    emit: Callable[[Event], None],
    average: Average | None = None,
) -> int:
    """Train in place until the time is over; returns the tokens that this process saw.

    A step takes a batch of each family that is there. With `average` each process calls it with an equal model, plan
    and families of the same names.
    """
    torch.manual_seed(plan.seed)
    reader = _Reader(model, plan)
    optimizers = _optimizers(model, reader, plan)
    pad = int(model.config.pad_token_id or 0)
    streams = [(family, _batches(family, pad)) for family in families]
    started, tokens = time.monotonic(), 0
    model.train()
    for step in itertools.count(1):
        elapsed = torch.tensor([time.monotonic() - started])
        share = float(average(elapsed) if average else elapsed) / (plan.minutes * 60)
        if share >= 1:
            break
        _set_rates(optimizers, _rate_factor(share, plan))
        losses: dict[str, float] = {}
        for family, batches in streams:
            if not family.starts_at <= share < family.ends_at:
                continue
            batch = next(batches)
            loss = _loss(model, reader, batch, family.weight)
            loss.backward()
            losses[family.name] = loss.item()
            tokens += int((batch.ids != pad).sum())
        if average:
            _share_gradients([*model.parameters(), *reader.parameters()], average)
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if step % 50 == 1:
            rate = optimizers[0].param_groups[0]["lr"]
            _report(step, losses, float(norm), rate, tokens, time.monotonic() - started, emit)
    return tokens


def save_base(model: Qwen2ForCausalLM, folder: Path) -> None:
    """Write config and weights (bf16 safetensors); the tokenizer files are the tokenizer's business."""
    model.config.use_cache = True
    if model.generation_config is not None:
        model.generation_config.use_cache = True
    model.bfloat16().save_pretrained(folder)


class _Batch(Struct, frozen=True):
    """Ids and labels (documents, longest) int64, IGNORED where nothing is to be said; and what is to be read, if any."""

    ids: Tensor
    labels: Tensor
    ends: Tensor  # (documents,) int64, place of the last token of each prompt
    meanings: list[Meaning]  # one per document, or none at all


class _Reader(nn.Module):
    """Tells the kind and the marks of a prompt from what the lower layers made of its last token."""

    def __init__(self, model: Qwen2ForCausalLM, plan: PretrainPlan) -> None:
        super().__init__()
        self.depth = max(1, model.config.num_hidden_layers // 2)
        self._lower = [
            _lower_layers(model, self.depth)
        ]  # in a list: its weights belong to the model, not to the reader
        hidden_size = model.config.hidden_size
        self.norm = nn.RMSNorm(hidden_size)
        self.kind = nn.Linear(hidden_size, plan.kinds)
        self.marks = nn.Linear(hidden_size, plan.marks)

    def read(self, ids: Tensor) -> Tensor:
        """What the lower layers make of (documents, longest) ids: (documents, longest, hidden)."""
        return self._lower[0](input_ids=ids).last_hidden_state

    def loss(self, states: Tensor, meanings: Sequence[Meaning]) -> Tensor:
        """Cross-entropy of the kinds, and binary cross-entropy summed over the marks; `states`: (documents, hidden)."""
        states = self.norm(states)
        kinds = torch.tensor([meaning.kind for meaning in meanings])
        marks = torch.zeros(len(meanings), self.marks.out_features)
        for row, meaning in enumerate(meanings):
            marks[row, list(meaning.marks)] = 1.0
        told = nn.functional.binary_cross_entropy_with_logits(self.marks(states), marks, reduction="sum")
        return nn.functional.cross_entropy(self.kind(states), kinds) + told / len(meanings)


def _loss(model: Qwen2ForCausalLM, reader: _Reader, batch: _Batch, weight: float) -> Tensor:
    """Cross-entropy per token that is said, times `weight`, and what the reader got wrong per document."""
    loss = torch.zeros(())
    wanted = batch.labels[:, 1:] != IGNORED
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=_has_fast_bf16()):
        if wanted.any():
            made = model.model(input_ids=batch.ids, output_hidden_states=True)
            logits = model.lm_head(made.last_hidden_state[:, :-1][wanted])
            loss = weight * nn.functional.cross_entropy(logits.float(), batch.labels[:, 1:][wanted])
            read = made.hidden_states[reader.depth]
        else:
            read = reader.read(batch.ids)
    if batch.meanings:
        loss = loss + reader.loss(read[torch.arange(len(read)), batch.ends].float(), batch.meanings)
    return loss


def _lower_layers(model: Qwen2ForCausalLM, depth: int) -> Qwen2Model:
    """The first layers as a model of their own, over the same weights and without a last norm."""
    config = copy.deepcopy(model.config)
    config.num_hidden_layers, config.layer_types = depth, (config.layer_types or [])[:depth]
    lower = Qwen2Model(config)
    lower.embed_tokens, lower.layers = model.model.embed_tokens, model.model.layers[:depth]
    lower.norm = nn.Identity()  # pyright: ignore[reportAttributeAccessIssue] - any module that takes states will do
    return lower


def _has_fast_bf16() -> bool:
    return "avx512_bf16" in Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else False


def _optimizers(model: Qwen2ForCausalLM, reader: nn.Module, plan: PretrainPlan) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers, AdamW for the embedding, norms, biases and the heads."""
    embedding = model.model.embed_tokens.weight
    matrices = [parameter for parameter in model.model.layers.parameters() if parameter.ndim == 2]
    taken = {id(matrix) for matrix in [*matrices, embedding]}
    others = [parameter for parameter in model.parameters() if id(parameter) not in taken]
    muon = torch.optim.Muon(matrices, lr=plan.muon_rate, momentum=0.95, weight_decay=0.02)
    adam = torch.optim.AdamW(
        [
            {"params": [*others, *reader.parameters()], "lr": plan.adam_rate},
            {"params": [embedding], "lr": plan.embedding_rate},
        ],
        betas=(0.9, 0.98), weight_decay=0.0, fused=True,
    )  # fmt: skip
    for optimizer in (muon, adam):
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return [muon, adam]


def _share_gradients(parameters: Sequence[Tensor], average: Average) -> None:
    """Gradients become their mean over the processes; what has none here has none anywhere."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    nn.utils.vector_to_parameters(average(nn.utils.parameters_to_vector(gradients)), gradients)


def _set_rates(optimizers: Sequence[torch.optim.Optimizer], factor: float) -> None:
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor


def _rate_factor(share: float, plan: PretrainPlan) -> float:
    """Warm up, hold, then fall linearly to zero over the last `decay_share` of the time."""
    if share < plan.warmup_share:
        return share / plan.warmup_share
    return min(1.0, (1 - share) / plan.decay_share)


def _batches(family: Family, pad_id: int) -> Iterator[_Batch]:
    """Batches of similar lengths: a pool of documents is sorted, cut by tokens, and shuffled."""
    generator = torch.Generator().manual_seed(0)
    source = iter(family.documents)
    while pool := list(itertools.islice(source, POOL)):
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


def _padded(batch: list[Document], pad_id: int) -> _Batch:
    """Labels are IGNORED on prompts and padding."""
    width = max(len(document.ids) for document in batch)
    ids = torch.full((len(batch), width), pad_id, dtype=torch.long)
    labels = torch.full((len(batch), width), IGNORED, dtype=torch.long)
    for row, document in enumerate(batch):
        size = len(document.ids)
        ids[row, :size] = torch.tensor(document.ids)
        labels[row, document.prompt_length : size] = ids[row, document.prompt_length : size]
    ends = torch.tensor([max(document.prompt_length - 1, 0) for document in batch])
    return _Batch(ids, labels, ends, [document.meaning for document in batch if document.meaning is not None])


def _report(
    step: int,
    losses: dict[str, float],
    norm: float,
    rate: float,
    tokens: int,
    elapsed_s: float,
    emit: Callable[[Event], None],
) -> None:
    speed = tokens / max(elapsed_s, 1e-9)
    mean = sum(losses.values()) / len(losses)
    emit(Metric(step=step, loss=mean, gradient_norm=norm, learning_rate=rate, tokens=tokens, tokens_per_s=speed))
    emit(Log(text=", ".join(f"{name} {loss:.3f}" for name, loss in losses.items())))
