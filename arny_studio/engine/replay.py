"""Held-out prompts through one model: its own decisions, and its distribution at places of the held-out answers.

The reference (F16) goes first, chooses the places and leaves its log-probabilities in a file; every other model reads
the same tokens and is measured against them. Runs in a process of its own (`workers/replay.py`), so that memory is one
model's and a crash in C ends nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import psutil
from msgspec import Struct
from numpy.typing import NDArray

from arny_studio.contract import load_contract
from arny_studio.engine.chat_template import Message
from arny_studio.engine.output_files import disk_full_as_sentence
from arny_studio.errors import BadInput
from arny_studio.evaluation.parity import Replay, Replayed

OnProgress = Callable[[int, int], None]  # prompts done, prompts in all
Logits = NDArray[np.float32]

MAX_TOKENS = 256
SIDE_BY_SIDE = 4
_MOST_PLACES = 1024  # looked at over all prompts
_DISTRIBUTION_BYTES = 256 << 20  # of the reference on disk, at most
_SPEED_TOKENS = 32
_LEAST_CONTEXT, _MOST_CONTEXT = 512, 8192
_BYTES_PER_TOKEN_AT_LEAST = 2.5  # of ordinary text; longer prompts are left out, not cut


class HeldOut(Struct, frozen=True, kw_only=True):
    """A prompt that training did not see, and its right answer (empty where it is not known)."""

    id: str
    messages: list[Message]
    answer: str = ""

    @property
    def query(self) -> str:
        return self.messages[-1].content


class Case(Struct, frozen=True, kw_only=True):
    """A prompt and an answer as tokens, and the places of the answer at which distributions are compared."""

    prompt: list[int]
    answer: list[int]
    places: list[int]


class ReplayOrder(Struct, frozen=True, kw_only=True):
    """What a replaying process is asked to do. Without `cases` this is the reference, which makes them.

    `model` is a GGUF, or the folder of a base with `adapter`, which needs torch. `contract` is empty where the model
    is not asked for decisions.
    """

    model: str
    adapter: str = ""
    prompts: list[HeldOut]
    contract: str = ""
    distributions: str
    cases: list[Case] | None = None
    threads: int = 0


class ReplayResult(Struct, frozen=True, kw_only=True):
    """What a replaying process answers."""

    replay: Replay
    cases: list[Case]


class Reader(Protocol):
    """A model that can be read: asked for decisions, and for its logits along given answers."""

    vocab: int

    def decide(self, prompts: Sequence[HeldOut]) -> Iterator[tuple[str, int]]:
        """Text and number of tokens per prompt, in order."""
        ...

    def cases(self, prompts: Sequence[HeldOut], answers: Sequence[str]) -> list[Case]:
        """The prompts and answers as tokens."""
        ...

    def read(self, cases: Sequence[Case]) -> Iterator[tuple[int, int, Logits]]:
        """(number of the case, number of the place, logits of shape (vocab,)) for every place of every case."""
        ...


def replay(order: ReplayOrder, on_progress: OnProgress) -> ReplayResult:
    """Do as ordered, in this process. Raises BadInput, MissingExtra, or what loading the model raises."""
    if Path(order.model).suffix == ".gguf":
        from arny_studio.engine.gguf_reader import GgufReader

        with GgufReader.open(order) as reader:
            return _replayed(order, reader, on_progress)
    from arny_studio.engine.hf_reader import HfReader

    return _replayed(order, HfReader(order), on_progress)


def _replayed(order: ReplayOrder, reader: Reader, on_progress: OnProgress) -> ReplayResult:
    total = len(order.prompts) * (2 if order.contract else 1)
    said: list[tuple[str, int]] = []
    if order.contract:
        load_contract(order.contract)
        for reply in reader.decide(order.prompts):
            said.append(reply)
            on_progress(len(said), total)
    said = said or [("", 0)] * len(order.prompts)
    cases = order.cases
    if cases is None:
        answers = [prompt.answer or text for prompt, (text, _) in zip(order.prompts, said, strict=True)]
        cases = reader.cases(order.prompts, answers)
    measured = _Measured(order, cases, reader.vocab)
    for done, (number, place, logits) in enumerate(reader.read(cases), start=1):
        measured.take(number, place, logits)
        on_progress(total - len(cases) + done * len(cases) // max(1, measured.places), total)
    replies = [measured.reply(number, *reply) for number, reply in enumerate(said)]
    speed = getattr(reader, "tokens_per_s", None)
    peak = getattr(reader, "peak_bytes", None)
    return ReplayResult(replay=Replay(replies=replies, tokens_per_s=speed, peak_bytes=peak), cases=cases)


class _Measured:
    """Sums per prompt, over its places. The reference's rows go to the file, the others are held against them."""

    def __init__(self, order: ReplayOrder, cases: Sequence[Case], vocab: int) -> None:
        self._cases = cases
        self._starts = np.concatenate([[0], np.cumsum([len(case.places) for case in cases])])
        self.places = int(self._starts[-1])
        self._is_reference = order.cases is None
        path, shape = Path(order.distributions), (max(1, self.places), vocab)
        if self._is_reference:
            _allot(path, 4 * shape[0] * shape[1])
        mode: Any = "r+" if self._is_reference else "r"
        self._reference = np.memmap(path, np.float32, mode, shape=shape)
        self._sums = np.zeros((len(cases), 3))

    def take(self, number: int, place: int, logits: Logits) -> None:
        """The distribution at one place."""
        case, row = self._cases[number], int(self._starts[number]) + place
        own = log_probabilities(logits)
        if self._is_reference:
            self._reference[row] = own
        reference = self._reference[row]
        nll = -float(own[case.answer[case.places[place]]])
        is_same = int(np.argmax(own)) == int(np.argmax(reference))
        self._sums[number] += (nll, 0.0 if self._is_reference else divergence(reference, own), is_same)

    def reply(self, number: int, text: str, tokens: int) -> Replayed:
        """Everything about one prompt."""
        nll, kl, same_top = self._sums[number].tolist()
        return Replayed(
            text=text, tokens=tokens, positions=len(self._cases[number].places), nll=nll, kl=kl, same_top=int(same_top)
        )


def _allot(path: Path, size: int) -> None:
    """Make a file of this size whose room is there. Raises DiskFull; a map of a sparse file would end in a signal."""
    with disk_full_as_sentence(path, size, "the reference's figures"), path.open("wb") as file:
        zeros = bytes(min(size, 1 << 20))
        for start in range(0, size, len(zeros)):
            file.write(zeros[: size - start])


def log_probabilities(logits: Logits) -> NDArray[np.float64]:
    """log softmax, computed in float64."""
    raised = logits.astype(np.float64)
    raised -= raised.max()
    return raised - np.log(np.exp(raised).sum())


def divergence(reference: NDArray[Any], own: NDArray[Any]) -> float:
    """KL(reference ‖ own) in nats, from log-probabilities; never below 0, which rounding could bring it to."""
    first = np.asarray(reference, np.float64)
    return max(0.0, float(np.sum(np.exp(first) * (first - own))))


def spread_places(length: int, most: int) -> list[int]:
    """At most `most` of the indices 0 … length − 1, evenly spread, first and last among them."""
    if length == 0 or most < 1:
        return []
    return np.unique(np.linspace(0, length - 1, min(length, most)).round().astype(int)).tolist()


def places_per_case(cases: int, vocab: int) -> int:
    """How many places of each answer are looked at, so that neither time nor the file grows without bound."""
    return max(1, min(_MOST_PLACES, _DISTRIBUTION_BYTES // (4 * vocab)) // max(1, cases))


def distribution_bytes(prompts: int, vocab: int) -> int:
    """Room that the reference's file takes at most."""
    return 4 * vocab * prompts * places_per_case(prompts, vocab)


def context_for(prompts: Sequence[HeldOut]) -> int:
    """A context, in tokens, that ordinary text of this length and its answer fit into."""
    longest = max(
        (
            sum(len(turn.content.encode()) for turn in prompt.messages) + len(prompt.answer.encode())
            for prompt in prompts
        ),
        default=0,
    )
    wanted = int(longest / _BYTES_PER_TOKEN_AT_LEAST) + MAX_TOKENS + 64
    return min(_MOST_CONTEXT, max(_LEAST_CONTEXT, -(-wanted // 256) * 256))


def peak_resident_bytes() -> int:
    """The most this process has held in RAM so far. `ru_maxrss` would count the parent's from before the fork."""
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    memory = psutil.Process().memory_info()
    return int(getattr(memory, "peak_wset", memory.rss))


def decode_speed(step: Callable[[], object]) -> float:
    """Tokens per second over a few steps that decode one token each."""
    started = time.perf_counter()
    for _ in range(_SPEED_TOKENS):
        step()
    return _SPEED_TOKENS / max(1e-9, time.perf_counter() - started)


def refuse_no_prompts(prompts: Sequence[HeldOut], source: str) -> None:
    """Raise BadInput where there is nothing to replay."""
    if not prompts:
        raise BadInput(f"{source} holds no prompt that can be replayed.", hint="Give messages rows with a user's turn.")
