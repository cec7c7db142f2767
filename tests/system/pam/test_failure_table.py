"""The failure table of the documentation says what the real module returns where no daemon decides."""

from collections.abc import Callable

import pytest

from tests.support.failure_table import page_rows
from tests.support.pam_bench import (
    APPROVE,
    AUTH_ERR,
    AUTHINFO_UNAVAIL,
    CONV_ERR,
    NOBODY,
    SERVICE_ERR,
    USER_UNKNOWN,
    Bench,
)

pytestmark = pytest.mark.system

CODES = {
    AUTH_ERR: "AUTH_ERR",
    AUTHINFO_UNAVAIL: "AUTHINFO_UNAVAIL",
    SERVICE_ERR: "SERVICE_ERR",
    USER_UNKNOWN: "USER_UNKNOWN",
    CONV_ERR: "CONV_ERR",
}


def served(*pieces: str, end: str = "hang") -> Callable[[Bench], list[str]]:
    """Let the stand-in for a daemon send something."""

    def play(bench: Bench) -> list[str]:
        bench.start_daemon(*pieces, end=end)
        return bench.authenticate("timeout=2")

    return play


def open_folder(bench: Bench) -> list[str]:
    """Let others write to the socket's folder."""
    bench.start_daemon(APPROVE)
    bench.folder.chmod(0o777)
    return bench.authenticate()


def wrong_owner(bench: Bench) -> list[str]:
    """Expect the daemon of another user."""
    bench.start_daemon(APPROVE)
    return bench.authenticate(line=f"auth required {bench.module} socket={bench.socket} daemon_uid={NOBODY - 1}")


def full_queue(bench: Bench) -> list[str]:
    """Let nobody take connections."""
    bench.start_daemon(queue=0)
    return bench.authenticate()


def linked_socket(bench: Bench) -> list[str]:
    """Put a link where the socket should be."""
    bench.start_daemon(APPROVE)
    bench.socket.rename(bench.folder / "other")
    bench.socket.symlink_to(bench.folder / "other")
    return bench.authenticate()


SITUATIONS: dict[str, Callable[[Bench], list[str]]] = {
    "The daemon does not run": lambda bench: bench.authenticate(),
    "The daemon has died and left its socket": served(end="exit"),
    "The daemon's queue is full": full_queue,
    "The daemon hangs": served(),
    "The daemon dies inside an answer": served("5200", end="exit"),
    "The daemon closes the connection": served(end="close"),
    "The answer is empty": served("520000"),
    "The answer is a code that is not listed": served("520001ff"),
    "The answer is longer than one byte": served("5200020000"),
    "The daemon sends a frame of an unknown type": served("5a000161"),
    "The daemon sends more than a frame may hold": served("49ffff" + "61" * 9000),
    "The socket belongs to another user": wrong_owner,
    "Others may write to the socket's folder": open_folder,
    "The socket is a link": linked_socket,
    "An option of the module is misspelt": lambda bench: bench.authenticate("time_out=9"),
    "The user name is longer than 256 bytes": lambda bench: bench.authenticate(user="u" * 257),
    "The daemon asks, and the program cannot": served("510001" + "3f"),
}


def test_the_page_names_every_situation() -> None:
    """An operator finds every situation in the table, in the order of the tests, and no other."""
    assert [row[0] for row in page_rows("Without a decision of the daemon")] == list(SITUATIONS)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_page_says_what_happens(bench: Bench, situation: str) -> None:
    """An operator reads in the table what the module returns, and that the person sees nothing of it."""
    *shown, verdict = SITUATIONS[situation](bench)
    told = " ".join(f"“{line}”" for line in shown) or "nothing"
    row = next(row for row in page_rows("Without a decision of the daemon") if row[0] == situation)
    assert row[1:] == [told, CODES[verdict]]
