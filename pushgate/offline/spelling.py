"""What codes look like: how a fresh break-glass code is drawn, and how a typed code is read.

::

    TOTP         6 digits                                                RFC 6238
    break-glass  12 characters of Crockford's base 32, in groups of 4    60 bits

The alphabet has neither i, l, o nor u; who reads ``o`` for ``0`` or ``l`` for ``1`` is understood all the same.
"""

import enum
import re
import secrets
import unicodedata
from dataclasses import dataclass, field

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH, GROUP = 12, 4
LONGEST = 64
"""Characters that are looked at: people put blanks and hyphens between."""
TOTP_DIGITS = 6
BETWEEN = re.compile(r"[\s\u2010-\u2015-]")
MISREAD = str.maketrans({"o": "0", "i": "1", "l": "1"})


class Kind(enum.StrEnum):
    """Which sort of code; the word in configuration and audit."""

    TOTP = "offline_totp"
    BREAK_GLASS = "break_glass"


@dataclass(frozen=True, slots=True)
class TypedCode:
    """A code as somebody typed it, in one spelling."""

    kind: Kind
    text: str = field(repr=False)


def draw_code() -> str:
    """Draw a break-glass code, in the groups in which people read it."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return "-".join(code[at : at + GROUP] for at in range(0, LENGTH, GROUP))


def read_code(typed: str) -> TypedCode | None:
    """Read what was typed; None if it has the form of no code."""
    if len(typed) > LONGEST:
        return None
    text = BETWEEN.sub("", unicodedata.normalize("NFKC", typed)).lower()
    if len(text) == TOTP_DIGITS and text.isascii() and text.isdigit():
        return TypedCode(Kind.TOTP, text)
    text = text.translate(MISREAD)
    if len(text) == LENGTH and set(text) <= set(ALPHABET):
        return TypedCode(Kind.BREAK_GLASS, text)
    return None
