"""A real llama-server, which the router is held against, used as people use it."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2

from arny_studio.contract import Contract
from tests.benchmarks.peers import Timed, compact_grammar_text


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
