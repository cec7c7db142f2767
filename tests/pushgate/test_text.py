"""Cleaning text from outside."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushgate.text import clean, is_clean_name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ls -l", "ls -l"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\nb\r\t", "a\\x0ab\\x0d\\x09"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\x7f\x9b", "\\x7f\\x9b"),
        ("line\u2028end", "line\\u2028end"),
        ("pässwörd 漢字", "pässwörd 漢字"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
    ],
)
def test_hidden_characters_become_visible(text: str, shown: str) -> None:
    """An attacker's escapes, overrides and separators are shown as what they are."""
    assert clean(text) == shown


def test_long_text_is_cut_with_an_ellipsis() -> None:
    """A megabyte of text is cut to the limit, visibly."""
    assert clean("x" * 1_000_000, 10) == "x" * 9 + "…"
    assert clean("\x1b" * 1_000_000, 10) == "\\x1b\\x1b\\…"


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.text(), st.integers(1, 50))
def test_cleaned_text_is_printable_and_within_its_limit(text: str, limit: int) -> None:
    """Whatever comes in, what goes out is printable and short enough."""
    shown = clean(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit


@pytest.mark.parametrize("name", ["alice", "john.doe@example.com", "DOMAIN\\user", "jörg", "a" * 128, "o'brien"])
def test_real_names_are_names(name: str) -> None:
    """Names that people have are accepted."""
    assert is_clean_name(name)


@pytest.mark.parametrize("name", ["", " a", "a ", "a\x00", "a\n", "\u200balice", "a" * 129, "\x08\r\x7f"])
def test_odd_names_are_not(name: str) -> None:
    """Names with hidden characters, blank ends or no length are refused."""
    assert not is_clean_name(name)
