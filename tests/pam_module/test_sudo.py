"""The account of a sudo is read out of its command line, or shown as it was typed."""

from pathlib import Path

import pytest

from pam_module.processes import Process
from pam_module.sudo import target_account

SUDO = Process(7, 1, 1, "/usr/bin/sudo", (1000, 0, 0))


def target(folder: Path, *words: str) -> str:
    """The account that a command line names."""
    (folder / "7").mkdir()
    (folder / "7" / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in words))
    return target_account(SUDO, str(folder))


@pytest.mark.parametrize(
    ("typed", "account"),
    [
        ("sudo id", ""),
        ("/usr/bin/sudo -H -i", ""),
        ("sudo -u postgres psql", "postgres"),
        ("sudo --user postgres psql", "postgres"),
        ("sudo --user=postgres psql", "postgres"),
        ("sudo -u nobody -u root id", "root"),
        ("sudo -n -u #1000 id", "#1000"),
        ("sudo -- id -u postgres", ""),
        ("sudo id -u postgres", ""),
        ("sudo -s", ""),
    ],
)
def test_account(tmp_path: Path, typed: str, account: str) -> None:
    """A caller who names an account in a way that we know has it shown; none named means sudo's default."""
    assert target(tmp_path, *typed.split()) == account


@pytest.mark.parametrize(
    "typed",
    [
        "sudo -upostgres id",
        "sudo -Hu postgres id",
        "sudo --us postgres id",
        "sudo -u",
        "sudo -u nobody --use root id",
        "sudo -u nobody X=1 -u root id",
        "sudo -g adm id",
        "sudo --new-option nobody id",
        "sudo -h host -u nobody id",
    ],
)
def test_what_is_not_sure_is_shown_as_typed(tmp_path: Path, typed: str) -> None:
    """A caller who hides the account in a form that only sudo reads for sure has the typed words shown instead."""
    assert target(tmp_path, *typed.split()) == typed.replace("sudo", "as typed:", 1)


@pytest.mark.parametrize("name", ["sudoedit", "", "su", "-sudo"])
def test_another_name_is_shown_as_typed(tmp_path: Path, name: str) -> None:
    """Under another name sudo's rules are others, so the words are shown."""
    assert target(tmp_path, name, "-u", "nobody", "/etc/x") == f"as typed: {name} -u nobody /etc/x"


def test_an_account_behind_endless_words(tmp_path: Path) -> None:
    """A caller who puts more words before the account than are read does not have sudo's default shown in its place."""
    shown = target(tmp_path, "sudo", *["-n"] * 30_000, "-u", "root", "id")
    assert shown.startswith("as typed: -n -n")
    assert shown.endswith("…")


def test_an_account_before_endless_words(tmp_path: Path) -> None:
    """A caller whose command has more words than are read has named the account before them."""
    assert target(tmp_path, "sudo", "-u", "postgres", "rm", *["file"] * 30_000) == "postgres"


def test_hidden_characters_are_shown(tmp_path: Path) -> None:
    """A caller cannot paint over the screen, nor fill it, by what stands in the command line."""
    shown = target(tmp_path, "sudo", "-Hu", "\x1b[2Jx" * 100)
    assert shown.startswith("as typed: -Hu \\x1b[2Jx")
    assert len(shown) <= 128


def test_a_process_that_is_gone(tmp_path: Path) -> None:
    """A sudo that has ended names nobody."""
    assert target_account(SUDO, str(tmp_path)) == ""
