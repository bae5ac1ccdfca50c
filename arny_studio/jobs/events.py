"""What a worker says: one tagged union of facts, one JSON object per line.

Order: first `Hello`, last exactly one of `Finished | Stopped | Failed`. Every event carries `time_s` (Unix time).
Live window, terminal, reopened run and remote run are all the same fold over these (`jobs/state.py`).
"""

from __future__ import annotations

import time
from typing import Any, Literal

from msgspec import Struct, field

from arny_studio.errors import FailureKind

PROTOCOL_VERSION = 1


class Event(Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """What every event carries."""

    time_s: float = field(default_factory=time.time)


class Hello(Event, tag="hello", frozen=True, kw_only=True):
    """First event of a worker. `resumed_from` is the step of the checkpoint it goes on from."""

    protocol: int = PROTOCOL_VERSION
    kind: str
    pid: int
    versions: dict[str, str] = {}
    device: str = "cpu"
    resumed_from: int | None = None


class Stage(Event, tag="stage", frozen=True, kw_only=True):
    """The worker enters a named part of its work; `index` counts from 1."""

    name: str
    title: str
    index: int
    total: int


class Progress(Event, tag="progress", frozen=True, kw_only=True):
    """How far the current stage is. `total` is None where it is unknown."""

    done: int
    total: int | None = None
    unit: str = ""


class Metric(Event, tag="metric", frozen=True, kw_only=True):
    """One point of the training curves. A value that was not finite is None."""

    step: int
    epoch: float = 0.0
    loss: float | None = None
    validation_loss: float | None = None
    learning_rate: float | None = None
    gradient_norm: float | None = None
    tokens: int | None = None  # supervised and unsupervised tokens seen so far
    tokens_per_s: float | None = None
    json_valid: float | None = None  # shares (0–1) over the answers to the held-out prompts
    journey_accuracy: float | None = None
    field_agreement: float | None = None
    word_overlap: float | None = None  # of prose, where the truth is no decision


class HeldOutAnswer(Struct, frozen=True, kw_only=True):
    """What the model in training said to a held-out prompt, beside the truth. `agreement` is 0–1."""

    row: str  # the row's id
    line: int  # in the validation file, from 1
    query: str
    expected: str
    text: str
    is_json: bool | None = None  # None where the truth is prose
    agreement: float = 0.0  # share of the truth's fields that are equal, or of words in common
    wrong_fields: list[str] = []


class Answers(Event, tag="answers", frozen=True, kw_only=True):
    """The held-out prompts were answered at a step: at most three of the best, the worst and random ones."""

    step: int
    rows: int
    best: list[HeldOutAnswer] = []
    worst: list[HeldOutAnswer] = []
    random: list[HeldOutAnswer] = []


class Gpu(Struct, frozen=True, kw_only=True):
    """One GPU at a moment; what the driver does not tell is None."""

    index: int
    name: str
    used_bytes: int
    total_bytes: int
    percent: float | None = None
    temperature_c: float | None = None


class System(Event, tag="system", frozen=True, kw_only=True):
    """What the whole machine does: CPU (0–100), RAM, GPUs."""

    cpu_percent: float
    ram_used_bytes: int
    ram_total_bytes: int
    gpus: list[Gpu] = []


class Checkpoint(Event, tag="checkpoint", frozen=True, kw_only=True):
    """A checkpoint is complete; `path` is relative to the run folder."""

    step: int
    path: str


class Memory(Event, tag="memory", frozen=True, kw_only=True):
    """Resident set of the worker, and what its GPU holds, in bytes."""

    rss_bytes: int
    gpu_bytes: int | None = None


class Log(Event, tag="log", frozen=True, kw_only=True):
    """Something worth telling a person. Unknown lines on the wire become these."""

    text: str
    level: Literal["info", "warning", "error"] = "info"


class Artifact(Event, tag="artifact", frozen=True, kw_only=True):
    """A file or folder reached its final name; `path` is relative to the run folder."""

    kind: str  # adapter, merged, gguf, report, predictions, …
    path: str
    size_bytes: int
    sha256: str = ""


class Result(Event, tag="result", frozen=True, kw_only=True):
    """Named figures a worker was asked for, such as evaluation scores."""

    name: str
    values: dict[str, Any]


class LedgerLine(Struct, frozen=True, kw_only=True):
    """One slice of the phone's RAM, in bytes; `measured_bytes` is None before it was measured."""

    owner: Literal["os", "app", "tier1", "tier2"]
    part: Literal["reserve", "host", "weights", "kv", "compute"]
    predicted_bytes: int
    measured_bytes: int | None = None


class Ledger(Event, tag="ledger", frozen=True, kw_only=True):
    """The phone's RAM account after something changed."""

    cause: str  # loaded tier1, unloaded tier2, …
    cap_bytes: int
    used_bytes: int  # measured resident set of the phone
    peak_bytes: int
    lines: list[LedgerLine] = []


class ModelLoaded(Event, tag="model_loaded", frozen=True, kw_only=True):
    """A tier is resident."""

    tier: Literal[1, 2]
    file: str
    elapsed_ms: float


class ModelUnloaded(Event, tag="model_unloaded", frozen=True, kw_only=True):
    """A tier was released, and why."""

    tier: Literal[1, 2]
    because: str


class LoadRefused(Event, tag="load_refused", frozen=True, kw_only=True):
    """A model was not loaded, since it would not fit; `remedy` is the smallest change that would."""

    tier: Literal[1, 2]
    needed_bytes: int
    free_bytes: int
    sentence: str
    remedy: str = ""


class Prompted(Event, tag="prompted", frozen=True, kw_only=True):
    """A tier reads its prompt: the exact text, control tokens spelt out, and how much of the context it takes."""

    request: str
    tier: Literal[1, 2]
    text: str
    tokens: int
    context: int  # tokens that the context holds


class FieldCost(Struct, frozen=True, kw_only=True):
    """Where the tokens of one field came from, and when its value was known (ms from the beginning)."""

    name: str
    forced: int = 0  # the schema left no choice
    drafted: int = 0  # guessed ahead and confirmed by the model
    chosen: int = 0  # asked of the model
    ms: float = 0.0


class Turn(Struct, frozen=True, kw_only=True):
    """One turn of a request that is still open: what the user said, or what the router decided."""

    role: Literal["user", "assistant"]
    content: str


class Decided(Event, tag="decided", frozen=True, kw_only=True):
    """The router's decision about a request and the action that follows from it."""

    request: str
    text: str  # the JSON as decoded
    decision: dict[str, Any] | None
    is_valid: bool
    problems: list[str] = []
    action: str = ""  # an ActionKind
    because: str = ""
    stages_ms: dict[str, float] = {}  # prefill, decode, …
    tokens: int = 0  # of the decision
    forced: int = 0  # of these, how many the schema forced
    fields: list[FieldCost] = []
    known_ms: float | None = None  # until the fields that decide were known
    threshold: int = 60  # the limits that the action was chosen by
    confidence_floor: float = 0.5
    began_anew: bool = False  # what was open was left: the words ask for something else, or no more fitted the context


class ConfirmationWanted(Event, tag="confirmation_wanted", frozen=True, kw_only=True):
    """Nothing is sent before a `Confirm` comes: what would be sent, and where to, in a sentence."""

    request: str
    connector: str
    sentence: str


class Executed(Event, tag="executed", frozen=True, kw_only=True):
    """A cloud connector answered: its rows as they came. `label` says who gave them, and whether they are samples."""

    request: str
    label: str
    is_simulated: bool
    rows: list[dict[str, Any]] = []


class Token(Event, tag="token", frozen=True, kw_only=True):
    """A piece of streamed reply text."""

    request: str
    tier: Literal[1, 2]
    text: str


class Replied(Event, tag="replied", frozen=True, kw_only=True):
    """A request is answered."""

    request: str
    query: str
    decision: dict[str, Any] | None
    valid: bool
    action: str
    reply: str
    ms: float
    peak_mib: float
    first_token_ms: float | None = None
    tokens_per_s: float | None = None
    loads: int = 0
    stages_ms: dict[str, float] = {}
    tokens: dict[str, int] = {}  # router_read, router_written, reasoner_read, reasoner_written
    expected_ms: float | None = None  # on the real phone of the profile's benchmark, from the counted tokens
    open_turns: list[Turn] = []  # where it asks back: what the answer to it continues


class Inspected(Event, tag="inspected", frozen=True, kw_only=True):
    """A conversation as it is trained. `problem` says why it cannot be; then the rest is empty.

    `ends` are the tokens' ends in characters, `supervised` the (start, end) runs of tokens under the loss; the first
    `kept` tokens are trained, the rest is cut off.
    """

    request: str
    text: str = ""
    ids: list[int] = []
    starts: list[int] = []
    ends: list[int] = []
    supervised: list[tuple[int, int]] = []
    kept: int = 0
    problem: str = ""
    hint: str = ""


class Finished(Event, tag="finished", frozen=True, kw_only=True):
    """The work is done. `found_problems` makes the exit code 4: it found what it was asked to look for."""

    summary: str = ""
    found_problems: bool = False


class Stopped(Event, tag="stopped", frozen=True, kw_only=True):
    """The worker ended because it was asked to; it can be resumed where `resumable`."""

    summary: str = ""
    resumable: bool = False


class Failed(Event, tag="failed", frozen=True, kw_only=True):
    """The work could not be done: a kind, one sentence for the user, a hint, and the traceback for the log."""

    kind: FailureKind
    sentence: str
    hint: str = ""
    traceback: str = ""


Terminal = Finished | Stopped | Failed
AnyEvent = (
    Hello | Stage | Progress | Metric | Answers | System | Checkpoint | Memory | Log | Artifact | Result | Ledger
    | ModelLoaded | ModelUnloaded | LoadRefused | Prompted | Decided | ConfirmationWanted | Executed | Token | Replied
    | Inspected | Finished | Stopped | Failed
)  # fmt: skip
