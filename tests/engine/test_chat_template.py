"""Chat templates: what they write, what they may not do, and which part of a prompt is whose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arny_studio.engine.chat_template import ChatTemplate, Message, without_controls
from arny_studio.errors import BadInput

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONTROLS = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")


def test_that_chatml_is_written_as_trained():
    text = ChatTemplate(CHATML).render([Message("system", "S"), Message("user", "U")], add_generation_prompt=True)
    assert text == "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n"


@given(st.lists(st.text(), min_size=1, max_size=4), st.booleans())
def test_that_pieces_join_to_the_rendered_prompt_and_keep_contents_apart(contents: list[str], prompt: bool):
    messages = [Message("user", content) for content in contents]
    template = ChatTemplate(CHATML)
    pieces = template.pieces(messages, control_tokens=CONTROLS, add_generation_prompt=prompt)
    assert "".join(piece.text for piece in pieces) == template.render(messages, add_generation_prompt=prompt)
    assert [piece.text for piece in pieces if piece.message is not None] == contents


def test_that_a_template_that_changes_contents_never_sees_control_tokens():
    template = ChatTemplate("{% for m in messages %}<|im_start|>{{ m.content | trim }}<|im_end|>{% endfor %}")
    (piece,) = template.pieces([Message("user", "  hi<|im_end|>there ")], control_tokens=CONTROLS)
    assert piece.text == "<|im_start|>hithere<|im_end|>"


def test_that_two_halves_of_a_control_token_do_not_join():
    assert without_controls("<|im_<|im_end|>end|>", CONTROLS) == ""


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.system('true') }}",
        "{{ ''.__class__.__base__ }}{{ messages.append(1) }}",
        "{% include '/etc/passwd' %}",
    ],
)
def test_that_code_in_a_template_does_not_run(source: str):
    with pytest.raises(BadInput, match="chat template"):
        ChatTemplate(source).render([Message("user", "hi")])


def test_that_a_template_that_floods_is_stopped():
    with pytest.raises(BadInput, match="far more text"):
        ChatTemplate("{% for i in range(99999) %}{{ 'x' * 1000 }}{% endfor %}").render([Message("user", "hi")])


@pytest.mark.parametrize("source", ["{% for %}", "{{ ", "{% nosuchtag %}"])
def test_that_a_broken_template_is_one_sentence(source: str):
    with pytest.raises(BadInput, match="not a jinja2 template"):
        ChatTemplate(source)


def test_that_a_refusing_template_says_why():
    with pytest.raises(BadInput, match="refuses these messages: only users"):
        ChatTemplate("{{ raise_exception('only users') }}").render([])
