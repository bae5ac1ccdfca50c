"""Held-out prompts through a real model: the figures of the parity gate are those of a plain pass."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from arny_studio.contract import load_contract
from arny_studio.engine.chat_template import Message
from arny_studio.engine.gguf_writer import write_gguf_f16
from arny_studio.engine.held_out import held_out_prompts
from arny_studio.engine.llama_session import LlamaSession
from arny_studio.engine.replay import (
    HeldOut,
    ReplayOrder,
    divergence,
    log_probabilities,
    places_per_case,
    replay,
    spread_places,
)
from arny_studio.errors import BadInput, MissingFile
from arny_studio.paths import DEMO_BASE, DEMO_TIER1
from tests.tiny_models import make_tiny_gguf

CONTRACT = load_contract()


def silently(_done: int, _total: int) -> None:
    return


def prompts(count: int) -> list[HeldOut]:
    return held_out_prompts(count, data="", tier="tier1", contract=CONTRACT, training=None).held_out


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory):
    """The embedded router over six generated prompts, as the reference."""
    folder = tmp_path_factory.mktemp("replay")
    order = ReplayOrder(
        model=str(DEMO_TIER1), prompts=prompts(6), contract="router-v1", distributions=str(folder / "logits"), threads=1
    )
    return order, replay(order, silently)


def test_that_a_reader_of_several_prompts_sees_what_a_plain_pass_sees(tmp_path: Path) -> None:
    """At F16: kernels of 8-bit weights round what they read, which is not what is looked at here."""
    f16 = tmp_path / "base-F16.gguf"
    write_gguf_f16(DEMO_BASE, None, f16, on_progress=silently)
    order = ReplayOrder(
        model=str(f16), prompts=prompts(6), contract="router-v1", distributions=str(tmp_path / "logits"), threads=1
    )
    result = replay(order, silently)
    case, reply = result.cases[0], result.replay.replies[0]
    with LlamaSession.open(f16, context=1024, threads=1) as session:
        nll = 0.0
        for number, token in enumerate(case.answer):
            logits = session.append(case.prompt if number == 0 else [case.answer[number - 1]])
            if number in case.places:
                nll -= float(log_probabilities(logits)[token])
    assert reply.positions == len(case.places) > 10
    assert reply.nll == pytest.approx(nll, abs=0.05)
    assert case.answer[-1] in (1, 2, *range(4090, 4096))  # the end of the turn is read too
    assert order.prompts[0].answer.startswith('{"intent"')


def test_that_a_model_held_against_itself_loses_nothing(reference) -> None:
    order, first = reference
    again = replay(
        ReplayOrder(**{name: getattr(order, name) for name in order.__struct_fields__} | {"cases": first.cases}),
        silently,
    )
    for one, other in zip(first.replay.replies, again.replay.replies, strict=True):
        assert other.kl < 1e-5
        assert (other.text, other.same_top) == (one.text, one.positions)
    assert again.replay.tokens_per_s and again.replay.peak_bytes


def test_that_prompts_too_long_for_the_context_are_left_out_and_not_the_end(tmp_path: Path) -> None:
    gguf = make_tiny_gguf(tmp_path / "tiny.gguf", layers=1)
    long = HeldOut(id="b", messages=[Message("user", "\U0001f680 " * 9000)], answer="no")
    short = HeldOut(id="a", messages=[Message("user", "why?")], answer="because")
    order = ReplayOrder(model=str(gguf), prompts=[short, long], distributions=str(tmp_path / "logits"), threads=1)
    replies = replay(order, silently).replay.replies
    assert replies[0].positions > 0
    assert replies[1].positions == 0


@given(length=some.integers(0, 500), most=some.integers(0, 100))
def test_that_places_are_spread_over_the_whole_answer(length: int, most: int) -> None:
    places = spread_places(length, most)
    assert len(places) == min(length, most)
    assert places == sorted(set(places))
    if len(places) > 1:
        assert (places[0], places[-1]) == (0, length - 1)


def test_that_the_reference_stays_below_its_room_whatever_the_vocabulary() -> None:
    assert places_per_case(32, 4096) * 32 <= 1024
    assert places_per_case(32, 151_936) * 32 * 4 * 151_936 <= 256 << 20
    assert places_per_case(10_000, 151_936) == 1


def test_that_divergence_is_that_of_the_textbook() -> None:
    first, second = np.log([0.5, 0.25, 0.25]), np.log([0.25, 0.25, 0.5])
    assert divergence(first, second) == pytest.approx(0.5 * math.log(2) - 0.25 * math.log(2))
    assert divergence(first, first) == 0.0
    assert np.exp(log_probabilities(np.array([1e4, 0.0, -1e4], np.float32))).sum() == pytest.approx(1.0)


def test_that_prompts_come_from_the_named_file_the_validation_rows_or_the_generator(tmp_path: Path) -> None:
    named = tmp_path / "named.jsonl"
    named.write_text("".join(f'{{"text": "query {n}", "journey": "general"}}\n' for n in range(40)))
    found = held_out_prompts(4, data=str(named), tier="tier1", contract=CONTRACT, training=None)
    assert [prompt.query for prompt in found.held_out] == ["query 0", "query 10", "query 20", "query 30"]
    assert (found.source, found.decides) == ("named.jsonl", True)
    training = {"recipe": {"validation_data": str(named)}}
    found = held_out_prompts(4, data="", tier="tier1", contract=CONTRACT, training=training)
    assert "validation rows" in found.source
    found = held_out_prompts(3, data="", tier="tier2", contract=CONTRACT, training=None)
    assert (len(found.held_out), found.decides) == (3, False)
    assert all(prompt.answer and prompt.messages[0].role == "system" for prompt in found.held_out)
    with pytest.raises(MissingFile):
        held_out_prompts(4, data=str(tmp_path / "none.jsonl"), tier="tier1", contract=CONTRACT, training=None)
    named.write_text("{}\n")
    with pytest.raises(BadInput, match="holds no prompt"):
        held_out_prompts(4, data=str(named), tier="tier1", contract=CONTRACT, training=None)
