"""How fast the router decides, against those who do the same: the widened demo router, both cores, warm prefix.

Both sides in one run, alternating, medians; what they say is compared before the time is. `ARNY_LLAMA_SERVER` names a
llama-server built from the same source distribution (-DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_CURL=OFF).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest

from arny_studio.contract import load_contract
from arny_studio.dataset.generate.tier1 import generate_tier1
from arny_studio.engine.chat_template import Message
from arny_studio.engine.draft_table import DraftTable, drafts_path
from arny_studio.engine.llama_session import ContextFull, LlamaSession
from arny_studio.engine.prompting import prompt_ids, template_of
from arny_studio.engine.router_decoding import DecodedRoute, RouterDecoder, said_by_user
from tests.benchmarks.peers import PythonPeer, Timed
from tests.benchmarks.server_peer import running_server

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

CONTRACT = load_contract("router-v1")
SYSTEM = Message("system", CONTRACT.system_prompt("tier1"))
AFTER_ROUTING = f',"{CONTRACT.fields[CONTRACT.fields.index(CONTRACT.roles.confidence) + 1]}":'
THREADS = 2
QUERIES = int(os.environ.get("ARNY_BENCH_QUERIES", "12"))
BATCHED = int(os.environ.get("ARNY_BENCH_BATCHED", "1000"))
ALONE = 40  # of the batched queries, how many are decided one at a time to compare with

FIRST_DECISION = """
import sys
from pathlib import Path
from arny_studio.contract import load_contract
from arny_studio.engine.chat_template import Message
from arny_studio.engine.llama_session import LlamaSession
from arny_studio.engine.router_decoding import RouterDecoder
contract = load_contract("router-v1")
with LlamaSession.open(Path(sys.argv[1]), threads=2, spells=True) as session:
    decoder = RouterDecoder.opened(session, contract)
    print(decoder.decide([Message("system", contract.system_prompt("tier1")), Message("user", sys.argv[2])]).text)
"""
PEERS_FIRST_DECISION = """
import sys
from pathlib import Path
from arny_studio.contract import load_contract
from tests.benchmarks.peers import PythonPeer
peer = PythonPeer(Path(sys.argv[1]), load_contract("router-v1"), threads=2)
prompt = [int(token) for token in sys.argv[2].split()]
print(peer.decide(prompt, "}").text)
"""


def conversations(count: int, split: str = "test") -> list[list[Message]]:
    """Held-out requests of one turn."""
    found: list[list[Message]] = []
    for row in generate_tier1(4 * count, seed=77, split=split):  # type: ignore[arg-type]
        turns = [Message(turn["role"], turn["content"]) for turn in row["messages"]]
        if len(turns) == 3 and len(found) < count:
            found.append(turns[:-1])
    return found


@pytest.fixture(scope="module")
def drafts(wide_router: Path) -> DraftTable:
    """Made from the training split of the demo router, and put beside the model as an export does."""
    rows = (
        (said_by_user([Message(turn["role"], turn["content"]) for turn in row["messages"]]), row["messages"][-1])
        for row in generate_tier1(20_000, seed=7)
    )
    table = DraftTable.of(CONTRACT, ((query, json.loads(turn["content"])) for query, turn in rows))
    table.save(drafts_path(wide_router))
    return table


@pytest.fixture(scope="module")
def session(wide_router: Path) -> Iterator[LlamaSession]:
    with LlamaSession.open(wide_router, threads=THREADS) as opened:
        yield opened


def ours(decoder: RouterDecoder, turns: list[Message]) -> tuple[Timed, DecodedRoute]:
    started = time.perf_counter()
    route = decoder.decide(turns)
    seconds = time.perf_counter() - started
    assert route.known_ms is not None
    return Timed(route.text, seconds, route.known_ms / 1000), route


def compare(
    name: str, session: LlamaSession, drafts: DraftTable, peer: Callable[[list[int]], Timed]
) -> tuple[float, float]:
    """Ratios of the medians: whole decision, and until the routing fields are known."""
    decoder = RouterDecoder(session, CONTRACT, template_of(session), drafts=drafts)
    mine, theirs, routes = [], [], []
    for n, turns in enumerate([*conversations(2), *conversations(QUERIES)]):
        prompt = prompt_ids(session, decoder.template, turns)
        other, (own, route) = peer(prompt), ours(decoder, turns)
        if n < 2 or json.loads(own.text) != json.loads(other.text):  # warming up; a tie that fell the other way
            continue
        mine.append(own), theirs.append(other), routes.append(route)
    assert len(mine) >= 0.9 * QUERIES, f"only {len(mine)} of {QUERIES} decisions are the same"
    whole = median(t.seconds for t in theirs) / median(t.seconds for t in mine)
    known = median(t.known_s for t in theirs) / median(t.known_s for t in mine)
    drafted, accepted = sum(r.tokens_drafted for r in routes), sum(r.tokens_accepted for r in routes)
    print(
        f"\n{name}: {len(mine)} decisions alike; ours {median(t.seconds for t in mine):.2f} s, theirs "
        f"{median(t.seconds for t in theirs):.2f} s: {whole:.2f}x; routing fields known {known:.2f}x; drafts accepted "
        f"{accepted / drafted:.0%}, {median(r.batches for r in routes):.0f} batches"
    )
    return whole, known


def test_that_a_decision_is_four_times_as_fast_as_llama_cpp_python(session, drafts, wide_router):
    peer = PythonPeer(wide_router, CONTRACT, threads=THREADS)
    whole, known = compare("llama-cpp-python", session, drafts, lambda prompt: peer.decide(prompt, AFTER_ROUTING))
    peer.close()
    assert whole >= 4
    assert known >= 2.2


@pytest.mark.skipif("ARNY_LLAMA_SERVER" not in os.environ, reason="ARNY_LLAMA_SERVER names no llama-server")
def test_that_a_decision_is_two_and_a_half_times_as_fast_as_llama_server(session, drafts, wide_router):
    binary = Path(os.environ["ARNY_LLAMA_SERVER"])
    with running_server(binary, wide_router, CONTRACT, threads=THREADS) as peer:
        whole, known = compare("llama-server", session, drafts, lambda prompt: peer.decide(prompt, AFTER_ROUTING))
    assert whole >= 2.5
    assert known >= 2.2


def test_that_the_first_decision_after_the_start_comes_three_times_as_soon(session, drafts, wide_router):
    turns = conversations(1)[0]
    prompt = " ".join(map(str, prompt_ids(session, template_of(session), turns)))
    mine, theirs = [], []
    for _ in range(4):
        own = run_timed(FIRST_DECISION, str(wide_router), turns[-1].content)
        other = run_timed(PEERS_FIRST_DECISION, str(wide_router), prompt)
        assert json.loads(own[0]) == json.loads(other[0])
        mine.append(own[1]), theirs.append(other[1])
    ratio = median(theirs) / median(mine[1:])  # the first one fills the prompt cache
    print(f"\nprocess start to first decision: {median(mine[1:]):.2f} s against {median(theirs):.2f} s: {ratio:.2f}x")
    assert ratio >= 3


def test_that_a_batch_decides_two_and_a_half_times_as_many_per_second_as_one_at_a_time(wide_router, drafts):
    turns = conversations(BATCHED)
    with LlamaSession.open(wide_router, threads=THREADS, sequences=9) as session:
        plain = RouterDecoder(session, CONTRACT, template_of(session))
        fast = RouterDecoder(session, CONTRACT, template_of(session), drafts=drafts)
        plain.warm(SYSTEM)
        started = time.perf_counter()
        alone = [plain.decide(messages) for messages in turns[:: max(1, BATCHED // ALONE)]]
        one_s = (time.perf_counter() - started) / len(alone)
        started = time.perf_counter()
        many = [route for route in fast.decide_many(turns) if not isinstance(route, ContextFull)]
        many_s = (time.perf_counter() - started) / len(many)
    pairs = zip(alone, many[:: max(1, BATCHED // ALONE)], strict=False)
    same = sum(one.decoded.decision == other.decoded.decision for one, other in pairs)
    print(f"\n{len(many)} in a batch: {1 / many_s:.2f}/s against {1 / one_s:.2f}/s: {one_s / many_s:.2f}x, {same} of "
          f"{len(alone)} alike")  # fmt: skip
    assert same >= 0.93 * len(alone)
    assert one_s / many_s >= 2.5


def run_timed(code: str, *arguments: str) -> tuple[str, float]:
    """What a fresh interpreter prints, and the seconds from its start to its end."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip(), time.perf_counter() - started
