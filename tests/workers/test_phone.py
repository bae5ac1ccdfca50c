"""The phone as a process of its own: commands in, events out, and an end that leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import psutil
import pytest

from arny_studio.errors import BadInput, MissingFile
from arny_studio.jobs.commands import Ask, CancelReply, MemoryPressure
from arny_studio.jobs.events import AnyEvent, Decided, ModelUnloaded, Replied, Token
from arny_studio.jobs.folder import RunFolder
from arny_studio.jobs.interpreter import worker_command, worker_environment
from arny_studio.jobs.outcome import EXIT_STOPPED, Outcome
from arny_studio.jobs.supervisor import Job, start_job
from arny_studio.jobs.wire import encode_line
from arny_studio.recipe import PhoneRecipe
from arny_studio.workers.phone import ScriptedQuery, read_queries
from tests import pinned_contract as pinned
from tests.tiny_models import make_tiny_gguf

DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pair")
    return make_tiny_gguf(folder / "tier1.gguf"), make_tiny_gguf(folder / "tier2.gguf", layers=3, seed=5)


class Call:
    """A phone in a child process, and what it says."""

    def __init__(self, job: Job, events: list[AnyEvent]) -> None:
        self.job, self.events = job, events
        self._heard = asyncio.Condition()
        self._waking: list[asyncio.Future[None]] = []

    async def until(self, kind: type[Any], count: int = 1) -> Any:
        """The `count`-th event of a kind, as soon as it is there."""
        async with self._heard:
            await self._heard.wait_for(lambda: len(self.said(kind)) >= count)
        return self.said(kind)[count - 1]

    def said(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def hear(self, event: AnyEvent) -> None:
        self.events.append(event)
        self._waking.append(asyncio.ensure_future(self._wake()))

    async def _wake(self) -> None:
        async with self._heard:
            self._heard.notify_all()


def run_phone(
    folder: Path,
    recipe: PhoneRecipe,
    during: Callable[[Call], Coroutine[Any, Any, None]] | None = None,
    deadline_s: float = DEADLINE_S,
) -> tuple[Outcome, Call]:
    async def work() -> tuple[Outcome, Call]:
        job = await start_job("phone", RunFolder.create(folder / "run", recipe))
        call = Call(job, [])
        job.subscribe(call.hear)
        if during is not None:
            await during(call)
        return await job.wait(), call

    return asyncio.run(asyncio.wait_for(work(), deadline_s))


def recipe_for(pair: tuple[Path, Path], folder: Path, decision: dict[str, Any], **fields: Any) -> PhoneRecipe:
    contract = pinned.write_pinned_contract(folder / "contract.json", decision)
    return PhoneRecipe(
        tier1=str(pair[0]),
        tier2=str(pair[1]),
        contract=str(contract),
        threads=1,
        **{"reasoner_max_tokens": 10, **fields},
    )


def test_that_scripted_queries_are_answered_in_order_and_the_worker_ends(pair, tmp_path: Path):
    queries = tmp_path / "queries.jsonl"
    lines = ["one", "", "🙂 zwei", "x" * 1_000_000]
    queries.write_text("\n".join(json.dumps({"query": line}) for line in lines), encoding="utf-8")
    outcome, call = run_phone(tmp_path, recipe_for(pair, tmp_path, pinned.ANSWER, queries=str(queries)))
    assert (outcome.kind, outcome.exit_code) == ("finished", 0)
    assert [event.query for event in call.said(Replied)] == lines
    assert [event.action for event in call.said(Replied)] == ["answer", "clarify", "answer", "router_error"]


def test_that_a_conversation_goes_over_commands_until_it_is_stopped(pair, tmp_path: Path):
    async def talk(call: Call) -> None:
        await call.job.send(Ask(request="a", query="Book a flight"))
        asked_back = await call.until(Replied)
        await call.job.send(Ask(request="b", query="tomorrow", earlier=asked_back.open_turns))
        await call.until(Replied, 2)
        await call.job.stop("save")

    outcome, call = run_phone(tmp_path, recipe_for(pair, tmp_path, pinned.CLARIFY), talk)
    assert (outcome.kind, outcome.exit_code) == ("stopped", 3)
    assert [(event.request, event.action) for event in call.said(Replied)] == [("a", "clarify"), ("b", "clarify")]
    assert call.job.pid is not None
    assert not psutil.pid_exists(call.job.pid)


@pytest.mark.parametrize("command", [CancelReply(request="a"), MemoryPressure()])
def test_that_an_answer_is_ended_in_the_middle_by_a_command(pair, tmp_path: Path, command):
    async def talk(call: Call) -> None:
        await call.job.send(Ask(request="a", query="Compare wind and coal"))
        await call.until(Token)
        await call.job.send(command)
        await call.until(Replied)
        await call.job.stop("save")

    recipe = recipe_for(pair, tmp_path, pinned.REASON, device="12gb", reasoner_max_tokens=3900)
    _, call = run_phone(tmp_path, recipe, talk)
    (replied,) = call.said(Replied)
    assert replied.reply.endswith(")")
    assert len(call.said(Token)) < 3900
    unloaded = [event.because for event in call.said(ModelUnloaded)]
    assert unloaded == (["the phone's system asked for memory"] if isinstance(command, MemoryPressure) else [])


def test_that_a_question_asked_meanwhile_waits_and_one_taken_back_is_never_answered(pair, tmp_path: Path):
    async def talk(call: Call) -> None:
        for request in "abc":
            await call.job.send(Ask(request=request, query="Compare wind and coal"))
        await call.job.send(CancelReply(request="b"))
        await call.until(Replied, 2)
        await call.job.stop("save")

    recipe = recipe_for(pair, tmp_path, pinned.REASON, reasoner_max_tokens=150)
    _, call = run_phone(tmp_path, recipe, talk)
    assert [event.request for event in call.said(Replied)] == ["a", "c"]


def test_that_five_hundred_messages_are_answered_and_fill_nothing(pair, tmp_path: Path):
    async def talk(call: Call) -> None:
        for number in range(500):
            await call.job.send(
                Ask(request=f"r{number}", query=f"What is the capital of France? {'Well? ' * (number % 7)}")
            )
        await call.until(Replied, 500)
        await call.job.stop("save")

    outcome, call = run_phone(tmp_path, recipe_for(pair, tmp_path, pinned.ANSWER), talk, deadline_s=160)
    assert outcome.kind == "stopped"
    replies = call.said(Replied)
    assert [event.request for event in replies] == [f"r{number}" for number in range(500)]
    assert {event.reply for event in replies} == {"Paris."}
    assert replies[-1].peak_mib - replies[20].peak_mib < 8


def test_that_a_phone_over_its_cap_ends_as_killed_by_the_system(pair, tmp_path: Path):
    profile = tmp_path / "own.toml"
    profile.write_text('title = "t"\nram_mib = 4096\nos_reserve_mib = 0\napp_budget_mib = 100\nmode = "lite"\n')
    growing = tmp_path / "growing.py"
    growing.write_text(
        "import threading, time\n"
        "from arny_studio.workers import phone\n"
        "from arny_studio.jobs.program import run_program\n"
        "held = []\n"
        "def grow():\n"
        "    import arny_studio.engine.phone  # the growth begins once the phone is there\n"
        "    while True:\n"
        "        held.append(b'x' * (8 << 20)); time.sleep(0.02)\n"
        "def main(folder, emit, inbox):\n"
        "    threading.Thread(target=grow, daemon=True).start()\n"
        "    return phone.main(folder, emit, inbox)\n"
        "run_program('phone', main)\n"
    )

    async def work() -> Outcome:
        recipe = recipe_for(pair, tmp_path, pinned.ANSWER, device=str(profile))
        job = await start_job("phone", RunFolder.create(tmp_path / "run", recipe), program=[str(growing)])
        return await job.wait()

    outcome = asyncio.run(asyncio.wait_for(work(), DEADLINE_S))
    assert (outcome.kind, outcome.failure, outcome.exit_code) == ("failed", "memory_cap", 1)
    assert "100 MiB" in outcome.sentence


def test_that_a_crash_by_signal_is_told_and_leaves_no_process(pair, tmp_path: Path):
    async def crash(call: Call) -> None:
        await call.job.send(Ask(request="a", query="Compare wind and coal"))
        await call.until(Token)
        assert call.job.pid is not None
        psutil.Process(call.job.pid).send_signal(signal.SIGSEGV)

    recipe = recipe_for(pair, tmp_path, pinned.REASON, device="12gb", reasoner_max_tokens=3900)
    outcome, call = run_phone(tmp_path, recipe, crash)
    assert outcome.kind == "failed"
    assert "SIGSEGV" in outcome.sentence
    assert call.job.pid is not None
    assert not psutil.pid_exists(call.job.pid)


def test_that_a_phone_whose_app_is_gone_ends_in_mid_answer(pair, tmp_path: Path):
    recipe = recipe_for(pair, tmp_path, pinned.REASON, device="12gb", reasoner_max_tokens=3900)
    run = RunFolder.create(tmp_path / "run", recipe)
    command = worker_command("phone", run.path, python=None, program=None)
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=worker_environment(None)
    ) as app:
        assert app.stdin is not None
        assert app.stdout is not None
        app.stdin.write(encode_line(Ask(request="a", query="Compare wind and coal")))
        app.stdin.flush()
        next(line for line in app.stdout if b'"token"' in line)
        app.stdin.close()  # what the system does when the app is killed
        app.stdout.close()
        assert app.wait(DEADLINE_S) == EXIT_STOPPED
    assert not run.is_running


def test_that_a_cut_model_is_one_sentence_and_exit_code_1(pair, tmp_path: Path):
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(pair[0].read_bytes()[: pair[0].stat().st_size // 2])
    outcome, call = run_phone(tmp_path, PhoneRecipe(tier1=str(cut), threads=1))
    assert (outcome.kind, outcome.failure, outcome.exit_code) == ("failed", "bad_input", 1)
    assert "cut.gguf" in outcome.sentence
    assert not call.said(Decided)


def test_that_a_wrong_line_in_a_query_file_is_named(tmp_path: Path):
    file = tmp_path / "queries.jsonl"
    file.write_text('{"query": "fine", "continues": true}\n\n{"question": "?"}\n')
    lines = read_queries(file)
    assert next(lines) == ScriptedQuery(query="fine", continues=True)
    with pytest.raises(BadInput, match=r"queries\.jsonl:3: .*missing required field `query`"):
        next(lines)
    with pytest.raises(MissingFile):
        next(read_queries(tmp_path / "none.jsonl"))
    file.write_bytes(b'{"query": "\xff"}')
    with pytest.raises(BadInput, match=r"queries\.jsonl:1"):
        next(read_queries(file))
