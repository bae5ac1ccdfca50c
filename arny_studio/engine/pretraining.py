"""Pretraining of a small Qwen2-architecture base from nothing, on two CPU cores.

Two things are learned: to go on writing, and to read. A document may say what its prompt means; small heads learn to
tell it, and are thrown away afterwards: from the last token of the prompt what the whole means, from every token which
part of that it carries. Per token read this teaches a router several times as much as writing the answer does, and the
parts teach what a request lacks (right in 91 % of held-out requests after five minutes of one core, in 90 % without).
The heads sit on the lower half of the layers, because the upper half of a later token can look up only what lower
layers have found out about an earlier one; a document that is only read needs no more than that half, and costs half.
Matrices are trained with Muon (Jordan et al. 2024; `torch.optim.Muon`): after 0.6 M tokens it routed 70 % of held-out
requests where AdamW routed 25 %.

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
PARTS_WEIGHT = 3.0  # a token's part tells as much again as the whole does
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
    """What a prompt means, as class numbers: one kind of many, any number of marks, and a part for each of its tokens.

    No parts at all where they are not known.
    """

    kind: int
    marks: tuple[int, ...] = ()
    parts: tuple[int, ...] = ()


class Document(Struct, frozen=True):
    """Token ids, how many of the first are only read, not learned to say, and what those mean where that is known."""

    ids: list[int]
    prompt_length: int = 0
    meaning: Meaning | None = None


class Family(Struct, frozen=True, kw_only=True):
    """Documents of one kind: an endless stream, the tokens of a batch, the weights of what it says and means, and when it is there."""

    name: str
    documents: Iterator[Document]
    batch_tokens: int = 1024
    weight: float = 1.0
    reading_weight: float = 1.0
    starts_at: float = 0.0  # shares of the sitting
    ends_at: float = 1.0


class Sitting(Struct, frozen=True, kw_only=True):
    """A stretch of the training, with families of its own and learning rates that rise and fall within it."""

    families: Sequence[Family]
    share: float = 1.0  # of the minutes


class PretrainPlan(Struct, frozen=True, kw_only=True):
    """How long and how fast: a rate for the matrices of the layers, one for the embedding, one for everything else."""

    minutes: float
    muon_rate: float = 0.01
    embedding_rate: float = 0.003
    adam_rate: float = 3e-3
    warmup_share: float = 0.01
    decay_share: float = 0.95
    kinds: int = 512  # most kinds, marks and parts a meaning may name
    marks: int = 256
    parts: int = 512
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
    sittings: Sequence[Sitting],
    plan: PretrainPlan,
    emit: Callable[[Event], None],
    average: Average | None = None,
) -> int:
    """Train in place until the time is over; returns the tokens that this process saw.

    The heads that read last through all sittings: fresh ones would undo what the first ones taught. With `average` each
    process calls it with an equal model, plan and families of the same names.
    """
    torch.manual_seed(plan.seed)
    training = _Training(model, plan, average)
    for sitting in sittings:
        training.sit(sitting, emit)
    return training.tokens


def save_base(model: Qwen2ForCausalLM, folder: Path) -> None:
    """Write config and weights (bf16 safetensors); the tokenizer files are the tokenizer's business."""
    model.config.use_cache = True
    if model.generation_config is not None:
        model.generation_config.use_cache = True
    model.bfloat16().save_pretrained(folder)


class _Training:
    """A model with the heads and the optimizers that last through all sittings."""

    def __init__(self, model: Qwen2ForCausalLM, plan: PretrainPlan, average: Average | None) -> None:
        self._model, self._plan, self._average = model, plan, average
        self._reader = _Reader(model, plan)
        self._optimizers = _optimizers(model, self._reader, plan)
        self._pad = int(model.config.pad_token_id or 0)
        self._steps = itertools.count(1)
        self._started = time.monotonic()
        self.tokens = 0

    def sit(self, sitting: Sitting, emit: Callable[[Event], None]) -> None:
        """Train until the sitting's share of the time is over; every step takes a batch of each family that is there."""
        streams = [(family, _batches(family, self._pad)) for family in sitting.families]
        minutes, began = self._plan.minutes * sitting.share, time.monotonic()
        self._model.train()
        for step in self._steps:
            elapsed = torch.tensor([time.monotonic() - began])
            share = float(self._average(elapsed) if self._average else elapsed) / (minutes * 60)
            if share >= 1:
                break
            _set_rates(self._optimizers, _rate_factor(share, self._plan))
            there = [(family, batches) for family, batches in streams if family.starts_at <= share < family.ends_at]
            losses = {family.name: self._learn(next(batches), family) for family, batches in there}
            norm = self._step()
            if step % 50 == 1:
                rate = self._optimizers[0].param_groups[0]["lr"]
                _report(step, losses, norm, rate, self.tokens, time.monotonic() - self._started, emit)

    def _learn(self, batch: _Batch, family: Family) -> float:
        """Add the gradient of a batch; returns its loss."""
        loss = _loss(self._model, self._reader, batch, family)
        loss.backward()
        self.tokens += int((batch.ids != self._pad).sum())
        return loss.item()

    def _step(self) -> float:
        """Follow the gradients, those of all processes; returns their norm."""
        if self._average:
            _share_gradients([*self._model.parameters(), *self._reader.parameters()], self._average)
        norm = nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        for optimizer in self._optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return float(norm)


class _Batch(Struct, frozen=True):
    """Ids and labels (documents, longest) int64, IGNORED where nothing is to be said; and what is to be read, if any."""

    ids: Tensor
    labels: Tensor
    parts: Tensor  # (documents, longest) int64, IGNORED where none is known
    ends: Tensor  # (documents,) int64, place of the last token of each prompt
    meanings: list[Meaning]  # one per document, or none at all


class _Reader(nn.Module):
    """Tells what a prompt means from what the lower layers made of it: the parts token by token, the rest at its end."""

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
        self.parts = nn.Linear(hidden_size, plan.parts)

    def read(self, ids: Tensor) -> Tensor:
        """What the lower layers make of (documents, longest) ids: (documents, longest, hidden)."""
        return self._lower[0](input_ids=ids).last_hidden_state

    def loss(self, states: Tensor, batch: _Batch) -> Tensor:
        """What is got wrong per document; `states`: (documents, longest, hidden)."""
        ends = states[torch.arange(len(states)), batch.ends].float()
        return self._loss_of_the_whole(ends, batch.meanings) + self._loss_of_parts(states, batch.parts)

    def _loss_of_the_whole(self, ends: Tensor, meanings: Sequence[Meaning]) -> Tensor:
        """Cross-entropy of the kinds, and binary cross-entropy summed over the marks; `ends`: (documents, hidden)."""
        ends = self.norm(ends)
        kinds = torch.tensor([meaning.kind for meaning in meanings])
        marks = torch.zeros(len(meanings), self.marks.out_features)
        for row, meaning in enumerate(meanings):
            marks[row, list(meaning.marks)] = 1.0
        told = nn.functional.binary_cross_entropy_with_logits(self.marks(ends), marks, reduction="sum")
        return nn.functional.cross_entropy(self.kind(ends), kinds) + told / len(meanings)

    def _loss_of_parts(self, states: Tensor, parts: Tensor) -> Tensor:
        """Mean cross-entropy of the parts of all tokens where they are known, times its weight."""
        known = parts != IGNORED
        if not known.any():
            return torch.zeros(())
        return PARTS_WEIGHT * nn.functional.cross_entropy(self.parts(states[known].float()), parts[known])


def _loss(model: Qwen2ForCausalLM, reader: _Reader, batch: _Batch, family: Family) -> Tensor:
    """Cross-entropy per token that is said, and what the reader got wrong per document, each by the family's weight."""
    loss = torch.zeros(())
    wanted = batch.labels[:, 1:] != IGNORED
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=_has_fast_bf16()):
        if wanted.any():
            made = model.model(input_ids=batch.ids, output_hidden_states=True)
            logits = model.lm_head(made.last_hidden_state[:, :-1][wanted])
            loss = family.weight * nn.functional.cross_entropy(logits.float(), batch.labels[:, 1:][wanted])
            read = made.hidden_states[reader.depth]
        else:
            read = reader.read(batch.ids)
    if batch.meanings:
        loss = loss + family.reading_weight * reader.loss(read, batch)
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
    """Labels are IGNORED on prompts and padding, parts where no meaning names them."""
    width = max(len(document.ids) for document in batch)
    ids = torch.full((len(batch), width), pad_id, dtype=torch.long)
    labels, parts = torch.full_like(ids, IGNORED), torch.full_like(ids, IGNORED)
    for row, document in enumerate(batch):
        size = len(document.ids)
        ids[row, :size] = torch.tensor(document.ids)
        labels[row, document.prompt_length : size] = ids[row, document.prompt_length : size]
        if document.meaning is not None:
            parts[row, : len(document.meaning.parts)] = torch.tensor(document.meaning.parts)
    ends = torch.tensor([max(document.prompt_length - 1, 0) for document in batch])
    return _Batch(ids, labels, parts, ends, [document.meaning for document in batch if document.meaning is not None])


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
