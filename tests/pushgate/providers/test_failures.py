"""What the log says of a provider that gave no answer."""

import pytest
from structlog.testing import capture_logs

from pushgate.outcome import Failed, FailureKind
from pushgate.providers.failures import HINTS, facts_of, is_failure, log_failure

LEVELS = {
    FailureKind.CONFIG: "error",
    FailureKind.PROTOCOL: "warning",
    FailureKind.UNAVAILABLE: "warning",
    FailureKind.DOWNGRADED: "warning",
    FailureKind.NOT_ENROLLED: "info",
    FailureKind.LOCKED: "info",
    FailureKind.RATE_LIMITED: "info",
}


@pytest.mark.parametrize("kind", list(FailureKind))
def test_each_kind_has_its_level(kind: FailureKind) -> None:
    """An operator is alarmed by what only they can put right, and not by people who type a wrong code."""
    assert is_failure(Failed(kind, asked=False)) is (kind in LEVELS)
    with capture_logs() as logs:
        log_failure("phones", "begin", Failed(kind, asked=False))
    assert [line["log_level"] for line in logs] == ([LEVELS[kind]] if kind in LEVELS else [])


def test_the_line_has_all_that_support_asks_for() -> None:
    """An operator finds provider, call, kind, HTTP status, the provider's request id, the cause and what to do."""
    failed = Failed(FailureKind.CONFIG, asked=False, detail="HTTP 401", status=401, trace="r-7", hint="a new key")
    with capture_logs() as logs:
        log_failure("phones", "check_password", failed)
    assert logs == [
        {
            "event": "provider_failed",
            "log_level": "error",
            "provider": "phones",
            "call": "check_password",
            "kind": "config",
            "status": 401,
            "trace": "r-7",
            "detail": "HTTP 401",
            "hint": "a new key",
        }
    ]


@pytest.mark.parametrize("kind", [FailureKind.NOT_ENROLLED, FailureKind.LOCKED, FailureKind.DOWNGRADED])
def test_what_people_lack_has_a_hint(kind: FailureKind) -> None:
    """An operator reads what to do for a person who cannot be asked, also where the provider knows nothing better."""
    assert facts_of(Failed(kind, asked=False))["hint"] == HINTS[kind]
    assert facts_of(Failed(kind, asked=False, hint="pushgate user add NAME"))["hint"] == "pushgate user add NAME"


def test_what_a_provider_sends_cannot_forge_or_fill_the_log() -> None:
    """A provider that answers with control characters, or a megabyte, leaves a short line without them."""
    text = "\x1b[2J\nok" + "x" * 1_000_000
    with capture_logs() as logs:
        log_failure("phones", "wait", Failed(FailureKind.PROTOCOL, asked=True, detail=text, trace=text, hint=text))
    assert len(str(logs)) < 2000
    assert not any(character in str(logs[0][key]) for key in ("detail", "trace", "hint") for character in "\x1b\n")
