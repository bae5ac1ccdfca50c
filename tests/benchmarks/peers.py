"""The peers that the router is held against, used as people use them: llama-cpp-python and llama-server."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
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


def compact_grammar(contract: Contract) -> LlamaGrammar:
    """The peer's own grammar of the schema, its free white space taken out, so that both sides write the same text."""
    rules = llama_grammar.json_schema_to_gbnf(json.dumps(plain_schema(contract)))
    lines = ['space ::= ""' if line.startswith("space ::=") else line for line in rules.splitlines()]
    return LlamaGrammar.from_string("\n".join(lines), verbose=False)


class PythonPeer:
    """llama-cpp-python with its defaults, but for the context and for both cores."""

    def __init__(self, model: Path, contract: Contract, *, threads: int) -> None:
        self.llama = Llama(str(model), n_ctx=1024, n_threads=threads, n_threads_batch=threads, verbose=False)
        self._grammar = compact_grammar(contract)

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


class ServerPeer:
    """A running llama-server; its prompt cache keeps the system message warm."""

    def __init__(self, url: str, contract: Contract) -> None:
        self._url, self._grammar = url, compact_grammar_text(contract)

    def decide(self, prompt: Sequence[int], marker: str) -> Timed:
        """As `PythonPeer.decide`, over HTTP."""
        body = {
            "prompt": list(prompt), "grammar": self._grammar, "temperature": 0.0, "n_predict": 256, "stream": True,
            "cache_prompt": True,
        }  # fmt: skip
        started, known, text = time.perf_counter(), 0.0, ""
        with httpx2.stream("POST", f"{self._url}/completion", json=body, timeout=300) as response:
            for line in response.iter_lines():
                if line.startswith("data: "):
                    text += json.loads(line[6:])["content"]
                    known = known or (time.perf_counter() - started if marker in text else 0.0)
        return Timed(text, time.perf_counter() - started, known)


def compact_grammar_text(contract: Contract) -> str:
    """The grammar as text. `json_schema` of llama-server goes through the same converter, with free white space."""
    rules = llama_grammar.json_schema_to_gbnf(json.dumps(plain_schema(contract)))
    return "\n".join('space ::= ""' if line.startswith("space ::=") else line for line in rules.splitlines())


@contextmanager
def running_server(binary: Path, model: Path, contract: Contract, *, threads: int) -> Iterator[ServerPeer]:
    """A llama-server on a loopback port, ended at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(binary), "-m", str(model), "-c", "1024", "-t", str(threads), "-np", "1", "--port", str(port)]
    server = subprocess.Popen([*command, "--host", "127.0.0.1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}", server)
        yield ServerPeer(f"http://127.0.0.1:{port}", contract)
    finally:
        server.terminate()
        server.wait(30)


def _wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx2.get(f"{url}/health").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.2)
    raise RuntimeError("llama-server did not become ready")
