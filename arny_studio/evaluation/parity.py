"""How far a file has drifted from the file it was made from: replies of both in, figures and a verdict out. Pure.

Both models answered the same held-out prompts (decisions, greedy, without constraint) and read the same held-out
answers token by token (KL divergence, likeliest token, perplexity). Free text in a decision may be worded otherwise
without harm, so `fields_changed` leaves it out; a prompt *flips* where the phone would do something else with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from arny_studio.contract import Contract, Decoded, Thresholds, decide, decode
from arny_studio.recipe.parity import Limit, ParityLimits

Verdict = Literal["green", "amber", "red"]

RED_MARK = ".red"  # in the name of a file that failed the gate, before `.gguf`
SAME_SCORE, SAME_CONFIDENCE = 5, 0.05  # decisions this near agree on complexity (points) and confidence
_SEVERITY: dict[Verdict, int] = {"green": 0, "amber": 1, "red": 2}


class Replayed(Struct, frozen=True, kw_only=True):
    """What one model did with one prompt. Sums are over the `positions` of the held-out answer that were looked at."""

    text: str = ""  # its own answer; empty where only the held-out answer was read
    tokens: int = 0
    positions: int = 0
    nll: float = 0.0  # negative log-likelihood of the held-out tokens, in nats
    kl: float = 0.0  # of the reference's distribution from this one's, in nats; 0 for the reference itself
    same_top: int = 0


class Replay(Struct, frozen=True, kw_only=True):
    """All prompts through one model, in order. Speed is of one conversation alone, memory of its whole process."""

    replies: list[Replayed]
    tokens_per_s: float | None = None
    peak_bytes: int | None = None


class PromptParity(Struct, frozen=True, kw_only=True):
    """One prompt, side by side."""

    id: str
    query: str
    reference: str
    candidate: str
    reference_route: str = ""  # such as `execute · flight`; empty where there are no decisions
    route: str = ""
    is_flip: bool = False
    is_json_lost: bool = False
    changed: list[str] = []  # fields that differ, free text included
    kl: float | None = None  # mean per token
    same_top: float | None = None


class ParityScores(Struct, frozen=True, kw_only=True):
    """The figures of one file. Shares are 0–1; None where nothing could tell."""

    prompts: int
    positions: int
    json_valid: float | None = None
    reference_json_valid: float | None = None
    json_lost: float | None = None
    flips: float | None = None
    fields_changed: float | None = None
    by_field: dict[str, float] = {}  # share of prompts on which a field agrees
    kl: float | None = None
    top_token_changed: float | None = None
    perplexity: float | None = None
    reference_perplexity: float | None = None
    perplexity_rise: float | None = None
    tokens_per_s: float | None = None
    peak_bytes: int | None = None


class FileParity(Struct, frozen=True, kw_only=True):
    """The verdict about one file, and everything it rests on."""

    verdict: Verdict
    reasons: list[str]
    against: str  # the name of the reference
    scores: ParityScores
    prompts: list[PromptParity] = []


class ParityReport(Struct, frozen=True, kw_only=True):
    """`parity.json`: the verdicts about all files of an export, by file name. `trainer` holds F16 against training."""

    prompts_from: str
    files: dict[str, FileParity]
    limits: ParityLimits = ParityLimits()
    trainer: FileParity | None = None


def compare(
    contract: Contract | None,
    prompts: Sequence[tuple[str, str]],
    reference: Replay,
    candidate: Replay,
) -> tuple[ParityScores, list[PromptParity]]:
    """Scores and the prompts side by side. `prompts` are (id, query); without a contract texts are not judged."""
    rows = list(zip(prompts, reference.replies, candidate.replies, strict=True))
    compared = [_compared(contract, *row) for row in rows]
    decisions = [_decoded(contract, first, second) for _, first, second in rows] if contract is not None else []
    valid = [pair for pair in decisions if pair[0].is_valid]
    by_field = _by_field(contract, decisions) if contract is not None else {}
    judged = [share for name, share in by_field.items() if contract is not None and name not in _free_text(contract)]
    perplexity, before = _perplexity(candidate.replies), _perplexity(reference.replies)
    positions = sum(reply.positions for reply in candidate.replies)
    return ParityScores(
        prompts=len(rows),
        positions=positions,
        json_valid=_share(second.is_valid for _, second in decisions),
        reference_json_valid=_share(first.is_valid for first, _ in decisions),
        json_lost=_share(not second.is_valid for _, second in valid),
        flips=_share(row.is_flip for row in compared) if decisions else None,
        fields_changed=1 - sum(judged) / len(judged) if judged else None,
        by_field=by_field,
        kl=_per_token(sum(reply.kl for reply in candidate.replies), positions),
        top_token_changed=_per_token(positions - sum(reply.same_top for reply in candidate.replies), positions),
        perplexity=perplexity,
        reference_perplexity=before,
        perplexity_rise=max(0.0, perplexity / before - 1) if perplexity is not None and before else None,
        tokens_per_s=candidate.tokens_per_s,
        peak_bytes=candidate.peak_bytes,
    ), compared


def judge(scores: ParityScores, limits: ParityLimits) -> tuple[Verdict, list[str]]:
    """The verdict and why it is not better; a file whose reference answers nothing validly is amber at best."""
    verdict: Verdict = "green"
    reasons: list[str] = []
    for name in ParityLimits.__struct_fields__:
        value, limit = getattr(scores, name), getattr(limits, name)
        found = _of_limit(value, limit)
        if found != "green" and value is not None:
            reasons.append(_reason(name, value, limit.red if found == "red" else limit.amber))
        verdict = worst(verdict, found)
    if not scores.positions and not scores.prompts:
        return "amber", ["No held-out prompt was replayed."]
    if scores.reference_json_valid == 0:
        reasons.append("The reference itself answers no prompt with a valid decision, so routing could not be judged.")
        verdict = worst(verdict, "amber")
    return verdict, reasons


def worst(*verdicts: Verdict) -> Verdict:
    """The worst of several verdicts."""
    return max(verdicts, key=_SEVERITY.__getitem__)


def is_marked_red(name: str) -> bool:
    """Whether a GGUF's file name says that the parity gate refused it."""
    return name.removesuffix(".gguf").endswith(RED_MARK)


def marked_red(name: str) -> str:
    """The name of a refused file: `model-Q4_K_M.red.gguf`."""
    return name if is_marked_red(name) else f"{name.removesuffix('.gguf')}{RED_MARK}.gguf"


def _of_limit(value: float | None, limit: Limit) -> Verdict:
    if value is None or (not math.isnan(value) and value <= min(limit.amber, limit.red)):
        return "green"
    return "amber" if value <= limit.red else "red"  # NaN is within nothing


_WORDS = {
    "json_lost": "{value:.1%} of the valid decisions are no longer valid (limit {limit:.1%}).",
    "flips": "{value:.1%} of the prompts would be routed otherwise (limit {limit:.1%}).",
    "fields_changed": "{value:.1%} of the decision fields differ (limit {limit:.1%}).",
    "kl": "The KL divergence is {value:.3g} nats a token (limit {limit:g}).",
    "top_token_changed": "The likeliest token differs at {value:.1%} of the positions (limit {limit:.1%}).",
    "perplexity_rise": "The perplexity on the held-out answers rose by {value:.1%} (limit {limit:.1%}).",
}


def _reason(name: str, value: float, limit: float) -> str:
    return _WORDS[name].format(value=value, limit=limit)


def _compared(
    contract: Contract | None, prompt: tuple[str, str], reference: Replayed, candidate: Replayed
) -> PromptParity:
    positions = candidate.positions
    shared = {
        "id": prompt[0], "query": prompt[1], "reference": reference.text, "candidate": candidate.text,
        "kl": _per_token(candidate.kl, positions), "same_top": _per_token(candidate.same_top, positions),
    }  # fmt: skip
    if contract is None:
        return PromptParity(**shared)
    before, after = _decoded(contract, reference, candidate)
    routes = _route(contract, before), _route(contract, after)
    return PromptParity(
        **shared,
        reference_route=routes[0],
        route=routes[1],
        is_flip=routes[0] != routes[1],
        is_json_lost=before.is_valid and not after.is_valid,
        changed=[name for name in contract.fields if not _agrees(contract, name, before, after)],
    )


def _decoded(contract: Contract, first: Replayed, second: Replayed) -> tuple[Decoded, Decoded]:
    return decode(contract, first.text), decode(contract, second.text)


def _route(contract: Contract, decoded: Decoded) -> str:
    """What the phone does with a decision, and for which journey."""
    action = decide(contract, decoded, thresholds=Thresholds.of(contract), can_reason=True)
    if not decoded.is_valid or decoded.decision is None:
        return action.kind
    return f"{action.kind} · {decoded.decision[contract.roles.journey]}"


def _by_field(contract: Contract, decisions: Sequence[tuple[Decoded, Decoded]]) -> dict[str, float]:
    """Agreement per field over the prompts that the reference answered with a decision."""
    told = [pair for pair in decisions if pair[0].decision is not None]
    if not told:
        return {}
    return {name: sum(_agrees(contract, name, *pair) for pair in told) / len(told) for name in contract.fields}


def _agrees(contract: Contract, name: str, before: Decoded, after: Decoded) -> bool:
    if before.decision is None or after.decision is None:
        return before.decision is after.decision
    first, second = before.decision.get(name), after.decision.get(name)
    near = {contract.roles.score: SAME_SCORE, contract.roles.confidence: SAME_CONFIDENCE}.get(name)
    if near is not None and isinstance(first, int | float) and isinstance(second, int | float):
        return abs(first - second) <= near + 1e-9
    return first == second


def _free_text(contract: Contract) -> tuple[str, str]:
    return contract.roles.answer, contract.roles.clarification


def _perplexity(replies: Sequence[Replayed]) -> float | None:
    mean = _per_token(sum(reply.nll for reply in replies), sum(reply.positions for reply in replies))
    return None if mean is None else math.exp(min(mean, 100.0))


def _per_token(total: float, positions: int) -> float | None:
    return total / positions if positions else None


def _share(hits: Iterable[bool]) -> float | None:
    values = list(hits)
    return sum(values) / len(values) if values else None
