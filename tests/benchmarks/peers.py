"""llama-cpp-python as people use it, which the router is held against; imports nothing it does not need."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llama_cpp import Llama, LlamaGrammar, llama_grammar
from msgspec import Struct

from arny_studio.contract import Contract


class Timed(Struct, frozen=True):
    """A text as it was streamed: seconds from the call until it ended, and until a field had begun to follow another."""

    text: str
    seconds: float
    known_s: float


def plain_schema(contract: Contract) -> dict[str, Any]:
    """The contract as ordinary JSON Schema, without our blocks."""
    return {name: value for name, value in contract.schema.items() if not name.startswith("x-")}


def compact_grammar_text(contract: Contract) -> str:
    """The peer's own grammar of the schema, its free white space taken out, so that both sides write the same text.

    `json_schema` of llama-server goes through the same converter, with free white space.
    """
    rules = llama_grammar.json_schema_to_gbnf(json.dumps(plain_schema(contract)))
    return "\n".join('space ::= ""' if line.startswith("space ::=") else line for line in rules.splitlines())


class PythonPeer:
    """llama-cpp-python with its defaults, but for the context and for both cores."""

    def __init__(self, model: Path, contract: Contract, *, threads: int) -> None:
        self.llama = Llama(str(model), n_ctx=1024, n_threads=threads, n_threads_batch=threads, verbose=False)
        self._grammar = LlamaGrammar.from_string(compact_grammar_text(contract), verbose=False)

    def decide(self, prompt: Sequence[int], marker: str) -> Timed:
        """A greedy decision under the schema; `marker` is the text that follows the last routing field."""
        started, known, text = time.perf_counter(), 0.0, ""
        for part in self.llama.create_completion(
            list(prompt), grammar=self._grammar, temperature=0.0, max_tokens=256, stream=True
        ):
            text += part["choices"][0]["text"]  # type: ignore[index]
            known = known or (time.perf_counter() - started if marker in text else 0.0)
        return Timed(text, time.perf_counter() - started, known)

    def close(self) -> None:
        self.llama.close()
