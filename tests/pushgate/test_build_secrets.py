"""Files that the sections of providers name: what is wrong is collected, not raised."""

from pathlib import Path

import pytest

from pushgate.build_secrets import check_ca_file, read_word
from pushgate.errors import PushgateError
from tests.support.certificates import CertificationAuthority
from tests.support.gate import write_private


def test_a_secret_is_a_word(private_folder: Path) -> None:
    """A secret of letters and digits is read without its line end."""
    problems: list[PushgateError] = []
    path = private_folder / "key"
    write_private(path, b"abc123\n")
    assert (read_word(path, problems), read_word(None, problems), problems) == ("abc123", "", [])


@pytest.mark.parametrize("content", [b"two words\n", b"tab\there", b"", b"line\nline"])
def test_what_is_no_word_is_a_problem(private_folder: Path, content: bytes) -> None:
    """A secret that would break a header is told, and not shown."""
    problems: list[PushgateError] = []
    path = private_folder / "key"
    write_private(path, content)
    assert read_word(path, problems) == ""
    assert len(problems) == 1
    assert "word" not in problems[0].message.partition(str(path))[2]


def test_a_missing_secret_is_a_problem(private_folder: Path) -> None:
    """An administrator who names a file that is not there is told which."""
    problems: list[PushgateError] = []
    assert read_word(private_folder / "none", problems) == ""
    assert str(private_folder / "none") in problems[0].message


def test_a_ca_holds_certificates(private_folder: Path) -> None:
    """A file that holds a CA is taken; an empty or broken one would make every connection fail, or trust all."""
    problems: list[PushgateError] = []
    check_ca_file(CertificationAuthority(private_folder / "ca").path, problems)
    assert problems == []
    for number, content in enumerate((b"", b"no certificate", b"\xff\xfe")):
        path = private_folder / f"{number}.pem"
        path.write_bytes(content)
        check_ca_file(path, problems)
    check_ca_file(private_folder / "none.pem", problems)
    assert len(problems) == 4
