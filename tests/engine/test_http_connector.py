"""Connectors against a real server on the loopback: what it may say, how long it may take, and where it may point."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from arny_studio.engine.cloud_result import lay_out
from arny_studio.engine.guarded_network import Refused, addresses_of, is_public
from arny_studio.engine.http_connector import ROWS_SHOWN, ConnectorFailed, fetch
from arny_studio.errors import BadRecipe
from arny_studio.recipe.connectors import Connector, ConnectorSet, load_connectors, save_connectors

FLIGHTS = [{"flight": f"AB{n}", "price": 100 + n, "via": {"city": "Oslo"}} for n in range(7)]


class Service(BaseHTTPRequestHandler):
    """One path per temper. Keeps what it was asked."""

    asked: list[tuple[str, dict[str, str], bytes]]
    may_go_on: threading.Event

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.asked.append((self.path, headers, bytes(self.rfile.read(length))))
        getattr(self, urlsplit(self.path).path.strip("/").replace("-", "_"))()

    def _say(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def flights(self) -> None:
        self._say(json.dumps({"data": {"flights": FLIGHTS}}).encode())

    def slow(self) -> None:
        self.may_go_on.wait(30)
        self._say(b"[]")

    def trickle(self) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.may_go_on.wait(0.05):
            try:
                self.wfile.write(b" ")
            except OSError:
                return

    def broken(self) -> None:
        self._say(b"{}", 500)

    def huge(self) -> None:
        self._say(b'["' + b"x" * 3_000_000 + b'"]')

    def prose(self) -> None:
        self._say(b"<html>Welcome</html>")

    def zipped(self) -> None:
        self._say(b"\x1f\x8b", Content_Encoding="gzip")

    def to_localhost(self) -> None:
        port = str(self.headers["Host"]).rpartition(":")[2]
        self._say(b"", 302, Location=f"http://localhost:{port}/flights")

    def to_elsewhere(self) -> None:
        self._say(b"", 302, Location="http://elsewhere.example/flights")

    def to_file(self) -> None:
        self._say(b"", 302, Location="file:///etc/passwd")

    def to_flights(self) -> None:
        self._say(b"", 302, Location="/flights")

    def to_itself(self) -> None:
        self._say(b"", 307, Location="/to-itself")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[ThreadingHTTPServer]:
    handler = type("Handler", (Service,), {"asked": [], "may_go_on": threading.Event()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    handler.may_go_on.set()
    server.shutdown()
    server.server_close()
    thread.join()


def asked(service: ThreadingHTTPServer) -> list[tuple[str, dict[str, str], bytes]]:
    handler: Any = service.RequestHandlerClass
    return handler.asked


def connector(service: ThreadingHTTPServer, path: str, **fields: Any) -> Connector:
    address = f"http://127.0.0.1:{service.server_address[1]}/{path}"
    return Connector(**{"title": "Flights", "journeys": ("flight",), "url": address, **fields})


HERE = ConnectorSet(allowed_hosts=("127.0.0.1", "localhost"), private_hosts=("127.0.0.1",))


def ask(one: Connector, connectors: ConnectorSet = HERE, **more: Any) -> Any:
    slots = more.pop("slots", {"query": "to Rome"})
    return fetch(one, connectors, slots, **{"secret": {}.get, "timeout_s": 30.0, **more})


def test_that_an_answer_becomes_at_most_five_rows_with_plain_values_under_the_services_name(service):
    result = ask(connector(service, "flights", result="$.data.flights"))
    assert len(result.rows) == ROWS_SHOWN
    assert result.rows[0] == {"flight": "AB0", "price": 100, "via": '{"city":"Oslo"}'}
    assert not result.is_simulated
    assert lay_out(result, "list").startswith("From Flights: 127.0.0.1 answered\n- Flight AB0")


def test_that_an_index_in_the_path_takes_one_row(service):
    (row,) = ask(connector(service, "flights", result="$.data.flights[2]")).rows
    assert row["flight"] == "AB2"


def test_that_slots_are_encoded_and_cannot_change_the_address_or_the_body(service):
    query = 'a b&x=1#y/../\n"}{"é'
    ask(connector(service, "flights?q={query}&i={intent}"), slots={"query": query, "intent": "go"})
    path, headers, _ = asked(service)[-1]
    assert urlsplit(path).path == "/flights"
    assert parse_qs(urlsplit(path).query) == {"q": [query], "i": ["go"]}
    assert "cookie" not in headers
    ask(connector(service, "flights", method="POST", body='{"q": "{query}"}'), slots={"query": query})
    assert json.loads(asked(service)[-1][2]) == {"q": query}


def test_that_a_secret_comes_by_name_and_a_missing_one_is_told(service):
    one = connector(service, "flights", headers={"Authorization": "Bearer {secret:flights-key}"})
    ask(one, secret={"flights-key": "s3cret"}.get)
    assert asked(service)[-1][1]["authorization"] == "Bearer s3cret"
    with pytest.raises(ConnectorFailed, match="needs the secret 'flights-key', which nobody stored"):
        ask(one)
    with pytest.raises(ConnectorFailed) as caught:
        ask(one, secret={"flights-key": "s3cret\r\nX: y"}.get)
    assert "s3cret" not in caught.value.sentence


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("broken", "Flights (127.0.0.1) answered with status 500."),
        ("huge", "Flights (127.0.0.1) sent more than 1 MB; nothing was kept."),
        ("prose", "Flights (127.0.0.1) sent no JSON"),
        ("zipped", "sent a compressed answer"),
        ("to-itself", "redirects more than 3 times"),
        ("flights", "sent JSON without $.offers[0]."),
    ],
)
def test_that_what_a_service_does_wrong_is_one_sentence(service, path: str, said: str):
    with pytest.raises(ConnectorFailed) as caught:
        ask(connector(service, path, result="$.offers[0]"))
    assert said in caught.value.sentence
    assert "\n" not in caught.value.sentence


@pytest.mark.parametrize("path", ["slow", "trickle"])
def test_that_a_service_that_takes_too_long_is_left_however_it_takes_its_time(service, path: str):
    with pytest.raises(ConnectorFailed, match=r"did not answer within 0\.4 s"):
        ask(connector(service, path), timeout_s=0.4)


def test_that_nobody_listening_is_told(service):
    one = connector(service, "flights")
    service.shutdown()
    service.server_close()
    with pytest.raises(ConnectorFailed, match="could not be reached"):
        ask(one, timeout_s=5.0)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("to-localhost", r"localhost is at (127\.0\.0\.1|::1), a private or local address"),
        ("to-elsewhere", r"redirects to elsewhere\.example, which is not among the allowed hosts"),
        ("to-file", "redirects to an address that is not https"),
    ],
)
def test_that_a_redirect_to_where_nobody_may_go_is_not_followed(service, path: str, said: str):
    with pytest.raises(Refused, match=said):
        ask(connector(service, path))
    assert len(asked(service)) == 1


def test_that_a_redirect_on_the_same_host_is_followed_and_one_of_a_post_is_not(service):
    assert ask(connector(service, "to-flights", result="$.data.flights")).rows
    with pytest.raises(Refused, match="redirects what was sent"):
        ask(connector(service, "to-flights", method="POST"))


def test_that_headers_of_a_connector_go_to_no_other_host(service):
    both = ConnectorSet(allowed_hosts=("127.0.0.1", "localhost"), private_hosts=("127.0.0.1", "localhost"))
    one = connector(service, "to-localhost", headers={"X-Key": "{secret:key}"}, result="$.data.flights")
    assert ask(one, both, secret={"key": "s3cret"}.get).rows
    first, second = asked(service)
    assert first[1]["x-key"] == "s3cret"
    assert "x-key" not in second[1]


def test_that_a_private_address_is_refused_unless_the_host_is_allowed_to_be_private(service):
    with pytest.raises(Refused, match=r"127\.0\.0\.1, a private or local address; nothing was sent"):
        ask(connector(service, "flights"), ConnectorSet(allowed_hosts=("127.0.0.1",)))
    with pytest.raises(Refused, match="a private or local address"):
        addresses_of("localhost", 80, may_be_private=False)  # a name is judged by what it resolves to
    assert asked(service) == []


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
     "::1", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1",
     "64:ff9b::a00:1", "::", "255.255.255.255", "198.18.0.1", "240.0.0.1"],
)  # fmt: skip
def test_that_local_addresses_in_all_their_clothes_are_not_public(address: str):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07::1", "::ffff:93.184.215.14"])
def test_that_addresses_of_the_open_internet_are_public(address: str):
    assert is_public(address)


GOOD = Connector(title="Flights", journeys=("flight",), url="https://api.example.com/flights?q={query}")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": "ftp://api.example.com/"}, "must begin with https:// or http://"),
        ({"url": "https://{query}/x"}, "The host is fixed"),
        ({"url": "https://me:pw@api.example.com/"}, "The host is fixed"),
        ({"url": "https://api.example.com:99999/"}, "is no address"),
        ({"url": "https://other.example/"}, "other.example is not among the allowed hosts"),
        ({"url": "http://api.example.com/", "headers": {"K": "{secret:k}"}}, "over https only"),
        ({"url": "https://api.example.com/{secret:k}"}, "Secrets belong into headers"),
        ({"headers": {"A b": "c"}}, "is no header name"),
        ({"headers": {"A": "b\r\nC: d"}}, "line breaks"),
        ({"result": "$..x"}, "is no path"),
    ],
)
def test_that_a_connector_that_must_never_be_used_is_refused_when_it_is_read(tmp_path: Path, changes, said: str):
    connectors = ConnectorSet(allowed_hosts=("api.example.com",), connectors=(replace(GOOD, **changes),))
    with pytest.raises(BadRecipe) as caught:
        save_connectors(connectors, tmp_path / "connectors.toml")
    assert said in caught.value.sentence
    assert not (tmp_path / "connectors.toml").exists()


def test_that_connectors_survive_their_file_and_serve_their_journeys(tmp_path: Path):
    file = tmp_path / "connectors.toml"
    paying = replace(GOOD, title="Bank", journeys=("financial_wellness",), method="POST")
    connectors = ConnectorSet(allowed_hosts=("API.example.com",), connectors=(GOOD, paying))
    save_connectors(connectors, file)
    again = load_connectors(file)
    assert again == connectors
    assert again.connector_of("flight") == GOOD
    assert again.connector_of("hotel") is None
    assert (GOOD.needs_confirmation, paying.needs_confirmation) == (False, True)
    file.write_text(file.read_text().replace("title", "titel"))
    with pytest.raises(BadRecipe, match=r"connectors\.toml"):
        load_connectors(file)


@given(st.text(max_size=80))
def test_that_no_words_of_a_user_leave_their_slot(words: str):
    filled = urlsplit(GOOD.filled_url({"query": words.encode("utf-8", "replace").decode()}))
    assert (filled.scheme, filled.netloc, filled.path, filled.fragment) == ("https", "api.example.com", "/flights", "")
