"""How codes are drawn and read."""

import re

import pytest

from pushgate.offline.spelling import ALPHABET, Kind, TypedCode, draw_code, read_code


def test_a_drawn_code_has_sixty_bits_and_is_read_as_it_is_printed() -> None:
    """A person types the code as it stands on paper, and it is the same code."""
    drawn = {draw_code() for _ in range(200)}
    assert len(drawn) == 200
    assert len(ALPHABET) == 32
    for code in drawn:
        assert re.fullmatch(r"[0-9a-hjkmnp-tv-z]{4}(-[0-9a-hjkmnp-tv-z]{4}){2}", code)
        assert read_code(code) == TypedCode(Kind.BREAK_GLASS, code.replace("-", ""))


@pytest.mark.parametrize("typed", ["K7QM-2XRT-9WFD", " k7qm 2xrt 9wfd ", "k7qm2xrt9wfd", "k7qm\u20132xrt\u20139wfd"])
def test_people_spell_codes_in_their_own_way(typed: str) -> None:
    """A person who types capitals, blanks or a phone's dashes is understood."""
    assert read_code(typed) == TypedCode(Kind.BREAK_GLASS, "k7qm2xrt9wfd")


def test_misread_characters_are_understood() -> None:
    """A person who reads a nought as the letter o, or a one as l or i, is understood."""
    assert read_code("ooli-0000-0000") == TypedCode(Kind.BREAK_GLASS, "001100000000")


@pytest.mark.parametrize("typed", ["123456", "123 456", "\uff11\uff12\uff13\uff14\uff15\uff16"])
def test_six_digits_are_a_totp_code(typed: str) -> None:
    """A person types the app's code, with a blank or on a keyboard with wide digits."""
    assert read_code(typed) == TypedCode(Kind.TOTP, "123456")


@pytest.mark.parametrize(
    "typed",
    [
        *("", "12345", "1234567", "k7qm-2xrt-9wf", "k7qm-2xrt-9wfu", "x" * 1000, "1" * 12 + " " * 60),
        *("\u0661\u0662\u0663\u0664\u0665\u0666", "k7qm-2xrt-9wf\u00e9", "\x08\n\r\x7fINCORRECT"),
    ],
)
def test_what_is_no_code_is_read_as_none(typed: str) -> None:
    """A password typed by mistake, or what sshd puts in place of an answer, has the form of no code."""
    assert read_code(typed) is None


def test_a_code_does_not_show_itself() -> None:
    """A developer who logs a typed code prints its kind alone."""
    assert "k7qm" not in repr(read_code("k7qm-2xrt-9wfd"))
