"""Which strategy is next, and what the person reads."""

from typing import Any

import pytest

from pushgate.providers.clerk_frontend import ClientSession
from pushgate.providers.clerk_sitting import Sitting, choose, masked, may_resend, preparation
from pushgate.providers.clerk_wire import FIRST, SECOND, Verification, Way

PHONES = (Way("phone_code", "idn_1", "+1***0100"), Way("phone_code", "idn_2", "+1***0199", usual=True))
MAIL = Way("email_code", "idn_3", "alice@example.com")


def sitting(status: str, *ways: Way) -> Sitting:
    """Make a verification that offers these ways for its next factor."""
    first, second = (ways, ()) if status == FIRST else ((), ways)
    verification = Verification("second_factor", status, "sess_1", "active", first, second)
    return Sitting("alice", "alice", "second_factor", ClientSession("user_1", "sess_1", "jwt"), verification)


@pytest.mark.parametrize(
    ("status", "ways", "word", "chosen"),
    [
        (SECOND, (Way("backup_code"), *PHONES, Way("totp")), "", "totp"),
        (SECOND, (Way("backup_code"), *PHONES), "", "idn_2"),
        (SECOND, (Way("backup_code"),), "", "backup_code"),
        (SECOND, (Way("totp"), *PHONES), "sms", "idn_2"),
        (SECOND, (Way("totp"), *PHONES), "sms0100", "idn_1"),
        (SECOND, (Way("totp"), *PHONES), "phone", "idn_2"),
        (SECOND, (Way("totp"), *PHONES), "sms9999", None),
        (SECOND, (Way("totp"),), "sms", None),
        (SECOND, (Way("passkey"),), "", None),
        (FIRST, (Way("password"), MAIL, *PHONES), "", "idn_3"),
        (FIRST, (Way("password"), MAIL, *PHONES), "sms", "idn_2"),
        (FIRST, (Way("password"), MAIL), "email", "idn_3"),
        (FIRST, (Way("password"),), "", None),
    ],
)
def test_the_way_is_chosen(status: str, ways: tuple[Way, ...], word: str, chosen: str | None) -> None:
    """A person gets the code in the chosen way, otherwise in the one that costs least."""
    way = choose(sitting(status, *ways), word)
    assert (way and (way.target or way.strategy)) == chosen


def test_a_code_is_sent_to_the_chosen_place() -> None:
    """Clerk is told by its own name where the code goes."""
    assert preparation(MAIL) == {"strategy": "email_code", "email_address_id": "idn_3"}
    assert preparation(PHONES[0]) == {"strategy": "phone_code", "phone_number_id": "idn_1"}
    assert preparation(Way("phone_code")) == {"strategy": "phone_code"}


@pytest.mark.parametrize(
    ("way", "prompt"),
    [
        (Way("totp"), "Code of your authenticator app"),
        (Way("backup_code"), "Backup code"),
        (MAIL, "Code sent to a***@example.com"),
        (Way("phone_code", "idn_1", "+15555550100"), "Code sent to ***0100"),
        (Way("phone_code"), "Code sent to you"),
    ],
)
def test_the_question_says_which_code(way: Way, prompt: str) -> None:
    """A person reads which code is meant, and a stranger no whole address."""
    asked = sitting(SECOND)
    asked.way = way
    assert asked.prompt() == prompt


@pytest.mark.parametrize(("shown", "mask"), [("", ""), ("@x.org", "***@x.org"), ("a@b@x.org", "a***@x.org")])
def test_odd_addresses_are_masked_too(shown: str, mask: str) -> None:
    """A stranger reads no whole address, whatever its form."""
    assert masked(shown) == mask


@pytest.mark.parametrize(
    ("resends", "now", "may"), [(0, 129.9, False), (0, 130.0, True), (2, 130.0, True), (3, 500.0, False)]
)
def test_another_code_is_sent_now_and_then(resends: int, now: float, may: bool) -> None:
    """A person can have another code sent after 30 seconds, three times."""
    asked: Any = sitting(SECOND)
    asked.sent_at, asked.resends = 100.0, resends
    assert may_resend(asked, now) is may
