"""The one password field of a login: password, factor, or both."""

import pytest

from pushgate.decision import Reason
from pushgate.field import Field, read_field
from pushgate.login import Code, Method, Push, Secret
from pushgate.policy import Rule

OPTIONAL = Rule(number="optional")


def read(
    typed: bytes | None, rule: Rule = OPTIONAL, *, has_password: bool = True, number: bool = True
) -> Field | Reason:
    """Read what was typed."""
    secret = None if typed is None else Secret(typed)
    return read_field(secret, rule, has_password=has_password, number=number)


def test_password_and_factor() -> None:
    """A person types both into one field; the whole is kept for passwords that hold a separator."""
    assert read(b"secret,push") == Field(Secret(b"secret"), Push(), Secret(b"secret,push"))
    assert read(b"secret,57") == Field(Secret(b"secret"), Push(Secret(b"57")), Secret(b"secret,57"))


def test_password_alone() -> None:
    """A password without a tail names no factor."""
    assert read(b"secret") == Field(Secret(b"secret"), None, Secret(b"secret"))
    assert read(b"") == Field(Secret(b""), None, Secret(b""))


def test_no_field_at_all() -> None:
    """A front end without a password field has typed nothing."""
    assert read(None, has_password=False) == Field(Secret(b""), Push(), Secret(b""))
    assert read(None) == Field(Secret(b""), None, Secret(b""))


def test_factor_alone() -> None:
    """Where there is no password the field is empty or names the factor."""
    for typed, factor in ((b"", Push()), (b"push", Push()), (b"1", Push()), (b"sms", Method("sms"))):
        assert read(typed, has_password=False) == Field(Secret(b""), factor, Secret(typed))
    assert read(b"123456", has_password=False) == Field(Secret(b""), Code(Secret(b"123456")), Secret(b"123456"))


@pytest.mark.parametrize("typed", [b"secret", b"secret,push", b",push", b"push ", b"\xff", "pu\u017fh".encode(), b"\0"])
def test_anything_else_where_there_is_no_password(typed: bytes) -> None:
    """A password that nobody checks is refused, not ignored."""
    assert read(typed, has_password=False) is Reason.BAD_SECRET


@pytest.mark.parametrize(("rule", "number"), [(Rule(number="off"), True), (OPTIONAL, False)], ids=["rule", "provider"])
def test_numbers_need_rule_and_provider(rule: Rule, number: bool) -> None:
    """Two digits are a number only where the configuration wants them and the provider can bind them."""
    assert read(b"secret,57", rule, number=number) == Field(Secret(b"secret,57"), None, Secret(b"secret,57"))
    assert read(b"57", rule, has_password=False, number=number) is Reason.BAD_SECRET


def test_separator_of_the_rule() -> None:
    """Each service has its own separator; without one nothing is split."""
    assert read(b"a+push", Rule(append_separator="+")) == Field(Secret(b"a"), Push(), Secret(b"a+push"))
    assert read(b"a,push", Rule(append_separator="")) == Field(Secret(b"a,push"), None, Secret(b"a,push"))


def test_no_secret_is_shown() -> None:
    """What was typed stands in no representation."""
    assert "canary" not in repr(read(b"canary,push"))
