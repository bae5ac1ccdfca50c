"""Messages → routing decision: the one decoder behind Chat, Evaluate and the command.

Constrained decoding keeps a matcher of the contract's schema beside the model. What the schema forces is fed in one
batch without asking the model; a token the model never has to confirm costs a third of one it chooses. Near the end of
its budget the decoder closes strings, numbers and lists as soon as the schema allows, so that the text is always whole
JSON. Decisions are validated after decoding in any case: no grammar carries the cross-field rules.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from arny_studio.contract import Contract, Decoded, decode
from arny_studio.engine.chat_template import ChatTemplate, Message
from arny_studio.engine.constraint import Constraint
from arny_studio.engine.llama_session import ContextFull, Interrupted, LlamaFailure, LlamaSession, common_length
from arny_studio.engine.prompting import prompt_ids
from arny_studio.engine.sampling import Sampler

DEFAULT_MAX_TOKENS = 256
LEAST_ROOM = 64  # a context that leaves less for the decision is full
# Where the budget runs out, the first of these that the schema allows is taken: tokens that are, or begin with, a text.
_Closer = tuple[Literal["is", "begins"], bytes]
_CLOSERS_IN_STRING: tuple[_Closer, ...] = (("begins", b'"}'), ("begins", b'"]'), ("is", b'"'), ("begins", b'"'))
_CLOSERS_ELSEWHERE: tuple[_Closer, ...] = (("begins", b"}"), ("begins", b"]"), ("begins", b","), ("begins", b'"'))


_GREEDY = Sampler()


class DecodedRoute(Struct, frozen=True, kw_only=True):
    """A decision as decoded and what it cost. Forced tokens came from the schema, not from the model."""

    text: str
    decoded: Decoded
    stages_ms: dict[str, float]  # prompt (rendering and tokens), prefill, decode
    prompt_tokens: int
    tokens_total: int
    tokens_forced: int = 0
    is_cut: bool = False  # the budget ended the text, or made the decoder close it early

    @property
    def tokens_chosen(self) -> int:
        return self.tokens_total - self.tokens_forced


class RouterDecoder:
    """Routes with one session and one contract. The session stays the caller's to close."""

    def __init__(self, session: LlamaSession, contract: Contract, template: ChatTemplate) -> None:
        self.session, self.contract, self.template = session, contract, template
        self._prefixes: dict[str, tuple[int, ...]] = {}

    def decide(
        self,
        messages: Sequence[Message],
        *,
        constrained: bool = True,
        temperature: float = 0.0,
        max_tokens: int = DEFAULT_MAX_TOKENS,
        seed: int = 0,
        threshold: int | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> DecodedRoute:
        """The decision about the last message. `messages` begin with the contract's system prompt.

        Reads only what follows the system message, so the decision does not hang on what was asked before.
        Raises ContextFull where they do not fit, Interrupted where `should_stop` said so between two tokens.
        """
        started = time.perf_counter()
        ids = prompt_ids(self.session, self.template, messages)
        prompted = time.perf_counter()
        writing = self._writing(len(ids), constrained, max_tokens)
        logits = self.session.append([*self._seated(0, messages, ids), *writing.begin()])
        prefilled = time.perf_counter()
        sampler = Sampler(temperature=temperature, seed=seed)
        while (pending := writing.take(logits, sampler)) is not None:
            if should_stop():
                raise Interrupted
            logits = self.session.append(pending)
        ended = time.perf_counter()
        stages = {"prompt": prompted - started, "prefill": prefilled - prompted, "decode": ended - prefilled}
        return self._route(writing, len(ids), stages, threshold)

    def decide_many(
        self,
        conversations: Iterable[Sequence[Message]],
        *,
        constrained: bool = True,
        max_tokens: int = DEFAULT_MAX_TOKENS,
    ) -> Iterator[DecodedRoute | ContextFull]:
        """Greedy decisions about many conversations, in their order; several are decoded side by side.

        Uses every sequence of the session but the first, which holds what the conversations share. One that does not
        fit the context comes out as the reason. Needs a session of at least two sequences.
        """
        idle = list(range(1, self.session.sequences))
        running: dict[int, _Row] = {}
        done: dict[int, DecodedRoute | ContextFull] = {}
        following = 0
        for number, messages in enumerate(conversations):
            try:
                row = self._begin(number, messages, constrained, max_tokens)
            except ContextFull as error:
                done[number] = error
                continue
            while not idle:
                idle += self._advance(running, done)
            sequence = idle.pop()
            row.pending = self._seated(sequence, messages, row.pending)
            running[sequence] = row
            while following in done:
                yield done.pop(following)
                following += 1
        while running:
            self._advance(running, done)
        yield from (done[number] for number in sorted(done))

    def warm(self, system: Message) -> None:
        """Read what all queries share ahead of the first one."""
        self._hold(self._prefix_of(system))

    def _seated(self, sequence: int, messages: Sequence[Message], ids: Sequence[int]) -> Sequence[int]:
        """Let a sequence hold the system message and nothing else; returns the tokens that are still to be fed."""
        prefix = self._prefix_of(messages[0])
        if tuple(ids[: len(prefix)]) != prefix:
            prefix = ()
        self._hold(prefix)
        if sequence:
            self.session.copy_sequence(0, sequence)
        return ids[len(prefix) :]

    def _hold(self, prefix: tuple[int, ...]) -> None:
        """Sequence 0 is the prefix, read in one batch of its own: its KV values are then the same every time."""
        if self.session.tokens(0)[: len(prefix)] != prefix:
            self.session.truncate(0)
            self.session.append(prefix)
        self.session.truncate(len(prefix))

    def _prefix_of(self, system: Message) -> tuple[int, ...]:
        """The tokens that every conversation with this system message begins with."""
        if system.role != "system":
            return ()
        if system.content not in self._prefixes:
            alone = prompt_ids(self.session, self.template, [system])
            asked = prompt_ids(self.session, self.template, [system, Message("user", "x")])
            self._prefixes[system.content] = tuple(asked[: common_length(alone, asked)])
        return self._prefixes[system.content]

    def _begin(self, number: int, messages: Sequence[Message], constrained: bool, max_tokens: int) -> _Row:
        ids = prompt_ids(self.session, self.template, messages)
        writing = self._writing(len(ids), constrained, max_tokens)
        return _Row(number, writing, [*ids, *writing.begin()], len(ids))

    def _advance(self, running: dict[int, _Row], done: dict[int, DecodedRoute | ContextFull]) -> list[int]:
        """One batch for all rows. Those that ended move to `done`; returns the sequences they leave."""
        logits = self.session.append_all([(sequence, row.pending) for sequence, row in running.items()])
        left: list[int] = []
        for (sequence, row), row_logits in zip(list(running.items()), logits, strict=True):
            pending = row.writing.take(row_logits, _GREEDY)
            if pending is None:
                done[row.number] = self._route(row.writing, row.prompt_tokens, row.stages(), None)
                self.session.truncate(0, sequence)  # its cells would cost every other row attention
                left.append(sequence)
                del running[sequence]
            else:
                row.pending = pending
        return left

    def _route(
        self, writing: _FreeText | _UnderSchema, prompt_tokens: int, stages: dict[str, float], threshold: int | None
    ) -> DecodedRoute:
        return DecodedRoute(
            text=writing.text,
            decoded=decode(self.contract, writing.text, threshold=threshold),
            stages_ms={name: 1000 * seconds for name, seconds in stages.items()},
            prompt_tokens=prompt_tokens,
            tokens_total=len(writing.tokens),
            tokens_forced=writing.forced,
            is_cut=writing.is_cut,
        )

    def _writing(self, prompt_tokens: int, constrained: bool, max_tokens: int) -> _FreeText | _UnderSchema:
        """A fresh text with what room the context leaves. Raises ContextFull where it leaves next to none."""
        left = self.session.context - prompt_tokens
        if left < LEAST_ROOM:
            raise ContextFull(
                f"The conversation takes {prompt_tokens:,} tokens; the context of {self.session.path.name} holds "
                f"{self.session.context:,} and needs {LEAST_ROOM} of them for the decision.",
                hint="Shorten the text or choose a longer context.",
            )
        room = min(max_tokens, left)
        if not constrained:
            return _FreeText(self.session, room)
        return _UnderSchema(self.session, self._constraint.matcher(), self._closing, room)

    @cached_property
    def _constraint(self) -> Constraint:
        return Constraint(self.session, self.contract)

    @cached_property
    def _closing(self) -> _ClosingCost:
        return _ClosingCost(self.session, self.contract)


class _Row:
    """One of several conversations on their way through the model."""

    def __init__(
        self, number: int, writing: _FreeText | _UnderSchema, pending: Sequence[int], prompt_tokens: int
    ) -> None:
        self.number, self.writing, self.pending, self.prompt_tokens = number, writing, pending, prompt_tokens
        self._started = time.perf_counter()

    def stages(self) -> dict[str, float]:
        """Seconds from its first batch on; several rows share them."""
        return {"shared": time.perf_counter() - self._started}


class _FreeText:
    """The model writes as it likes, until it ends its turn or the budget is spent."""

    forced = 0

    def __init__(self, session: LlamaSession, room: int) -> None:
        self._session, self._room = session, room
        self.tokens: list[int] = []
        self.is_cut = False

    @property
    def text(self) -> str:
        return b"".join(map(self._session.piece, self.tokens)).decode("utf-8", "replace")

    def begin(self) -> list[int]:
        """Tokens that need no choice: none."""
        return []

    def take(self, logits: NDArray[np.float32], sampler: Sampler) -> list[int] | None:
        """Choose a token; what to feed for the next logits, or None at the end."""
        token = sampler.choose(logits)
        if self._session.is_end(token):
            return None
        if len(self.tokens) >= self._room:
            self.is_cut = True
            return None
        self.tokens.append(token)
        return [token]


class _UnderSchema:
    """The model fills in what the schema leaves open."""

    def __init__(self, session: LlamaSession, matcher: Any, closing: _ClosingCost, room: int) -> None:
        self._session, self._matcher, self._closing, self._room = session, matcher, closing, room
        self._raw = b""
        self.tokens: list[int] = []
        self.forced = 0
        self.is_cut = False

    @property
    def text(self) -> str:
        return self._raw.decode("utf-8", "replace")

    def begin(self) -> list[int]:
        """The tokens that open every decision; they are read together with the prompt."""
        return self._add_forced()

    def take(self, logits: NDArray[np.float32], sampler: Sampler) -> list[int] | None:
        """Add a chosen token and what it forces; what to feed for the next logits, or None at the end."""
        token = self._choose(logits, sampler)
        if self._session.is_end(token):
            return None
        self._add([token])
        pending = [token, *self._add_forced()]
        return None if self._is_over() else pending

    def _choose(self, logits: NDArray[np.float32], sampler: Sampler) -> int:
        allowed = self._allowed(logits.size)
        if self._room - len(self.tokens) <= self._closing.tokens_after(self._raw):
            self.is_cut = True
            return self._closing.shortest(self._raw, allowed, logits)
        return sampler.choose(np.where(allowed, logits, -np.inf))

    def _allowed(self, size: int) -> NDArray[np.bool_]:
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        allowed = np.unpackbits(bits, bitorder="little")[:size].astype(bool)
        if self._matcher.is_error() or not allowed.any():
            raise LlamaFailure(f"The schema leaves no token to choose: {self._matcher.get_error() or self.text[-80:]}")
        return allowed

    def _add_forced(self) -> list[int]:
        forced = self._matcher.compute_ff_tokens()
        forced = [token for token in forced if not self._session.is_end(token)]
        self._add(forced)
        self.forced += len(forced)
        return forced

    def _add(self, tokens: Sequence[int]) -> None:
        if tokens and not self._matcher.consume_tokens(list(tokens)):
            raise LlamaFailure(f"The schema refused its own tokens: {self._matcher.get_error()}")
        self.tokens += tokens
        self._raw += b"".join(map(self._session.piece, tokens))

    def _is_over(self) -> bool:
        if self._matcher.is_stopped():
            return True
        is_spent = len(self.tokens) >= self._room
        self.is_cut |= is_spent
        return is_spent


class _ClosingCost:
    """How many tokens it takes at least to end a decision from where it is, and which token ends it soonest."""

    _MARGIN = 12  # the value that is open now: a closing quote, a bracket, a number's last digit

    def __init__(self, session: LlamaSession, contract: Contract) -> None:
        self._session = session
        self._order = [json.dumps(name).encode() + b":" for name in contract.fields]
        costs = [
            len(session.tokenize(f"{json.dumps(name)}:{_longest_plain_value(node)},"))
            for name, node in contract.schema["properties"].items()
        ]
        self._after = [sum(costs[n:]) + self._MARGIN for n in range(len(costs) + 1)]

    def tokens_after(self, raw: bytes) -> int:
        """Tokens needed for every field that `raw` has not begun yet, and for closing the one it is in."""
        begun, at = 0, 0
        for name in self._order:
            found = raw.find(name, at)
            if found < 0:
                break
            begun, at = begun + 1, found + len(name)
        return self._after[begun]

    def shortest(self, raw: bytes, allowed: NDArray[np.bool_], logits: NDArray[np.float32]) -> int:
        """The likeliest token among those that close most of what is open in `raw`."""
        for closer in _CLOSERS_IN_STRING if _is_inside_string(raw) else _CLOSERS_ELSEWHERE:
            closers = self._closers[closer]
            best = closers[allowed[closers]]
            if best.size:
                return int(best[np.argmax(logits[best])])
        return int(np.argmax(np.where(allowed, logits, -np.inf)))

    @cached_property
    def _closers(self) -> dict[_Closer, NDArray[np.int64]]:
        pieces = [self._session.piece(token) for token in range(self._session.n_vocab)]
        return {
            (how, text): np.array(
                [
                    token
                    for token, piece in enumerate(pieces)
                    if piece == text or (how == "begins" and piece[: len(text)] == text)
                ],
                np.int64,
            )
            for how, text in {*_CLOSERS_IN_STRING, *_CLOSERS_ELSEWHERE}
        }


def _is_inside_string(raw: bytes) -> bool:
    return re.sub(rb"\\.", b"", raw, flags=re.DOTALL).count(b'"') % 2 == 1


def _longest_plain_value(node: dict[str, Any]) -> str:
    """The value that a field closes with at worst once the decoder closes what it can."""
    values = [json.dumps(value) for value in node.get("enum", ())]
    kinds = node["type"] if isinstance(node.get("type"), list) else [node.get("type")]
    plain = {"string": '"a"', "array": "[]", "integer": "100", "number": "0.0", "boolean": "false", "null": "null"}
    if node.get("minItems"):
        values.append(f"[{_longest_plain_value(node['items'])}]")
    return max([*values, *(plain.get(str(kind), "{}") for kind in kinds)], key=len)
