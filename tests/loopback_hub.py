"""A Hub on the loopback interface: one model, served as the real one serves it, as slowly and as rudely as a test wants."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """What the Hub has, what it was asked, and how it behaves."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.large: set[str] = set()  # files that are listed with a sha256, as large ones are
        self.refusal: tuple[int, str] | None = None  # status and error code for everything
        self.stop_after: dict[str, int] = {}  # bytes of a file after which the line hangs, once
        self.hung = threading.Event()
        self.go_on = threading.Event()
        self.ranges: list[tuple[str, str]] = []  # file and Range header of each request for a file
        self.spoilt: set[str] = set()  # files whose bytes differ from what is listed
        self.tokens: set[str] = set()
        self.address = ""

    def listing(self) -> dict[str, Any]:
        siblings = []
        for name, data in self.files.items():
            entry: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": _git_hash(data)}
            if name in self.large:
                entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
            siblings.append(entry)
        return {"id": "owner/model", "modelId": "owner/model", "sha": COMMIT, "siblings": siblings, "tags": []}


@contextmanager
def loopback_hub() -> Iterator[Hub]:
    """Serve until the block ends."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Answering", (_Answering,), {"hub": hub}))
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        hub.go_on.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Answering(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.hub.tokens.add(self.headers.get("Authorization", ""))
        if self.hub.refusal is not None:
            status, code = self.hub.refusal
            self._answer(status, b"{}", {"X-Error-Code": code, "X-Error-Message": "no"})
        elif self.path.startswith("/api/models/"):
            self._answer(200, json.dumps(self.hub.listing()).encode(), {"Content-Type": "application/json"})
        else:
            self._file(self.path.partition("?")[0].split(f"/resolve/{COMMIT}/")[1])

    def _file(self, name: str) -> None:
        data = self.hub.files[name]
        if name in self.hub.spoilt:
            data = data[:-1] + bytes([data[-1] ^ 1])
        asked = self.headers.get("Range", "")
        self.hub.ranges.append((name, asked))
        start = int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0
        headers = {"ETag": '"x"', "Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if asked else {}
        self._answer(206 if asked else 200, data[start:], headers, hang_at=self.hub.stop_after.pop(name, None))

    def _answer(self, status: int, body: bytes, headers: dict[str, str], *, hang_at: int | None = None) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if hang_at is not None:
            self.wfile.write(body[:hang_at])
            self.wfile.flush()
            self.hub.hung.set()
            self.hub.go_on.wait(60)
            self.close_connection = True
            return
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silence."""


def _git_hash(data: bytes) -> str:
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
