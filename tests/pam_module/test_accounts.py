import pwd
from pathlib import Path

import pytest

from pam_module.accounts import FileAccounts, NssAccounts


def test_the_machines_own_accounts() -> None:
    """The file and NSS agree about root and about nobody's name."""
    for accounts in (FileAccounts(), NssAccounts()):
        assert (accounts.uid_of("root"), accounts.name_of(0)) == (0, "root")
        assert (accounts.uid_of("no-such-account"), accounts.name_of(3_999_999_999)) == (None, None)


def test_every_local_account_is_found() -> None:
    """What the C library reads from the file, we read too."""
    accounts = FileAccounts()
    lines = Path("/etc/passwd").read_text().splitlines()
    names = [line.split(":")[0] for line in lines]
    assert [accounts.uid_of(name) for name in names] == [pwd.getpwnam(name).pw_uid for name in names]


def test_changed_file_is_read_again(tmp_path: Path) -> None:
    """An account that is added is known at the next login, one that is removed is not."""
    path = tmp_path / "passwd"
    path.write_text("alice:x:1000:1000::/home/alice:/bin/sh\n")
    accounts = FileAccounts(path)
    assert (accounts.uid_of("alice"), accounts.uid_of("bob")) == (1000, None)
    (tmp_path / "new").write_text("bob:x:1001:1001::/home/bob:/bin/sh\n")
    (tmp_path / "new").rename(path)
    assert (accounts.uid_of("alice"), accounts.uid_of("bob"), accounts.name_of(1001)) == (None, 1001, "bob")
    path.unlink()
    assert accounts.uid_of("bob") is None


@pytest.mark.parametrize("blank", ["\u2028", "\x85", "\x0b", "\x1c", "\r"])
def test_only_a_newline_ends_a_line(tmp_path: Path, blank: str) -> None:
    """What a user puts into the full name, where Unicode knows more line ends than libc, makes no account."""
    path = tmp_path / "passwd"
    path.write_bytes(f"bob:x:1001:1001:Bob{blank}root:x:1001:/home/bob:/bin/sh\n".encode())
    accounts = FileAccounts(path)
    assert (accounts.uid_of("bob"), accounts.uid_of("root"), accounts.name_of(1001)) == (1001, None, "bob")


@pytest.mark.parametrize(
    "line", ["", ":", "alice", "alice:x", "alice:x:", "alice:x:-1:", "alice:x:1_0:", "+alice:x:1:", "#alice:x:1:", "+"]
)
def test_lines_that_are_no_account(tmp_path: Path, line: str) -> None:
    """A line that is no account, or an order to NSS, is passed by."""
    path = tmp_path / "passwd"
    path.write_text(f"{line}\nbob:x:1001:1001:::\nbob:x:0:0:::\nmallory:x:1001:0:::\n")
    accounts = FileAccounts(path)
    accounts.refresh()
    assert (accounts.uids, accounts.name_of(1001)) == ({"bob": 1001, "mallory": 1001}, "bob")
