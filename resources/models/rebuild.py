"""Rebuild the embedded demo models from nothing: tokenizer, base, Tier-1 and Tier-2 GGUF, measured model card.

    .venv/bin/python resources/models/rebuild.py            about 45 minutes on two cores

The base learns from the generators' text: first only to read, that is to tell what a request means; then also to go on
with plain documents (a request and its routing, a question and its answer) and to chat in plain words; last, mostly to
write prose. It has never seen the router's contract in a chat: that is what fine-tuning teaches.
Both tiers are then made side by side by the product's own train and export workers, and scored by its evaluate worker.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import random
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: waiting threads leave the cores to others

import msgspec
import orjson
import torch
from tokenizers import Tokenizer
from torch.multiprocessing.spawn import spawn

from arny_studio.atomic import write_text_atomically
from arny_studio.cli.running import run_recipe
from arny_studio.contract import load_contract
from arny_studio.dataset.generate.rows import Tier, generated_rows
from arny_studio.dataset.generate.tier1 import generate_tier1
from arny_studio.dataset.generate.tier1.entities import Split
from arny_studio.dataset.generate.tier1.generator import conversations
from arny_studio.dataset.generate.tier1.mix import Tier1Mix
from arny_studio.dataset.generate.tier1.situations import Conversation
from arny_studio.dataset.generate.tier2 import generate_tier2
from arny_studio.dataset.samples import write_jsonl
from arny_studio.engine.pretraining import (
    BaseShape,
    Document,
    Family,
    Meaning,
    PretrainPlan,
    Sitting,
    new_base,
    pretrain,
    save_base,
)
from arny_studio.engine.shared_mean import SharedMean
from arny_studio.engine.tokenizer_training import END_OF_TEXT, IM_END, IM_START, train_tokenizer, write_tokenizer_files
from arny_studio.evaluation import RouterScores, scores_table
from arny_studio.jobs.events import Event, Log, Metric
from arny_studio.jobs.folder import RunFolder
from arny_studio.paths import DEMO_BASE, DEMO_TIER1, DEMO_TIER2, MODELS_DIR
from arny_studio.recipe import EvaluateRecipe, ExportRecipe, Quant, Recipe
from arny_studio.recipe.presets import preset

Row = dict[str, Any]
Decision = dict[str, Any]
TIER2_ROWS = 4000
PROCESSES, MOST_PARAMETERS = 2, 6_000_000
JOIN = 0.33  # share of the first sitting after which writing joins reading
PROSE_SHARE = 0.2  # of the pretraining: the second sitting
TUNE_ROWS: dict[Tier, int] = {"tier1": 20_000, "tier2": 3000}
PRETRAIN_SEED, TUNE_SEED, TEST_SEED = 1001, 7, 77
HELD_OUT_ROWS = 2000
QUANT: Quant = "Q8_0"
PRETRAIN_MIX = Tier1Mix(  # what is hardest, more often
    missing_parameters=0.26, multi_domain=0.12, planning=0.12, shouted=0.05, typos=0.2, invented=0.3
)
# As often missing as people leave things out; sums more often, whose figures break off into noise.
TUNE_MIX = Tier1Mix(domain=0.68, planning=0.11, shouted=0.03, typos=0.15, invented=0.1, journeys={"math_solver": 7.0})
HELD_OUT: dict[Split, str] = {
    "phrasings": "held-out phrasings", "test": "held-out phrasings and names", "shapes": "unseen sentence shapes",
}  # fmt: skip
AFTER_MISSING = "needs_clarification"  # a token begins here; the one before it ends the list of what is missing
CARD = MODELS_DIR / "README.md"
CARD_START, CARD_END = "<!-- measured by rebuild.py -->\n", "<!-- end of measured -->"


def routing_document(row: Row) -> tuple[str, str]:
    """A request and its routing as plain text, turn by turn: what is read, and what is learned to say."""
    names = {"user": "Request: ", "assistant": "Routing: "}
    turns = [names[turn["role"]] + turn["content"] for turn in row["messages"][:-1] if turn["role"] in names]
    return "\n".join([*turns, "Routing:"]), f" {row['messages'][-1]['content']}{END_OF_TEXT}"


def routing_opening(row: Row) -> tuple[str, str]:
    """The same as far as what the request lacks: the rest follows from that, and costs as much again."""
    prompt, answer = routing_document(row)
    return prompt, answer[: answer.index(AFTER_MISSING)]


def words_document(row: Row) -> tuple[str, str]:
    """The same request in a chat, answered in plain words by no contract at all."""
    decision = _decision(row)
    journeys = " and ".join(decision["journeys"])
    lacks = ", ".join(decision["missing_fields"]) or "nothing"
    words = f"{journeys}, {decision['intent']}, missing {lacks}, score {decision['complexity_score']}"
    return f"{_asked(_requests(row))}\n{IM_START}assistant\n", f"{words}{IM_END}\n"


def _asked(requests: Iterable[str]) -> str:
    said = "\n".join(requests)
    return f"{IM_START}user\n{said}{IM_END}"


def _requests(row: Row) -> Iterator[str]:
    return (turn["content"] for turn in row["messages"] if turn["role"] == "user")


def question_document(row: Row) -> tuple[str, str]:
    """A question and its answer as plain text."""
    return f"Question: {row['messages'][1]['content']}\nAnswer:", f" {row['messages'][2]['content']}{END_OF_TEXT}"


class Meanings:
    """Numbers for what decisions say, the same in every process: the intent is the kind, its parts the slots' values."""

    def __init__(self) -> None:
        talks = list(conversations(20_000, seed=PRETRAIN_SEED - 1, mix=PRETRAIN_MIX))
        decisions = [talk.turns[-1][1] for talk in talks]
        self._kinds = _numbered(decision["intent"] for decision in decisions)
        self._marks = _numbered(mark for decision in decisions for mark in _marks(decision))
        self._slots = _numbered(slot for talk in talks for spoken in talk.spoken for slot in spoken.values)

    def of(self, decision: Decision, parts: tuple[int, ...] = ()) -> Meaning:
        """The meaning of a decision; the few names that 20,000 rows did not have share a number."""
        marks = tuple({self._marks.get(mark, len(self._marks)) for mark in _marks(decision)})
        return Meaning(self._kinds.get(decision["intent"], len(self._kinds)), marks, parts)

    def parts(self, text: str, offsets: Sequence[tuple[int, int]], talk: Conversation) -> tuple[int, ...]:
        """Per token, given by its first and last place in the text: the slot whose value it belongs to, or 0."""
        parts = [0] * len(offsets)
        for slot, value in itertools.chain.from_iterable(spoken.values.items() for spoken in talk.spoken):
            for found in re.finditer(rf"(?<!\w){re.escape(value)}(?!\w)", text, re.IGNORECASE):
                for token, (start, end) in enumerate(offsets):
                    if start < found.end() and end > found.start():
                        parts[token] = 1 + self._slots.get(slot, len(self._slots))
        return tuple(parts)


def _decision(row: Row) -> Decision:
    return orjson.loads(row["messages"][-1]["content"])


def _marks(decision: Decision) -> list[str]:
    said = [f"first {decision['primary_journey']}"]
    said += [f"journey {journey}" for journey in decision["journeys"]]
    return said + [f"missing {field}" for field in decision["missing_fields"]]


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(sorted(set(names)))}


class Streams:
    """Endless documents for one process. Tier-1 text never repeats, Tier-2 text is walked through again and again."""

    def __init__(self, tokenizer: Tokenizer, rank: int) -> None:
        self._tokenizer, self._meanings = tokenizer, Meanings()
        self._prose = [
            self._document(*question_document(row)) for row in generate_tier2(TIER2_ROWS, seed=PRETRAIN_SEED)
        ]
        self._seeds = itertools.count(PRETRAIN_SEED + 10_000 * rank, 500)

    def reading(self) -> Iterator[Document]:
        """Requests alone, with what they mean: most of what a router has to learn, in the fewest tokens."""
        for seed in itertools.count(next(self._seeds)):
            for talk in conversations(20_000, seed=seed, mix=PRETRAIN_MIX):
                text = _asked(request for request, _ in talk.turns)
                tokens = self._tokenizer.encode(text)
                parts = self._meanings.parts(text, tokens.offsets, talk)
                yield Document(tokens.ids, len(tokens.ids), self._meanings.of(talk.turns[-1][1], parts))

    def routing(self) -> Iterator[Document]:
        """Requests with their routing, whole ones and openings in turn."""
        return self._told(routing_document, routing_opening)

    def words(self) -> Iterator[Document]:
        """Requests answered in plain words."""
        return self._told(words_document)

    def prose(self) -> Iterator[Document]:
        """Questions and their long answers."""
        rng = random.Random(next(self._seeds))
        while True:
            yield from rng.sample(self._prose, len(self._prose))

    def _told(self, *ways: Callable[[Row], tuple[str, str]]) -> Iterator[Document]:
        for row, tell in zip(_rows(next(self._seeds)), itertools.cycle(ways), strict=False):
            yield self._document(*tell(row), self._meanings.of(_decision(row)))

    def _document(self, prompt: str, answer: str, meaning: Meaning | None = None) -> Document:
        head, told = (self._tokenizer.encode(text).ids for text in (prompt, answer))
        return Document(head + told, len(head), meaning)


def sittings(streams: Streams) -> list[Sitting]:
    """What a process goes through: first how requests are read and routed; then mostly prose, with enough of the rest
    that it is not forgotten, and not so much that it drowns the prose."""
    routing = [
        Family(name="reading", documents=streams.reading(), batch_tokens=3000, ends_at=JOIN),
        Family(name="reading on", documents=streams.reading(), batch_tokens=2200, starts_at=JOIN),
        Family(name="routing", documents=streams.routing(), batch_tokens=2500, weight=8.0, starts_at=JOIN),
        Family(name="words", documents=streams.words(), batch_tokens=300, weight=4.0, starts_at=JOIN),
        Family(name="prose", documents=streams.prose(), batch_tokens=300, weight=0.5, starts_at=JOIN),
    ]
    prose = [
        Family(name="reading", documents=streams.reading(), batch_tokens=1000, reading_weight=0.15),
        Family(name="routing", documents=streams.routing(), batch_tokens=1000, weight=4.0, reading_weight=0.15),
        Family(name="prose", documents=streams.prose(), batch_tokens=2000),
    ]
    return [Sitting(families=routing, share=1 - PROSE_SHARE), Sitting(families=prose, share=PROSE_SHARE)]


def _rows(first_seed: int) -> Iterator[Row]:
    for seed in itertools.count(first_seed):
        yield from generate_tier1(20_000, seed=seed, mix=PRETRAIN_MIX)


def make_tokenizer(vocab_size: int) -> Tokenizer:
    """Trained on what both generators write, decisions included."""
    tier1 = ("".join(routing_document(row)) for row in generate_tier1(30_000, seed=PRETRAIN_SEED - 1, mix=PRETRAIN_MIX))
    tier2 = ("".join(question_document(row)) for row in generate_tier2(1500, seed=PRETRAIN_SEED - 1))
    texts = (text.removesuffix(END_OF_TEXT) for text in itertools.chain(tier1, tier2))
    return train_tokenizer(texts, vocab_size)


def build_base(folder: Path, minutes: float) -> None:
    """Tokenizer and pretrained weights, from nothing, by one process on each of two cores."""
    write_tokenizer_files(make_tokenizer(BaseShape().vocab_size), folder)
    spawn(pretrain_along, (SharedMean(PROCESSES, MOST_PARAMETERS), folder, minutes), nprocs=PROCESSES)


def pretrain_along(rank: int, mean: SharedMean, folder: Path, minutes: float) -> None:
    """One of the processes that pretrain the base together; the first one speaks and saves."""
    torch.set_num_threads(1)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    pad, end = (int(tokenizer.token_to_id(token) or 0) for token in (END_OF_TEXT, IM_END))
    model = new_base(BaseShape(), end_ids=(end,), pad_id=pad, seed=PRETRAIN_SEED)
    emit = _print_event if rank == 0 else lambda _: None
    said = sittings(Streams(tokenizer, rank))
    tokens = pretrain(model, said, PretrainPlan(minutes=minutes), emit, lambda vector: mean.of(rank, vector))
    if rank == 0:
        _say(f"pretrained on {PROCESSES * tokens / 1e6:.1f} M tokens")
        save_base(model, folder)


def build_tier(tier: Tier, minutes: float, work: Path) -> Path:
    """Fine-tune and export one tier with the product's workers; returns the GGUF."""
    train, validation = work / f"{tier}.jsonl", work / f"{tier}.validation.jsonl"
    write_jsonl(train, _tuning_rows(tier, TUNE_ROWS[tier], TUNE_SEED))
    write_jsonl(validation, _tuning_rows(tier, 100, TUNE_SEED + 1))
    recipe = preset(
        f"demo-{tier}", train_data=str(train), validation_data=str(validation), max_minutes=minutes, title=tier
    )
    tuned = _run("train", recipe, work / f"train-{tier}")
    export = ExportRecipe(
        base=str(DEMO_BASE),
        adapter=str(tuned.outputs / "adapter"),
        quants=(QUANT,),
        name=f"arny-demo-{tier}",
        tier=tier,
    )
    exported = _run("export", export, work / f"export-{tier}")
    [gguf] = exported.outputs.glob(f"*{QUANT}.gguf")
    return gguf


def build_tiers(side_by_side: Executor, minutes: float, work: Path, *, keep_tier2: bool) -> None:
    """Make the GGUF files of both tiers at a time, or only the router's."""
    shipped: dict[Tier, Path] = {"tier1": DEMO_TIER1} if keep_tier2 else {"tier1": DEMO_TIER1, "tier2": DEMO_TIER2}
    ggufs = [side_by_side.submit(build_tier, tier, minutes, work) for tier in shipped]
    for gguf, place in zip(ggufs, shipped.values(), strict=True):
        shutil.copyfile(gguf.result(), place)


def _tuning_rows(tier: Tier, rows: int, seed: int) -> Iterator[Row]:
    mix = msgspec.structs.asdict(TUNE_MIX) if tier == "tier1" else None
    return generated_rows(tier, rows, seed=seed, contract=load_contract(), mix=mix)


def score(gguf: Path, data: Path, work: Path) -> RouterScores:
    """Scores of a router, decoded without constraint."""
    recipe = EvaluateRecipe(model=str(gguf), data=str(data), constrained=False)
    return msgspec.convert(
        _run("evaluate", recipe, work / f"score-{data.stem}").state().results["scores"], RouterScores
    )


def scores(side_by_side: Executor, work: Path, real_queries: Path | None) -> dict[str, RouterScores]:
    """Scores of the router on every held-out split, by the title of its column."""
    files = {title: work / f"tier1.{phrases}.jsonl" for phrases, title in HELD_OUT.items()}
    for phrases, title in HELD_OUT.items():
        write_jsonl(files[title], generate_tier1(HELD_OUT_ROWS, seed=TEST_SEED, split=phrases))
    if real_queries:
        files["real queries (CLINC150)"] = real_queries
    told = {title: side_by_side.submit(score, DEMO_TIER1, data, work) for title, data in files.items()}
    return {title: future.result() for title, future in told.items()}


def write_card(columns: dict[str, RouterScores]) -> None:
    """Put the measured figures into the model card, between its marks."""
    before, _, rest = CARD.read_text(encoding="utf-8").partition(CARD_START)
    after = rest.partition(CARD_END)[2]
    write_text_atomically(CARD, f"{before}{CARD_START}\n{scores_table(columns)}{CARD_END}{after}")


def _run(kind: str, recipe: Recipe, folder: Path) -> RunFolder:
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
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pretrain-minutes", type=float, default=33.5)
    options.add_argument("--tune-minutes", type=float, default=7.5, help="of both tiers, side by side")
    options.add_argument("--keep-base", action="store_true", help="do not pretrain again")
    options.add_argument("--keep-tier2", action="store_true", help="tune only the router")
    options.add_argument("--real-queries", type=Path, help="a {text, journey} JSONL file of CLINC150 to score as well")
    options.add_argument("--work", type=Path, default=Path(".cache/demo-models"))
    chosen = options.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    if not chosen.keep_base:
        build_base(DEMO_BASE, chosen.pretrain_minutes)
    os.environ["OMP_NUM_THREADS"] = "1"  # of the workers: at this size two threads are no faster than one
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as side_by_side:
        build_tiers(side_by_side, chosen.tune_minutes, chosen.work, keep_tier2=chosen.keep_tier2)
        write_card(scores(side_by_side, chosen.work, chosen.real_queries))
    size = sum(path.stat().st_size for path in MODELS_DIR.rglob("*") if path.is_file())
    _say(f"models together: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
