"""What the Chat tab computes without a phone: forecasts, forks, previews, comparisons, the timeline."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from arny_studio.contract import Thresholds, encode, load_contract
from arny_studio.device import ModelShape, load_profile
from arny_studio.jobs.events import Decided, Ledger, LoadRefused, Memory, ModelLoaded, ModelUnloaded, Replied
from arny_studio.jobs.shapes import KnownModel, Shapes
from arny_studio.ui.chat.branches import Branches
from arny_studio.ui.chat.comparison import Side, compared, verdict
from arny_studio.ui.chat.conversation import Conversation, asked, heard
from arny_studio.ui.chat.forecast import forecast
from arny_studio.ui.chat.limits_view import preview_of
from arny_studio.ui.chat.phone_choice import with_ram_of
from arny_studio.ui.chat.timeline import Timeline, given_back, marked, noted
from tests import pinned_contract as pinned

MIB = 1 << 20
CONTRACT = load_contract("router-v1")


def shape(name: str, size_mib: int, layers: int) -> ModelShape:
    return ModelShape(
        name=name, file_bytes=size_mib * MIB, layers=layers, hidden=1536, heads=12, kv_heads=2, head_dim=128, ffn=8960,
        vocab=151_936, quant="Q4_K_M",
    )  # fmt: skip


SHAPES = Shapes(
    host_bytes=60 * MIB,
    models=(
        KnownModel(path="1.gguf", shape=shape("1.gguf", 941, 28)),
        KnownModel(path="2.gguf", shape=shape("2.gguf", 1840, 36)),
    ),
)


@pytest.mark.parametrize(("ram_gib", "mode"), [(4, "lite"), (6, "full_local"), (16, "both_resident")])
def test_that_the_slider_moves_a_phone_through_the_three_modes(ram_gib: int, mode: str):
    profile = with_ram_of(load_profile("6gb"), ram_gib * 1024)
    seen = forecast(profile, SHAPES, "1.gguf", "2.gguf")
    assert seen.mode == mode
    assert seen.ledger is not None
    owners = {line.owner for line in seen.ledger.lines}
    assert ("tier2" in owners) == (mode != "lite")


def test_that_a_refusal_is_forecast_with_a_remedy_that_then_fits():
    profile = load_profile("6gb")
    profile = replace(profile, tier2=replace(profile.tier2, context=32768))
    seen = forecast(profile, SHAPES, "1.gguf", "2.gguf")
    assert "2.gguf needs" in seen.problem
    assert (seen.tier, seen.settings is not None) == (2, True)
    assert seen.settings is not None
    assert not forecast(replace(profile, tier2=seen.settings), SHAPES, "1.gguf", "2.gguf").problem


def test_that_without_headers_the_mode_alone_is_known():
    seen = forecast(load_profile("4gb"), None, "1.gguf", "")
    assert (seen.mode, seen.ledger, seen.problem) == ("lite", None, "")


def test_that_a_slider_that_only_rounds_leaves_the_numbers_alone():
    odd = replace(load_profile("6gb"), ram_mib=6100)
    assert with_ram_of(odd, 6144) == odd
    assert with_ram_of(odd, 8192).ram_mib == 8192


def talk_of(*words: str) -> Conversation:
    talk = Conversation()
    for number, text in enumerate(words, start=1):
        talk = asked(talk, f"r{number}", text)
    return talk


def test_that_forks_share_what_was_before_and_none_is_lost():
    first = talk_of("a", "b", "c")
    forks = Branches().forked(first)
    second = asked(first.before("r2"), "r4", "B")
    assert [each.query for each in second.exchanges] == ["a", "B"]
    assert forks.words == "2 of 2"
    forks, shown = forks.turned(second, 1)
    assert [each.query for each in shown.exchanges] == ["a", "b", "c"]
    forks, shown = forks.turned(shown, -1)
    assert shown == second
    assert Branches().words == ""


def decided(request: str, decision: dict, action: str) -> Decided:
    text = encode(CONTRACT, decision)
    return Decided(request=request, text=text, decision=decision, is_valid=True, action=action)


def test_that_moved_limits_say_which_requests_would_go_elsewhere():
    talk = heard(talk_of("hello", "compare"), decided("r1", pinned.ANSWER, "answer"))
    talk = heard(talk, decided("r2", pinned.REASON, "reason"))
    same = preview_of(CONTRACT, talk.exchanges, Thresholds(), can_reason=True)
    assert same == "With these limits every request goes the way it went."
    strict = Thresholds(complexity=60, confidence=0.99)
    said = preview_of(CONTRACT, talk.exchanges, strict, can_reason=True)
    assert said == "With these limits 1 of 2 would go elsewhere: request 1: answer → clarify."
    lite = preview_of(CONTRACT, talk.exchanges, Thresholds(), can_reason=False)
    assert "request 2: reason → needs reasoner" in lite
    assert preview_of(CONTRACT, (), strict, can_reason=True) == ""


def replied(reply: str, action: str = "answer") -> Replied:
    return Replied(request="r1", query="q", decision=None, valid=True, action=action, reply=reply, ms=5, peak_mib=9)


def test_that_only_decisions_and_words_count_as_different():
    talk = heard(talk_of("q"), decided("r1", pinned.ANSWER, "answer"))
    left = Side(title="A", conversation=heard(talk, replied("Paris.")))
    right = Side(title="B", conversation=heard(talk, msgspec.structs.replace(replied("Paris."), ms=99, loads=1)))
    assert verdict(compared(left, right)) == "Both decide and say the same."
    other = Side(title="B", conversation=heard(talk, replied("Rome.", "reason")))
    lines = compared(left, other)
    assert [line.name for line in lines if line.differs] == ["Path", "Reply"]
    assert verdict(lines) == "They differ in path and reply."
    assert verdict(compared(left, Side())) == ""
    assert {line.name: line.left for line in lines}["Missing fields"] == "none"


def test_that_the_timeline_keeps_points_marks_and_caps():
    line = noted(Timeline(), Memory(time_s=1, rss_bytes=50))
    line = noted(line, Ledger(time_s=2, cause="x", cap_bytes=100, used_bytes=60, peak_bytes=60))
    for event in (
        ModelLoaded(time_s=3, tier=2, file="f", elapsed_ms=4), ModelUnloaded(time_s=4, tier=2, because="x"),
        LoadRefused(time_s=5, tier=2, needed_bytes=1, free_bytes=0, sentence="s"), replied("x"),
    ):  # fmt: skip
        line = noted(line, event)
    assert [mark.kind for mark in line.marks] == ["load", "unload", "refusal", "answer"]
    assert line.points == ((1, 50), (2, 60))
    assert line.caps == ((2, 100),)
    line = given_back(marked(line, 9, "kill", "x"), 9)
    assert line.points[-1] == (9, 0)
    assert Timeline().span_s == (0.0, 10.0)
