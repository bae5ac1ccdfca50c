"""Messages → token ids, exactly as training made them, and with no way for a message to forge a control token.

The template's own text may hold control tokens; what people and models wrote may not: there they count as plain text.
Stretches between control tokens are tokenized as one text, since BPE merges across the seam of template and content.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from arny_studio.engine.chat_template import ChatTemplate, Message, Piece
from arny_studio.engine.llama_session import LlamaSession
from arny_studio.errors import BadInput

# How control tokens are spelt in the vocabularies that llama.cpp knows: <|im_end|>, <end_of_turn>, </s>, [INST].
_CONTROL_LIKE = re.compile(r"(<\|[^|<>]{1,60}\|>|</?[A-Za-z_0-9]{1,60}>|\[/?[A-Z_]{1,40}\])")


def template_of(session: LlamaSession) -> ChatTemplate:
    """The chat template in the GGUF. Raises BadInput where it has none."""
    if not session.chat_template:
        raise BadInput(f"{session.path.name} carries no chat template.", hint="Export it again with its tokenizer.")
    tokens = {"bos_token": session.bos_token, "eos_token": session.eos_token}
    return ChatTemplate(session.chat_template, **tokens, of=session.path.name)


def prompt_ids(session: LlamaSession, template: ChatTemplate, messages: Sequence[Message]) -> list[int]:
    """Token ids of a conversation up to and including the opening of the assistant's turn."""
    ids: list[int] = []
    plain = ""
    for piece in _pieces(session, template, messages):
        if piece.message is not None:
            plain += piece.text
            continue
        for part in _CONTROL_LIKE.split(piece.text):
            control = session.control_token(part) if _CONTROL_LIKE.fullmatch(part) else None
            if control is None:
                plain += part
                continue
            ids += session.tokenize(plain)
            plain = ""
            ids.append(control)
    return ids + session.tokenize(plain)


def prompt_text(session: LlamaSession, template: ChatTemplate, messages: Sequence[Message]) -> str:
    """The text that `prompt_ids` turns into tokens, control tokens spelt out."""
    return "".join(piece.text for piece in _pieces(session, template, messages))


def _pieces(session: LlamaSession, template: ChatTemplate, messages: Sequence[Message]) -> list[Piece]:
    # Qwen2's tokenizer normalizes to NFC before it splits; llama.cpp does not.
    turns = [Message(message.role, unicodedata.normalize("NFC", message.content)) for message in messages]
    controls = {found for turn in turns for found in _CONTROL_LIKE.findall(turn.content)}
    forged = [text for text in controls if session.control_token(text) is not None]
    return template.pieces(turns, control_tokens=forged, add_generation_prompt=True)
