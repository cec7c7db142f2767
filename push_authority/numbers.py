"""The number that ties a device to the place of a login: one place shows it, the person types it at the other.

Two digits, one try: whoever approves without seeing the other place is right once in a hundred times, and a wrong
number ends the attempt. It is drawn here, or chosen by the person where the other place can show nothing.
"""

import hmac
import re
import secrets

FORM = re.compile(r"[0-9]{2}", re.ASCII)


def draw() -> str:
    """Return a fresh number."""
    return f"{secrets.randbelow(100):02}"


def is_number(text: str) -> bool:
    """Whether a text has the form of a number."""
    return FORM.fullmatch(text) is not None


def matches(expected: str, typed: str) -> bool:
    """Whether the typed number is the expected one."""
    return hmac.compare_digest(expected.encode(), typed.encode())
