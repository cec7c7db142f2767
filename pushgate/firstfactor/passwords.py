"""Passwords that no first factor passes on."""

from pushgate.firstfactor.base import PasswordWrong
from pushgate.login import Secret

MAX_PASSWORD = 1024
"""Octets; far beyond what PAM (511) and RADIUS (128) carry."""


def refusal(password: Secret, limit: int = MAX_PASSWORD) -> PasswordWrong | None:
    """Refuse an empty password, one with a NUL and one that is too long, whoever it is said to be of; None: go on.

    An LDAP server answers "success" to a bind without a password (RFC 4513 section 5.1.2), a PAM stack with ``nullok``
    lets it in, and whoever reads passwords as C strings stops at a NUL.
    """
    if not password.value:
        return PasswordWrong("the password is empty")
    if b"\0" in password.value:
        return PasswordWrong("the password holds a NUL")
    if len(password.value) > limit:
        return PasswordWrong(f"the password is longer than {limit} octets")
    return None
