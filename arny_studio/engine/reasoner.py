"""Tier-2: messages → an answer in words, piece by piece as it is decoded."""

from __future__ import annotations

import codecs
import time
from collections.abc import Iterator, Sequence

from arny_studio.engine.chat_template import ChatTemplate, Message
from arny_studio.engine.held_prompt import HeldPrompt
from arny_studio.engine.llama_session import LlamaSession
from arny_studio.engine.prompt_cache import PromptCache
from arny_studio.engine.prompting import prompt_ids
from arny_studio.engine.sampling import Sampler

TOP_K, TOP_P = 40, 0.95


class Reasoner:
    """Writes answers with one session, which stays the caller's to close. `tokens` and times are of the last answer."""

    def __init__(self, session: LlamaSession, template: ChatTemplate, *, prompts: PromptCache | None = None) -> None:
        """`prompts` keeps what the system message costs on disk."""
        self.session, self.template = session, template
        self._held = HeldPrompt(session, template, prompts)
        self.prompt_tokens = 0
        self.tokens = 0
        self.prefill_ms = 0.0
        self.decode_ms = 0.0

    def stream(self, messages: Sequence[Message], *, temperature: float, max_tokens: int, seed: int) -> Iterator[str]:
        """The answer in whole characters, until the model ends its turn or the budget or context is spent.

        Raises ContextFull where the messages do not fit, Interrupted after `session.interrupt()`.
        """
        started = time.perf_counter()
        ids = prompt_ids(self.session, self.template, messages)
        self.prompt_tokens, self.tokens = len(ids), 0
        sampler = Sampler(temperature=temperature, top_k=TOP_K, top_p=TOP_P, seed=seed)
        text = codecs.getincrementaldecoder("utf-8")("replace")
        # The system message in a batch of its own, all else in another: the same seed then gives the same answer.
        logits = self.session.append(self._held.begin(messages, ids))
        self.prefill_ms = 1000 * (time.perf_counter() - started)
        room = min(max_tokens, self.session.context - len(ids))
        started = time.perf_counter()
        while self.tokens < room:
            token = sampler.choose(logits)
            if self.session.is_end(token):
                break
            self.tokens += 1
            self.decode_ms = 1000 * (time.perf_counter() - started)
            if piece := text.decode(self.session.piece(token)):
                yield piece
            logits = self.session.append([token])
        self.decode_ms = 1000 * (time.perf_counter() - started)
        if rest := text.decode(b"", final=True):
            yield rest
