"""Opening the sockets of the two planes: loopback TCP, and a unix socket that only this user can reach."""

import asyncio
import contextlib
import ipaddress
import os
import socket
import stat
from pathlib import Path

from push_authority.errors import AuthorityError

BACKLOG = 4096
"""With aiohttp's 128, 5,000 hosts that connect at once take ten seconds instead of one."""

UNREAD_SECONDS = 10
OTHER_LOOPBACK = {socket.AF_INET: (socket.AF_INET6, "::1"), socket.AF_INET6: (socket.AF_INET, "127.0.0.1")}
"""What else ``localhost`` may stand for."""


def open_loopback(address: tuple[str, int], what: str) -> socket.socket:
    """Open a TCP listener on this machine; port 0 picks a free one.

    Raises:
        AuthorityError: the address is not a loopback address, or is in use.
    """
    host, port = address
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        raise AuthorityError(f"{what}: {host!r} is not an IP address", "use 127.0.0.1 or ::1") from None
    if not ip.is_loopback:
        raise AuthorityError(f"{what}: {host} is not a loopback address", "nothing here speaks TLS: use 127.0.0.1")
    listener = socket.socket(socket.AF_INET6 if ip.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Also for every connection made here: who takes no answer for so long is cut off, with all that waits for it.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
        listener.bind((host, port))
        # At once: until somebody listens, others may bind the same port beside us, and the first to listen has it.
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        reason = os.strerror(error.errno or 0).lower()
        raise AuthorityError(f"{what}: cannot listen on {host}:{port} ({reason})", "choose another port") from None
    listener.setblocking(False)
    return listener


def open_page(address: tuple[str, int]) -> list[socket.socket]:
    """Open the page's listener, and the same port of this machine's other loopback address.

    Browsers try both addresses for ``localhost``, ``::1`` first. Whichever user of this machine got the other one
    would be our origin: would see activation codes, and could sign with the keys of people's browsers.

    Raises:
        AuthorityError: as ``open_loopback``; also if somebody else listens on the other address.
    """
    page = open_loopback(address, "page")
    family, host = OTHER_LOOPBACK[page.family]
    if not is_usable(family, host):
        return [page]
    try:
        return [page, open_loopback((host, page.getsockname()[1]), "page")]
    except AuthorityError:
        page.close()
        raise


def is_usable(family: socket.AddressFamily, host: str) -> bool:
    """Whether this machine has a loopback address: a kernel may be without IPv6."""
    try:
        socket.create_server((host, 0), family=family).close()
    except OSError:
        return False
    return True


async def open_unix(path: Path) -> socket.socket:
    """Open a unix socket (0600); one left behind by a dead process is replaced.

    Raises:
        AuthorityError: somebody answers on it, something else has its name, or the folder is missing.
    """
    await clear_way(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # The mode of an unbound socket is that of the file which bind makes: at no time may others connect.
        os.fchmod(listener.fileno(), 0o600)
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        reason = os.strerror(error.errno or 0).lower()
        raise AuthorityError(f"{path}: cannot listen ({reason})", f"mkdir -p {path.parent}") from None
    listener.setblocking(False)
    return listener


async def clear_way(path: Path) -> None:
    """Remove a dead socket of this name."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise AuthorityError(f"{path}: exists and is no socket", "move it away, or choose another path")
    try:
        _, writer = await asyncio.open_unix_connection(str(path))
    except ConnectionRefusedError:
        remove(path)
        return
    except OSError as error:
        raise AuthorityError(f"{path}: cannot be reached ({os.strerror(error.errno or 0).lower()})") from None
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    raise AuthorityError(f"{path}: another process answers on it", "stop it first")


def remove(path: Path) -> None:
    """Delete a dead socket."""
    path.unlink(missing_ok=True)
