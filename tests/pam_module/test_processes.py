import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pam_module.processes import NoProcess, Process, parse_stat, parse_uids, read_process

STAT = b"4711 (%s) S 1200 4711 4711 34816 4711 4194304 100 0 0 0 1 2 0 0 20 0 1 0 98765 10000000 200 1"
STATUS = b"Name:\tx\nState:\tS\nPid:\t4711\nUid:\t1000\t0\t0\t0\nGid:\t1\t1\t1\t1\n"


def test_own_process() -> None:
    """This very process is described as it is."""
    process = read_process(os.getpid())
    assert (process.pid, process.parent, process.uids) == (os.getpid(), os.getppid(), os.getresuid())
    assert Path(process.exe) == Path("/proc/self/exe").readlink()
    assert process.start_time > 0


def test_long_record(tmp_path: Path) -> None:
    """A record that is longer than one read is read to its end."""
    (tmp_path / "7").mkdir()
    name = b"x" * 8000
    (tmp_path / "7" / "stat").write_bytes(STAT % name)
    (tmp_path / "7" / "status").write_bytes(b"Groups:\t" + b"1000 " * 2000 + b"\n" + STATUS)
    assert read_process(7, str(tmp_path)) == Process(7, 1200, 98765, "", (1000, 0, 0))


def test_ended_process() -> None:
    """A process that has ended cannot be read."""
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
        pid = ended.pid
    with pytest.raises(NoProcess):
        read_process(pid)


@pytest.mark.parametrize("name", [b"sh", b"a) S 1 2 3 (b", b") S 666", b"((", b""])
def test_process_name_cannot_lie(name: bytes) -> None:
    """A process name with brackets and numbers does not move the fields behind it."""
    assert parse_stat(STAT % name) == (1200, 98765)


@pytest.mark.parametrize(
    "content", [b"", b"1 (x) S", b"1 (x) S a b", (STAT % b"x")[:60], (STAT % b"x").replace(b"98765", b"?")]
)
def test_malformed_stat(content: bytes) -> None:
    """A stat line that is cut or holds no numbers is refused."""
    with pytest.raises(NoProcess):
        parse_stat(content)


def test_uids_are_the_kernels() -> None:
    """The three user ids come from the line that the kernel wrote, not from a name that looks like it."""
    assert parse_uids(STATUS) == (1000, 0, 0)
    assert parse_uids(STATUS.replace(b"Name:\tx", b"Name:\tUid:\\t0\\t0\\t0\\t0")) == (1000, 0, 0)


@pytest.mark.parametrize("content", [b"", b"Uid:\t0\n", b"Uid: 0 0 0 0\n", b"Uid:\t-1\t0\t0\t0\n"])
def test_malformed_status(content: bytes) -> None:
    """A status without a well-formed line of user ids is refused."""
    with pytest.raises(NoProcess):
        parse_uids(content)


@given(st.binary(max_size=200))
def test_any_content_is_parsed_or_refused(content: bytes) -> None:
    """Whatever /proc holds, the result is values or the documented error."""
    for parse in (parse_stat, parse_uids):
        try:
            assert all(isinstance(value, int) for value in parse(content))
        except NoProcess:
            continue


def test_deleted_executable_keeps_its_name() -> None:
    """A program is named by its executable; whoever may not see that gets no name."""
    assert Process(1, 0, 0, "/usr/sbin/sshd", (0, 0, 0)).program == "sshd"
    assert Process(1, 0, 0, "", (0, 0, 0)).program == ""
