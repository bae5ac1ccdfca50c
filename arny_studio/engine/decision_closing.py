"""How a decision is brought to an end where its budget runs out, so that the text is whole JSON all the same."""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from arny_studio.contract import Contract
from arny_studio.engine.llama_session import LlamaSession

# Where the budget runs out, the first of these that the schema allows is taken: tokens that are, or begin with, a text.
_Closer = tuple[Literal["is", "begins"], bytes]
_IN_STRING: tuple[_Closer, ...] = (("begins", b'"}'), ("begins", b'"]'), ("is", b'"'), ("begins", b'"'))
_ELSEWHERE: tuple[_Closer, ...] = (("begins", b"}"), ("begins", b"]"), ("begins", b","), ("begins", b'"'))

_PLAIN = {"string": '"a"', "array": "[]", "integer": "100", "number": "0.0", "boolean": "false", "null": "null"}


class ClosingCost:
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
        for closer in _IN_STRING if _is_inside_string(raw) else _ELSEWHERE:
            closers = self._closers[closer]
            best = closers[allowed[closers]]
            if best.size:
                return int(best[np.argmax(logits[best])])
        return int(np.argmax(np.where(allowed, logits, -np.inf)))

    @cached_property
    def _closers(self) -> dict[_Closer, NDArray[np.int64]]:
        pieces = self._session.vocabulary.pieces
        return {
            (how, text): np.array(
                [
                    token
                    for token, piece in enumerate(pieces)
                    if piece == text or (how == "begins" and piece[: len(text)] == text)
                ],
                np.int64,
            )
            for how, text in {*_IN_STRING, *_ELSEWHERE}
        }


def _is_inside_string(raw: bytes) -> bool:
    return re.sub(rb"\\.", b"", raw, flags=re.DOTALL).count(b'"') % 2 == 1


def _longest_plain_value(node: dict[str, Any]) -> str:
    """The value that a field closes with at worst once the decoder closes what it can."""
    values = [json.dumps(value) for value in node.get("enum", ())]
    kinds = node["type"] if isinstance(node.get("type"), list) else [node.get("type")]
    if node.get("minItems"):
        values.append(f"[{_longest_plain_value(node['items'])}]")
    return max([*values, *(_PLAIN.get(str(kind), "{}") for kind in kinds)], key=len)
