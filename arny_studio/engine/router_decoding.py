"""Messages → routing decision: the one decoder behind Chat, Evaluate, parity and the command.

Constrained decoding keeps a matcher of the contract's schema beside the model. What the schema forces is fed in one
batch without asking the model, and what a draft table guesses is confirmed in one batch instead of token by token
(`decision_writing`). Near the end of its budget the decoder closes strings, numbers and lists as soon as the schema
allows, so that the text is always whole JSON. Decisions are validated after decoding in any case: no grammar carries
the cross-field rules.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Literal

from msgspec import Struct

from arny_studio.contract import Contract, Decoded, decode
from arny_studio.engine.chat_template import ChatTemplate, Message
from arny_studio.engine.constraint import Constraint
from arny_studio.engine.decision_closing import ClosingCost
from arny_studio.engine.decision_text import field_values
from arny_studio.engine.decision_writing import FieldTrace, Guessing, Row, SchemaWriting, Step, Writing
from arny_studio.engine.draft_table import DraftTable, drafts_beside
from arny_studio.engine.held_prompt import HeldPrompt
from arny_studio.engine.llama_session import ContextFull, Interrupted, LlamaSession, WantedPart
from arny_studio.engine.prompt_cache import PromptCache, user_prompt_cache
from arny_studio.engine.prompting import prompt_ids, template_of
from arny_studio.engine.sampling import Sampler

DEFAULT_MAX_TOKENS = 256
LEAST_ROOM = 64  # a context that leaves less for the decision is full

Until = Literal["decision", "action"]

_GREEDY = Sampler()


class DecodedRoute(Struct, frozen=True, kw_only=True):
    """A decision as decoded and what it cost. Forced tokens came from the schema, accepted ones from a guess that the
    model confirmed. `known` are the values of the fields that were complete at the end."""

    text: str
    decoded: Decoded
    stages_ms: dict[str, float]  # prompt (rendering and tokens), prefill (with the first guess), decode
    prompt_tokens: int
    tokens_total: int
    tokens_forced: int = 0
    tokens_drafted: int = 0  # guessed where the model had a choice
    tokens_accepted: int = 0
    batches: int = 0
    fields: tuple[FieldTrace, ...] = ()
    known: dict[str, Any] = {}
    known_ms: float | None = None  # until every deciding field was complete; None where it never was, or side by side
    is_cut: bool = False  # the budget ended the text, or made the decoder close it early
    is_partial: bool = False  # it was ended once the deciding fields were known

    @property
    def tokens_chosen(self) -> int:
        """Tokens that the model had a say in, confirmed guesses included."""
        return self.tokens_total - self.tokens_forced


class RouterDecoder:
    """Routes with one session and one contract. The session stays the caller's to close.

    `drafts` makes it faster and never changes a decision; `prompts` keeps what system messages cost on disk.
    """

    def __init__(
        self,
        session: LlamaSession,
        contract: Contract,
        template: ChatTemplate,
        *,
        drafts: DraftTable | None = None,
        prompts: PromptCache | None = None,
    ) -> None:
        self.session, self.contract, self.template = session, contract, template
        self._drafts = drafts
        self._held = HeldPrompt(session, template, prompts)

    @classmethod
    def opened(cls, session: LlamaSession, contract: Contract) -> RouterDecoder:
        """As fast as this machine and this model allow: with the drafts beside the file, or learnt on the way, and
        with the prompt states in the user's cache. Raises BadInput where the file carries no chat template."""
        drafts = drafts_beside(session.path, contract) or DraftTable(contract, learns=True)
        prompts = user_prompt_cache()
        return cls(session, contract, template_of(session), drafts=drafts, prompts=prompts)

    @property
    def recalled(self) -> int:
        """How many prompt states came from disk."""
        return self._held.recalled

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
        until: Until = "decision",
    ) -> DecodedRoute:
        """The decision about the last message. `messages` begin with the contract's system prompt.

        Reads only what follows the system message, so the decision does not hang on what was asked before. `until`
        "action" ends the text once the fields that decide the action are known. Raises ContextFull where the messages
        do not fit, Interrupted where `should_stop` said so between two batches.
        """
        started = time.perf_counter()
        row = self._begin(0, messages, constrained, max_tokens)
        prompted = time.perf_counter()
        step: Step | None = row.sit(self._seated(0, messages, row.ids))
        sampler, prefilled = Sampler(temperature=temperature, seed=seed), 0.0
        while step is not None:
            (rows,) = self.session.append_wanted([row.part(0, step)])
            prefilled = prefilled or time.perf_counter()
            step = row.take(rows, sampler, self._enough if until == "action" else _never)
            self.session.truncate(row.length, 0)
            if step is not None and should_stop():
                raise Interrupted
        ended = time.perf_counter()
        stages = {"prompt": prompted - started, "prefill": prefilled - prompted, "decode": ended - prefilled}
        return self._route(row, stages, threshold)

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
        running: dict[int, tuple[_Row, Step]] = {}
        done: dict[int, DecodedRoute | ContextFull] = {}
        following = 0
        for number, messages in enumerate(conversations):
            try:
                row = self._begin(number, messages, constrained, max_tokens, shared_by=self.session.sequences - 1)
            except ContextFull as error:
                done[number] = error
                continue
            while not idle:
                idle += self._advance(running, done)
            sequence = idle.pop()
            running[sequence] = row, row.sit(self._seated(sequence, messages, row.ids))
            while following in done:
                yield done.pop(following)
                following += 1
        while running:
            self._advance(running, done)
        yield from (done[number] for number in sorted(done))

    def warm(self, system: Message) -> None:
        """Do ahead of the first query what all queries share: the grammar's tables, the system message."""
        _ = self._constraint
        self._held.hold(self._held.prefix_of(system))

    def _seated(self, sequence: int, messages: Sequence[Message], ids: Sequence[int]) -> Sequence[int]:
        """Let a sequence hold the system message and nothing else; returns the tokens that are still to be fed."""
        unread = self._held.begin(messages, ids)
        if sequence:
            self.session.copy_sequence(0, sequence)
        return unread

    def _begin(
        self, number: int, messages: Sequence[Message], constrained: bool, max_tokens: int, shared_by: int = 1
    ) -> _Row:
        ids = prompt_ids(self.session, self.template, messages)
        query = said_by_user(messages)
        guessing = self._drafts.drafter(query).rest if self._drafts is not None else None
        writing = self._writing(len(ids), constrained, max_tokens, guessing, shared_by)
        return _Row(number, query, ids, writing)

    def _advance(self, running: dict[int, tuple[_Row, Step]], done: dict[int, DecodedRoute | ContextFull]) -> list[int]:
        """One batch for all rows. Those that ended move to `done`; returns the sequences they leave."""
        batch = [(sequence, row, step) for sequence, (row, step) in running.items()]
        results = self.session.append_wanted([row.part(sequence, step) for sequence, row, step in batch])
        left: list[int] = []
        for (sequence, row, _), rows in zip(batch, results, strict=True):
            step = row.take(rows, _GREEDY, _never)
            if step is None:
                done[row.number] = self._ended(row, sequence)
                left.append(sequence)
                del running[sequence]
            else:
                self.session.truncate(row.length, sequence)
                running[sequence] = row, step
        return left

    def _ended(self, row: _Row, sequence: int) -> DecodedRoute:
        self.session.truncate(0, sequence)  # its cells would cost every other row attention
        return self._route(row, {"shared": row.seconds}, None)

    def _route(self, row: _Row, stages: dict[str, float], threshold: int | None) -> DecodedRoute:
        writing = row.writing
        decoded = decode(self.contract, writing.text, threshold=threshold)
        if self._drafts is not None and decoded.is_valid and decoded.decision and not writing.is_cut:
            self._drafts.observe(row.query, decoded.decision)
        fields = writing.fields()
        known = _known(writing.raw, self.contract)
        deciding = [field.ms for field in fields if field.name in self.contract.block.deciding and field.name in known]
        return DecodedRoute(
            text=writing.text,
            decoded=decoded,
            stages_ms={name: 1000 * seconds for name, seconds in stages.items()},
            prompt_tokens=len(row.ids),
            tokens_total=len(writing.tokens),
            tokens_forced=writing.count("forced"),
            tokens_drafted=writing.drafted,
            tokens_accepted=writing.count("drafted"),
            batches=row.batches,
            fields=fields,
            known=known,
            known_ms=max(deciding) if len(deciding) == len(self.contract.block.deciding) else None,
            is_cut=writing.is_cut,
            is_partial=decoded.decision is None and self._enough(writing.raw),
        )

    def _enough(self, raw: bytes) -> bool:
        """Whether the text says all that decides the action."""
        known = _known(raw, self.contract)
        return all(name in known for name in self.contract.block.deciding)

    def _writing(
        self, prompt_tokens: int, constrained: bool, max_tokens: int, guessing: Guessing | None, shared_by: int
    ) -> Writing:
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
            return Writing(self.session, self.contract, room, guessing, shared_by=shared_by)
        return SchemaWriting(
            self.session, self.contract, room, guessing, shared_by=shared_by, matcher=self._constraint.matcher(),
            closing=self._closing,
        )  # fmt: skip

    @cached_property
    def _constraint(self) -> Constraint:
        return Constraint(self.session.vocabulary, self.contract)

    @cached_property
    def _closing(self) -> ClosingCost:
        return ClosingCost(self.session, self.contract)


class _Row:
    """One conversation on its way through the model."""

    def __init__(self, number: int, query: str, ids: list[int], writing: Writing) -> None:
        self.number, self.query, self.ids, self.writing = number, query, ids, writing
        self.batches = 0
        self.length = 0  # tokens of its sequence that are there to stay
        self._unread: list[int] = []
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Since it began; several rows share them."""
        return time.perf_counter() - self._started

    def sit(self, unread: Sequence[int]) -> Step:
        """What of the prompt the sequence does not hold yet; the first step follows it."""
        self._unread = list(unread)
        self.length = len(self.ids) - len(unread)
        return self.writing.begin(len(unread))

    def part(self, sequence: int, step: Step) -> WantedPart:
        """The step, with the prompt before the first one, for the session."""
        ids = [*self._unread, *step.tokens]
        return sequence, ids, [len(self._unread) + place - 1 for place in step.choices]

    def take(self, rows: Sequence[Row], sampler: Sampler, enough: Callable[[bytes], bool]) -> Step | None:
        """The next step, if there is one; `length` then says what the sequence must be cut to."""
        taken = self.writing.take(rows, sampler, enough)
        self.batches += 1
        self.length += len(self._unread) + taken.kept
        self._unread = []
        return taken.step


def said_by_user(messages: Sequence[Message]) -> str:
    """All that the user said in a conversation, which is what guesses are looked up by."""
    return "\n".join(message.content for message in messages if message.role == "user")


def _known(raw: bytes, contract: Contract) -> dict[str, Any]:
    """The values of the fields that are complete."""
    known: dict[str, Any] = {}
    for field in field_values(raw, contract.fields):
        try:
            known |= {field.name: field.value()} if field.is_closed else {}
        except ValueError:
            continue
    return known


def _never(_raw: bytes) -> bool:
    return False
