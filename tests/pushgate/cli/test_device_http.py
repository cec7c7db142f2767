"""HTTP between a terminal device and its authority."""

from pathlib import Path

import pytest
from typing_extensions import override

from pushgate.cli.device_http import MAX_ANSWER, MAX_EVENT_LINE, RefusedError, Server, UnreachableError, server_address
from pushgate.clock import FakeClock
from pushgate.errors import PushgateError
from tests.support.ports import free_port
from tests.support.scripted_authority import scripted_authority


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("https://auth.example.org", "https://auth.example.org"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_address(given: str, address: str) -> None:
    """An authority on this machine or over https is accepted."""
    assert server_address(given) == address


@pytest.mark.parametrize(
    "given",
    [
        "",
        "localhost:8080",
        "http://auth.example.org",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org:8080",
        "http://localhost@example.org",
        "http://example.org@localhost",
        "ftp://localhost",
        "http://localhost:port",
        "https://auth.example.org/base",
        "https://auth.example.org?x=1",
        "http://[::1",
    ],
)
def test_refused_address(given: str) -> None:
    """An address by which others could read along, or that is none, is refused."""
    with pytest.raises(PushgateError):
        server_address(given)


def test_refused_address_is_cleaned() -> None:
    """A refused address is repeated without its control characters."""
    with pytest.raises(PushgateError) as refusal:
        server_address("http://\x1b]0;owned\x07")
    assert refusal.value.message.isprintable()


def test_answer() -> None:
    """A request arrives as sent, and its JSON comes back."""
    with scripted_authority() as authority:
        authority.then(200, {"state": "approved"})
        answer = Server(authority.address, FakeClock()).call("POST", "/device/v1/x?y=1", b"{}", {"Authorization": "a"})
        (asked,) = authority.asked
    assert answer == {"state": "approved"}
    assert (asked.method, asked.target, asked.body) == ("POST", "/device/v1/x?y=1", b"{}")
    assert (asked.headers["Authorization"], asked.headers["Content-Type"]) == ("a", "application/json")


def test_empty_answer() -> None:
    """An empty answer is an empty object."""
    with scripted_authority() as authority:
        authority.then(200, b"")
        assert Server(authority.address, FakeClock()).call("DELETE", "/", b"", {}) == {}


def test_refusal() -> None:
    """A status of the 4xx kind is a refusal with its body, and the authority's words are cleaned."""
    body = {"errors": [{"code": "api.error.conflict", "message": "no\x1b[2J"}], "state": "denied"}
    with scripted_authority() as authority:
        authority.then(409, body)
        with pytest.raises(RefusedError) as refusal:
            Server(authority.address, FakeClock()).call("GET", "/", b"", {})
    assert (refusal.value.status, refusal.value.body) == (409, body)
    assert refusal.value.message == "the authority answered 409: no\\x1b[2J"


@pytest.mark.parametrize("body", [b"not json", b"[1]", b"[" * 100_000, b'{"errors":[7]}', b'{"errors":[]}'])
def test_refusal_without_words(body: bytes) -> None:
    """A refusal whose body is not as it should be is still a refusal."""
    with scripted_authority() as authority:
        authority.then(404, body)
        with pytest.raises(RefusedError) as refusal:
            Server(authority.address, FakeClock()).call("GET", "/", b"", {})
    assert refusal.value.message == "the authority answered 404"


def test_redirect_is_not_followed() -> None:
    """An authority that sends a device elsewhere is refused: the device signs for one place."""
    with scripted_authority() as authority:
        authority.then(302, {}, headers={"Location": authority.address + "/other"})
        with pytest.raises(RefusedError) as refusal:
            Server(authority.address, FakeClock()).call("GET", "/", b"", {})
    assert refusal.value.status == 302


def test_fault_of_the_authority() -> None:
    """A status of the 5xx kind means: ask again later."""
    with scripted_authority() as authority:
        authority.then(503)
        with pytest.raises(UnreachableError):
            Server(authority.address, FakeClock()).call("GET", "/", b"", {})


def test_nobody_there() -> None:
    """Where nothing listens, the device says which address it tried."""
    address = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(UnreachableError) as failure:
        Server(address, FakeClock()).call("GET", "/", b"", {})
    assert failure.value.message == f"the authority at {address} cannot be reached"


def test_answer_without_end() -> None:
    """An answer beyond the largest size is given up."""
    with scripted_authority() as authority:
        authority.then(200, b"x" * MAX_ANSWER, endless=True)
        with pytest.raises(UnreachableError):
            Server(authority.address, FakeClock()).call("GET", "/", b"", {})


class HurryingClock(FakeClock):
    """A clock on which every look costs 20 seconds."""

    @override
    def now(self) -> float:
        self.time += 20
        return self.time


def test_trickled_answer() -> None:
    """An answer that trickles for longer than the deadline is given up, although bytes keep coming."""
    with scripted_authority() as authority:
        authority.then(200, b"{", endless=True)
        with pytest.raises(UnreachableError):
            Server(authority.address, HurryingClock()).call("GET", "/", b"", {})


def test_environment_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a proxy nor a .netrc entry of the environment changes a signed request."""
    (tmp_path / ".netrc").write_text("machine localhost login evil password evil\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with scripted_authority() as authority:
        authority.then(200)
        Server(authority.address, FakeClock()).call("GET", "/", b"", {"Authorization": "ours"})
        assert authority.asked[0].headers["Authorization"] == "ours"


def test_events() -> None:
    """The stream counts once when it opens and once for each event; comments do not count."""
    stream = b': ka\n\nevent: request\ndata: {"id":"a"}\n\n: ka\n\nevent: gone\ndata: {}\n\n'
    with scripted_authority() as authority:
        authority.then(200, stream)
        assert list(Server(authority.address, FakeClock()).events("/events", {})) == [None, None, None]
        assert authority.asked[0].headers["Accept"] == "text/event-stream"


def test_refused_events() -> None:
    """A stream that is refused tells why."""
    with scripted_authority() as authority:
        authority.then(401, {"now": 5})
        with pytest.raises(RefusedError) as refusal:
            list(Server(authority.address, FakeClock()).events("/events", {}))
    assert (refusal.value.status, refusal.value.body) == (401, {"now": 5})


def test_event_line_without_end() -> None:
    """A stream whose line never ends is given up."""
    with scripted_authority() as authority:
        authority.then(200, b"x" * MAX_EVENT_LINE, endless=True)
        with pytest.raises(UnreachableError):
            list(Server(authority.address, FakeClock()).events("/events", {}))
