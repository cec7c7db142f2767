"""Where the person comes from: PAM_RHOST, or the TCP peer of the sshd that the process descends from."""

import contextlib
import ipaddress
import os
import sys
from pathlib import Path

from pam_module.processes import PROC, NoProcess, Process, program_of, read_exe, read_limited, read_process, read_stat
from pam_module.sshd import SSH_PROGRAMS
from pushgate.login import Origin, OriginSource

MAX_ANCESTORS = 64
MAX_DESCRIPTORS = 1024
TABLE_LIMIT = 16 * 1024 * 1024
CONNECTED = {b"01", b"08"}
"""ESTABLISHED, and CLOSE_WAIT: a client that has half closed its connection is still where it is."""


def origin_of_rhost(rhost: bytes) -> Origin:
    """Take PAM_RHOST if it is an address; a host name is what some resolver said, and is not believed."""
    try:
        return Origin(canonical_address(rhost.decode("ascii")), OriginSource.PAM)
    except ValueError:
        return Origin(None, OriginSource.UNKNOWN)


def origin_of_process(process: Process, proc: str = PROC) -> Origin:
    """Find the address of the SSH connection that a process came in by.

    Walks up the parents to the first sshd that runs as root and takes the far end of its TCP connection. The
    environment (SSH_CONNECTION) is the caller's to write and is not read.
    """
    try:
        session = _ssh_ancestor(process, proc)
        if session is None:
            return Origin(None, OriginSource.LOCAL)
        address = _tcp_peer(session.pid, proc)
    except NoProcess:
        address = None
    # Below an sshd nobody is local, whatever has become of its connection.
    return Origin(address, OriginSource.KERNEL if address else OriginSource.UNKNOWN)


def origin_without_connections(process: Process, proc: str = PROC) -> Origin | None:
    """Find the same for a process below no sshd; None if the machine's table of connections has to be read."""
    try:
        return Origin(None, OriginSource.LOCAL) if _ssh_ancestor(process, proc) is None else None
    except NoProcess:
        return Origin(None, OriginSource.UNKNOWN)


def canonical_address(text: str) -> str:
    """Write an IP address in its one canonical form, without zone, IPv4 also where it came in IPv6's clothes.

    Raises:
        ValueError: it is not an address.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address)


def _ssh_ancestor(process: Process, proc: str) -> Process | None:
    """Walk up the parents; of each only what is needed is read, for every sudo waits for this."""
    exe, pid, start_time = process.exe, process.parent, process.start_time
    for _ in range(MAX_ANCESTORS):
        if not exe:
            raise NoProcess("we may not see the executable, so we cannot tell an sshd")
        if pid <= 1:
            return None
        exe = read_exe(pid, proc)
        parent, started = read_stat(pid, proc)
        if started > start_time:
            # A parent is older than its child: this pid has been given to somebody else meanwhile.
            return None
        if program_of(exe) in SSH_PROGRAMS:
            found = read_process(pid, proc)
            if (found.start_time, found.exe) != (started, exe):
                raise NoProcess("it has changed while we looked")
            if found.uids == (0, 0, 0):
                return found
        pid, start_time = parent, started
    raise NoProcess("it has more ancestors than we look at")


def _tcp_peer(pid: int, proc: str) -> str | None:
    """Find the far end of a process's connection.

    sshd opened the client's connection before any other, so of several it is the one with the lowest descriptor;
    forwarded connections come later.
    """
    inodes = _socket_inodes(Path(proc, str(pid), "fd"))
    peers: dict[bytes, str] = {}
    for name, width in (("tcp", 8), ("tcp6", 32)):
        # A kernel without IPv6 has no table for it.
        with contextlib.suppress(NoProcess):
            table = read_limited(f"{proc}/{pid}/net/{name}", TABLE_LIMIT)
            peers |= parse_tcp_table(lines_with(table, inodes), width)
    return next((peers[inode] for inode in inodes if inode in peers), None)


def lines_with(table: bytes, words: list[bytes]) -> bytes:
    """Return the first line of a table and those that hold one of the words.

    Any user can fill the table, by 100,000 connections: to take all its lines apart would stop every other login.
    """
    found = [table[: table.find(b"\n") + 1]]
    for word in words:
        at = 0
        while (at := table.find(b" %b " % word, at)) >= 0:
            start, end = table.rfind(b"\n", 0, at) + 1, table.find(b"\n", at) + 1 or len(table)
            found.append(table[start:end])
            at = end
    return b"".join(found)


def _socket_inodes(folder: Path) -> list[bytes]:
    """List the inodes of a process's sockets, lowest descriptor first."""
    try:
        descriptors = sorted(int(name) for name in os.listdir(folder) if name.isdigit())  # noqa: PTH208 - names only
    except OSError as error:
        raise NoProcess(f"{folder}: {error.strerror}") from None
    inodes = []
    for descriptor in descriptors[:MAX_DESCRIPTORS]:
        try:
            target = os.fsencode((folder / str(descriptor)).readlink())
        except OSError:
            continue
        if target.startswith(b"socket:[") and target.endswith(b"]"):
            inodes.append(target[8:-1])
    return inodes


def parse_tcp_table(content: bytes, width: int) -> dict[bytes, str]:
    """Map the inode of each connection to its far end.

    Args:
        content: ``/proc/<pid>/net/tcp`` or ``tcp6``; a line that is not as proc(5) describes it is left out.
        width: Hexadecimal digits of an address: 8 or 32.
    """
    peers: dict[bytes, str] = {}
    for line in content.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10 or fields[3] not in CONNECTED or fields[9] == b"0":
            continue
        digits = fields[2].partition(b":")[0]
        try:
            peers[fields[9]] = _address_from_hex(digits.decode("ascii"), width)
        except ValueError:
            continue
    return peers


def _address_from_hex(digits: str, width: int) -> str:
    """Read an address as the kernel prints it: 32-bit words in the machine's own byte order."""
    if len(digits) != width:
        raise ValueError("wrong length")
    words = [int(digits[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, width, 8)]
    return canonical_address(str(ipaddress.ip_address(b"".join(words))))
