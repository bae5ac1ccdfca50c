"""The fast path says what plain greedy decoding says: on the demo router, over held-out queries, field by field.

Exceptions are ties: many tokens in one batch and one token alone go through other kernels of ggml and round differently.
That shifts the margin between the two likeliest tokens (by 0.03 in the median, at most 0.24; the tests measure it anew),
and where the margin is smaller than most such shifts, either may win. Of 500 held-out queries (two splits) none are decided otherwise without
drafts, one with them, eight side by side; the margins there were 0.008 to 0.061. Two change the first field, the intent,
and what follows from it; the others a word of an answer or of a question, or a score. The slow test lists them anew.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import chain

import numpy as np
import pytest
from msgspec import Struct, structs

from arny_studio.contract import load_contract
from arny_studio.dataset.generate.tier1 import generate_tier1
from arny_studio.engine.chat_template import Message
from arny_studio.engine.constraint import Constraint
from arny_studio.engine.draft_table import DraftTable
from arny_studio.engine.llama_session import ContextFull, Interrupted, LlamaSession
from arny_studio.engine.prompt_cache import PromptCache
from arny_studio.engine.prompting import prompt_ids, template_of
from arny_studio.engine.router_decoding import DecodedRoute, RouterDecoder, said_by_user
from arny_studio.paths import DEMO_TIER1

CONTRACT = load_contract("router-v1")
SYSTEM = Message("system", CONTRACT.system_prompt("tier1"))
PER_SPLIT = 50
MOST_TIES = 0.05


class Greedy(Struct, frozen=True):
    """A decision chosen token by token, and how far each choice was from the next best token that was allowed."""

    text: str
    tokens: list[int]
    ends: list[int]  # bytes of the text after each token
    rivals: list[tuple[int, int]]  # what was chosen, and the next best
    margins: list[float]  # between their logits; infinite where nothing else was allowed

    def margin_at(self, byte: int) -> float:
        return next(margin for end, margin in zip(self.ends, self.margins, strict=True) if end > byte)


def rows(split: str, count: int, seed: int = 4077) -> Iterator[list[Message]]:
    for row in generate_tier1(count, seed=seed, split=split):  # type: ignore[arg-type]
        yield [Message(turn["role"], turn["content"]) for turn in row["messages"]]


@pytest.fixture(scope="module")
def session():
    with LlamaSession.open(DEMO_TIER1, threads=1, sequences=7) as opened:
        yield opened


@pytest.fixture(scope="module")
def table() -> DraftTable:
    training = rows("train", 2500, seed=7)
    return DraftTable.of(CONTRACT, ((said_by_user(turns), json.loads(turns[-1].content)) for turns in training))


@pytest.fixture(scope="module")
def held_out() -> list[list[Message]]:
    return queries(PER_SPLIT)


@pytest.fixture(scope="module")
def plain(session: LlamaSession, held_out: list[list[Message]]) -> list[Greedy]:
    return decided_plainly(session, held_out)


def queries(per_split: int) -> list[list[Message]]:
    """Held-out conversations without their answers: unseen phrasings, then unseen sentence shapes."""
    return [turns[:-1] for turns in chain(rows("test", per_split), rows("shapes", per_split))]


def decided_plainly(session: LlamaSession, held_out: list[list[Message]]) -> list[Greedy]:
    constraint = Constraint(session.vocabulary, CONTRACT)
    return [decided_token_by_token(session, constraint, turns) for turns in held_out]


def decided_token_by_token(session: LlamaSession, constraint: Constraint, turns: list[Message]) -> Greedy:
    """Every token is the likeliest that the schema allows; nothing is forced, guessed or batched."""
    matcher = constraint.matcher()
    session.truncate(0)
    logits = session.append(prompt_ids(session, template_of(session), turns))
    raw = b""
    found = Greedy("", [], [], [], [])
    while not matcher.is_stopped():
        bits = np.unpackbits(np.frombuffer(matcher.compute_bitmask(), np.uint8), bitorder="little")[: logits.size]
        allowed = np.where(bits.astype(bool), logits, -np.inf)
        second, first = np.argpartition(allowed, -2)[-2:].tolist()
        assert matcher.consume_token(first)
        if session.is_end(first):
            break
        raw += session.piece(first)
        found.tokens.append(first)
        found.ends.append(len(raw))
        found.rivals.append((first, second))
        found.margins.append(float(allowed[first] - allowed[second]))
        logits = session.append([first])
    return structs.replace(found, text=raw.decode())


def margins_in_one_batch(session: LlamaSession, turns: list[Message], greedy: Greedy) -> list[float]:
    """How far the same choices are from the same rivals where all tokens are decoded at once."""
    prompt = prompt_ids(session, template_of(session), turns)
    session.truncate(0)
    wanted = range(len(prompt) - 1, len(prompt) + len(greedy.tokens) - 1)
    (rows,) = session.append_wanted([(0, [*prompt, *greedy.tokens], wanted)])
    return [float(row[first] - row[second]) for row, (first, second) in zip(rows, greedy.rivals, strict=True)]


@pytest.fixture(scope="module")
def tie(session: LlamaSession, held_out: list[list[Message]], plain: list[Greedy]) -> float:
    """What decoding at once often shifts a margin by: one shift in twenty is larger. Closer choices fall either way."""
    shifts = [
        abs(alone - at_once)
        for turns, greedy in zip(held_out[::5], plain[::5], strict=True)
        for alone, at_once in zip(greedy.margins, margins_in_one_batch(session, turns, greedy), strict=True)
        if alone != np.inf
    ]
    return float(np.quantile(shifts, 0.95))


def assert_same(
    routes: list[DecodedRoute], plain: list[Greedy], held_out: list[list[Message]], tie: float, most: float = MOST_TIES
) -> list[str]:
    """Every field equal; where one is not, the first differing token must have been a tie, and ties are few."""
    ties: list[str] = []
    for route, greedy, turns in zip(routes, plain, held_out, strict=True):
        if route.decoded.decision == json.loads(greedy.text):
            continue
        said, expected = route.text.encode(), greedy.text.encode()
        place = next(n for n, (one, other) in enumerate(zip(said, expected, strict=False)) if one != other)
        margin = greedy.margin_at(place)
        assert margin < tie, f"{turns[-1].content!r}: {route.text} instead of {greedy.text} (margin {margin:.3f})"
        ties.append(f"{turns[-1].content!r}: margin {margin:.4f} at byte {place}")
    assert len(ties) <= most * len(plain), "\n".join(ties)
    return ties


def test_that_drafting_says_what_greedy_decoding_says(session, table, held_out, plain, tie):
    decoder = RouterDecoder(session, CONTRACT, template_of(session), drafts=table)
    routes = [decoder.decide(turns) for turns in held_out]
    assert_same(routes, plain, held_out, tie)
    drafted, accepted = sum(r.tokens_drafted for r in routes), sum(r.tokens_accepted for r in routes)
    assert accepted > 0.5 * drafted > 0
    undrafted = sum(route.tokens_chosen for route in routes)
    assert sum(route.batches for route in routes) < 0.6 * undrafted


def test_that_drafts_learnt_on_the_way_say_it_too(session, held_out, plain, tie):
    decoder = RouterDecoder(session, CONTRACT, template_of(session), drafts=DraftTable(CONTRACT, learns=True))
    routes = [decoder.decide(turns) for turns in held_out[::3]]
    assert_same(routes, plain[::3], held_out[::3], tie)
    assert sum(route.tokens_accepted for route in routes[-10:]) > 0


def test_that_many_side_by_side_say_it_too(session, table, held_out, plain, tie):
    decoder = RouterDecoder(session, CONTRACT, template_of(session), drafts=table)
    routes = [route for route in decoder.decide_many(held_out) if not isinstance(route, ContextFull)]
    assert_same(routes, plain, held_out, tie)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_that_five_hundred_held_out_queries_are_decided_alike(session, table, tie, capsys):
    asked = queries(250)
    expected = decided_plainly(session, asked)
    drafting = RouterDecoder(session, CONTRACT, template_of(session), drafts=table)
    alone = RouterDecoder(session, CONTRACT, template_of(session))
    ways = {
        "without drafts": [alone.decide(turns) for turns in asked],
        "with drafts": [drafting.decide(turns) for turns in asked],
        "side by side": [route for route in drafting.decide_many(asked) if not isinstance(route, ContextFull)],
    }
    for name, routes in ways.items():
        ties = assert_same(routes, expected, asked, tie, most=0.02)
        with capsys.disabled():
            sys.stdout.write("\n  ".join((f"\n{name}: {len(ties)} of {len(asked)} differ", *ties)))


def test_that_without_constraint_drafts_change_nothing_either(session, table, held_out):
    turns = held_out[:25]
    free = RouterDecoder(session, CONTRACT, template_of(session))
    drafting = RouterDecoder(session, CONTRACT, template_of(session), drafts=table)
    slow, fast = ([d.decide(t, constrained=False) for t in turns] for d in (free, drafting))
    assert sum(one.text == other.text for one, other in zip(slow, fast, strict=True)) >= 24
    assert sum(route.batches for route in fast) < 0.5 * sum(route.batches for route in slow)


def test_that_a_seed_draws_the_same_text_with_drafts_and_without(session, table, held_out):
    turns = held_out[:12]
    decoders = [RouterDecoder(session, CONTRACT, template_of(session), drafts=drafts) for drafts in (None, table)]
    slow, fast = ([d.decide(t, temperature=0.8, seed=3).text for t in turns] for d in decoders)
    assert sum(one == other for one, other in zip(slow, fast, strict=True)) >= 11


def test_that_the_fields_say_where_their_tokens_came_from(session, table, held_out):
    route = RouterDecoder(session, CONTRACT, template_of(session), drafts=table).decide(held_out[0])
    assert tuple(field.name for field in route.fields) == CONTRACT.fields
    assert sum(f.forced + f.drafted + f.chosen for f in route.fields) == route.tokens_total
    assert sum(f.forced for f in route.fields) == route.tokens_forced
    assert sum(f.drafted for f in route.fields) == route.tokens_accepted <= route.tokens_drafted
    assert [f.ms for f in route.fields] == sorted(f.ms for f in route.fields)
    assert route.known == route.decoded.decision
    assert route.known_ms == max(f.ms for f in route.fields if f.name in CONTRACT.block.deciding)


@pytest.mark.parametrize("drafting", [False, True])
def test_that_asking_for_the_action_only_ends_once_it_is_known(session, table, held_out, drafting):
    decoder = RouterDecoder(session, CONTRACT, template_of(session), drafts=table if drafting else None)
    whole = decoder.decide(held_out[0])
    early = decoder.decide(held_out[0], until="action")
    assert whole.text.startswith(early.text)
    assert set(CONTRACT.block.deciding) <= set(early.known)
    assert early.known.items() <= whole.known.items()
    if not drafting:
        assert early.is_partial
        assert early.batches < whole.batches


def test_that_a_wish_to_stop_leaves_the_decoder_usable(session, table, held_out):
    decoder = RouterDecoder(session, CONTRACT, template_of(session), drafts=table)
    expected = decoder.decide(held_out[1]).text
    with pytest.raises(Interrupted):
        decoder.decide([SYSTEM, Message("user", "zq wv kj")], should_stop=lambda: True, max_tokens=100)
    assert decoder.decide(held_out[1]).text == expected


def test_that_a_prompt_state_from_disk_gives_the_same_decisions(session, held_out, tmp_path):
    session.truncate(0)
    first = RouterDecoder(session, CONTRACT, template_of(session), prompts=PromptCache(tmp_path))
    expected = [first.decide(turns).text for turns in held_out[:5]]
    assert len(list(tmp_path.glob("*.state"))) == 1
    with LlamaSession.open(DEMO_TIER1, threads=1) as other:
        decoder = RouterDecoder(other, CONTRACT, template_of(other), prompts=PromptCache(tmp_path))
        decoder.warm(SYSTEM)
        assert decoder.recalled == 1
        assert [decoder.decide(turns).text for turns in held_out[:5]] == expected


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "gone"])
def test_that_a_damaged_prompt_state_is_read_anew(session, held_out, tmp_path, damage):
    session.truncate(0)
    decoder = RouterDecoder(session, CONTRACT, template_of(session), prompts=PromptCache(tmp_path))
    expected = decoder.decide(held_out[2]).text
    (state,) = tmp_path.glob("*.state")
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 0xFF
    damaged = {"cut": state.read_bytes()[:-9], "flipped": bytes(content), "empty": b""}
    state.write_bytes(damaged[damage]) if damage in damaged else state.unlink()
    session.truncate(0)
    again = RouterDecoder(session, CONTRACT, template_of(session), prompts=PromptCache(tmp_path))
    assert again.decide(held_out[2]).text == expected
    assert again.recalled == 0


def test_that_the_state_of_another_setting_is_not_taken(held_out, tmp_path):
    for kv_type in ("f16", "q8_0"):
        with LlamaSession.open(DEMO_TIER1, threads=1, kv_type=kv_type) as session:
            decoder = RouterDecoder(session, CONTRACT, template_of(session), prompts=PromptCache(tmp_path))
            decoder.warm(SYSTEM)
            assert decoder.recalled == 0
    assert len(list(tmp_path.glob("*.state"))) == 2
