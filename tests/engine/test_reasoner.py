"""Tier-2's answers: whole characters, seeded, bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from arny_studio.engine.chat_template import Message
from arny_studio.engine.llama_session import ContextFull, Interrupted, LlamaSession
from arny_studio.engine.prompt_cache import PromptCache
from arny_studio.engine.prompting import template_of
from arny_studio.engine.reasoner import Reasoner
from tests.tiny_models import make_tiny_gguf


@pytest.fixture(scope="module")
def reasoner(tmp_path_factory: pytest.TempPathFactory):
    path: Path = make_tiny_gguf(tmp_path_factory.mktemp("model") / "tiny.gguf", seed=4)
    with LlamaSession.open(path, context=128, threads=1) as session:
        yield Reasoner(session, template_of(session))


def said(reasoner: Reasoner, words: str, *, temperature: float = 1.2, max_tokens: int = 30, seed: int = 1) -> list[str]:
    messages = [Message("user", words)]
    return list(reasoner.stream(messages, temperature=temperature, max_tokens=max_tokens, seed=seed))


def test_that_pieces_are_whole_characters_and_the_seed_decides(reasoner: Reasoner):
    first = said(reasoner, "hello")
    assert all(piece for piece in first)
    assert "".join(first).encode()
    assert said(reasoner, "hello") == first
    assert said(reasoner, "hello", seed=2) != first


def test_that_a_system_message_kept_on_disk_changes_no_word(reasoner: Reasoner, tmp_path: Path):
    messages = [Message("system", "You answer in plain words."), Message("user", "hello")]

    def answer(prompts: PromptCache | None) -> str:
        with LlamaSession.open(reasoner.session.path, context=128, threads=1) as session:
            reader = Reasoner(session, template_of(session), prompts=prompts)
            return "".join(reader.stream(messages, temperature=1.2, max_tokens=30, seed=1))

    expected = answer(None)
    assert answer(PromptCache(tmp_path)) == expected  # read, and kept
    assert len(list(tmp_path.glob("*.state"))) == 1
    assert answer(PromptCache(tmp_path)) == expected  # from disk


def test_that_it_ends_at_the_budget_and_at_the_end_of_the_context(reasoner: Reasoner):
    said(reasoner, "hello", max_tokens=5)
    assert reasoner.tokens <= 5
    said(reasoner, "hello", max_tokens=4000)
    assert reasoner.tokens <= 128 - reasoner.prompt_tokens
    assert reasoner.prefill_ms > 0
    assert reasoner.decode_ms > 0


def test_that_too_long_a_question_is_refused(reasoner: Reasoner):
    with pytest.raises(ContextFull):
        said(reasoner, "word " * 200)


def test_that_an_interrupt_ends_the_stream(reasoner: Reasoner):
    stream = reasoner.stream([Message("user", "hi")], temperature=0, max_tokens=50, seed=0)
    next(stream)
    reasoner.session.interrupt()
    with pytest.raises(Interrupted):
        list(stream)
    assert said(reasoner, "hello")
