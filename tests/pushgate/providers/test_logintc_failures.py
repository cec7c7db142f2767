"""What went wrong at a LoginTC server: kind, status, trace, and what an administrator can do."""

from typing import Any

import pytest

from pushgate.http import Reply, RequestFailedError
from pushgate.outcome import FailureKind
from pushgate.providers.logintc_failures import (
    NO_TOKEN,
    error_code,
    failed_call,
    failure_of_create,
    failure_of_poll,
)


@pytest.mark.parametrize(
    "body", [None, [], {}, {"errors": None}, {"errors": []}, {"errors": ["x"]}, {"errors": [{}]}, "x", 1]
)
def test_an_error_body_of_any_shape_has_no_code(body: Any) -> None:
    """A server whose error body is broken is judged by its status alone."""
    assert error_code(Reply(400, body)) == ""


def error(status: int, code: str = "", **headers: str) -> Reply:
    """A refusal in LoginTC's form."""
    return Reply(status, {"errors": [{"code": code, "message": "x"}]}, headers=headers)


@pytest.mark.parametrize(
    ("reply", "domain_known", "kind", "asked", "hint"),
    [
        (error(401), True, FailureKind.CONFIG, False, "the API key is refused"),
        (error(403), True, FailureKind.CONFIG, False, "may not use this domain"),
        (error(407), True, FailureKind.CONFIG, False, "a proxy"),
        (error(404, "api.error.notfound.domain"), False, FailureKind.CONFIG, False, "check domain_id"),
        (error(404, NO_TOKEN), False, FailureKind.NOT_ENROLLED, False, "pushgate user code"),
        (error(404), True, FailureKind.NOT_ENROLLED, False, "pushgate user add"),
        (error(429), True, FailureKind.RATE_LIMITED, False, "too many requests"),
        (error(302), True, FailureKind.PROTOCOL, False, "check url"),
        (error(400), True, FailureKind.PROTOCOL, False, "another API"),
        (error(405), True, FailureKind.PROTOCOL, False, "another API"),
        (error(406), True, FailureKind.PROTOCOL, False, "another API"),
        (error(500), True, FailureKind.UNAVAILABLE, True, "out of order"),
        (error(503), True, FailureKind.UNAVAILABLE, False, "out of order"),
        (error(504), True, FailureKind.UNAVAILABLE, True, "out of order"),
    ],
)
def test_each_refusal_says_what_to_do(
    reply: Reply, domain_known: bool, kind: FailureKind, asked: bool, hint: str
) -> None:
    """An administrator reads the status and what to do about it, for every refusal of a create."""
    failed = failure_of_create(reply, domain_known=domain_known)
    assert (failed.kind, failed.asked, failed.status) == (kind, asked, reply.status)
    assert hint in failed.hint


def test_the_servers_words_are_cleaned() -> None:
    """A server that sends escapes as a code or as a request's name brings none into the log."""
    failed = failure_of_poll(error(500, "x\x1b[2J" * 99, **{"X-Request-Id": "\u202ereq\n" * 99}))
    assert (failed.trace.isprintable(), failed.detail.isprintable()) == (True, True)
    assert (len(failed.trace) <= 64, len(failed.detail) < 99) == (True, True)


def test_a_request_can_be_found_again() -> None:
    """An administrator who asks LoginTC's support has the name that the server gave the request."""
    assert failure_of_poll(error(502, "", **{"X-Request-Id": "r-17"})).trace == "r-17"


@pytest.mark.parametrize("status", [404, 410])
def test_a_session_that_is_gone_has_expired(status: int) -> None:
    """A server that has forgotten a session has let it expire."""
    assert failure_of_poll(Reply(status, None)).kind is FailureKind.EXPIRED


@pytest.mark.parametrize(
    ("kind", "detail", "hint"),
    [
        (FailureKind.CONFIG, "ClientConnectorCertificateError", "certificate is not trusted"),
        (FailureKind.CONFIG, "ClientConnectorSSLError", "certificate is not trusted"),
        (FailureKind.UNAVAILABLE, "ClientConnectorDNSError", "network"),
        (FailureKind.PROTOCOL, "reply is not JSON", "no LoginTC server"),
    ],
)
def test_a_call_without_a_reply_says_what_to_do(kind: FailureKind, detail: str, hint: str) -> None:
    """An administrator reads what to look at where no usable reply came."""
    failed = failed_call(RequestFailedError(kind, sent=False, detail=detail), "create", asked=False)
    assert (failed.kind, failed.detail, failed.status) == (kind, f"create: {detail}", None)
    assert hint in failed.hint


def test_a_fault_of_this_machine_is_not_blamed_on_a_certificate() -> None:
    """An administrator whose machine has no descriptor left is not sent to look at certificates."""
    failure = RequestFailedError(FailureKind.CONFIG, sent=False, detail="OSError: too many open files")
    assert failed_call(failure, "create", asked=False).hint == ""
