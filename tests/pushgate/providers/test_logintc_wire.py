"""LoginTC's messages, beside what the provider's tests show of them."""

from typing import Any

import pytest

from pushgate.http import Reply
from pushgate.login import Origin, OriginSource
from pushgate.outcome import Approved, Failed, FailureKind
from pushgate.providers.logintc_wire import error_code, native_body, read_state, v1_body
from tests.support.core import make_login
from tests.support.transport import SESSION


def test_a_login_from_this_machine_says_so() -> None:
    """A person who is asked about a local sudo reads that it comes from this machine."""
    body = v1_body(make_login(origin=Origin(None, OriginSource.LOCAL)), send_command=False)
    assert body["attributes"][0] == {"key": "IP Address", "value": "this machine"}


def test_context_keeps_within_the_authoritys_limits() -> None:
    """A login with names of any length never breaks the authority's limits."""
    long = make_login(service="s" * 999, host="h" * 999, account="a" * 999, tty="t" * 999, command="c" * 9999)
    body = native_body(long, send_command=True, nonce="n", timeout=1)
    assert {key: len(value) for key, value in body["context"].items()} == {
        "service": 64,
        "host": 128,
        "account": 128,
        "command": 512,
        "tty": 64,
        "origin_kind": 3,
    }
    assert all(len(attribute["value"]) <= 512 for attribute in body["attributes"])


@pytest.mark.parametrize(
    "body", [None, [], {}, {"errors": None}, {"errors": []}, {"errors": ["x"]}, {"errors": [{}]}, "x", 1]
)
def test_an_error_body_of_any_shape_has_no_code(body: Any) -> None:
    """A server whose error body is broken is judged by its status alone."""
    assert error_code(Reply(400, body)) == ""


@pytest.mark.parametrize("proof", [None, [], "x", {"device_id": 5}, {}])
def test_a_strange_proof_does_not_stop_an_approval(proof: Any) -> None:
    """A state is read whatever stands beside it."""
    assert isinstance(read_state({"id": SESSION, "state": "approved", "proof": proof}, SESSION), Approved)


def test_a_deny_reason_is_cleaned() -> None:
    """A provider that sends escapes as a reason brings none into the audit."""
    denied = read_state({"id": SESSION, "state": "denied", "reason": "\x1b[2J" * 99}, SESSION)
    assert "\x1b" not in str(denied)
    assert len(str(denied)) < 100


def test_a_nested_state_is_no_state() -> None:
    """A state of a wrong type is refused, not compared."""
    result = read_state({"id": SESSION, "state": {"approved": True}}, SESSION)
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.PROTOCOL
