"""A GGUF as a `Reader` for the parity gate: decisions side by side, and logits along given answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from arny_studio.contract import load_contract
from arny_studio.engine.llama_session import ContextFull, LlamaSession, common_length
from arny_studio.engine.prompting import prompt_ids, template_of
from arny_studio.engine.replay import (
    MAX_TOKENS,
    SIDE_BY_SIDE,
    Case,
    HeldOut,
    Logits,
    ReplayOrder,
    context_for,
    decode_speed,
    peak_resident_bytes,
    places_per_case,
    spread_places,
)
from arny_studio.engine.router_decoding import RouterDecoder


class GgufReader:
    """Reads with one session; speed and memory were taken beforehand, with one conversation alone."""

    def __init__(self, session: LlamaSession, order: ReplayOrder, speed: float, peak: int) -> None:
        self._session, self._order = session, order
        self._template = template_of(session)
        self.tokens_per_s: float | None = speed
        self.peak_bytes: int | None = peak
        self.vocab = session.n_vocab

    @classmethod
    @contextmanager
    def open(cls, order: ReplayOrder) -> Iterator[GgufReader]:
        """Load the order's model, first as a phone would, then wide enough to read several prompts side by side."""
        path, context = Path(order.model), context_for(order.prompts)
        with LlamaSession.open(path, context=context, threads=order.threads) as alone:
            speed = _speed(alone, order.prompts)
            peak = peak_resident_bytes()
        with LlamaSession.open(path, context=context, threads=order.threads, sequences=SIDE_BY_SIDE + 1) as session:
            yield cls(session, order, speed, peak)

    def decide(self, prompts: Sequence[HeldOut]) -> Iterator[tuple[str, int]]:
        """Greedy decisions, unconstrained: under the schema every file answers with JSON, however damaged it is."""
        decoder = RouterDecoder(self._session, load_contract(self._order.contract), self._template)
        conversations = [prompt.messages for prompt in prompts]
        for route in decoder.decide_many(conversations, constrained=False, max_tokens=MAX_TOKENS):
            yield (f"({route.sentence})", 0) if isinstance(route, ContextFull) else (route.text, route.tokens_total)

    def cases(self, prompts: Sequence[HeldOut], answers: Sequence[str]) -> list[Case]:
        """Answers end with the token that ends a turn, since a model that no longer stops is a broken one."""
        end = self._session.control_token(self._session.eos_token)
        most = places_per_case(len(prompts), self.vocab)
        made: list[Case] = []
        for prompt, answer in zip(prompts, answers, strict=True):
            asked = prompt_ids(self._session, self._template, prompt.messages)
            told = self._session.tokenize(answer) + ([] if end is None else [end])
            fits = len(asked) + len(told) <= self._session.context
            made.append(Case(prompt=asked, answer=told, places=spread_places(len(told), most) if fits else []))
        return made

    def read(self, cases: Sequence[Case]) -> Iterator[tuple[int, int, Logits]]:
        """Several answers side by side; what all prompts begin with is read once."""
        wanted = [(number, case) for number, case in enumerate(cases) if case.places]
        shared = _shared_prefix([case.prompt for _, case in wanted])
        self._session.truncate(0)
        if shared:
            self._session.append(shared)
        for start in range(0, len(wanted), SIDE_BY_SIDE):
            yield from self._read_group(dict(enumerate(wanted[start : start + SIDE_BY_SIDE], start=1)), len(shared))

    def _read_group(self, group: dict[int, tuple[int, Case]], shared: int) -> Iterator[tuple[int, int, Logits]]:
        for sequence in group:
            self._session.copy_sequence(0, sequence)
        for place in range(max(len(case.places) for _, case in group.values())):
            parts = [
                (sequence, _next_tokens(case, place, shared))
                for sequence, (_, case) in group.items()
                if place < len(case.places)
            ]
            for (sequence, _), logits in zip(parts, self._session.append_all(parts), strict=True):
                yield group[sequence][0], place, logits
        for sequence in group:
            self._session.truncate(0, sequence)


def _speed(session: LlamaSession, prompts: Sequence[HeldOut]) -> float:
    logits = session.append(prompt_ids(session, template_of(session), prompts[0].messages))

    def step() -> None:
        nonlocal logits
        logits = session.append([int(np.argmax(logits))])

    return decode_speed(step)


def _next_tokens(case: Case, place: int, shared: int) -> list[int]:
    """What lies between the last place that was looked at and this one."""
    if place == 0:
        return case.prompt[shared:] + case.answer[: case.places[0]]
    return case.answer[case.places[place - 1] : case.places[place]]


def _shared_prefix(prompts: Sequence[list[int]]) -> list[int]:
    """What all begin with, short of the last token, so that each has something of its own to feed."""
    if not prompts:
        return []
    length = min(len(prompt) for prompt in prompts) - 1
    for prompt in prompts[1:]:
        length = min(length, common_length(prompts[0], prompt))
    return prompts[0][:length]
