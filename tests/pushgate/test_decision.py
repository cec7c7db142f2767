"""Decisions and their reasons."""

from pushgate.decision import Reason
from pushgate.outcome import FailureKind


def test_every_failure_of_a_provider_is_a_reason() -> None:
    """A failure of any kind has a word in the audit."""
    assert {kind.value for kind in FailureKind} <= {reason.value for reason in Reason}
