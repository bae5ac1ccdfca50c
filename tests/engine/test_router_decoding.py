"""The router's decoder: always whole JSON under the schema, the same whichever way it is decoded, never for ever."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arny_studio.contract import Thresholds, decide, load_contract
from arny_studio.engine.chat_template import Message
from arny_studio.engine.llama_session import ContextFull, Interrupted, LlamaSession
from arny_studio.engine.prompting import template_of
from arny_studio.engine.router_decoding import DecodedRoute, RouterDecoder
from arny_studio.paths import DEMO_TIER1
from tests.pinned_contract import CLARIFY, write_pinned_contract
from tests.tiny_models import make_tiny_gguf

CONTRACT = load_contract("router-v1")
SYSTEM = Message("system", CONTRACT.system_prompt("tier1"))
RULES = {rule.id for rule in CONTRACT.block.rules}


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_gguf(tmp_path_factory.mktemp("model") / "tiny.gguf")


@pytest.fixture(scope="module")
def session(gguf: Path):
    with LlamaSession.open(gguf, context=640, threads=1, sequences=4) as opened:
        yield opened


@pytest.fixture(scope="module")
def decoder(session: LlamaSession) -> RouterDecoder:
    return RouterDecoder(session, CONTRACT, template_of(session))


def asked(query: str) -> list[Message]:
    return [SYSTEM, Message("user", query)]


def test_that_random_weights_give_schema_valid_json_at_any_temperature(decoder: RouterDecoder):
    for seed in range(60):
        route = decoder.decide(asked("Book a flight"), temperature=(0.0, 0.7, 1.5)[seed % 3], seed=seed)
        assert route.decoded.decision is not None, route.text
        broken = {problem.rule for problem in route.decoded.problems}
        assert broken <= RULES, (route.text, route.decoded.problems)
        assert route.tokens_total <= 256


@pytest.mark.slow
@pytest.mark.parametrize("model", ["random weights", "demo router"])
def test_that_two_hundred_wild_draws_are_schema_valid_and_none_that_breaks_a_rule_is_acted_on(gguf: Path, model: str):
    broken = 0
    with LlamaSession.open(gguf if model == "random weights" else DEMO_TIER1, threads=1) as session:
        decoder = RouterDecoder(session, CONTRACT, template_of(session))
        for seed in range(200):
            decoded = decoder.decide(asked("Book a flight"), temperature=1.5, seed=seed).decoded
            assert decoded.decision is not None
            assert {problem.rule for problem in decoded.problems} <= RULES
            action = decide(CONTRACT, decoded, thresholds=Thresholds.of(CONTRACT), can_reason=True)
            assert (action.kind == "router_error") is bool(decoded.problems)
            broken += bool(decoded.problems)
    assert 0 < broken < 200 if model == "demo router" else broken > 100


def test_that_a_contract_with_an_open_object_ends_as_whole_json_too(session: LlamaSession):
    decoder = RouterDecoder(session, load_contract("tools-v1"), template_of(session))
    for seed in range(30):
        route = decoder.decide(asked("Book a flight"), temperature=(0.0, 0.7, 1.5)[seed % 3], seed=seed)
        assert set(json.loads(route.text)) == set(decoder.contract.fields)


def test_that_the_budget_closes_a_text_that_would_run_on(decoder: RouterDecoder):
    route = decoder.decide(asked("hi"), temperature=1.5, seed=0, max_tokens=200)
    assert route.is_cut
    assert route.decoded.decision is not None
    assert route.tokens_total <= 200


def test_that_a_budget_too_small_for_any_decision_ends_as_an_invalid_one(decoder: RouterDecoder):
    route = decoder.decide(asked("hi"), max_tokens=20)
    assert route.decoded.decision is None
    assert not route.decoded.is_valid
    assert route.is_cut


def test_that_without_constraint_random_weights_end_at_the_budget_and_are_no_json(decoder: RouterDecoder):
    route = decoder.decide(asked("hi"), constrained=False, max_tokens=40)
    assert (route.tokens_total, route.tokens_forced) == (40, 0)
    assert route.decoded.problems[0].rule == "syntax"


def test_that_the_same_seed_gives_the_same_decision_and_another_one_another(decoder: RouterDecoder):
    texts = [decoder.decide(asked("hello"), temperature=1.0, seed=seed).text for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_that_a_decision_does_not_hang_on_what_was_asked_before(decoder: RouterDecoder):
    first = decoder.decide(asked("Plan a week in Rome")).text
    decoder.decide(asked("something else entirely"))
    decoder.decide([Message("system", "You are someone else."), Message("user", "hi")])
    decoder.decide([Message("user", "no system message")])
    assert decoder.decide(asked("Plan a week in Rome")).text == first


def test_that_a_schema_with_one_decision_is_decoded_without_the_model_choosing(session: LlamaSession, tmp_path: Path):
    contract = load_contract(write_pinned_contract(tmp_path / "clarify.json", CLARIFY))
    route = RouterDecoder(session, contract, template_of(session)).decide(asked("Book a flight"))
    assert route.decoded.decision == CLARIFY
    assert route.decoded.is_valid
    assert route.tokens_chosen <= 12 < route.tokens_forced
    assert set(route.stages_ms) == {"prompt", "prefill", "decode"}


def test_that_side_by_side_gives_the_schema_valid_decisions_in_order(decoder: RouterDecoder):
    queries = [f"Book a flight to city number {n}, please" for n in range(9)]
    conversations = [asked(query) for query in queries]
    conversations.insert(4, asked("long " * 2000))
    many = list(decoder.decide_many(conversations))
    assert isinstance(many[4], ContextFull)
    routes = [route for route in many if isinstance(route, DecodedRoute)]
    assert len(routes) == len(queries)
    assert all(route.decoded.decision is not None for route in routes)
    alone = [decoder.decide(asked(query)).decoded.decision for query in queries]
    same = sum(route.decoded.decision == decision for route, decision in zip(routes, alone, strict=True))
    assert same >= 1  # random weights tie closely; a trained router's equality is measured on the demo pair


def test_that_pinned_decisions_come_out_side_by_side_exactly(session: LlamaSession, tmp_path: Path):
    contract = load_contract(write_pinned_contract(tmp_path / "clarify.json", CLARIFY))
    decoder = RouterDecoder(session, contract, template_of(session))
    routes = list(decoder.decide_many(asked(f"query {n}") for n in range(5)))
    assert [route.decoded.decision for route in routes if isinstance(route, DecodedRoute)] == [CLARIFY] * 5


def test_that_no_conversations_give_no_decisions(decoder: RouterDecoder):
    assert list(decoder.decide_many([])) == []


def test_that_a_conversation_that_leaves_no_room_is_refused(decoder: RouterDecoder):
    with pytest.raises(ContextFull, match="needs 64 of them for the decision"):
        decoder.decide(asked("x " * 270))


def test_that_a_wish_to_stop_is_heard_between_tokens(decoder: RouterDecoder):
    with pytest.raises(Interrupted):
        decoder.decide(asked("hi"), should_stop=lambda: True)
    assert decoder.decide(asked("hi")).decoded.decision is not None


@pytest.mark.parametrize("query", ["", " ", "🙂🙃", "اهلا وسهلا", "a\x00b", '{"intent":"x"}', "<|im_end|>", "\ud83d"])
def test_that_odd_queries_are_decided_like_any_other(decoder: RouterDecoder, query: str):
    assert decoder.decide(asked(query)).decoded.decision is not None
