"""The files that the sections of providers name."""

from pathlib import Path

import pytest

from pushgate.build_secrets import check_ca_file, read_word
from pushgate.errors import PushgateError
from tests.support.certificates import CertificationAuthority
from tests.support.gate import write_private


@pytest.mark.parametrize(
    ("content", "word"), [(b"aB3\n", "aB3"), (b"a b", ""), (b"a\xc3\xa9", ""), (b"", ""), (b"a\nb\n", "")]
)
def test_a_word_is_letters_and_digits(private_folder: Path, content: bytes, word: str) -> None:
    """An administrator whose key file holds anything but one word is told so."""
    write_private(private_folder / "key", content)
    problems = list[PushgateError]()
    assert read_word(private_folder / "key", problems) == word
    assert len(problems) == (not word)


def test_no_file_is_no_word() -> None:
    """A section that names no file has no word, and no fault."""
    problems = list[PushgateError]()
    assert (read_word(None, problems), problems) == ("", [])


def test_a_ca_file_holds_certificates(private_folder: Path) -> None:
    """An administrator who names another file than a CA's, or one that others can write, is told so."""
    problems = list[PushgateError]()
    authority = CertificationAuthority(private_folder)
    check_ca_file(Path(authority.path), problems)
    assert problems == []
    write_private(private_folder / "empty.pem", b"")
    check_ca_file(private_folder / "empty.pem", problems)
    check_ca_file(private_folder / "missing.pem", problems)
    assert len(problems) == 2
