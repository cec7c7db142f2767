"""Passwords checked by a real FreeRADIUS."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog

from pushgate.clock import SystemClock
from pushgate.firstfactor.base import Checked, PasswordRight, PasswordWrong
from pushgate.firstfactor.radius import RadiusFirstFactor, Upstream
from pushgate.login import Login, Origin, OriginSource, Secret
from pushgate.outcome import Failed, FailureKind
from tests.support.ports import free_port
from tests.support.upstream import SECRET, FreeRadius, freeradius

pytestmark = pytest.mark.system

CLOCK = SystemClock()
CLASS, FILTER_ID, TUNNEL_TYPE, TUNNEL_GROUP = (0, 25), (0, 11), (0, 64), (0, 81)
CISCO_AVPAIR, CISCO = (9, 1), b"\0\0\0\x09"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreeRadius]:
    """A server for all tests here."""
    with freeradius(tmp_path_factory.mktemp("freeradius")) as running:
        yield running


@asynccontextmanager
async def factor(*upstreams: Upstream, **changes: Any) -> AsyncIterator[RadiusFirstFactor]:
    """A first factor that is closed at the end."""
    checker = RadiusFirstFactor(upstreams, CLOCK, **{"timeout": 2.0, "tries": 2, "threads": 4, **changes})
    try:
        yield checker
    finally:
        await checker.close()


async def check(checker: RadiusFirstFactor, user: str, password: bytes, *, origin: str | None = None) -> Checked:
    """Check a password."""
    login = Login(user, "vpn", "gateway", Origin(origin, OriginSource.NAS))
    return await checker.check(login, Secret(password), CLOCK.now() + 10)


async def test_the_right_password_is_right_and_a_wrong_one_wrong(server: FreeRadius) -> None:
    """A person logs in by the password that the other server knows, be it text or not."""
    async with factor(server.upstream()) as checker:
        assert await check(checker, "alice", b"wonderland") == PasswordRight()
        assert isinstance(await check(checker, "alice", b"wonderlanD"), PasswordWrong)
        assert await check(checker, "latin", b"caf\xe9") == PasswordRight()
        assert isinstance(await check(checker, "latin", b"caf"), PasswordWrong)
        assert isinstance(await check(checker, "latin", "café".encode()), PasswordWrong)


async def test_chosen_attributes_are_relayed_octet_by_octet(server: FreeRadius) -> None:
    """A NAS gets the chosen attributes of the other server as that wrote them: octets, tags and vendors' included."""
    chosen = (CLASS, FILTER_ID, TUNNEL_TYPE, TUNNEL_GROUP, CISCO_AVPAIR, (0, 87))
    async with factor(server.upstream(), relay=chosen) as checker:
        outcome = await check(checker, "alice", b"wonderland")
        nothing = await check(checker, "latin", b"caf\xe9")
    assert isinstance(outcome, PasswordRight)
    assert outcome.attributes == (
        (25, b"0x41"),
        (25, b"\x00\xff"),
        (11, b"vpn-users"),
        (11, b"second"),
        (64, b"\x01\x00\x00\x0d"),
        (81, b"\x0142"),
        (26, CISCO + b"\x01\x12ip:addr-pool=one"),
        (26, CISCO + b"\x01\x13shell:priv-lvl=15"),
    )
    assert nothing == PasswordRight()


async def test_the_server_hears_who_comes_from_where(server: FreeRadius) -> None:
    """A rule of the other server may hang on the NAS and the person's address."""
    async with factor(server.upstream(), relay=[FILTER_ID]) as checker:
        seen = await check(checker, "carol", b"right", origin="203.0.113.7")
        assert isinstance(seen, PasswordRight)
        assert seen.attributes == ((11, b"seen"),)
        assert isinstance(await check(checker, "carol", b"right", origin="203.0.113.8"), PasswordWrong)
        assert isinstance(await check(checker, "carol", b"right"), PasswordWrong)


async def test_a_reject_leaves_its_words_in_the_log_alone(server: FreeRadius) -> None:
    """An administrator reads why the other server refused, without its control characters."""
    async with factor(server.upstream()) as checker:
        assert await check(checker, "stranger", b"x") == PasswordWrong("No\\x1b[2Jsuch person")


async def test_a_challenge_is_no_success(server: FreeRadius) -> None:
    """A person whose other server asks for more than a password does not get in, and the log says what to change."""
    async with factor(server.upstream()) as checker:
        with structlog.testing.capture_logs() as logs:
            outcome = await check(checker, "dora", b"right")
    assert outcome == PasswordWrong("the upstream server asks for more than a password")
    assert [entry["event"] for entry in logs] == ["first_factor_dialogue"]


async def test_replies_without_message_authenticator_are_not_believed(server: FreeRadius) -> None:
    """An attacker on the way who can forge unsigned replies gets nothing, unless the administrator allowed them."""
    async with factor(server.upstream(signed=False), timeout=0.5, tries=1) as checker:
        outcome = await check(checker, "alice", b"wonderland")
    assert outcome == Failed(FailureKind.CONFIG, asked=False, detail="a reply has no Message-Authenticator")
    async with factor(server.upstream(signed=False, require=False)) as checker:
        assert await check(checker, "alice", b"wonderland") == PasswordRight()


async def test_another_secret_gets_no_answer(server: FreeRadius) -> None:
    """An administrator who mistyped the secret is told to look at it; the password was sent under it, unreadable."""
    async with factor(server.upstream(secret="mistyped-secret"), timeout=0.5, tries=1) as checker:
        outcome = await check(checker, "alice", b"wonderland")
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, False)
    assert "secret" in outcome.detail


async def test_a_dead_server_is_passed_over(server: FreeRadius) -> None:
    """A person logs in at once while the first server is down: its closed port is noticed, not waited for."""
    dead = Upstream("127.0.0.1", free_port(), Secret(SECRET.encode()))
    async with factor(dead, server.upstream()) as checker:
        before = CLOCK.now()
        with structlog.testing.capture_logs() as logs:
            assert await check(checker, "alice", b"wonderland") == PasswordRight()
            assert await check(checker, "alice", b"wonderland") == PasswordRight()
        assert CLOCK.now() - before < 2
    assert [entry["server"] for entry in logs] == [dead.name]


async def test_a_silent_server_is_left_in_time(server: FreeRadius) -> None:
    """A person logs in while the first server's host drops everything; the next person does not wait for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        hole = Upstream("127.0.0.1", silent.getsockname()[1], Secret(SECRET.encode()))
        async with factor(hole, server.upstream(), timeout=0.3) as checker:
            assert await check(checker, "alice", b"wonderland") == PasswordRight()
            first = [silent.recv(4096) for _ in range(2)]
            assert await check(checker, "alice", b"wonderland") == PasswordRight()
            silent.setblocking(False)
            with pytest.raises(BlockingIOError):
                silent.recv(4096)
    # Sent again, not made anew: a server that was only slow recognises it (RFC 5080 section 2.2.2).
    assert first[0] == first[1]


async def test_many_at_the_same_time_do_not_mix(server: FreeRadius) -> None:
    """A person never gets the answer to another's password, however many log in at the same moment."""
    async with factor(server.upstream(), threads=8) as checker:
        passwords = [b"wonderland", b"wrong"] * 50
        outcomes = await asyncio.gather(*(check(checker, "alice", password) for password in passwords))
    assert [isinstance(outcome, PasswordRight) for outcome in outcomes] == [True, False] * 50
