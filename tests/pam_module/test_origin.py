import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pam_module import origin
from pam_module.origin import canonical_address, origin_of_process, origin_of_rhost, parse_tcp_table
from pam_module.processes import Process, read_process
from pushgate.login import Origin, OriginSource

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LOCAL = Origin(None, OriginSource.LOCAL)
UNKNOWN = Origin(None, OriginSource.UNKNOWN)


def line(remote: str, inode: int, state: str = "01") -> str:
    """Write one connection as the kernel prints it."""
    return (
        f"   0: 0100007F:0016 {remote}:C350 {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1\n"
    )


def hexadecimal(address: str) -> str:
    """Write an address as the kernel prints it: words in the machine's byte order."""
    packed = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    words = [packed[at : at + 4] for at in range(0, len(packed), 4)]
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)


class FakeProc:
    """A folder that looks like /proc."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(
        self,
        pid: int,
        parent: int,
        exe: str,
        *,
        uids: tuple[int, int, int] = (0, 0, 0),
        start: int | None = None,
        sockets: tuple[int, ...] = (),
        tcp: str = "",
        tcp6: str = "",
    ) -> Process:
        """Add a process; by default a later pid started later."""
        folder = self.folder / str(pid)
        (folder / "net").mkdir(parents=True)
        (folder / "fd").mkdir()
        start = pid if start is None else start
        (folder / "stat").write_text(f"{pid} (any name) S {parent} " + "0 " * 17 + f"{start} 0 0\n")
        (folder / "status").write_text("Name:\tany\nUid:\t{}\t{}\t{}\t0\n".format(*uids))
        (folder / "exe").symlink_to(exe)
        (folder / "fd" / "0").symlink_to("/dev/null")
        for number, inode in enumerate(sockets, start=3):
            (folder / "fd" / str(number)).symlink_to(f"socket:[{inode}]")
        (folder / "net" / "tcp").write_text(HEADER + tcp)
        (folder / "net" / "tcp6").write_text(HEADER + tcp6)
        return read_process(pid, str(self.folder))


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    """Return an empty /proc."""
    return FakeProc(tmp_path)


@pytest.mark.parametrize(
    ("rhost", "origin"),
    [
        (b"192.0.2.7", Origin("192.0.2.7", OriginSource.PAM)),
        (b"2001:DB8:0::7", Origin("2001:db8::7", OriginSource.PAM)),
        (b"::ffff:192.0.2.7", Origin("192.0.2.7", OriginSource.PAM)),
        (b"fe80::1%eth0", Origin("fe80::1", OriginSource.PAM)),
        (b"gateway.example.org", UNKNOWN),
        (b"192.0.2.7\n", UNKNOWN),
        (b"192.0.2.07", UNKNOWN),
        (b"\xff", UNKNOWN),
        (b"", UNKNOWN),
    ],
)
def test_rhost(rhost: bytes, origin: Origin) -> None:
    """PAM_RHOST counts if it is an address, and gets its canonical form; a host name is not believed."""
    assert origin_of_rhost(rhost) == origin


def test_ssh_session_is_found(proc: FakeProc) -> None:
    """Sudo in a shell of an ssh session comes from the client's address, for IPv4 as for IPv6."""
    proc.add(100, 1, "/usr/sbin/sshd")
    proc.add(200, 100, "/usr/sbin/sshd", sockets=(5555,), tcp=line(hexadecimal("203.0.113.9"), 5555))
    proc.add(201, 200, "/usr/sbin/sshd", uids=(1000, 1000, 1000))
    proc.add(202, 201, "/bin/bash", uids=(1000, 1000, 1000))
    sudo = proc.add(203, 202, "/usr/bin/sudo", uids=(1000, 0, 0))
    assert origin_of_process(sudo, str(proc.folder)) == Origin("203.0.113.9", OriginSource.KERNEL)


def test_parent_that_changes_while_we_look(proc: FakeProc, monkeypatch: pytest.MonkeyPatch) -> None:
    """An sshd that has become another process between two looks leaves the address unknown: nobody is local by that."""
    sshd = proc.add(200, 1, "/usr/sbin/sshd", sockets=(7,), tcp=line(hexadecimal("203.0.113.9"), 7))
    sudo = proc.add(201, 200, "/usr/bin/sudo")
    monkeypatch.setattr(origin, "read_process", lambda pid, proc: replace(sshd, start_time=sshd.start_time - 1))
    assert origin_of_process(sudo, str(proc.folder)) == UNKNOWN
    monkeypatch.setattr(origin, "read_process", lambda pid, proc: replace(sshd, exe="/bin/bash"))
    assert origin_of_process(sudo, str(proc.folder)) == UNKNOWN


@pytest.mark.parametrize(("peer", "expected"), [("2001:db8::9", "2001:db8::9"), ("::ffff:203.0.113.9", "203.0.113.9")])
def test_ipv6_session(proc: FakeProc, peer: str, expected: str) -> None:
    """An IPv6 socket gives the IPv6 address, or the IPv4 one that it carries; "sshd-session (deleted)" is sshd too."""
    exe = "/usr/lib/openssh/sshd-session (deleted)"
    proc.add(200, 1, exe, sockets=(7,), tcp6=line(hexadecimal(peer), 7))
    assert origin_of_process(proc.add(201, 200, "/usr/bin/sudo"), str(proc.folder)) == Origin(
        expected, OriginSource.KERNEL
    )


def test_clients_connection_is_the_first(proc: FakeProc) -> None:
    """Of several connections the one with the lowest descriptor counts; listening and closed ones do not."""
    table = (
        line(hexadecimal("198.51.100.1"), 11, state="0A")
        + line(hexadecimal("198.51.100.2"), 13)
        + line(hexadecimal("203.0.113.9"), 12)
    )
    proc.add(200, 1, "/usr/sbin/sshd", sockets=(11, 12, 13), tcp=table)
    sudo = proc.add(201, 200, "/usr/bin/sudo")
    assert origin_of_process(sudo, str(proc.folder)) == Origin("203.0.113.9", OriginSource.KERNEL)


def test_half_closed_session_keeps_its_address(proc: FakeProc) -> None:
    """A client that closes its half and stops its sshd to look local comes from where it comes from."""
    proc.add(200, 1, "/usr/sbin/sshd", sockets=(12,), tcp=line(hexadecimal("203.0.113.9"), 12, state="08"))
    sudo = proc.add(201, 200, "/usr/bin/sudo")
    assert origin_of_process(sudo, str(proc.folder)) == Origin("203.0.113.9", OriginSource.KERNEL)


def test_session_without_connection_is_not_local(proc: FakeProc) -> None:
    """Below an sshd whose connection cannot be found, the origin is unknown."""
    proc.add(200, 1, "/usr/sbin/sshd", sockets=(12,), tcp=line(hexadecimal("203.0.113.9"), 13))
    assert origin_of_process(proc.add(201, 200, "/usr/bin/sudo"), str(proc.folder)) == UNKNOWN


@pytest.mark.parametrize(
    ("exe", "uids"),
    [
        ("/home/mallory/sshd", (1000, 0, 0)),
        ("/home/mallory/sshd", (1000, 1000, 1000)),
        ("/usr/bin/sshd-not", (0, 0, 0)),
    ],
)
def test_false_sshd_is_passed_by(proc: FakeProc, exe: str, uids: tuple[int, int, int]) -> None:
    """A program that a user named sshd, with any connection, does not make an origin."""
    proc.add(200, 1, exe, uids=uids, sockets=(12,), tcp=line(hexadecimal("203.0.113.9"), 12))
    assert origin_of_process(proc.add(201, 200, "/usr/bin/sudo"), str(proc.folder)) == LOCAL


def test_reused_parent_is_no_ancestor(proc: FakeProc) -> None:
    """An sshd that started after its alleged child has inherited a pid, not the child."""
    proc.add(200, 1, "/usr/sbin/sshd", start=999, sockets=(12,), tcp=line(hexadecimal("203.0.113.9"), 12))
    assert origin_of_process(proc.add(201, 200, "/usr/bin/sudo", start=500), str(proc.folder)) == LOCAL


def test_nobody_but_init_above(proc: FakeProc) -> None:
    """A process of the console is local; its ancestors end at init or out of our pid namespace."""
    assert origin_of_process(proc.add(201, 1, "/usr/bin/sudo"), str(proc.folder)) == LOCAL
    assert origin_of_process(proc.add(202, 0, "/usr/bin/sudo"), str(proc.folder)) == LOCAL


def test_vanished_parent(proc: FakeProc) -> None:
    """A parent that ends while we look leaves the origin unknown, not local."""
    assert origin_of_process(proc.add(201, 200, "/usr/bin/sudo"), str(proc.folder)) == UNKNOWN


def test_invisible_executables(proc: FakeProc) -> None:
    """A daemon that may not see an executable does not know whether it is sshd: unknown, not local."""
    assert origin_of_process(Process(201, 1, 5, "", (0, 0, 0)), str(proc.folder)) == UNKNOWN
    proc.add(200, 1, "/usr/sbin/sshd", sockets=(12,), tcp=line(hexadecimal("203.0.113.9"), 12))
    (proc.folder / "200" / "exe").unlink()
    assert origin_of_process(proc.add(202, 200, "/usr/bin/sudo"), str(proc.folder)) == UNKNOWN


def test_real_connection_table() -> None:
    """A real connection of this process is found in the real table with its real far end."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        with accepted:
            inode = Path(f"/proc/self/fd/{client.fileno()}").readlink().name[8:-1].encode()
            table = Path("/proc/self/net/tcp").read_bytes()
            assert parse_tcp_table(table, 8)[inode] == "127.0.0.1"


def test_a_full_table_is_not_taken_apart(proc: FakeProc, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who opens thousands of connections does not make every sudo of an ssh session wait for them."""
    lines: list[int] = []

    def counting(content: bytes, width: int) -> dict[bytes, str]:
        lines.append(content.count(b"\n"))
        return parse_tcp_table(content, width)

    monkeypatch.setattr(origin, "parse_tcp_table", counting)
    others = "".join(line(hexadecimal("198.51.100.2"), inode) for inode in range(10_000, 20_000))
    table = others + line(hexadecimal("203.0.113.9"), 7) + others
    proc.add(200, 1, "/usr/sbin/sshd", sockets=(6, 7, 8), tcp=table)
    assert origin_of_process(proc.add(201, 200, "/usr/bin/sudo"), str(proc.folder)).address == "203.0.113.9"
    assert lines == [2, 1]


def test_more_ancestors_than_are_looked_at(proc: FakeProc) -> None:
    """A user of an ssh session who starts sudo below a long row of shells is not at this machine by that."""
    proc.add(100, 1, "/usr/sbin/sshd", sockets=(7,), tcp=line(hexadecimal("203.0.113.9"), 7))
    for pid in range(101, 180):
        proc.add(pid, pid - 1, "/bin/bash", uids=(1000, 1000, 1000))
    sudo = proc.add(180, 179, "/usr/bin/sudo", uids=(1000, 0, 0))
    assert origin_of_process(sudo, str(proc.folder)) == UNKNOWN
    assert origin.origin_without_connections(sudo, str(proc.folder)) == UNKNOWN


@pytest.mark.parametrize(
    "content",
    [
        "",
        HEADER + "x\n",
        HEADER + line("ZZZZZZZZ", 5),
        HEADER + line("0100", 5),
        HEADER + line(hexadecimal("203.0.113.9"), 0),
        HEADER + line(hexadecimal("203.0.113.9"), 5, state="06"),
        HEADER + line(hexadecimal("203.0.113.9"), 5)[:60],
    ],
)
def test_malformed_tables(content: str) -> None:
    """A line that is no established connection is left out."""
    assert parse_tcp_table(content.encode(), 8) == {}


@given(st.binary(max_size=300))
def test_any_table_is_read(content: bytes) -> None:
    """Whatever the table holds, only addresses come out."""
    table = HEADER.encode() + content
    for address in (parse_tcp_table(table, 8) | parse_tcp_table(table, 32)).values():
        assert canonical_address(address) == address
