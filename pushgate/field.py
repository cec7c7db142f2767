"""What stands in the one password field of a login: a password, a factor, or both."""

from dataclasses import dataclass

from pushgate.decision import Reason
from pushgate.factors import read_tail, split_field
from pushgate.login import Factor, Push, Secret
from pushgate.policy import Rule


@dataclass(frozen=True, slots=True)
class Field:
    """The parts of a password field."""

    password: Secret
    factor: Factor | None
    """None: none was named."""
    whole: Secret


def read_field(secret: Secret | None, rule: Rule, *, has_password: bool, number: bool) -> Field | Reason:
    """Take the field of a login apart; a reason if it cannot be what the configuration wants.

    Args:
        secret: What was typed; None where the front end has no such field.
        rule: How factors are written.
        has_password: Whether there is a first factor; without one the whole field names the factor, or is empty.
        number: Whether the provider can bind a question to a number.
    """
    value = b"" if secret is None else secret.value
    whole = Secret(value)
    with_number = number and rule.number != "off"
    if has_password:
        password, factor = split_field(value, rule.append_separator, number=with_number)
        return Field(Secret(password), factor, whole)
    if not value:
        return Field(whole, Push(), whole)
    named = read_tail(value.decode("ascii"), number=with_number) if value.isascii() else None
    return Reason.BAD_SECRET if named is None else Field(Secret(b""), named, whole)
