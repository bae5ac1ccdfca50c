"""Held-out rows → predictions, one by one, with whatever kind of model the recipe names."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import orjson
from msgspec import Struct

from arny_studio.contract import Contract, Decoded, Thresholds, decide, decode, load_contract
from arny_studio.dataset.reading import read_samples
from arny_studio.dataset.samples import RowProblem
from arny_studio.engine.chat_template import Message
from arny_studio.errors import BadInput, MissingFile
from arny_studio.evaluation import Prediction
from arny_studio.recipe import EvaluateRecipe

MAX_TOKENS = 256
SIDE_BY_SIDE = 8  # rows of a GGUF that are decoded in one batch


class TruthRow(Struct, frozen=True, kw_only=True):
    """A prompt and what is known about its right answer."""

    id: str
    messages: tuple[Message, ...]
    journey: str
    decision: dict[str, Any] | None = None

    @property
    def query(self) -> str:
        return self.messages[-1].content


class Routed(Struct, frozen=True, kw_only=True):
    """What a model said about a row."""

    text: str
    ms: float
    tokens: int


class Router(Protocol):
    """A model that can be asked for decisions, which come one by one in the order of the prompts."""

    def route(self, prompts: Sequence[Sequence[Message]]) -> Iterator[Routed]: ...

    def close(self) -> None: ...


def read_truth(path: Path, contract: Contract) -> Iterator[TruthRow | RowProblem]:
    """Rows of a file: messages rows (the last assistant turn is the truth) or `{"text", "journey"}` rows.

    Raises MissingFile where there is no such file.
    """
    if not path.is_file():
        raise MissingFile(f"There is no dataset at {path}.")
    if not _has_labels_only(path):
        yield from _from_messages(path, contract)
        return
    system = Message("system", contract.system_prompt("tier1"))
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _from_label(line, path.name, number, contract, system)


def open_router(recipe: EvaluateRecipe, contract: Contract) -> Router:
    """The model that a recipe names: a GGUF file, or a Hugging Face folder (model or adapter).

    Raises MissingFile, BadInput, or MissingExtra where the libraries for it are not installed.
    """
    path = Path(recipe.model)
    if path.is_dir():
        from arny_studio.engine.hf_router import HfRouter

        return HfRouter(path, max_tokens=MAX_TOKENS, threads=recipe.threads)
    if not path.exists():
        raise MissingFile(f"There is no model at {path}.")
    return GgufRouter(path, recipe, contract)


class GgufRouter:
    """Decisions of a GGUF, through the same decoder as on the phone."""

    def __init__(self, path: Path, recipe: EvaluateRecipe, contract: Contract) -> None:
        from arny_studio.engine.llama_session import LlamaSession
        from arny_studio.engine.router_decoding import RouterDecoder

        self._session = LlamaSession.open(
            path, context=recipe.context, threads=recipe.threads, sequences=SIDE_BY_SIDE + 1
        )
        self._decoder = RouterDecoder.opened(self._session, contract)
        self._constrained = recipe.constrained

    def route(self, prompts: Sequence[Sequence[Message]]) -> Iterator[Routed]:
        started = time.perf_counter()
        for route in self._decoder.decide_many(prompts, constrained=self._constrained, max_tokens=MAX_TOKENS):
            now = time.perf_counter()
            ms = 1000 * (now - started)
            started = now
            if isinstance(route, BadInput):  # a row too long for the context is wrong, not the end of the evaluation
                yield Routed(text=f"({route.sentence})", ms=ms, tokens=0)
            else:
                yield Routed(text=route.text, ms=ms, tokens=route.tokens_total)

    def close(self) -> None:
        self._session.close()


def predictions(recipe: EvaluateRecipe, rows: Sequence[TruthRow]) -> Iterator[Prediction]:
    """What the recipe's model says about each row, in order; greedy, so the same every time."""
    contract = load_contract(recipe.contract)
    with closing(open_router(recipe, contract)) as router:
        for row, routed in zip(rows, router.route([row.messages for row in rows]), strict=True):
            yield judged(row, routed, contract)


def judged(row: TruthRow, routed: Routed, contract: Contract) -> Prediction:
    """What a model said about a row, held against the contract and the truth."""
    decoded = decode(contract, routed.text)
    errors = [problem for problem in decoded.problems if problem.severity == "error"]
    schema_problems = [problem for problem in errors if problem.rule in ("schema", "missing-field", "syntax")]
    return Prediction(
        id=row.id,
        query=row.query,
        expected=row.decision,
        expected_journey=row.journey,
        text=routed.text,
        decision=decoded.decision,
        problems=[problem.sentence for problem in decoded.problems],
        is_schema_valid=decoded.decision is not None and not schema_problems,
        is_valid=decoded.is_valid,
        expected_action=_action(contract, row.decision) if row.decision is not None else "",
        action=_action_of(contract, decoded),
        ms=routed.ms,
        tokens=routed.tokens,
    )


def _action(contract: Contract, decision: dict[str, Any]) -> str:
    return _action_of(contract, decode(contract, orjson.dumps(decision).decode()))


def _action_of(contract: Contract, decoded: Decoded) -> str:
    return decide(contract, decoded, thresholds=Thresholds.of(contract), can_reason=True).kind


def _has_labels_only(path: Path) -> bool:
    """Whether the first row that is JSON is a labelled text."""
    with path.open("rb") as file:
        for line in file:
            try:
                value = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            return isinstance(value, dict) and "messages" not in value and "text" in value
    return False


def _from_label(line: bytes, file: str, number: int, contract: Contract, system: Message) -> TruthRow | RowProblem:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return RowProblem(file=file, line=number, sentence=f"This is not JSON: {error}.", rule="syntax")
    match value:
        case {"text": str(text), "journey": str(journey)} if journey in contract.journeys:
            messages = (system, Message("user", text))
            return TruthRow(id=str(value.get("id", f"line-{number}")), messages=messages, journey=journey)
        case {"text": str(), "journey": str(journey)}:
            return RowProblem(file=file, line=number, path="$.journey", sentence=f"{journey!r} is no known journey.")
    return RowProblem(file=file, line=number, sentence="A row has a text and a journey, or messages.")


def _from_messages(path: Path, contract: Contract) -> Iterator[TruthRow | RowProblem]:
    for number, sample in enumerate(read_samples(path), start=1):
        if isinstance(sample, RowProblem):
            yield sample
            continue
        decision = sample.decision()
        journey = decision.get(contract.roles.journey) if decision is not None else None
        if decision is None or not isinstance(journey, str) or not sample.prompt:
            sentence = "The last assistant turn is no routing decision."
            yield RowProblem(file=path.name, line=sample.line or number, sentence=sentence)
            continue
        messages = tuple(Message(turn.role, turn.content) for turn in sample.prompt)
        yield TruthRow(id=sample.id, messages=messages, journey=journey, decision=decision)
