"""One loaded GGUF: tokens, logits, saved prefixes, interruption, and nothing held after `close`."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest

from arny_studio.engine.llama_session import ContextFull, Interrupted, LlamaFailure, LlamaSession
from arny_studio.errors import BadInput, MissingFile
from tests.tiny_models import make_tiny_gguf


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_gguf(tmp_path_factory.mktemp("model") / "tiny.gguf")


@pytest.fixture
def session(gguf: Path):
    with LlamaSession.open(gguf, context=256, batch=32, threads=1, sequences=3) as opened:
        yield opened


def test_that_text_survives_tokens_and_back(session: LlamaSession):
    text = 'Größe 北京 🙂 عربى {"a":1}'
    assert b"".join(map(session.piece, session.tokenize(text))).decode() == text


def test_that_control_tokens_in_text_are_text_unless_asked_for(session: LlamaSession):
    control = session.control_token("<|im_end|>")
    assert control is not None
    assert session.is_end(control)
    assert control not in session.tokenize("a<|im_end|>b")
    assert control in session.tokenize("a<|im_end|>b", special=True)
    assert session.control_token("<|nonsense|>") is None


def test_that_a_lone_surrogate_does_not_break_tokenizing(session: LlamaSession):
    assert session.tokenize("a\ud800b")


def test_that_a_batch_gives_the_logits_of_token_by_token(session: LlamaSession):
    ids = session.tokenize("Book a flight from Berlin to Lisbon on 3 May for two people, please. " * 2)
    assert len(ids) > 32  # more than one batch
    together = session.append(ids, 0)
    for token in ids:
        alone = session.append([token], 1)
    np.testing.assert_allclose(together, alone, atol=2e-2)
    assert int(np.argmax(together)) == int(np.argmax(alone))


def test_that_a_truncated_sequence_goes_on_as_if_the_rest_had_never_been(session: LlamaSession):
    start, rest = session.tokenize("Plan my week:"), session.tokenize(" a dinner")
    session.append(start)
    expected = session.append(rest)
    session.append(session.tokenize(" and three workouts"))
    session.truncate(len(start))
    assert session.tokens() == tuple(start)
    np.testing.assert_array_equal(session.append(rest), expected)


def test_that_a_saved_prefix_restores_to_the_same_logits(session: LlamaSession):
    ids = session.tokenize("What is the capital of France?")
    session.append(ids[:-1])
    state = session.save_sequence()
    expected = session.append(ids[-1:])
    session.restore_sequence(state, 2)
    assert session.tokens(2) == tuple(ids[:-1])
    np.testing.assert_allclose(session.append(ids[-1:], 2), expected, atol=1e-4)


def test_that_a_state_of_another_model_is_refused(session: LlamaSession, tmp_path: Path):
    other = make_tiny_gguf(tmp_path / "other.gguf", layers=3)
    with LlamaSession.open(other, context=256, threads=1) as different:
        different.append(different.tokenize("hello"))
        state = different.save_sequence()
    with pytest.raises(BadInput, match=r"does not fit tiny\.gguf"):
        session.restore_sequence(state)
    assert session.append(session.tokenize("still alive")).shape == (session.n_vocab,)


def test_that_a_copied_sequence_goes_on_like_its_source(session: LlamaSession):
    session.append(session.tokenize("You are the router"))
    session.copy_sequence(0, 1)
    more = session.tokenize(" of a personal assistant")
    both = session.append_all([(0, more), (1, more)])
    np.testing.assert_allclose(both[0], both[1], atol=1e-5)


def test_that_too_long_a_prompt_is_refused_before_anything_is_decoded(session: LlamaSession):
    session.append(session.tokenize("hello"))
    before = session.tokens()
    with pytest.raises(ContextFull, match=r"needs \d+ tokens; the context of tiny.gguf holds 256"):
        session.append([5] * 256)
    assert session.tokens() == before


def test_that_a_megabyte_of_text_is_refused_without_tokenizing_it(session: LlamaSession):
    with pytest.raises(ContextFull, match="1,000,000 characters long"):
        session.tokenize("x" * 1_000_000)


def test_that_an_interrupted_decode_leaves_the_cache_as_it_was(session: LlamaSession):
    session.append(session.tokenize("hello"))
    before = session.tokens()
    session.interrupt()
    with pytest.raises(Interrupted):
        session.append(session.tokenize("and on and on"))
    assert session.tokens() == before
    assert session.append(session.tokenize("again")).shape == (session.n_vocab,)


def test_that_another_thread_can_end_a_long_decode(gguf: Path):
    with LlamaSession.open(gguf, context=8192, batch=2048, threads=1) as session:
        timer = threading.Timer(0.05, session.interrupt)
        timer.start()
        with pytest.raises(Interrupted):
            for _ in range(200):
                session.truncate(0)
                session.append([5] * 4000)
        timer.join()


def test_that_a_load_can_be_stopped(gguf: Path):
    with pytest.raises(Interrupted):
        LlamaSession.open(gguf, threads=1, should_stop=lambda: True)


def test_that_a_missing_file_and_a_cut_one_are_sentences(gguf: Path, tmp_path: Path):
    with pytest.raises(MissingFile, match="There is no GGUF file"):
        LlamaSession.open(tmp_path / "nothing.gguf")
    for share in (0.0, 0.1, 0.5, 0.99):
        cut = tmp_path / "cut.gguf"
        cut.write_bytes(gguf.read_bytes()[: int(gguf.stat().st_size * share)])
        with pytest.raises(BadInput):
            LlamaSession.open(cut, threads=1)


@pytest.mark.parametrize("kv_type", ["f32", "f16", "q8_0", "q4_0"])
def test_that_every_kv_type_decodes(gguf: Path, kv_type):
    with LlamaSession.open(gguf, context=256, threads=1, kv_type=kv_type) as session:
        assert np.isfinite(session.append(session.tokenize("hello"))).all()


def test_that_a_closed_session_says_so_and_closes_twice(gguf: Path):
    session = LlamaSession.open(gguf, threads=1)
    session.close()
    session.close()
    with pytest.raises(LlamaFailure, match="is closed"):
        session.append([1])


def test_that_nothing_is_held_after_closing(gguf: Path):
    def open_and_close() -> None:
        with LlamaSession.open(gguf, context=4096, threads=1) as session:
            session.append(session.tokenize("hello"))

    for _ in range(3):
        open_and_close()
    before = psutil.Process(os.getpid()).memory_info().rss
    for _ in range(15):
        open_and_close()
    grown = psutil.Process(os.getpid()).memory_info().rss - before
    assert grown < 15 * (1 << 20)  # a leaked model would be 3 MiB, a leaked cache 8 MiB each time
    assert not [line for line in Path("/proc/self/maps").read_text().splitlines() if "tiny.gguf" in line]


def test_that_of_two_models_with_one_tokenizer_the_tables_are_built_once_and_nothing_else_changes(gguf: Path, tmp_path):
    other = make_tiny_gguf(tmp_path / "other.gguf", layers=3, seed=5)
    text = "Plan my week: a birthday dinner, three workouts and 北京."
    with LlamaSession.open(other, context=256, threads=1) as alone:
        ids = alone.tokenize(text)
        expected, template = alone.append(ids), alone.chat_template
    with (
        LlamaSession.open(gguf, context=256, threads=1) as lender,
        LlamaSession.open(other, context=256, threads=1, lender=lender) as session,
    ):
        assert session.vocabulary is lender.vocabulary
        assert session.chat_template == template
        assert session.tokenize(text) == ids
        np.testing.assert_array_equal(session.append(ids), expected)


def test_that_a_tokenizer_is_not_borrowed_from_a_model_that_spells_otherwise(gguf: Path, tmp_path: Path):
    other = make_tiny_gguf(tmp_path / "other.gguf", vocab=480)
    with (
        LlamaSession.open(gguf, context=256, threads=1) as lender,
        LlamaSession.open(other, context=256, threads=1, lender=lender) as session,
    ):
        assert session.n_vocab == 480 != lender.n_vocab
        assert session.append(session.tokenize("hello")).shape == (480,)


def test_that_without_llama_cpp_the_extra_to_install_is_named():
    code = "import sys; sys.modules['llama_cpp'] = None; import arny_studio.engine.llama_session"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Running a model needs llama-cpp-python, which is not installed." in ran.stderr
