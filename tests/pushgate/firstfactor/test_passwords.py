"""Passwords that reach no server."""

import pytest

from pushgate.firstfactor.passwords import MAX_PASSWORD, refusal
from pushgate.login import Secret


@pytest.mark.parametrize("password", [b"", b"\0", b"right\0", b"ri\0ght", b"x" * (MAX_PASSWORD + 1)])
def test_what_a_server_could_take_for_another_password_is_refused(password: bytes) -> None:
    """An attacker who sends no password, or one that ends early for a C program, is refused at once."""
    refused = refusal(Secret(password))
    assert refused is not None
    assert password == b"" or password.decode() not in refused.detail


@pytest.mark.parametrize("password", [b"x", b"caf\xe9", b" ", b"x" * MAX_PASSWORD])
def test_every_other_password_is_passed_on(password: bytes) -> None:
    """A person may have any other password, text or not."""
    assert refusal(Secret(password)) is None


def test_a_method_with_a_shorter_limit_says_it() -> None:
    """A person whose password does not fit into a RADIUS packet is refused before anything is sent."""
    assert refusal(Secret(b"x" * 129), 128) is not None
    assert refusal(Secret(b"x" * 128), 128) is None
