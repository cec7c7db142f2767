"""What a person can type beside or instead of a password: the grammar, and nothing but the grammar.

::

    field  = password separator tail     split at the last separator; no blanks
    tail   = number | code | word        the whole rest, ASCII, in any case
    number = 2 digits                    what the device will ask for
    code   = 6 to 9 digits
    word   = push | 1 | 2 | sms[0-9]* | email | phone | voice
"""

import re
import unicodedata
from dataclasses import dataclass

from pushgate.login import Code, Factor, Method, Push, Secret

NUMBER = re.compile(r"[0-9]{2}", re.ASCII)
CODE = re.compile(r"[0-9]{6,9}", re.ASCII)
PUSH_WORDS = frozenset({"push", "1"})
METHOD = re.compile(r"2|sms[0-9]{0,4}|email|phone|voice", re.ASCII)

LONGEST_ANSWER = 64
GO_ON_WORDS = frozenset({"", "1", "push", "ok"})
CANCEL_WORD = "cancel"


@dataclass(frozen=True, slots=True)
class GoOn:
    """The person has nothing more to say: keep waiting for the device."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """The person gives the login up."""


Answer = GoOn | Cancel | Code | Method


def read_tail(text: str, *, number: bool) -> Factor | None:
    """Read a tail; None if it is none.

    Args:
        text: What stands behind the separator, or the whole field where there is no password.
        number: Whether two digits are a number for the device; otherwise they are no tail.
    """
    word = text.lower()
    if NUMBER.fullmatch(word):
        return Push(number=Secret(word.encode())) if number else None
    if CODE.fullmatch(word):
        return Code(Secret(word.encode()))
    if word in PUSH_WORDS:
        return Push()
    return Method(word) if METHOD.fullmatch(word) else None


def split_field(field: bytes, separator: str, *, number: bool) -> tuple[bytes, Factor | None]:
    """Split a password field into password and factor; without a tail the whole field is the password.

    Args:
        field: What was typed, uncovered.
        separator: ASCII text that stands before a tail; empty: nothing is ever split.
        number: See ``read_tail``.
    """
    password, found, tail = field.rpartition(separator.encode()) if separator else (b"", b"", b"")
    if not found or not tail.isascii():
        return field, None
    factor = read_tail(tail.decode("ascii"), number=number)
    return (field, None) if factor is None else (password, factor)


def read_answer(text: str) -> Answer:
    """Read what a person typed while a push is pending; what has no meaning goes on waiting."""
    if len(text) > LONGEST_ANSWER:
        return GoOn()
    word = unicodedata.normalize("NFKC", text).strip().casefold()
    if word in GO_ON_WORDS:
        return GoOn()
    if word == CANCEL_WORD:
        return Cancel()
    digits = "".join(word.split()).replace("-", "")
    if CODE.fullmatch(digits):
        return Code(Secret(digits.encode()))
    return Method(word) if METHOD.fullmatch(word) else GoOn()
