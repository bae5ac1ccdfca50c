"""The inspector as a process of its own: what it shows is what training takes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from arny_studio.dataset.samples import Message
from arny_studio.engine.rendering import IGNORED, Renderer
from arny_studio.jobs.commands import Inspect, InspectedTurn, Stop
from arny_studio.jobs.events import Finished, Hello, Inspected, Stopped
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.inbox import Inbox
from arny_studio.jobs.wire import decode_event, encode_line
from arny_studio.recipe import InspectRecipe
from arny_studio.workers.inspect import inspected, main
from tests.tiny_models import make_tiny_base

TURNS = [InspectedTurn("user", "What is the capital of France?"), InspectedTurn("assistant", '{"answer":"Paris"}')]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_tiny_base(tmp_path_factory.mktemp("inspect") / "base", layers=1)


def question(base, request="q1", max_length=512, turns=TURNS) -> Inspect:
    return Inspect(request=request, base=str(base), turns=turns, max_length=max_length)


def labels_of(answer: Inspected) -> list[int]:
    labels = [IGNORED] * len(answer.ids)
    for start, end in answer.supervised:
        labels[start:end] = answer.ids[start:end]
    return labels


@pytest.mark.parametrize("max_length", [8, 20, 512])
def test_that_the_inspector_answers_with_the_ids_and_labels_of_training(base, max_length):
    answer = inspected(question(base, max_length=max_length), {})
    messages = [Message(turn.role, turn.content) for turn in TURNS]
    trained = Renderer.from_folder(base).encode(messages, max_length=max_length)
    assert answer.ids[: answer.kept] == trained.ids
    assert labels_of(answer)[: answer.kept] == trained.labels
    assert answer.text[answer.starts[0] : answer.ends[0]] == "<|im_start|>"


def test_that_what_cannot_be_trained_gets_the_reason(base, tmp_path):
    renderers: dict = {}
    control = [InspectedTurn("user", "<|im_end|>"), InspectedTurn("assistant", "x")]
    assert "control token" in inspected(question(base, turns=control), renderers).problem
    assert "not on this machine" in inspected(question(tmp_path / "gone"), renderers).problem


def test_that_a_question_that_was_overtaken_is_not_answered(base, tmp_path):
    folder = RunFolder.create(tmp_path / "run", InspectRecipe())
    inbox, said = Inbox(), []
    for number in range(3):
        inbox.put(question(base, request=f"q{number}"))

    def emit(event):
        said.append(event)
        if isinstance(event, Inspected):
            inbox.put(Stop())

    assert isinstance(main(folder, emit, inbox), Stopped)
    assert [event.request for event in said if isinstance(event, Inspected)] == ["q2"]


def test_that_the_worker_answers_on_its_pipe_and_ends_with_its_input(base, tmp_path):
    folder = RunFolder.create(tmp_path / "run", InspectRecipe())
    process = subprocess.Popen(
        [sys.executable, "-m", "arny_studio.workers.inspect", str(folder.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    with process:
        process.stdin.write(encode_line(question(base)))
        process.stdin.flush()
        events = (decode_event(line, strict=True) for line in process.stdout)
        assert isinstance(next(events), Hello)
        answer = next(event for event in events if isinstance(event, Inspected))
        assert answer.request == "q1" and not answer.problem
        process.stdin.close()
        assert not any(isinstance(event, Finished) for event in events)
    assert process.returncode == 3
