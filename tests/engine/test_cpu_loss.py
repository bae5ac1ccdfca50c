"""The shorter way on a CPU gives the numbers of the long one: TRL's loss, and packed as one by one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from arny_studio.engine import cpu_loss
from arny_studio.engine.base_model import Placement, load_base
from arny_studio.engine.rendering import IGNORED
from tests.tiny_models import make_tiny_base

ON_CPU = Placement("cpu", "float32", False, "adamw_torch_fused", False)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_base(tmp_path_factory.mktemp("base"), layers=2)


def conversations() -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    rows = []
    for length, prompt in ((9, 4), (23, 20), (14, 1), (40, 11)):
        ids = torch.randint(3, 500, (1, length), generator=generator)
        labels = ids.clone()
        labels[:, :prompt] = IGNORED
        rows.append({"input_ids": ids, "labels": labels})
    return rows


def packed(rows: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    lengths = [row["input_ids"].shape[1] for row in rows]
    return {
        "input_ids": torch.cat([row["input_ids"] for row in rows], dim=1),
        "labels": torch.cat([row["labels"] for row in rows], dim=1),
        "position_ids": torch.cat([torch.arange(length) for length in lengths])[None],
        "cu_seq_lens_q": torch.tensor([0, *torch.tensor(lengths).cumsum(0).tolist()], dtype=torch.int32),
    }


def padded(rows: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    width = max(row["input_ids"].shape[1] for row in rows)

    def widened(name: str, fill: int) -> torch.Tensor:
        return torch.cat(
            [torch.nn.functional.pad(row[name], (0, width - row[name].shape[1]), value=fill) for row in rows]
        )

    ids = widened("input_ids", 0)
    lengths = torch.tensor([row["input_ids"].shape[1] for row in rows])
    return {
        "input_ids": ids,
        "labels": widened("labels", IGNORED),
        "attention_mask": (torch.arange(width) < lengths[:, None]).long(),
    }


def test_that_packed_and_padded_conversations_lose_as_much_as_each_by_itself(base: Path):
    model = load_base(base, ON_CPU, attention=cpu_loss.PACKED_ATTENTION)
    rows = conversations()
    alone = [cpu_loss.summed_loss(model, row) for row in rows]
    total, count = sum(loss.item() for loss, _ in alone), sum(number for _, number in alone)
    assert count == 5 + 3 + 13 + 29
    for batch in (packed(rows), padded(rows)):
        summed, counted = cpu_loss.summed_loss(model, batch)
        assert counted == count
        assert summed.item() == pytest.approx(total, rel=1e-6)


def test_that_conversations_of_a_pack_do_not_see_each_other(base: Path):
    model = load_base(base, ON_CPU, attention=cpu_loss.PACKED_ATTENTION)
    batch = packed(conversations())
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    before = model.base_model(**inputs, use_cache=False).last_hidden_state
    inputs["input_ids"] = inputs["input_ids"].clone()
    inputs["input_ids"][0, :9] = 7
    after = model.base_model(**inputs, use_cache=False).last_hidden_state
    assert torch.equal(before[:, 9:], after[:, 9:])
    assert not torch.allclose(before[:, :9], after[:, :9])


def test_that_loss_and_gradients_are_those_of_trl(base: Path):
    from trl.trainer.utils import add_fused_lm_head

    model = load_base(base, ON_CPU)
    add_fused_lm_head(model, outputs=("log_probs", "entropy", "is_top1"))
    batch = padded(conversations())
    watched = model.model.layers[0].self_attn.q_proj.weight

    output = model(**batch, use_cache=False, fused_lm_head=True)
    (-output.log_probs.sum()).backward()
    expected, expected_gradient = (-output.log_probs.sum()).item(), watched.grad.clone()
    watched.grad = None

    total, count = cpu_loss.summed_loss(model, batch)
    total.backward()
    assert count == int(output.label_mask.sum())
    assert total.item() == pytest.approx(expected, rel=1e-6)
    assert torch.allclose(watched.grad, expected_gradient, rtol=1e-3, atol=1e-6)


def test_that_a_batch_without_labels_costs_nothing_and_still_has_a_gradient(base: Path):
    model = load_base(base, ON_CPU)
    batch = padded(conversations())
    batch["labels"] = torch.full_like(batch["labels"], IGNORED)
    total, count = cpu_loss.summed_loss(model, batch)
    total.backward()
    assert (total.item(), count) == (0.0, 0)


def test_that_a_large_vocabulary_takes_the_long_way():
    labels = torch.ones((2, 1001), dtype=torch.long)
    assert cpu_loss.can_sum(labels, 4096)
    assert not cpu_loss.can_sum(labels, 151_936)
