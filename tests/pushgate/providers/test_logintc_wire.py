"""LoginTC's messages, beside what the provider's tests show of them."""

from typing import Any

import pytest

from pushgate.login import Origin, OriginSource, Push, Secret
from pushgate.outcome import Approved, Failed, FailureKind
from pushgate.providers.logintc_wire import (
    asks_for_another,
    code_fields,
    native_body,
    number_field,
    proved_number,
    read_number,
    read_state,
    v1_body,
)
from tests.support.core import make_login
from tests.support.transport import SESSION


def test_a_login_from_this_machine_says_so() -> None:
    """A person who is asked about a local sudo reads that it comes from this machine."""
    body = v1_body(make_login(origin=Origin(None, OriginSource.LOCAL)), send_command=False)
    assert body["attributes"][0] == {"key": "IP Address", "value": "this machine, outside ssh"}


@pytest.mark.parametrize(("ours", "shown"), [(True, "let you in"), (False, "")])
def test_our_own_question_is_always_shown(ours: bool, shown: str) -> None:
    """A person reads what is to be unlocked also where commands are kept from the provider, and no command there."""
    login = make_login(command="let you in", ours=ours)
    body = native_body(login, send_command=False, nonce="n", timeout=1)
    assert body["context"]["command"] == shown
    for attributes in (body["attributes"], v1_body(login, send_command=False)["attributes"]):
        assert [each["value"] for each in attributes if each["key"] == "Command"] == ([shown] if shown else [])


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


@pytest.mark.parametrize(
    ("typed", "fields"),
    [
        ("012345", {"otp": "012345"}),
        ("12345678", {"otp": "12345678"}),
        ("123456789", {"bypasscode": "123456789"}),
        (" 123 456 ", {"otp": "123456"}),
        ("123-456-789", {"bypasscode": "123456789"}),
        ("\uff11\uff12\uff13\uff14\uff15\uff16", {"otp": "123456"}),
        ("123\u2011456\u00a0", {"otp": "123456"}),
        ("12345", None),
        ("1234567890", None),
        ("12345a", None),
        ("\u0661\u0662\u0663\u0664\u0665\u0666", None),
        ("\u00b9\u00b2\u00b3456", {"otp": "123456"}),
        ("", None),
    ],
)
def test_a_typed_code_is_read_as_people_write_it(typed: str, fields: dict[str, str] | None) -> None:
    """A person may group digits; what is not six to nine digits then is no code, and is not sent."""
    assert code_fields(typed.encode()) == fields


@pytest.mark.parametrize(
    ("typed", "asks"),
    [("resend", True), (" Resend\n", True), ("\uff32ESEND", True), ("re-send", False), ("123456", False), ("", False)],
)
def test_the_word_for_another_mail_is_read_as_people_write_it(typed: str, asks: bool) -> None:
    """A person may write the word in any case and width; nothing else sends a mail."""
    assert asks_for_another(typed) is asks


def test_bytes_that_are_no_text_are_no_code() -> None:
    """A peer that sends bytes in no encoding sends no code."""
    assert code_fields(b"12345\xff") is None


@pytest.mark.parametrize(
    ("push", "field"),
    [
        (Push(), ""),
        (Push(draw_number=True), "show"),
        (Push(number=Secret(b"07")), "07"),
        (Push(number=Secret(b"07"), draw_number=True), "07"),
        (Push(number=Secret(b"7")), None),
        (Push(number=Secret(b"sh")), None),
        (Push(number=Secret(b"07\n")), None),
        (Push(number=Secret("\u0660\u0667".encode())), None),
    ],
)
def test_a_number_is_two_digits_or_none(push: Push, field: str | None) -> None:
    """A number goes out as it was typed, or as the word that has it drawn."""
    assert number_field(push) == field


@pytest.mark.parametrize(
    "body", [None, [], {}, {"number": 42}, {"number": "4"}, {"number": "\uff14\uff12"}, {"number": None}]
)
def test_an_answer_without_a_number_has_none(body: Any) -> None:
    """A server that sends anything but two digits has drawn no number."""
    assert read_number(body) == ""
    assert proved_number({"proof": body}) == ""
    assert proved_number(body) == ""
