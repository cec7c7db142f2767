"""What ``pushgate login`` shows."""

import io
import json
import sys
from typing import Any

import pytest

from pushgate.cli.login_output import Steps, facts
from pushgate.cli.login_terminal import TerminalConversation
from pushgate.clock import FakeClock
from pushgate.decision import Decision, Reason
from pushgate.firstfactor.base import PasswordRight, PasswordWrong
from pushgate.login import Secret
from pushgate.observing import Exchange
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Pending

HANDLE = Handle("hidden")
GET = Exchange("https://x", "GET", "/api/ping", 0.0123, 200)
REFUSED = Decision(False, Reason.CONFIG, "id", "Rejected")


def printed(steps: Steps, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines since the last look."""
    del steps
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("outcome", "shown"),
    [
        (Approved("phone", detail="x"), {"device": "phone", "detail": "x"}),
        (Denied(), {"reason": "user"}),
        (Pending(HANDLE, "42"), {"number": "42"}),
        (
            NeedsCode(HANDLE, "Code: ", resent=True, detail="mail"),
            {"prompt": "Code: ", "resent": True, "detail": "mail"},
        ),
        (NeedsCode(HANDLE, "Code: "), {"prompt": "Code: "}),
        (Failed(FailureKind.CONFIG, asked=False), {"kind": "config", "asked": False}),
        (
            Failed(FailureKind.RATE_LIMITED, True, "slow", 429, "t1", "wait"),
            {"kind": "rate_limited", "asked": True, "detail": "slow", "status": 429, "trace": "t1", "hint": "wait"},
        ),
        (PasswordRight(frozenset({"b", "a"}), ((1, b"hidden"),), HANDLE), {"groups": "a, b"}),
        (PasswordWrong("no"), {"detail": "no"}),
    ],
)
def test_an_outcome_is_shown_without_its_handle(outcome: Any, shown: dict[str, Any]) -> None:
    """A person reads what each outcome says, and never the handle or an attribute of the person."""
    assert facts(outcome) == {"outcome": type(outcome).__name__, **shown}


def test_people_read_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    """A person reads each step with its second, and at the end what to do."""
    steps = Steps(FakeClock(), as_json=False)
    steps.clock.time += 1.234  # type: ignore[attr-defined]
    steps.call("begin", "push")
    steps.outcome("begin", Failed(FailureKind.CONFIG, asked=False, detail="create", status=401))
    steps.outcome("submit", NeedsCode(HANDLE, "Code: ", resent=True))
    steps.features(frozenset({"sms", "code"}))
    steps.features(frozenset())
    steps.told("Type 42")
    steps.given_up()
    steps.decision(REFUSED, "create: HTTP 401", "see the key")
    assert printed(steps, capsys) == [
        "   1.23 begin push",
        "   1.23   -> Failed, kind config, nobody was asked, detail create, HTTP 401",
        "   1.23   -> NeedsCode, prompt Code: , resent",
        "   1.23   -> features: code, sms",
        "   1.23   -> features: none",
        "   1.23   Type 42",
        "   1.23 given up: withdrawing what is open",
        "   1.23 not approved: config",
        "          detail: create: HTTP 401",
        "          hint: see the key",
        '          the person reads: "Rejected"',
    ]


def test_programs_read_objects(capsys: pytest.CaptureFixture[str]) -> None:
    """A program reads one object for each step, of requests too that are equal."""
    steps = Steps(FakeClock(), as_json=True)
    steps.request(GET)
    steps.request(GET)
    steps.request(Exchange("https://x", "PUT", "/y", 5.0, None, "unavailable: TimeoutError"))
    steps.decision(Decision(True, Reason.APPROVED, "id", "Approved", "push"), "", "")
    request = {"at": 0.0, "step": "request", "server": "https://x", "method": "GET", "path": "/api/ping", "ms": 12}
    assert [json.loads(line) for line in printed(steps, capsys)] == [
        {**request, "status": 200},
        {**request, "status": 200},
        {**request, "method": "PUT", "path": "/y", "ms": 5000, "failure": "unavailable: TimeoutError"},
        {"at": 0.0, "step": "decision", "accept": True, "reason": "approved", "message": "Approved", "factor": "push"},
    ]


def test_equal_requests_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """A person sees the first of a row of polls, and then how many there were."""
    steps = Steps(FakeClock(), as_json=False)
    for count in (1, 3, 2):
        for _ in range(count):
            steps.request(GET)
        steps.call("submit")
    line = "   0.00     GET https://x/api/ping: 200, 12 ms"
    assert printed(steps, capsys) == [
        *(line, "   0.00 submit"),
        *(line, "   0.00     the same 2 times more", "   0.00 submit"),
        *(line, "   0.00     the same 1 time more", "   0.00 submit"),
    ]


@pytest.mark.parametrize("as_json", [False, True])
def test_outside_text_cannot_steer_the_terminal(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """A provider's text with escapes, line ends or a megabyte is shown as what it is, and cut."""
    steps = Steps(FakeClock(), as_json=as_json)
    steps.outcome("begin", Failed(FailureKind.PROTOCOL, True, "a\x1b[2J\nb\u202e" + "c" * 100_000))
    steps.outcome("begin", NeedsCode(HANDLE, "\x1b]0;x\x07"))
    steps.decision(REFUSED, "d\x1b[2J\ne", "")
    text = capsys.readouterr().out
    assert all(character.isprintable() or character == "\n" for character in text)
    assert len(text) < 2000
    assert "a\\x1b[2J\\x0ab" in text.replace("\\\\", "\\")


def test_a_reader_that_is_gone_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that stops reading does not keep the question from being withdrawn."""

    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    steps = Steps(FakeClock(), as_json=False)
    steps.request(GET)
    steps.decision(REFUSED, "", "")


def test_an_open_prompt_stays_below(capsys: pytest.CaptureFixture[str]) -> None:
    """A person sees the open prompt below each step that comes in between."""
    steps = Steps(FakeClock(), as_json=False)
    steps.terminal = TerminalConversation(steps.clock, 0, steps.told)
    steps.terminal.open_prompt = "Code: "
    steps.call("wait")
    assert capsys.readouterr() == ("   0.00 wait\n", "\nCode: ")


def test_a_secret_has_no_place_in_a_step() -> None:
    """A secret that got into a fact would be shown as its type alone."""
    assert "wonderland" not in str(facts(PasswordWrong(str(Secret(b"wonderland")))))
