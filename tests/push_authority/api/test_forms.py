import json
import zlib
from dataclasses import replace

import pytest
from aiohttp.test_utils import make_mocked_request

from push_authority.api.forms import (
    NATIVE_TYPE,
    V1_TYPE,
    answer_type,
    device_object,
    domain_object,
    native_session,
    person_object,
    plain_png,
    to_json,
    v1_session,
)
from push_authority.devices import Device
from push_authority.people import Domain, Person
from push_authority.sessions import Session

SESSION = Session(
    "f" * 40, "d" * 40, "u" * 40, "key", "sshd", "", "{}", "nonce", "pending", None, 1000.9, 1060.9, False, None, False
)


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("pending", "pending"),
        ("approved", "approved"),
        ("denied", "denied"),
        ("cancelled", "denied"),
        ("expired", "pending"),
    ],
)
def test_session_body_is_exact(state: str, shown: str) -> None:
    """LoginTC's form is two keys without a blank, cut at the byte positions that logintc-c uses."""
    body = v1_session(replace(SESSION, stored_state=state), 1001.0)
    assert body == b'{"id":"' + b"f" * 40 + b'","state":"' + shown.encode() + b'"}'
    assert body[7:47] == b"f" * 40
    assert body[58:-2] == shown.encode()


def test_pending_session_past_its_time_stays_pending_for_logintc() -> None:
    """LoginTC has no word for expired."""
    assert v1_session(SESSION, 1060.9).endswith(b'"state":"pending"}')
    assert json.loads(native_session(SESSION, 1060.9))["state"] == "expired"


def test_native_session_is_complete() -> None:
    """Our form has every key from the beginning, and the proof as an object once there is one."""
    assert json.loads(native_session(SESSION, 1001.1)) == {
        "id": "f" * 40,
        "state": "pending",
        "reason": None,
        "created_at": 1000,
        "expires_at": 1060,
        "expires_in": 59.8,
        "number": None,
        "methods": ["device"],
        "assurance": None,
        "consumed": False,
        "proof": None,
    }
    numbered = replace(SESSION, number="42")
    assert json.loads(native_session(numbered, 1001.1))["number"] is None
    shown = json.loads(native_session(replace(numbered, proof="{}"), 1001.1, "42"))
    assert (shown["number"], shown["methods"], shown["assurance"]) == ("42", ["device", "number"], 3)
    for method, assurance in (("totp", 1), ("bypass", 0)):
        typed = json.loads(native_session(replace(SESSION, method=method, stored_state="approved"), 1001.1))
        assert (typed["methods"], typed["assurance"], typed["proof"]) == ([method], assurance, None)
    refused = json.loads(native_session(replace(SESSION, method="code", stored_state="denied"), 1001.1))
    assert (refused["methods"], refused["assurance"]) == (["code"], None)
    decided = json.loads(native_session(replace(SESSION, stored_state="approved", proof='{"v":1}'), 2000.0))
    assert (decided["proof"], decided["assurance"], decided["expires_in"]) == ({"v": 1}, 2, 0)


def test_user_object_has_what_old_clients_need() -> None:
    """Domains and hardware are always there."""
    assert person_object(Person("u", "alice", "Alice", "a@example.org", ())) == {
        "id": "u",
        "username": "alice",
        "email": "a@example.org",
        "name": "Alice",
        "domains": [],
        "hardware": "",
    }


def test_domain_object_has_nine_fields() -> None:
    """A domain has all that LoginTC's Java client asks for."""
    assert sorted(domain_object(Domain("d", "Staff"), 60)) == sorted(
        [
            "id",
            "name",
            "type",
            "keyType",
            "maxAllowedRetries",
            "requestTimeout",
            "activationCodeExpiration",
            "requestPollingEnabled",
            "bypassEnabled",
        ]
    )


def test_device_object_shows_the_fingerprint() -> None:
    """An administrator can compare the fingerprint; the key itself is not shown."""
    shown = device_object(Device("id", "u", "d", "cli", "laptop", b"\x04" + bytes(64), 1000.5))
    assert (shown["label"], shown["created_at"], len(shown["fingerprint"])) == ("laptop", 1000, 4)
    assert "public_key" not in shown


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, V1_TYPE),
        ("*/*", V1_TYPE),
        ("image/png", V1_TYPE),
        (V1_TYPE, V1_TYPE),
        (NATIVE_TYPE, NATIVE_TYPE),
        (f"text/html, {NATIVE_TYPE.upper()};q=0.9", NATIVE_TYPE),
        (NATIVE_TYPE + "x", V1_TYPE),
    ],
)
def test_form_follows_the_accept_header(accept: str | None, expected: str) -> None:
    """Only who names our type gets it."""
    headers = {} if accept is None else {"Accept": accept}
    assert answer_type(make_mocked_request("GET", "/", headers)) == expected


def test_image_is_a_png() -> None:
    """The image has the signature, the size and the rows of a PNG."""
    image = plain_png(4)
    assert image.startswith(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x04\x00\x00\x00\x04\x08\x02")
    start = image.index(b"IDAT") + 4
    assert len(zlib.decompress(image[start:-16])) == 4 * (1 + 4 * 3)
    assert image.endswith(b"IEND\xaeB`\x82")


def test_json_is_compact_utf8() -> None:
    """JSON has no blanks and keeps letters as they are."""
    assert to_json({"a": "é"}) == '{"a":"é"}'.encode()
