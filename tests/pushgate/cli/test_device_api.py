"""A terminal device at work, against a scripted authority."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from pushgate.cli.device_api import NotLinkedError, TerminalDevice
from pushgate.cli.device_context import read_pending
from pushgate.cli.device_messages import (
    activation_message,
    base64url,
    decision_message,
    fingerprint,
    request_message,
)
from pushgate.clock import FakeClock
from pushgate.errors import BadMessageError, PushgateError
from tests.support.devices import (
    DEVICE_ID,
    NONCE,
    SESSION_ID,
    ActivationAnswer,
    fake_now,
    linked_device,
    session,
    verify,
)
from tests.support.scripted_authority import Asked, scripted_authority

CODE = "d2mfr24k8r"


def check_signed(device: TerminalDevice, asked: Asked, timestamp: int) -> None:
    """Check the Authorization header of a request."""
    match = re.fullmatch(r'Pushgate-Device id="(.*)", ts="(.*)", sig="(.*)"', asked.headers["Authorization"])
    assert match is not None
    assert match.groups()[:2] == (DEVICE_ID, str(timestamp))
    message = request_message(DEVICE_ID, asked.method, asked.target, timestamp, asked.body)
    verify(device.key.point(), match[3], message)


def test_enroll() -> None:
    """A device proves that it holds its key, and is linked to the code's owner."""
    with scripted_authority() as authority:
        authority.answers.append(ActivationAnswer(authority))
        device = TerminalDevice.enroll(authority.address, "D2MFR-24K8R", "my terminal", FakeClock())
        sent = authority.asked[0].json()
    verify(device.key.point(), sent.pop("sig"), activation_message(CODE, device.key.point()))
    assert sent == {
        "code": CODE,
        "jwk": device.key.jwk(),
        "label": "my terminal",
        "kind": "cli",
        "subscription": None,
    }
    assert (device.device_id, device.user, device.domain) == (DEVICE_ID, "alice", "default")
    assert device.fingerprint == fingerprint(device.key.point())


def test_enroll_with_another_key_stored() -> None:
    """An authority that stored somebody else's key is found out by the fingerprint."""
    answer = {"device_id": DEVICE_ID, "user": "alice", "domain": "default", "fingerprint": "zzzz2"}
    with scripted_authority() as authority:
        authority.then(200, answer)
        with pytest.raises(BadMessageError, match="another key"):
            TerminalDevice.enroll(authority.address, CODE, clock=FakeClock())


@pytest.mark.parametrize(
    "answer",
    [{}, {"device_id": 5, "user": "alice", "domain": "d"}, {"device_id": "a\nb", "user": "alice", "domain": "d"}],
)
def test_enroll_answered_otherwise(answer: dict[str, Any]) -> None:
    """An activation answered in another form links nothing."""
    with scripted_authority() as authority:
        authority.then(200, answer)
        with pytest.raises(BadMessageError, match="unknown form"):
            TerminalDevice.enroll(authority.address, CODE, clock=FakeClock())


@pytest.mark.parametrize(
    ("status", "words"), [(404, "not accepted"), (403, "not accepted"), (429, "too many"), (418, "418")]
)
def test_refused_code(status: int, words: str) -> None:
    """A refused code is explained without being repeated."""
    with scripted_authority() as authority:
        authority.then(status)
        with pytest.raises(PushgateError, match=words) as refusal:
            TerminalDevice.enroll(authority.address, CODE, clock=FakeClock())
    assert CODE not in refusal.value.message + refusal.value.hint


def test_pending() -> None:
    """The list of logins is asked for with a signature, and read."""
    with scripted_authority() as authority:
        device = linked_device(authority.address)
        authority.then(200, {"sessions": [session()]})
        assert device.pending() == [read_pending(session())]
        check_signed(device, authority.asked[0], fake_now())
        assert authority.asked[0].target == "/device/v1/sessions"


@pytest.mark.parametrize(
    "answer", [{}, {"sessions": {}}, {"sessions": [session()] * 201}], ids=["none", "object", "many"]
)
def test_pending_in_another_form(answer: dict[str, Any]) -> None:
    """A list that is none, or too long, is refused."""
    with scripted_authority() as authority:
        authority.then(200, answer)
        with pytest.raises(BadMessageError):
            linked_device(authority.address).pending()


def test_wrong_clock_is_corrected_once() -> None:
    """A device whose clock is wrong takes over the authority's time, and keeps it."""
    ahead = fake_now() + 7200
    with scripted_authority() as authority:
        device = linked_device(authority.address)
        authority.then(401, {"now": ahead})
        authority.then(200, {"sessions": []})
        authority.then(200, {"sessions": []})
        device.pending()
        device.pending()
        first, second, third = authority.asked
        check_signed(device, first, fake_now())
        check_signed(device, second, ahead)
        check_signed(device, third, ahead)


@pytest.mark.parametrize("now", [None, True, "5", -1, 1e300])
def test_unknown_device(now: Any) -> None:
    """A refusal that names no usable time means that the device is not known."""
    with scripted_authority() as authority:
        authority.then(401, {"now": now})
        with pytest.raises(NotLinkedError):
            linked_device(authority.address).pending()


def test_unknown_device_with_the_right_time() -> None:
    """A device that is refused with the right time too is not linked any more; it does not ask a third time."""
    with scripted_authority() as authority:
        authority.then(401, {"now": fake_now()})
        authority.then(401, {"now": fake_now()})
        with pytest.raises(NotLinkedError):
            linked_device(authority.address).pending()


@pytest.mark.parametrize("decision", ["approved", "denied", "denied.unknown_trigger"])
def test_decide(decision: Any) -> None:
    """A decision is signed over exactly the ctx that was shown."""
    login = read_pending(session())
    with scripted_authority() as authority:
        device = linked_device(authority.address)
        authority.then(200, {"id": SESSION_ID, "state": decision.partition(".")[0]})
        assert device.decide(login, decision) == decision.partition(".")[0]
        (asked,) = authority.asked
    sent = asked.json()
    message = decision_message(SESSION_ID, DEVICE_ID, decision, NONCE, login.ctx)
    verify(device.key.point(), sent.pop("sig"), message)
    assert sent == {"device_id": DEVICE_ID, "decision": decision, "number": "", "via": "cli"}
    assert asked.target == f"/device/v1/sessions/{SESSION_ID}/decision"


def test_decision_does_not_fit_another_text() -> None:
    """An approval of one text is none of a text that differs in one character."""
    login = read_pending(session())
    with scripted_authority() as authority:
        device = linked_device(authority.address)
        authority.then(200, {"state": "approved"})
        device.decide(login, "approved")
        signature = authority.asked[0].json()["sig"]
    other = decision_message(SESSION_ID, DEVICE_ID, "approved", NONCE, login.ctx.replace("web1", "web2"))
    with pytest.raises(InvalidSignature):
        verify(device.key.point(), signature, other)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (409, {"state": "denied"}, "already denied"),
        (409, {"state": "pending"}, "cannot be answered now"),
        (409, {}, "cannot be answered now"),
        (410, {"state": "expired"}, "has expired"),
        (403, {}, "does not accept this device's signature"),
        (404, {}, "no such login"),
        (413, {}, "answered 413"),
    ],
)
def test_decision_that_is_not_taken(status: int, body: dict[str, str], words: str) -> None:
    """A decision that the authority does not take is an error that says why."""
    with scripted_authority() as authority:
        authority.then(status, body)
        with pytest.raises(PushgateError, match=words):
            linked_device(authority.address).decide(read_pending(session()), "approved")


def test_state() -> None:
    """The state of a session is the authority's word, cleaned."""
    with scripted_authority() as authority:
        device = linked_device(authority.address)
        authority.then(200, {"state": "expired\x1b"})
        authority.then(200, {})
        assert [device.state(SESSION_ID), device.state(SESSION_ID)] == ["expired\\x1b", "unknown"]


def test_changes() -> None:
    """The stream of changes is signed, and the clock corrected where it is refused."""
    with scripted_authority() as authority:
        device = linked_device(authority.address)
        authority.then(401, {"now": fake_now() + 500})
        authority.then(200, b"event: request\ndata: {}\n\n")
        assert list(device.changes()) == [None, None]
        check_signed(device, authority.asked[1], fake_now() + 500)


def test_changes_for_an_unknown_device() -> None:
    """The stream of changes tells a device that it is not linked."""
    with scripted_authority() as authority:
        authority.then(401, {"now": fake_now()})
        authority.then(401, {"now": fake_now()})
        with pytest.raises(NotLinkedError):
            list(linked_device(authority.address).changes())


def test_unlink() -> None:
    """Unlinking is a signed DELETE."""
    with scripted_authority() as authority:
        device = linked_device(authority.address)
        authority.then(200)
        device.unlink()
        check_signed(device, authority.asked[0], fake_now())
        assert (authority.asked[0].method, authority.asked[0].target) == ("DELETE", "/device/v1/self")


def test_save_and_load(private_folder: Path) -> None:
    """A stored device is the same when read again, and nobody else can read it."""
    path = private_folder / "new" / "device.json"
    device = linked_device("http://localhost:8080")
    device.save(path)
    again = TerminalDevice.load(path)
    stored = [(one.server, one.device_id, one.user, one.domain, one.label, one.fingerprint) for one in (device, again)]
    assert stored[0] == stored[1]
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert list(path.parent.iterdir()) == [path]


def test_failed_save_leaves_nothing(private_folder: Path) -> None:
    """A key that cannot be put in its place is not left beside it."""
    path = private_folder / "device.json"
    path.mkdir()
    with pytest.raises(OSError):
        linked_device("http://localhost:8080").save(path)
    assert list(private_folder.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o666])
def test_key_file_with_an_unsafe_mode(private_folder: Path, mode: int) -> None:
    """A key file that others can read or write is refused."""
    path = private_folder / "device.json"
    linked_device("http://localhost:8080").save(path)
    path.chmod(mode)
    with pytest.raises(PushgateError, match="by others than its owner"):
        TerminalDevice.load(path)


def test_key_file_that_is_a_link(private_folder: Path) -> None:
    """A key file behind a symbolic link is refused."""
    linked_device("http://localhost:8080").save(private_folder / "real.json")
    (private_folder / "device.json").symlink_to(private_folder / "real.json")
    with pytest.raises(PushgateError):
        TerminalDevice.load(private_folder / "device.json")


@pytest.mark.parametrize(
    "change", [{"key": "AAAA"}, {"key": 5}, {"v": 2}, {"user": None}, {"server": "http://example.org"}], ids=str
)
def test_damaged_key_file(private_folder: Path, change: dict[str, Any]) -> None:
    """A damaged key file is refused, and its content is not repeated."""
    path = private_folder / "device.json"
    device = linked_device("http://localhost:8080")
    device.save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(PushgateError) as refusal:
        TerminalDevice.load(path)
    assert device.key.secret() not in refusal.value.message + refusal.value.hint


def test_missing_key_file(private_folder: Path) -> None:
    """A terminal that was never linked says how to link it."""
    with pytest.raises(PushgateError, match="this terminal is not linked"):
        TerminalDevice.load(private_folder / "device.json")


@pytest.mark.parametrize("content", ["", "[]", "7", "{", "[" * 50_000])
def test_no_key_file(private_folder: Path, content: str) -> None:
    """A file of another kind is refused."""
    path = private_folder / "device.json"
    path.touch(mode=0o600)
    path.write_text(content)
    with pytest.raises(PushgateError, match="not a device key file"):
        TerminalDevice.load(path)


def test_key_stays_out_of_sight() -> None:
    """Neither a device's repr nor that of its key shows the private half."""
    device = linked_device("http://localhost:8080")
    assert device.key.secret() not in repr(device) + repr(vars(device)) + base64url(device.key.point())
