"""Logins that have just ended unanswered."""

from pushgate.decision import Decision, Reason
from radius_server.lately import LIMIT, SECONDS, LatelyExpired

EXPIRED = Decision(accept=False, reason=Reason.EXPIRED, audit_id="a1")


def test_the_same_login_is_found_for_a_moment() -> None:
    """A NAS that asks again at once hears the same; one that asks later, or something else, does not."""
    lately = LatelyExpired()
    lately.note(b"key", EXPIRED, 100.0)
    assert lately.find(b"key", 100.0 + SECONDS - 0.1) is EXPIRED
    assert lately.find(b"other", 101.0) is None
    assert lately.find(b"key", 100.0 + SECONDS) is None
    assert lately.decisions == {}


def test_the_table_is_bounded() -> None:
    """A flood of logins that nobody answers takes no more memory than the table may have."""
    lately = LatelyExpired()
    for number in range(LIMIT + 5):
        lately.note(number.to_bytes(4, "big"), EXPIRED, 0.0)
    assert len(lately.decisions) == LIMIT
