"""YAML with lines, without duplicates and aliases."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pushgate.errors import ConfigurationError
from pushgate.yamlfile import load_with_lines


def problems(text: bytes) -> list[str]:
    """The faults of a document."""
    with pytest.raises(ConfigurationError) as caught:
        load_with_lines("f", text)
    return [problem.message for problem in caught.value.problems]


def test_each_key_has_its_line() -> None:
    """A reader learns on which line each key and list entry stands."""
    data, lines = load_with_lines("f", b"a: 1\nb:\n  - x\n  - c: [true]\n")
    assert data == {"a": 1, "b": ["x", {"c": [True]}]}
    assert (lines["a",], lines["b", 0], lines["b", 1, "c"]) == (1, 3, 4)


def test_all_duplicate_keys_are_found() -> None:
    """A file with two keys twice gets two faults, each naming both places."""
    assert problems(b"a: 1\nb:\n  c: 1\n  c: 2\na: 3\n") == [
        "f:4: b.c: duplicate key, first on line 3",
        "f:5: a: duplicate key, first on line 1",
    ]


@pytest.mark.parametrize(
    "text",
    [
        b"a: &x 1\nb: *x\n",
        b"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n",
        b"[" * 40 + b"]" * 40,
        b"a: !!python/object/apply:os.system [id]\n",
        b"a: [1\n",
        b"a: 1\n b: 2\n",
        b"\xff\xfe",
        b"a: \x00\n",
        b"? [1, 2]\n: 3\n",
        b"a: 1\n---\nb: 2\n",
        b"[" * 20000,
        b"a: 2026-99-99\n",
    ],
)
def test_malformed_documents_are_faults_with_a_place(text: bytes) -> None:
    """A document that is broken, nested too deeply or clever is refused with its place."""
    assert all(problem.startswith("f:") for problem in problems(text))


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!?|>%@`'\"#, \n\t\\\x07", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever the text, it is parsed or refused with the documented error."""
    with suppress(ConfigurationError):
        load_with_lines("f", text.encode())
