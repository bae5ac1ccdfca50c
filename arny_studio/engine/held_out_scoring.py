"""What a model in training says to held-out prompts, held against the truth. Knows texts, and nothing of torch."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from arny_studio.contract import Contract
from arny_studio.dataset.reading import read_samples
from arny_studio.dataset.samples import Message, Sample
from arny_studio.jobs.events import Answers, HeldOutAnswer, Metric

SHOWN = 3  # answers of each kind: best, worst, random
_MOST_READ = 20_000
_WORD = re.compile(r"\w+")


class Prompt(Struct, frozen=True, kw_only=True):
    """A held-out prompt and its truth; `decision` is None where the truth is prose."""

    row: str
    line: int
    messages: tuple[Message, ...]
    expected: str
    decision: dict[str, Any] | None

    @property
    def query(self) -> str:
        """The last user turn."""
        return next((turn.content for turn in reversed(self.messages) if turn.role == "user"), "")


def held_out_prompts(path: Path, count: int, *, seed: int) -> list[Prompt]:
    """`count` prompts of a validation file, the same for the same file and seed, in the order of the file."""
    usable = [sample for sample in _samples(path) if sample.prompt and sample.answer]
    chosen = random.Random(seed).sample(usable, min(count, len(usable)))
    return [
        Prompt(
            row=sample.id,
            line=sample.line,
            messages=sample.prompt,
            expected=sample.answer,
            decision=sample.decision() if sample.is_routing else None,
        )
        for sample in sorted(chosen, key=lambda sample: sample.line)
    ]


def judged(prompt: Prompt, text: str) -> HeldOutAnswer:
    """An answer beside its truth: the share of the truth's fields that are equal, or of words in common (F1)."""
    if prompt.decision is None:
        agreement, wrong, is_json = word_overlap(text, prompt.expected), [], None
    else:
        said = _object(text)
        wrong = [name for name, value in prompt.decision.items() if said is None or said.get(name) != value]
        agreement, is_json = 1 - len(wrong) / max(1, len(prompt.decision)), said is not None
    return HeldOutAnswer(
        row=prompt.row,
        line=prompt.line,
        query=prompt.query,
        expected=prompt.expected,
        text=text,
        is_json=is_json,
        agreement=agreement,
        wrong_fields=wrong,
    )


def metric_of(
    prompts: Sequence[Prompt], answers: Sequence[HeldOutAnswer], contract: Contract, *, step: int, epoch: float
) -> Metric:
    """The figures of one round: shares over the rows that can tell, None where none can."""
    pairs = list(zip(prompts, answers, strict=True))
    decisions = [(prompt, answer) for prompt, answer in pairs if prompt.decision is not None]
    journey = contract.roles.journey
    return Metric(
        step=step,
        epoch=epoch,
        json_valid=_mean([float(bool(answer.is_json)) for _, answer in decisions]),
        journey_accuracy=_mean(
            [
                float(bool(answer.is_json) and journey not in answer.wrong_fields)
                for prompt, answer in decisions
                if journey in (prompt.decision or {})
            ]
        ),
        field_agreement=_mean([answer.agreement for _, answer in decisions]),
        word_overlap=_mean([answer.agreement for prompt, answer in pairs if prompt.decision is None]),
    )


def shown_answers(answers: Sequence[HeldOutAnswer], *, step: int, seed: int) -> Answers:
    """Best, worst and random ones of a round; the random ones are the same rows in every round."""
    ranked = sorted(answers, key=lambda answer: (-answer.agreement, answer.line))
    by_line = sorted(answers, key=lambda answer: answer.line)
    chosen = random.Random(seed).sample(range(len(by_line)), min(SHOWN, len(by_line)))
    return Answers(
        step=step,
        rows=len(answers),
        best=ranked[:SHOWN],
        worst=ranked[::-1][:SHOWN],
        random=[by_line[index] for index in sorted(chosen)],
    )


def word_overlap(text: str, expected: str) -> float:
    """F1 of the words of two texts, counted and without their order (Rajpurkar et al. 2016, arXiv:1606.05250, §6.1)."""
    said, true = _words(text), _words(expected)
    common = sum((said & true).values())
    if not common:
        return 0.0
    precision, recall = common / said.total(), common / true.total()
    return 2 * precision * recall / (precision + recall)


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.lower()))


def _samples(path: Path) -> list[Sample]:
    found: list[Sample] = []
    for item in read_samples(path):
        if isinstance(item, Sample):
            found.append(item)
        if len(found) >= _MOST_READ:
            break
    return found


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
