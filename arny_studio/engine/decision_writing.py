"""One decision on its way from logits to text: what is certain, what is guessed, what the model chooses.

A step is a run of tokens for one batch: what the schema forces, then a guess at how the text goes on. The logits before
each guessed choice say whether the model would have chosen it too; the first that it would not is replaced by the
model's own choice, and whatever was guessed after it is dropped. So the text is the one that choosing token by token
gives, in a fifth of the batches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from arny_studio.contract import Contract
from arny_studio.engine.decision_closing import ClosingCost
from arny_studio.engine.decision_text import field_values
from arny_studio.engine.draft_policy import Chunk, worthwhile
from arny_studio.engine.draft_table import Guessed
from arny_studio.engine.llama_library import LlamaFailure
from arny_studio.engine.llama_session import LlamaSession
from arny_studio.engine.sampling import Sampler

Row = NDArray[np.float32]  # logits, (vocab,)
Origin = Literal["forced", "drafted", "chosen"]
Guessing = Callable[[bytes], Guessed]  # the text so far → how it probably goes on


class Guess(NamedTuple):
    """A token that is fed before it is known to be right. Forced ones are right if all before them are."""

    token: int
    is_choice: bool
    reach: float  # the probability that the guess is right up to here


class Step(Struct, frozen=True, kw_only=True):
    """Tokens for one batch. `choices` are the places (0 to their number) before which logits are wanted."""

    tokens: list[int]
    choices: list[int]


class Taken(Struct, frozen=True, kw_only=True):
    """How many tokens of the step the text keeps, and the next step; None where the text has ended."""

    kept: int
    step: Step | None


class FieldTrace(Struct, frozen=True, kw_only=True):
    """Where a field's tokens (its key included) came from, and when its value was complete, in ms from the call."""

    name: str
    forced: int
    drafted: int
    chosen: int
    ms: float


class Writing:
    """A text that grows by steps: freely here, under a schema in `SchemaWriting`."""

    def __init__(
        self, session: LlamaSession, contract: Contract, room: int, guessing: Guessing | None, *, shared_by: int = 1
    ) -> None:
        """`room` is the most tokens; `shared_by` how many texts are written in the same batches."""
        self._shared_by = shared_by
        self._session, self._contract, self._room, self._guessing = session, contract, room, guessing
        self._started = time.perf_counter()
        self._raw = b""
        self._draft: list[Guess] = []
        self._certain = 0  # tokens of the step before the draft
        self._ends = False  # the draft is the whole rest of the text
        self._origins: list[tuple[int, Origin, float]] = []  # per token: where its bytes start, origin, seconds
        self.tokens: list[int] = []
        self.drafted = 0
        self.is_cut = False

    @property
    def text(self) -> str:
        """What is written so far."""
        return self._raw.decode("utf-8", "replace")

    @property
    def raw(self) -> bytes:
        """The same as bytes."""
        return self._raw

    def count(self, origin: Origin) -> int:
        """How many tokens came about in a way."""
        return sum(known == origin for _, known, _ in self._origins)

    def begin(self, unread: int = 0) -> Step:
        """What can be fed together with `unread` tokens of the prompt; without a choice where the schema leaves none."""
        step = self._step([], unread)
        if step is None:
            self._certain, self._draft, self._ends = len(self.tokens), [], True
            return Step(tokens=list(self.tokens), choices=[])
        return step

    def take(self, rows: Sequence[Row], sampler: Sampler, enough: Callable[[bytes], bool]) -> Taken:
        """Hold the step's logits against its draft; ends early once the text says `enough`."""
        waiting = iter(rows)
        for place, guess in enumerate(self._draft):
            if guess.is_choice:
                token = self._choose(next(waiting), sampler)
                if token != guess.token:
                    return self._go_on(place, token, enough)
            self._add([guess.token], "drafted" if guess.is_choice else "forced")
        if self._ends or enough(self._raw):
            return Taken(kept=self._certain, step=None)
        return self._go_on(len(self._draft), self._choose(next(waiting), sampler), enough)

    def fields(self) -> tuple[FieldTrace, ...]:
        """Where each field's tokens came from, in contract order."""
        spans = field_values(self._raw, self._contract.fields)
        limits = [span.start for span in spans[1:]] + ([len(self._raw) + 1] if spans else [])
        traces: list[FieldTrace] = []
        first = 0
        for span, limit in zip(spans, limits, strict=True):
            own = [(origin, seconds) for start, origin, seconds in self._origins if first <= start < limit]
            known = [seconds for start, _, seconds in self._origins if start <= span.stop]
            counts = {kind: sum(origin == kind for origin, _ in own) for kind in ("forced", "drafted", "chosen")}
            traces.append(FieldTrace(name=span.name, ms=1000 * known[-1], **counts))
            first = limit
        return tuple(traces)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _go_on(self, place: int, token: int, enough: Callable[[bytes], bool]) -> Taken:
        """The model's own token after `place` guesses that were right."""
        kept = self._certain + place
        if self._session.is_end(token) or enough(self._raw) or self._is_full():
            return Taken(kept=kept, step=None)
        self._add([token], "chosen")
        step = None if self._is_over() else self._step([token])
        return Taken(kept=kept, step=None if enough(self._raw) else step)

    def _step(self, fed: list[int], unread: int = 0) -> Step | None:
        """`fed` and all that follows for certain, then the draft."""
        certain = [*fed, *self._add_forced()]
        if self._is_over():
            return None
        self._certain = len(certain)
        self._draft, self._ends = self._drafted(unread + len(certain)) if self._guessing else ([], False)
        self.drafted += sum(guess.is_choice for guess in self._draft)
        tokens = certain + [guess.token for guess in self._draft]
        choices = [self._certain + n for n, guess in enumerate(self._draft) if guess.is_choice]
        if self._ends:  # the last choice is confirmed by the logits before it; it and what follows need no feeding
            return Step(tokens=tokens[: choices[-1]], choices=choices)
        return Step(tokens=tokens, choices=[*choices, len(tokens)])

    def _drafted(self, certain: int) -> tuple[list[Guess], bool]:
        draft = [Guess(token, True, reach) for token, reach in self._guessed_tokens()]
        return _worth_feeding(draft, certain, self._shared_by), False

    def _guessed_tokens(self) -> list[tuple[int, float]]:
        """The guess as tokens that go on from those there are, each with how probably it is right up to there."""
        assert self._guessing is not None
        guess = self._guessing(self._raw)
        if not guess.text:
            return []
        whole = self._session.tokenize(self.text + guess.text)
        if whole[: len(self.tokens)] != self.tokens:
            return []
        tokens = whole[len(self.tokens) :][: self._room - len(self.tokens)]
        return list(zip(tokens, self._reaches(tokens, guess), strict=True))

    def _reaches(self, tokens: Sequence[int], guess: Guessed) -> list[float]:
        """Shares are per character, tokens are bytes: exact but for characters of several bytes, where it is cautious."""
        shares, at, end, found = list(guess.shares), 0, 0, []
        for token in tokens:
            end += len(self._session.piece(token))
            while at < len(shares) and shares[at][0] < end:
                at += 1
            found.append(shares[at][1] if at < len(shares) else 0.0)
        return found

    def _choose(self, logits: Row, sampler: Sampler) -> int:
        return sampler.choose(logits)

    def _add_forced(self) -> list[int]:
        return []

    def _add(self, tokens: Sequence[int], origin: Origin) -> None:
        seconds = time.perf_counter() - self._started
        for token in tokens:
            self._origins.append((len(self._raw), origin, seconds))
            self._raw += self._session.piece(token)
        self.tokens += tokens

    def _is_full(self) -> bool:
        if len(self.tokens) >= self._room:
            self.is_cut = True
        return self.is_cut

    def _is_over(self) -> bool:
        return False


class SchemaWriting(Writing):
    """The model fills in what the schema leaves open."""

    def __init__(
        self,
        session: LlamaSession,
        contract: Contract,
        room: int,
        guessing: Guessing | None,
        *,
        shared_by: int = 1,
        matcher: Any,
        closing: ClosingCost,
    ) -> None:
        super().__init__(session, contract, room, guessing, shared_by=shared_by)
        self._matcher, self._closing = matcher, closing

    def _drafted(self, certain: int) -> tuple[list[Guess], bool]:
        """The guess as far as the schema allows it, each token marked as choice or forced; and whether it is all."""
        tokens = self._guessed_tokens()[: self._spare()]
        ahead = self._matcher.deep_copy()
        draft: list[Guess] = []
        while len(draft) < len(tokens):
            token, reach = tokens[len(draft)]
            if not ahead.try_consume_tokens([token]):
                break
            draft.append(Guess(token, True, reach))
            forced = self._forced_by(ahead)
            draft += [Guess(token, False, reach) for token in forced]
            if forced != [token for token, _ in tokens[len(draft) - len(forced) : len(draft)]]:
                break  # the schema goes on another way, or further than the guess
        worth = _worth_feeding(draft, certain, self._shared_by)
        return worth, bool(draft) and len(worth) == len(draft) and ahead.is_stopped()

    def _spare(self) -> int:
        """Tokens that may be written before the budget makes the decoder close what is open."""
        return max(0, self._room - len(self.tokens) - self._closing.tokens_after(self._raw) - 1)

    def _choose(self, logits: Row, sampler: Sampler) -> int:
        if self._room - len(self.tokens) <= self._closing.tokens_after(self._raw):
            self.is_cut = True
            return self._closing.shortest(self._raw, self._allowed(logits.size), logits)
        if sampler.is_greedy:  # the likeliest of all, where it is allowed, is the likeliest of those allowed
            best = sampler.choose(logits)
            if self._matcher.validate_tokens([best]) == 1:
                return best
        return sampler.choose(np.where(self._allowed(logits.size), logits, -np.inf))

    def _allowed(self, size: int) -> NDArray[np.bool_]:
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        allowed = np.unpackbits(bits, bitorder="little")[:size].astype(bool)
        if self._matcher.is_error() or not allowed.any():
            raise LlamaFailure(f"The schema leaves no token to choose: {self._matcher.get_error() or self.text[-80:]}")
        return allowed

    def _add_forced(self) -> list[int]:
        forced = self._forced_by(self._matcher)
        if forced:
            super()._add(forced, "forced")
        return forced

    def _forced_by(self, matcher: Any) -> list[int]:
        forced = [token for token in matcher.compute_ff_tokens() if not self._session.is_end(token)]
        _consume(matcher, forced)
        return forced

    def _add(self, tokens: Sequence[int], origin: Origin) -> None:
        _consume(self._matcher, tokens)
        super()._add(tokens, origin)

    def _is_full(self) -> bool:
        return False  # the budget makes it close what is open instead

    def _is_over(self) -> bool:
        if self._matcher.is_stopped():
            return True
        is_spent = len(self.tokens) >= self._room
        self.is_cut |= is_spent
        return is_spent


def _worth_feeding(draft: list[Guess], certain: int, shared_by: int) -> list[Guess]:
    """The beginning of a draft that is likelier to save time than to cost it, fed after `certain` tokens."""
    starts = [n for n, guess in enumerate(draft) if guess.is_choice]
    chunks: list[Chunk] = []
    reached = 1.0
    for start, end in zip(starts, [*starts[1:], len(draft)], strict=False):
        reach = min(reached, draft[start].reach)
        chunks.append(Chunk(end - start, reach / reached if reached > 0 else 0.0))
        reached = reach
    kept = worthwhile(chunks, certain, shared_by)
    return draft[: starts[kept]] if kept < len(starts) else draft


def _consume(matcher: Any, tokens: Sequence[int]) -> None:
    if tokens and not matcher.consume_tokens(list(tokens)):
        raise LlamaFailure(f"The schema refused its own tokens: {matcher.get_error()}")
