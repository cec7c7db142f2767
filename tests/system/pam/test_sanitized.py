"""The module built with ASan and UBSan, against broken and right daemons: it touches no byte that is not its own."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pushgate.conversation import Conversation
from pushgate.decision import Decision, Reason
from pushgate.login import Login
from tests.support.pam import PamDaemon
from tests.support.pam_bench import Bench
from tests.support.pam_driver import Driver, built_driver, driver, sanitized_module

pytestmark = pytest.mark.system

APPROVE = "52000100"
TYPED = "123456\n" + "7" * 511 + "\n" + "8" * 600 + "\n"
APPROVED, SERVICE_ERR, AUTH_ERR, UNAVAILABLE, CONV_ERR = "0:1", "3:1", "7:1", "9:1", "19:1"
HEADERS = st.binary(min_size=3, max_size=3) | st.sampled_from(
    [b"I\x1f\xff", b"Q\x02\x01", b"R\0\1", b"P\0\0", b"E\x20\0"]
)
STREAMS = st.lists(st.tuples(HEADERS, st.binary(max_size=40)).map(b"".join), max_size=8).map(b"".join)


@pytest.fixture
def bench(private_folder: Path) -> Iterator[Bench]:
    """A place for the daemon."""
    made = Bench(private_folder, sanitized_module(), daemon_uid=os.geteuid())
    with made.daemons:
        yield made


@pytest.fixture
def host(private_folder: Path) -> Iterator[Driver]:
    """A sanitized host with the sanitized module."""
    with driver(private_folder / "pam.sock", "timeout=2", sanitized=True) as made:
        yield made


def code(lines: list[str]) -> str:
    """Tell PAM's code."""
    return lines[-1].split()[0]


@pytest.mark.parametrize(
    ("pieces", "end", "expected"),
    [
        pytest.param([APPROVE], "hang", APPROVED, id="approval"),
        pytest.param(["52", "00", "01", "00"], "hang", APPROVED, id="byte by byte"),
        pytest.param(["52000107"], "hang", AUTH_ERR, id="denial"),
        pytest.param(["520000"], "hang", SERVICE_ERR, id="empty result"),
        pytest.param(["520001ff"], "hang", SERVICE_ERR, id="unknown result"),
        pytest.param(["5a000161"], "hang", SERVICE_ERR, id="unknown type"),
        pytest.param(["49ffff", "61" * 65535], "hang", SERVICE_ERR, id="huge frame"),
        pytest.param(["491fff" + "61" * 8191, "451fff" + "ff" * 8191, APPROVE], "hang", APPROVED, id="long texts"),
        pytest.param(["510000", "500000", "511fff" + "61" * 8191], "record", CONV_ERR, id="prompts"),
        pytest.param(["5100013a"] * 4, "record", SERVICE_ERR, id="too many prompts"),
        pytest.param(["490000" * 64 + APPROVE], "hang", SERVICE_ERR, id="too many texts"),
        pytest.param(["490008" + b"%s%n%s%n".hex(), APPROVE], "hang", APPROVED, id="format characters"),
        pytest.param(["4900", "0a41"], "exit", UNAVAILABLE, id="dies inside a frame"),
        pytest.param([], "close-at-once", UNAVAILABLE, id="closes at once"),
        pytest.param([], "hang", AUTH_ERR, id="hangs"),
    ],
)
def test_daemons(bench: Bench, host: Driver, pieces: list[str], end: str, expected: str) -> None:
    """Neither a right nor a broken daemon makes the module read or write where it must not."""
    flat = [piece[at : at + 100_000] for piece in pieces for at in range(0, len(piece), 100_000)]
    bench.start_daemon(*flat, end=end)
    typed = TYPED if expected != SERVICE_ERR else "1\n2\n3\n4\n"
    command = host.command(user="u" * 256, tty="t" * 900, rhost="h" * 900)
    assert code(host.run(command, typed=typed)) == expected


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stream=STREAMS)
def test_any_bytes(bench: Bench, host: Driver, stream: bytes) -> None:
    """Nothing that a daemon sends makes the module read or write where it must not."""
    with bench.daemons.pop_all():
        bench.socket.unlink(missing_ok=True)
    bench.start_daemon(stream.hex(), end="close")
    host.run(host.command(tty="ssh", rhost="192.0.2.1"), typed=TYPED)


def test_threads(private_folder: Path, host: Driver) -> None:
    """Eight threads that are asked for codes and get their answers disturb each other in nothing."""

    async def answer(login: Login, conversation: Conversation) -> Decision:
        await conversation.tell("Hello.")
        typed = await conversation.ask("Code: ", echo=True)
        return Decision(typed == "123456", Reason.APPROVED, "audit")

    allowed = frozenset({os.geteuid()})
    with PamDaemon(private_folder / "pam.sock", answer, allowed_peer_uids=allowed):
        lines = host.run(host.command(threads=8, logins=5), typed="123456\n" * 60)
    assert lines[-1].startswith("0:40 ")


def test_sanitizers_are_there() -> None:
    """The module and its host are really built with the sanitizers."""
    for program in (sanitized_module(), built_driver(sanitized=True)):
        symbols = subprocess.run(["nm", program], check=True, capture_output=True, text=True).stdout
        assert "__asan_report_store" in symbols
        assert "__ubsan_handle" in symbols
