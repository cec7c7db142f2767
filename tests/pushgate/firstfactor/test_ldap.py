"""The bounds of the first factor ldap; real servers are in tests/system/test_first_factor_ldap.py."""

import asyncio
import socket

from pushgate.clock import FakeClock, SystemClock
from pushgate.firstfactor.base import PasswordWrong
from pushgate.firstfactor.ldap import LdapFirstFactor
from pushgate.firstfactor.ldap_session import Address, Directory
from pushgate.login import Login, Secret
from pushgate.outcome import Failed, FailureKind
from pushgate.threads import WAITING_PER_THREAD

DIRECTORY = Directory("cn=search,dc=example", Secret(b"s"), "dc=example", "(uid={user})")
LOGIN = Login("alice", "vpn", "gateway")
PASSWORD = Secret(b"wonderland")


async def test_no_time_left_asks_no_server(fake_clock: FakeClock) -> None:
    """A login whose deadline has passed ends without a connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        address = Address("127.0.0.1", listener.getsockname()[1], False, None)
        factor = LdapFirstFactor([address], DIRECTORY, fake_clock, timeout=5, threads=1)
        outcome = await factor.check(LOGIN, PASSWORD, fake_clock.now())
        assert outcome == Failed(FailureKind.UNAVAILABLE, asked=False, detail="no time left")
        await factor.close()


async def test_a_flood_is_refused_with_a_kind_that_never_opens() -> None:
    """An attacker who fills the queue brings about a limit, which no rule turns into an open door."""
    clock = SystemClock()
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        address = Address("127.0.0.1", silent.getsockname()[1], False, None)
        factor = LdapFirstFactor([address], DIRECTORY, clock, timeout=1.0, threads=1)
        checks = [factor.check(LOGIN, PASSWORD, clock.now() + 1.0) for _ in range(WAITING_PER_THREAD + 2)]
        outcomes = await asyncio.gather(*checks)
        await factor.close()
    # The first asks the server, which says nothing; the others wait for the thread; the last has no place.
    assert all(isinstance(outcome, Failed) for outcome in outcomes)
    assert outcomes[-1] == Failed(FailureKind.RATE_LIMITED, asked=False, detail="too many checks at the same time")
    queued = [outcome.detail for outcome in outcomes[1:-1] if isinstance(outcome, Failed)]
    assert queued.count("no thread was free in time") >= WAITING_PER_THREAD - 2


async def test_a_password_in_another_encoding_is_wrong(fake_clock: FakeClock) -> None:
    """An administrator whose NAS sends latin-1 finds that in the log."""
    factor = LdapFirstFactor([], DIRECTORY, fake_clock, timeout=5, threads=1)
    outcome = await factor.check(LOGIN, Secret(b"caf\xe9"), fake_clock.now() + 5)
    assert isinstance(outcome, PasswordWrong)
    assert "encoding" in outcome.detail
    await factor.close()
