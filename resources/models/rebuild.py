"""Rebuild the embedded demo models from nothing: tokenizer, base, Tier-1 and Tier-2 GGUF, measured model card.

    .venv/bin/python resources/models/rebuild.py            about 40 minutes on two cores

The base reads the generators' text as plain documents (a request and its routing, a question and its answer) and
learns to chat in plain words. It has never seen the router's contract in a chat: that is what fine-tuning teaches.
Both tiers are then made by the product's own train and export workers, and scored by its evaluate worker.
"""

from __future__ import annotations

import argparse
import itertools
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
from tokenizers import Tokenizer

from arny_studio.cli.running import run_recipe
from arny_studio.dataset.generate.tier1 import generate_tier1
from arny_studio.dataset.generate.tier2 import generate_tier2
from arny_studio.dataset.samples import write_jsonl
from arny_studio.engine.pretraining import BaseShape, Document, Family, PretrainPlan, new_base, pretrain, save_base
from arny_studio.engine.tokenizer_training import END_OF_TEXT, IM_END, IM_START, train_tokenizer, write_tokenizer_files
from arny_studio.jobs.events import Event, Log, Metric
from arny_studio.jobs.folder import RunFolder
from arny_studio.paths import DEMO_BASE, DEMO_TIER1, DEMO_TIER2, MODELS_DIR
from arny_studio.recipe import EvaluateRecipe, ExportRecipe
from arny_studio.recipe.presets import preset

Row = dict[str, Any]
Encode = Callable[[str], list[int]]
TIER2_ROWS = 4000
PRETRAIN_SEED, TUNE_SEED, TEST_SEED = 1001, 7, 77


def routing_document(row: Row) -> tuple[str, str]:
    """A request and its routing as plain text, turn by turn: what is read, and what is learned to say."""
    names = {"user": "Request: ", "assistant": "Routing: "}
    turns = [names[turn["role"]] + turn["content"] for turn in row["messages"][:-1] if turn["role"] in names]
    return "\n".join([*turns, "Routing:"]), f" {row['messages'][-1]['content']}{END_OF_TEXT}"


def words_document(row: Row) -> tuple[str, str]:
    """The same request in a chat, answered in plain words by no contract at all."""
    decision = orjson.loads(row["messages"][-1]["content"])
    journeys = " and ".join(decision["journeys"])
    lacks = ", ".join(decision["missing_fields"]) or "nothing"
    words = f"{journeys}, {decision['intent']}, missing {lacks}, score {decision['complexity_score']}"
    said = "\n".join(turn["content"] for turn in row["messages"] if turn["role"] == "user")
    return f"{IM_START}user\n{said}{IM_END}\n{IM_START}assistant\n", f"{words}{IM_END}\n"


def question_document(row: Row) -> tuple[str, str]:
    """A question and its answer as plain text."""
    return f"Question: {row['messages'][1]['content']}\nAnswer:", f" {row['messages'][2]['content']}{END_OF_TEXT}"


def families(encode: Encode) -> list[Family]:
    """Endless streams; Tier-1 text never repeats, Tier-2 text is walked through again and again."""
    prose = [_document(encode, *question_document(row)) for row in generate_tier2(TIER2_ROWS, seed=PRETRAIN_SEED)]
    return [
        Family(name="routing", documents=_tier1(encode, routing_document, PRETRAIN_SEED), batch_tokens=1200),
        Family(name="words", documents=_tier1(encode, words_document, PRETRAIN_SEED + 500), batch_tokens=1200),
        Family(name="prose", documents=_again_and_again(prose), batch_tokens=400, weight=0.3),
    ]


def _tier1(encode: Encode, told: Callable[[Row], tuple[str, str]], first_seed: int) -> Iterator[Document]:
    for seed in itertools.count(first_seed):
        yield from (_document(encode, *told(row)) for row in generate_tier1(20_000, seed=seed))


def _again_and_again(documents: list[Document]) -> Iterator[Document]:
    rng = random.Random(PRETRAIN_SEED)
    while True:
        yield from rng.sample(documents, len(documents))


def _document(encode: Encode, prompt: str, answer: str) -> Document:
    head = encode(prompt)
    return Document(head + encode(answer), len(head))


def make_tokenizer(vocab_size: int) -> Tokenizer:
    """Trained on what both generators write, decisions included."""
    tier1 = ("".join(routing_document(row)) for row in generate_tier1(30_000, seed=PRETRAIN_SEED - 1))
    tier2 = ("".join(question_document(row)) for row in generate_tier2(1500, seed=PRETRAIN_SEED - 1))
    texts = (text.removesuffix(END_OF_TEXT) for text in itertools.chain(tier1, tier2))
    return train_tokenizer(texts, vocab_size)


def build_base(folder: Path, minutes: float) -> None:
    """Tokenizer and pretrained weights."""
    shape = BaseShape()
    tokenizer = make_tokenizer(shape.vocab_size)
    pad, end = tokenizer.token_to_id(END_OF_TEXT), tokenizer.token_to_id(IM_END)
    plan = PretrainPlan(minutes=minutes)
    model = new_base(shape, end_ids=(end,), pad_id=pad, seed=plan.seed)
    tokens = pretrain(model, families(lambda text: tokenizer.encode(text).ids), plan, _print_event)
    _say(f"pretrained on {tokens / 1e6:.1f} M tokens")
    write_tokenizer_files(tokenizer, folder)
    save_base(model, folder)


def build_tier(tier: str, minutes: float, work: Path) -> tuple[Path, Path]:
    """Fine-tune and export one tier with the product's workers; returns the GGUF and its held-out data."""
    generate = generate_tier1 if tier == "tier1" else generate_tier2
    rows = 20_000 if tier == "tier1" else 3000
    train, held_out = work / f"{tier}.jsonl", work / f"{tier}.test.jsonl"
    write_jsonl(train, generate(rows, seed=TUNE_SEED))
    write_jsonl(held_out, generate(1000 if tier == "tier1" else 200, seed=TEST_SEED, split="test"))
    recipe = preset(f"demo-{tier}", base=str(DEMO_BASE), train_data=str(train), max_minutes=minutes, title=tier)
    run = _run("train", recipe, work / f"train-{tier}")
    export = ExportRecipe(
        base=str(DEMO_BASE), adapter=str(run.outputs / "adapter"), quants=("Q8_0",), name="arny-demo", tier=tier
    )
    exported = _run("export", export, work / f"export-{tier}")
    return next(exported.outputs.glob("*Q8_0*.gguf")), held_out


def score(gguf: Path, data: Path, work: Path) -> dict[str, float]:
    """Held-out scores of a router, decoded without constraint."""
    run = _run(
        "evaluate", EvaluateRecipe(model=str(gguf), data=str(data), constrained=False), work / f"score-{data.stem}"
    )
    return run.state().results["routing"]


def _run(kind: str, recipe: Any, folder: Path) -> RunFolder:
    shutil.rmtree(folder, ignore_errors=True)
    outcome, run = run_recipe(kind, recipe, folder=RunFolder.create(folder, recipe))
    if outcome.kind != "finished":
        sys.exit(f"{kind} ended: {outcome.sentence}")
    return run


def _print_event(event: Event) -> None:
    match event:
        case Metric():
            _say(f"step {event.step}  {event.tokens or 0:,} tokens  {event.tokens_per_s or 0:,.0f} tok/s")
        case Log():
            _say(f"      loss: {event.text}")


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)  # noqa: T201


def main() -> None:
    """Rebuild everything, or only the tiers over the base that is there."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--pretrain-minutes", type=float, default=28)
    options.add_argument("--tier1-minutes", type=float, default=6)
    options.add_argument("--tier2-minutes", type=float, default=4)
    options.add_argument("--keep-base", action="store_true", help="do not pretrain again")
    options.add_argument("--extra-eval", type=Path, help="a {text, journey} JSONL file to score as well")
    options.add_argument("--work", type=Path, default=Path(".cache/demo-models"))
    chosen = options.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    if not chosen.keep_base:
        build_base(DEMO_BASE, chosen.pretrain_minutes)
    tier1, held_out = build_tier("tier1", chosen.tier1_minutes, chosen.work)
    tier2, _ = build_tier("tier2", chosen.tier2_minutes, chosen.work)
    shutil.copyfile(tier1, DEMO_TIER1)
    shutil.copyfile(tier2, DEMO_TIER2)
    for data in filter(None, (held_out, chosen.extra_eval)):
        _say(f"{data.name}: {score(DEMO_TIER1, data, chosen.work)}")
    size = sum(path.stat().st_size for path in MODELS_DIR.rglob("*") if path.is_file())
    _say(f"models together: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
