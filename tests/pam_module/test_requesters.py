"""Tries of one requester are one login: it is asked about once, and a refusal stands."""

import asyncio
import dataclasses

import pytest

from pam_module import requesters as module
from pam_module.options import ServiceOptions
from pam_module.processes import Process
from pam_module.requesters import STANDS, Requester, Requesters, requester_of
from pam_module.requests import Host, Identified
from pushgate.clock import FakeClock
from pushgate.decision import Decision, Reason
from tests.support.core import make_login

APPROVED = Decision(True, Reason.APPROVED, "a")
DENIED = Decision(False, Reason.DENIED, "d")
WHO = Requester(20, 200, ("sudo", "alice", "root", None, "/dev/pts/1", "/usr/bin/id"))
OTHER = dataclasses.replace(WHO, pid=21)
SUDO = Process(30, 20, 300, "/usr/bin/sudo", (1000, 0, 0))


class Tries:
    """Requesters, and a core that decides as told."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.requesters = Requesters(self.clock)
        self.asked: list[asyncio.Future[Decision]] = []

    async def ask(self) -> Decision:
        """Stand where the core stands."""
        self.asked.append(asyncio.get_running_loop().create_future())
        return await self.asked[-1]

    async def start(self, who: Requester = WHO) -> "asyncio.Task[Decision]":
        """Begin a try."""
        task = asyncio.create_task(self.requesters.decide(who, self.ask))
        await self.clock.settle()
        return task


@pytest.mark.parametrize("reason", sorted(STANDS))
async def test_a_refusal_stands(reason: Reason) -> None:
    """A requester who was refused is refused at once when it tries again, and nobody is asked; another one is asked."""
    tries = Tries()
    first = await tries.start()
    refusal = Decision(False, reason, "r")
    tries.asked[0].set_result(refusal)
    assert await first is refusal
    assert await (await tries.start()) is refusal
    assert len(tries.asked) == 1
    other = await tries.start(OTHER)
    assert len(tries.asked) == 2
    other.cancel()


@pytest.mark.parametrize(
    "decision",
    [APPROVED, *(Decision(False, reason, "r") for reason in (Reason.UNAVAILABLE, Reason.INTERNAL, Reason.OVERLOADED))],
)
async def test_what_does_not_stand(decision: Decision) -> None:
    """An approval opens one door once, and where nobody was refused a second try is a new one."""
    tries = Tries()
    first = await tries.start()
    tries.asked[0].set_result(decision)
    assert await first is decision
    second = await tries.start()
    assert len(tries.asked) == 2
    second.cancel()


async def test_a_refusal_is_forgotten() -> None:
    """After ten minutes the same process may ask again."""
    tries = Tries()
    first = await tries.start()
    tries.asked[0].set_result(DENIED)
    await first
    await tries.clock.advance(600)
    again = await tries.start()
    assert len(tries.asked) == 2
    again.cancel()


async def test_a_second_try_joins_the_first() -> None:
    """A try that comes while the first is pending gets the first one's decision, with one question in all."""
    tries = Tries()
    first, second = await tries.start(), await tries.start()
    assert len(tries.asked) == 1
    tries.asked[0].set_result(APPROVED)
    assert (await first, await second) == (APPROVED, APPROVED)


async def test_a_try_that_goes_away_takes_nobody_along() -> None:
    """Where the first try is withdrawn, the one that had joined it asks for itself."""
    tries = Tries()
    first, second = await tries.start(), await tries.start()
    first.cancel()
    await tries.clock.settle()
    assert len(tries.asked) == 2
    tries.asked[1].set_result(APPROVED)
    assert await second == APPROVED
    assert tries.requesters.pending == {}


async def test_a_joined_try_that_goes_away_leaves_the_first() -> None:
    """A try that had joined and goes away does not end the first one."""
    tries = Tries()
    first, second = await tries.start(), await tries.start()
    second.cancel()
    await tries.clock.settle()
    tries.asked[0].set_result(APPROVED)
    assert await first == APPROVED


async def test_the_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many requesters are refused, only the newest are kept."""
    monkeypatch.setattr(Requesters, "LIMIT", 3)
    tries = Tries()
    for pid in range(10):
        tries.requesters.note(dataclasses.replace(WHO, pid=pid), DENIED)
    assert [requester.pid for requester in tries.requesters.refused] == [7, 8, 9]


def named(host: Host, **changes: object) -> Requester | None:
    """The requester of a login through a program."""
    return requester_of(Identified(make_login(**changes), SUDO, host, ServiceOptions(), may_know=False))


def test_a_requester_is_a_process_and_what_it_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sudo is one requester for one command; sshd is one for each connection; a server of many people is none."""
    sudo = named(Host.SUDO)
    assert sudo == named(Host.SUDO)
    assert sudo is not None
    assert sudo.pid == SUDO.pid
    for change in ({"user": "bob"}, {"command": "/bin/sh"}, {"account": "root"}, {"tty": "x"}, {"service": "su"}):
        assert named(Host.SUDO, **change) != sudo
    assert named(Host.OTHER) is None
    monkeypatch.setattr(module, "monitor_of", lambda process: dataclasses.replace(process, pid=20))
    assert (named(Host.SSHD) or WHO).pid == 20
    monkeypatch.setattr(module, "monitor_of", lambda _: None)
    assert named(Host.SSHD) is None
