"""Checking samples: order of roles, empty turns, and decisions against their contract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from arny_studio.contract import Contract, decode
from arny_studio.dataset.reading import read_samples
from arny_studio.dataset.samples import RowProblem, Sample


class CheckSummary(Struct, frozen=True, kw_only=True):
    """Counts of a checked file. A row with only warnings is usable."""

    rows: int
    usable: int
    errors: int
    warnings: int


def check_sample(sample: Sample, contract: Contract, *, file: str) -> Iterator[RowProblem]:
    """Every problem of one sample."""
    yield from _order_problems(sample, file)
    if sample.is_routing:
        for problem in _decision_problems(sample, contract):
            yield RowProblem(file=file, line=sample.line, **problem)


def check_file(path: Path, contract: Contract) -> Iterator[Sample | RowProblem]:
    """Stream a file: each usable sample, and each problem as it is met."""
    for item in read_samples(path):
        if isinstance(item, RowProblem):
            yield item
            continue
        problems = list(check_sample(item, contract, file=path.name))
        yield from problems
        if not any(problem.severity == "error" for problem in problems):
            yield item


def summarise(items: Iterable[Sample | RowProblem]) -> tuple[CheckSummary, list[RowProblem]]:
    """Fold the stream of `check_file` into counts and the list of problems."""
    usable, problems = 0, []
    for item in items:
        if isinstance(item, Sample):
            usable += 1
        else:
            problems.append(item)
    errors = [problem for problem in problems if problem.severity == "error"]
    rows = usable + len({problem.line for problem in errors})
    return CheckSummary(
        rows=rows, usable=usable, errors=len(errors), warnings=len(problems) - len(errors)
    ), problems  # fmt: skip


def _order_problems(sample: Sample, file: str) -> Iterator[RowProblem]:
    turns = sample.messages[1:] if sample.messages[0].role == "system" else sample.messages
    for offset, turn in enumerate(turns):
        index = offset + len(sample.messages) - len(turns)
        expected = "user" if offset % 2 == 0 else "assistant"
        if turn.role != expected:
            sentence = f"A turn of the {expected} was expected here, not of the {turn.role}."
            yield RowProblem(
                file=file, line=sample.line, path=f"$.messages[{index}].role", rule="order", sentence=sentence
            )
            return
        if not turn.content.strip():
            sentence = f"The turn of the {turn.role} is empty."
            yield RowProblem(
                file=file, line=sample.line, path=f"$.messages[{index}].content", rule="empty", sentence=sentence
            )
    if not turns or turns[-1].role != "assistant":
        sentence = "The last turn must be the assistant's, since that is what is learned."
        yield RowProblem(file=file, line=sample.line, path="$.messages", rule="order", sentence=sentence)


def _decision_problems(sample: Sample, contract: Contract) -> Iterator[dict]:
    for problem in decode(contract, sample.answer).problems:
        # The source document's own examples leave fields out: usable, but worth saying.
        severity = "warning" if problem.rule == "missing-field" else problem.severity
        path = f"$.messages[{len(sample.messages) - 1}].content" + problem.path.removeprefix("$").replace(".", " › ", 1)
        yield {"path": path, "sentence": problem.sentence, "rule": problem.rule, "severity": severity}
