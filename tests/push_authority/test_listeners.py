import asyncio
import os
import socket
import stat
from pathlib import Path

import pytest

from push_authority import listeners
from push_authority.errors import AuthorityError
from push_authority.listeners import open_loopback, open_page, open_unix


def mode(path: Path) -> int:
    """Return the permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


async def test_socket_is_private_whatever_the_umask(private_folder: Path) -> None:
    """The unix socket is 0600 even for a process with umask 0."""
    before = os.umask(0)
    try:
        listener = await open_unix(private_folder / "a.sock")
    finally:
        os.umask(before)
    assert mode(private_folder / "a.sock") == 0o600
    listener.close()


async def test_dead_socket_is_replaced(private_folder: Path) -> None:
    """A socket left behind by a dead process is replaced."""
    path = private_folder / "a.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    listener = await open_unix(path)
    listener.listen()
    _, writer = await asyncio.open_unix_connection(str(path))
    writer.close()
    await writer.wait_closed()
    listener.close()


async def test_living_socket_is_left_alone(private_folder: Path) -> None:
    """A socket on which another process answers is neither replaced nor removed."""
    path = private_folder / "a.sock"
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(str(path))
        living.listen()
        with pytest.raises(AuthorityError) as refusal:
            await open_unix(path)
        assert refusal.value.message == f"{path}: another process answers on it"
        assert mode(path)


@pytest.mark.parametrize("kind", ["file", "link"])
async def test_other_file_is_left_alone(private_folder: Path, kind: str) -> None:
    """A file or link in the socket's place is not removed."""
    path = private_folder / "a.sock"
    (private_folder / "real").write_text("keep")
    if kind == "file":
        path.write_text("keep")
    else:
        path.symlink_to("real")
    with pytest.raises(AuthorityError, match="exists and is no socket"):
        await open_unix(path)
    assert path.read_text() == "keep"


async def test_missing_folder_is_explained(private_folder: Path) -> None:
    """A socket in a folder that is missing is refused with a hint."""
    with pytest.raises(AuthorityError, match="cannot listen") as refusal:
        await open_unix(private_folder / "no" / "a.sock")
    assert refusal.value.hint == f"mkdir -p {private_folder / 'no'}"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_loopback_is_opened(host: str) -> None:
    """Both loopback addresses are opened, port 0 at a free port."""
    listener = open_loopback((host, 0), "page")
    assert listener.getsockname()[1] > 0
    listener.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "localhost", ""])
def test_other_addresses_are_refused(host: str) -> None:
    """Nothing here speaks TLS, so nothing here leaves this machine."""
    with pytest.raises(AuthorityError, match="page: ") as refusal:
        open_loopback((host, 0), "page")
    assert "127.0.0.1" in refusal.value.hint


def test_port_in_use_is_explained() -> None:
    """A port that is taken is refused with its number."""
    first = open_loopback(("127.0.0.1", 0), "page")
    first.listen()
    port = first.getsockname()[1]
    with pytest.raises(AuthorityError, match=rf"listen: cannot listen on 127.0.0.1:{port} \(address already in use\)"):
        open_loopback(("127.0.0.1", port), "listen")
    first.close()


@pytest.fixture
def without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand 127.0.0.2 in for ``::1``, which not every kernel has."""
    monkeypatch.setitem(listeners.OTHER_LOOPBACK, socket.AF_INET, (socket.AF_INET, "127.0.0.2"))


def test_localhost_is_two_addresses() -> None:
    """Each of the two addresses that browsers take for localhost guards the other."""
    others = {family: address[1] for family, address in listeners.OTHER_LOOPBACK.items()}
    assert others == {socket.AF_INET: "::1", socket.AF_INET6: "127.0.0.1"}


@pytest.mark.usefixtures("without_ipv6")
def test_page_takes_both_loopback_addresses() -> None:
    """Another user of this machine cannot become http://localhost by listening on the other loopback address."""
    pages = open_page(("127.0.0.1", 0))
    port = pages[0].getsockname()[1]
    assert [page.getsockname() for page in pages] == [("127.0.0.1", port), ("127.0.0.2", port)]
    for host in ("127.0.0.1", "127.0.0.2"):
        with pytest.raises(AuthorityError, match="address already in use"):
            open_loopback((host, port), "thief")
    for page in pages:
        page.close()


@pytest.mark.usefixtures("without_ipv6")
def test_page_whose_other_address_is_taken_is_refused() -> None:
    """The page is not served where a browser may reach somebody else by the same name, and its port is let go."""
    with open_loopback(("127.0.0.2", 0), "thief") as thief:
        port = thief.getsockname()[1]
        with pytest.raises(AuthorityError) as refusal:
            open_page(("127.0.0.1", port))
        assert refusal.value.message == f"page: cannot listen on 127.0.0.2:{port} (address already in use)"
        open_loopback(("127.0.0.1", port), "page").close()


def test_page_does_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without IPv6 the page has its one address."""
    monkeypatch.setattr(listeners, "is_usable", lambda *_: False)
    (listener,) = open_page(("127.0.0.1", 0))
    assert listener.family == socket.AF_INET
    listener.close()


def test_missing_address_is_not_usable() -> None:
    """An address that this machine has not got is found to be so."""
    assert listeners.is_usable(socket.AF_INET, "127.0.0.1")
    assert not listeners.is_usable(socket.AF_INET6, "2001:db8::1")
