"""Rendering: the ids transformers would give, and loss on what the assistant says and nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arny_studio.dataset.samples import Message
from arny_studio.engine.rendering import IGNORED, Rendered, Renderer
from arny_studio.errors import BadInput, MissingFile
from tests.tiny_models import make_tiny_base

# Qwen2.5's manner: a system message of its own where there is none.
INJECTING = (
    "{%- if messages[0]['role'] == 'system' %}{{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}"
    "{%- else %}{{- '<|im_start|>system\\nYou are Qwen.<|im_end|>\\n' }}{%- endif %}"
    "{%- for message in messages %}{%- if message.role != 'system' %}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}"
    "{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
TRIMMING = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content | trim }}<|im_end|>\n{% endfor %}"
)

# What people and models write, without the control tokens, which only templates write.
CONTENT = st.text(st.characters(codec="utf-8", exclude_characters="\ue000\ue001"), max_size=60).filter(
    lambda text: "<|" not in text
)
SPOKEN = CONTENT.filter(lambda text: text == text.strip())


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_base(tmp_path_factory.mktemp("base"), layers=1)


@pytest.fixture(scope="module")
def renderer(base: Path) -> Renderer:
    return Renderer.from_folder(base)


@pytest.fixture(scope="module")
def transformers_tokenizer(base: Path):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base, local_files_only=True)


def with_template(base: Path, folder: Path, template: str) -> Renderer:
    shutil.copytree(base, folder)
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    return Renderer.from_folder(folder)


def conversation(*contents: str, system: str | None = None) -> list[Message]:
    opening = [] if system is None else [Message("system", system)]
    turns = [Message("user" if index % 2 == 0 else "assistant", text) for index, text in enumerate(contents)]
    return [*opening, *turns]


def learnt_text(renderer: Renderer, rendered: Rendered) -> str:
    learnt = [label for label in rendered.labels if label != IGNORED]
    return renderer.tokenizer.decode(learnt, skip_special_tokens=False)


@given(contents=st.lists(CONTENT, min_size=2, max_size=6), system=st.none() | CONTENT)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_that_the_ids_are_those_of_transformers(
    contents: list[str], system: str | None, renderer: Renderer, transformers_tokenizer
):
    messages = conversation(*contents, system=system)
    turns = [{"role": message.role, "content": message.content} for message in messages]
    expected = transformers_tokenizer.apply_chat_template(turns, return_dict=True)["input_ids"]
    assert renderer.encode(messages).ids == expected
    prompt = transformers_tokenizer.apply_chat_template(turns, return_dict=True, add_generation_prompt=True)
    assert renderer.prompt_ids(messages) == prompt["input_ids"]


@given(asked=st.lists(CONTENT, min_size=1, max_size=3), said=st.lists(SPOKEN, min_size=3, max_size=3))
@settings(deadline=None)
def test_that_exactly_the_assistants_words_and_their_closing_token_are_learnt(
    asked: list[str], said: list[str], renderer: Renderer
):
    import unicodedata

    contents = [text for pair in zip(asked, said, strict=False) for text in pair]
    rendered = renderer.encode(conversation(*contents, system="S"))
    expected = "".join(f"{text}<|im_end|>" for text in said[: len(asked)])
    # The tokenizer normalises to NFC, as Qwen2's does.
    assert learnt_text(renderer, rendered) == unicodedata.normalize("NFC", expected)
    assert all(label in (IGNORED, token) for label, token in zip(rendered.labels, rendered.ids, strict=True))
    assert rendered.supervised == sum(label != IGNORED for label in rendered.labels)


def test_that_a_system_message_that_the_template_injects_shifts_nothing(base: Path, tmp_path: Path):
    renderer = with_template(base, tmp_path / "model", INJECTING)
    messages = conversation("You are Qwen.", "You are Qwen.")
    assert renderer.render(messages).count("You are Qwen.") == 3
    assert learnt_text(renderer, renderer.encode(messages)) == "You are Qwen.<|im_end|>"


def test_that_a_template_that_trims_is_followed(base: Path, tmp_path: Path):
    renderer = with_template(base, tmp_path / "model", TRIMMING)
    rendered = renderer.encode(conversation("  hi ", "  hello  "))
    assert learnt_text(renderer, rendered) == "hello<|im_end|>"


def test_that_a_template_that_rewrites_the_assistant_is_refused(base: Path, tmp_path: Path):
    shouting = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | upper }}<|im_end|>\n{% endfor %}"
    with pytest.raises(BadInput, match="rewrites what the assistant says"):
        with_template(base, tmp_path / "model", shouting)


def test_that_a_template_without_a_closing_token_is_refused(base: Path, tmp_path: Path):
    with pytest.raises(BadInput, match="would never learn to stop"):
        with_template(base, tmp_path / "model", "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}")


def test_that_a_template_in_the_tokenizers_configuration_is_found(base: Path, tmp_path: Path):
    folder = tmp_path / "model"
    shutil.copytree(base, folder)
    (folder / "chat_template.jinja").unlink()
    assert Renderer.from_folder(folder).end_of_turn == "<|im_end|>"
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config["chat_template"] = [{"name": "tools", "template": ""}, {"name": "default", "template": INJECTING}]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    assert "You are Qwen." in Renderer.from_folder(folder).render(conversation("hi"))


def test_that_a_long_conversation_is_cut_at_its_end_and_says_so(renderer: Renderer):
    messages = conversation("question", "a rather long answer that goes on and on", system="S")
    whole = renderer.encode(messages)
    cut = renderer.encode(messages, max_length=len(whole.ids) - 5)
    assert (cut.ids, cut.labels) == (whole.ids[:-5], whole.labels[:-5])
    assert (cut.is_truncated, cut.full_length) == (True, len(whole.ids))
    assert not renderer.encode(messages, max_length=len(whole.ids)).is_truncated


def test_that_many_are_encoded_as_one_by_one_and_a_bad_one_gives_its_reason(renderer: Renderer):
    good = [conversation("a", "b"), conversation("c", "d", "e", "f", system="S")]
    bad = conversation("injected<|im_end|>", "x")
    first, reason, second = renderer.encode_many([good[0], bad, good[1]])
    assert (first, second) == (renderer.encode(good[0]), renderer.encode(good[1]))
    assert isinstance(reason, BadInput)
    assert "Message 1 contains the control token <|im_end|>" in reason.sentence


def test_that_an_unknown_role_is_one_sentence(renderer: Renderer):
    class Turn:
        role, content = "oracle", "hi"

    with pytest.raises(BadInput, match="Message 1 has the role 'oracle'"):
        renderer.encode([Turn()])


def test_that_a_folder_without_tokenizer_or_template_says_which_file_is_missing(base: Path, tmp_path: Path):
    with pytest.raises(MissingFile, match="no model folder"):
        Renderer.from_folder(tmp_path / "nothing")
    shutil.copytree(base, tmp_path / "a")
    (tmp_path / "a" / "tokenizer.json").unlink()
    with pytest.raises(MissingFile, match=r"tokenizer\.json"):
        Renderer.from_folder(tmp_path / "a")
    shutil.copytree(base, tmp_path / "b")
    (tmp_path / "b" / "chat_template.jinja").unlink()
    (tmp_path / "b" / "tokenizer_config.json").write_text("{}")
    with pytest.raises(MissingFile, match="no chat template"):
        Renderer.from_folder(tmp_path / "b")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": "1.0", "model": null}'])
def test_that_a_damaged_tokenizer_file_is_one_sentence(content: str, base: Path, tmp_path: Path):
    shutil.copytree(base, tmp_path / "model")
    (tmp_path / "model" / "tokenizer.json").write_text(content)
    with pytest.raises(BadInput, match="not a tokenizer file"):
        Renderer.from_folder(tmp_path / "model")


def test_that_code_in_a_template_is_refused(base: Path, tmp_path: Path):
    hostile = "{{ messages.__class__.__mro__ }}" + INJECTING
    with pytest.raises(BadInput, match="chat template"):
        with_template(base, tmp_path / "model", hostile)


def test_that_rendering_needs_neither_torch_nor_transformers():
    import subprocess
    import sys

    probe = (
        "import sys, arny_studio.engine.finetune; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'trl', 'peft', 'datasets')))"
    )
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0


@given(st.lists(SPOKEN, min_size=2, max_size=4), st.integers(1, 60))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_that_a_trace_is_what_training_encodes_with_every_token_in_its_place(renderer, contents, limit):
    turns = [Message("assistant" if number % 2 else "user", content) for number, content in enumerate(contents)]
    traced, trained = renderer.trace(turns, max_length=limit), renderer.encode(turns, max_length=limit)
    assert (traced.ids[: traced.kept], traced.labels[: traced.kept]) == (trained.ids, trained.labels)
    assert (traced.kept, traced.supervised) == (len(trained.ids), trained.supervised)
    assert traced.text == renderer.render(turns)
    assert len(traced.ids) == len(traced.offsets) == trained.full_length
    assert max((end for _, end in traced.offsets), default=0) == len(traced.text)
