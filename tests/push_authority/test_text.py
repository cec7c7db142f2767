import pytest

from push_authority.text import is_visible_name, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rm -rf /srv", "rm -rf /srv"),
        ("Zoë 北京", "Zoë 北京"),
        ("a\x1b[2Kb", r"a\x1b[2Kb"),
        ("two\nlines\r\t", r"two\x0alines\x0d\x09"),
        ("exe\u202efdp", r"exe\u202efdp"),
        ("a\u200bb\u2028c\ufeff", r"a\u200bb\u2028c\ufeff"),
        ("\ud800", r"\ud800"),
        ("\U000e0041\ufe0f\U000e0101", r"\U000e0041\ufe0f\U000e0101"),
        ("\u3164\uffa0\u2800", r"\u3164\uffa0\u2800"),
        ("\x7f\x9b", r"\x7f\x9b"),
    ],
)
def test_hidden_characters_become_visible(text: str, shown: str) -> None:
    """A command with control, bidi, zero-width or blank characters shows every one of them."""
    assert visible(text) == shown
    assert visible(shown) == shown


@pytest.mark.parametrize("name", ["alice", "a", "john.doe@example.org", "EXAMPLE\\alice", "Zoë B", "x" * 128])
def test_ordinary_names_are_names(name: str) -> None:
    """A name as people have them is one."""
    assert is_visible_name(name)


@pytest.mark.parametrize("name", ["", " ", "alice ", "\talice", "ali\x00ce", "ali\u202ece", "x" * 129, "\udc80"])
def test_deceptive_names_are_none(name: str) -> None:
    """A name that looks like another one, or like nothing, is none."""
    assert not is_visible_name(name)
