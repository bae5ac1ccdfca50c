"""A small base from nothing: it learns what it is shown, keeps to its time, and its folder is a model folder."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from arny_studio.engine.pretraining import (
    IGNORED,
    BaseShape,
    Document,
    Family,
    Meaning,
    PretrainPlan,
    Sitting,
    _padded,
    _rate_factor,
    new_base,
    pretrain,
    save_base,
)
from arny_studio.engine.tokenizer_training import IM_END, train_tokenizer, write_tokenizer_files
from arny_studio.jobs.events import Log, Metric

TEXT = "the quick brown fox jumps over the lazy dog"
SHAPE = BaseShape(vocab_size=300, intermediate_size=256, layers=1, max_positions=64)


@pytest.fixture
def tokenizer():
    return train_tokenizer([TEXT] * 3, SHAPE.vocab_size)


def fresh(tokenizer):
    return new_base(SHAPE, end_ids=(tokenizer.token_to_id(IM_END),), pad_id=0, seed=1)


def reading(tokenizer, name):
    """Two words, each with a meaning of its own, again and again."""
    documents = [
        Document(ids, len(ids), Meaning(kind, (kind,)))
        for kind, word in enumerate(("fox", "dog"))
        for ids in [tokenizer.encode(f"the {word}").ids]
    ]
    return Family(name=name, documents=itertools.cycle(documents), batch_tokens=64)


def loss_of(model, ids):
    with torch.no_grad():
        return float(model(input_ids=torch.tensor([ids]), labels=torch.tensor([ids])).loss)


def test_that_it_learns_its_text_within_its_time_and_says_how_it_gets_on(tokenizer, tmp_path):
    ids = tokenizer.encode(TEXT).ids
    model, events = fresh(tokenizer), []
    before = loss_of(model, ids)
    family = Family(name="text", documents=itertools.repeat(Document(ids)), batch_tokens=64)
    tokens = pretrain(model, [Sitting(families=[family])], PretrainPlan(minutes=0.05), events.append)
    assert tokens > 0
    assert loss_of(model, ids) < before / 2
    assert [event for event in events if isinstance(event, Metric)]


def test_that_two_processes_learn_each_others_text_and_end_as_one_model(tokenizer, tmp_path: Path):
    texts = [TEXT, "pack my box with five dozen liquor jugs"]
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    child = Path(__file__).with_name("pretraining_child.py")
    subprocess.run([sys.executable, child, tmp_path, *texts], check=True, timeout=120)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    model = fresh(tokenizer)
    ids = [tokenizer.encode(text).ids for text in texts]
    before = [loss_of(model, each) for each in ids]
    model.load_state_dict(first)
    assert all(loss_of(model, each) < loss / 2 for each, loss in zip(ids, before, strict=True))


def test_that_a_saved_base_is_a_model_folder_that_transformers_reads(tokenizer, tmp_path: Path):
    model = fresh(tokenizer)
    write_tokenizer_files(tokenizer, tmp_path)
    save_base(model, tmp_path)
    read = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert read.config.hidden_size == 128 * read.config.num_attention_heads == 256
    assert read.config.eos_token_id == AutoTokenizer.from_pretrained(tmp_path).eos_token_id
    assert "lm_head.weight" not in dict(read.named_parameters())
    assert read.config.use_cache and read.generation_config.use_cache  # else each token would read all before it again


def test_that_prompts_and_padding_are_read_and_not_learned():
    batch = _padded([Document([5, 6, 7], 2), Document([8], 0)], pad_id=9)
    assert batch.ids.tolist() == [[5, 6, 7], [8, 9, 9]]
    assert batch.labels.tolist() == [[IGNORED, IGNORED, 7], [8, IGNORED, IGNORED]]
    assert batch.ends.tolist() == [1, 0]


def test_that_reading_alone_teaches_what_prompts_mean(tokenizer):
    """Two words, two meanings: the hidden state of the last token comes to tell them apart."""
    events = []
    sitting = Sitting(families=[reading(tokenizer, "reading")])
    pretrain(fresh(tokenizer), [sitting], PretrainPlan(minutes=0.1, kinds=2, marks=2), events.append)
    losses = [event.loss for event in events if isinstance(event, Metric)]
    assert losses[-1] < losses[0] / 10


def test_that_the_part_of_every_token_of_a_prompt_is_learned(tokenizer):
    """The same words mean something else behind another one: only the states of the tokens can tell."""
    documents = [
        Document(ids, len(ids), Meaning(0, (), (part,) * len(ids)))
        for part, word in enumerate(("fox", "dog"), start=1)
        for ids in [tokenizer.encode(f"{word} jumps over").ids]
    ]
    events = []
    family = Family(name="parts", documents=itertools.cycle(documents), batch_tokens=64)
    pretrain(fresh(tokenizer), [Sitting(families=[family])], PretrainPlan(minutes=0.1, kinds=1, marks=1), events.append)
    losses = [event.loss for event in events if isinstance(event, Metric)]
    assert losses[-1] < losses[0] / 10


def test_that_a_later_sitting_reads_on_with_what_an_earlier_one_learned(tokenizer):
    events = []
    sittings = [Sitting(families=[reading(tokenizer, name)], share=0.5) for name in ("first", "second")]
    pretrain(fresh(tokenizer), sittings, PretrainPlan(minutes=0.2, kinds=2, marks=2), events.append)
    losses = [event.text.split() for event in events if isinstance(event, Log)]
    first, second = ([float(loss) for name, loss in losses if name == sitting] for sitting in ("first", "second"))
    assert max(second) < first[0] / 10


def test_that_the_rate_warms_up_holds_and_falls_to_zero():
    plan = PretrainPlan(minutes=1, warmup_share=0.1, decay_share=0.5)
    factors = [_rate_factor(share, plan) for share in (0, 0.05, 0.1, 0.5, 0.75, 1)]
    assert factors == pytest.approx([0, 0.5, 1, 1, 0.5, 0])
