"""Tier-2 samples: questions about 44 topics with answers of several paragraphs.

Every answer says at least four facts that fit its question, and no two answers of a run share more than 60 % of their
sentences. The test split asks with phrasings that train never uses, every second time for a topic and question type
that train never brings together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, Literal

from arny_studio.contract import Contract, load_contract
from arny_studio.dataset.generate.tier2.composing import Answer, AnswerComposer, QuestionPhrasing, TopicText
from arny_studio.dataset.generate.tier2.phrasing import Lowering
from arny_studio.dataset.generate.tier2.plan import QUESTION_TYPES, Planner, QuestionType
from arny_studio.dataset.generate.tier2.planners import PLANNERS
from arny_studio.dataset.generate.tier2.sheets import TopicSheet, load_sheets
from arny_studio.errors import BadRecipe

Split = Literal["train", "test"]

MOST_SHARED_PERCENT = 60
LEAST_WORDS = 90
_ATTEMPTS = 200


def is_held_out(topic: str, question_type: QuestionType) -> bool:
    """Whether train never asks this type of question about this topic (one type for every second topic)."""
    order = [sheet.topic for sheet in load_sheets()].index(topic)
    return order % 2 == 0 and QUESTION_TYPES[order // 2 % len(QUESTION_TYPES)] == question_type


def generate_tier2(
    rows: int,
    *,
    seed: int,
    contract: Contract | None = None,
    split: Split = "train",
    topics: Sequence[str] | None = None,
) -> Iterator[dict[str, Any]]:
    """`rows` samples, one at a time, the same for the same seed.

    A sample is `{"id", "messages", "meta"}`: messages are the contract's Tier-2 system prompt, the question and the
    answer; meta has `topic`, `question_type`, `split` and `facts` (ids of the facts used). `topics` narrows the
    choice. Raises `BadRecipe` at once for an unknown topic or less than one row, and in the stream where the text does
    not give `rows` answers that are distinct enough; the sentence says how many there are. Time per row grows with the
    rows before it of the same topic, memory by two integers per row.
    """
    if rows < 1:
        raise BadRecipe(f"Tier-2 samples need at least one row, not {rows}.")
    sheets = _chosen_sheets(topics)
    system_prompt = (contract or load_contract("router-v1")).system_prompt("tier2")
    return _samples(rows, seed, split, sheets, system_prompt)


def _samples(
    rows: int, seed: int, split: Split, sheets: Sequence[TopicSheet], system_prompt: str
) -> Iterator[dict[str, Any]]:
    rng = Random(f"tier2 {split} {seed}")
    pairs = _PairStream(_pairs(sheets, split), rng)
    prefix = f"t2-{seed}" if split == "train" else f"t2-{seed}-{split}"
    for number in range(rows):
        pair, answer = pairs.next_answer(number, rows)
        yield {
            "id": f"{prefix}-{number}",
            "messages": [
                {"role": "system", "content": system_prompt},
                {"role": "user", "content": pair.phrasing.question(rng)},
                {"role": "assistant", "content": answer.text},
            ],
            "meta": {
                "topic": pair.topic,
                "question_type": pair.question_type,
                "split": split,
                "facts": answer.fact_ids,
            },
        }


def _chosen_sheets(topics: Sequence[str] | None) -> list[TopicSheet]:
    by_topic = {sheet.topic: sheet for sheet in load_sheets()}
    unknown = [topic for topic in topics or () if topic not in by_topic]
    if unknown:
        raise BadRecipe(f"There is no topic sheet for {unknown[0]!r}.", hint=f"Topics: {', '.join(by_topic)}.")
    return [sheet for sheet in by_topic.values() if not topics or sheet.topic in topics]


class _KeptAnswers:
    """The answers of one topic so far, to hold new ones apart from them.

    Answers to different topics need no comparison: facts name their topic, and they are at least half of every answer.
    """

    def __init__(self) -> None:
        self._kept: list[tuple[int, int]] = []

    def keep_if_distinct(self, answer: Answer) -> bool:
        """Whether the answer shares at most `MOST_SHARED_PERCENT` of its sentences with each kept one; then keeps it."""
        sentences, length = answer.sentences, answer.length
        for other, other_length in self._kept:
            shared = (sentences & other).bit_count()
            if shared * 100 > MOST_SHARED_PERCENT * min(length, other_length):
                return False
        self._kept.append((sentences, length))
        return True


class _Pair:
    """One type of question about one topic."""

    def __init__(self, topic: TopicText, kept: _KeptAnswers, planner: Planner, split: Split) -> None:
        self.topic = topic.sheet.topic
        self.question_type = planner.question_type
        self.phrasing = QuestionPhrasing(
            topic.sheet, planner.questions if split == "train" else planner.held_out_questions
        )
        self._composer = AnswerComposer(topic, planner)
        self._kept = kept

    def distinct_answer(self, rng: Random) -> Answer | None:
        """An answer distinct from all kept ones of the topic, or None where many attempts found none."""
        for _ in range(_ATTEMPTS):
            answer = self._composer.compose(rng)
            if answer.words >= LEAST_WORDS and self._kept.keep_if_distinct(answer):
                return answer
        return None


def _pairs(sheets: Sequence[TopicSheet], split: Split) -> list[list[_Pair]]:
    """The pairs to ask for in turn: all that train may use, or for test those held out and then all."""
    lowering = Lowering(wording for sheet in load_sheets() for fact in sheet.facts for wording in fact.wordings)
    seen: list[_Pair] = []
    held_out: list[_Pair] = []
    for sheet in sheets:
        topic, kept = TopicText(sheet, lowering), _KeptAnswers()
        for question_type, planner in PLANNERS.items():
            group = held_out if is_held_out(sheet.topic, question_type) else seen
            group.append(_Pair(topic, kept, planner, split))
    return [seen] if split == "train" else [group for group in (held_out, seen) if group]


class _Round:
    """Pairs in random rounds: every pair comes once before any comes again."""

    def __init__(self, pairs: list[_Pair], rng: Random) -> None:
        self.pairs = pairs
        self._left: list[_Pair] = []
        self._rng = rng

    def next_pair(self) -> _Pair:
        """The next pair of the round; there must be one."""
        if not self._left:
            self._left = self._rng.sample(self.pairs, len(self.pairs))
        return self._left.pop()


class _PairStream:
    """Takes pairs from several rounds in turn, and drops those that have no distinct answer left."""

    def __init__(self, groups: list[list[_Pair]], rng: Random) -> None:
        self._rounds = [_Round(pairs, rng) for pairs in groups]
        self._rng = rng

    def next_answer(self, number: int, rows: int) -> tuple[_Pair, Answer]:
        """The next pair that still has a distinct answer, with the answer; `BadRecipe` where none is left."""
        turn = number
        while live := [group for group in self._rounds if group.pairs]:
            group = live[turn % len(live)]
            pair = group.next_pair()
            if answer := pair.distinct_answer(self._rng):
                return pair, answer
            group.pairs.remove(pair)
            turn += 1
        raise BadRecipe(
            f"With this seed the Tier-2 text gives {number} answers that are distinct enough, not {rows}.",
            hint=f"Ask for at most {number} rows, or for more topics.",
        )
