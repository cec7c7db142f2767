"""Approvals that still hold, and the attacks on them."""

import asyncio
from typing import Any

import pytest

from pushgate.decision import Decision, Reason
from pushgate.login import Code, Login, Origin, OriginSource, Secret
from pushgate.outcome import TYPED_CODE, Approved, Denied, Failed, FailureKind, Outcome
from pushgate.policy import Policy, Remember, Rule
from pushgate.remembered import Remembered
from pushgate.words import Words
from tests.support.core import Core, RecordingConversation, make_login

KEY = "SHA256:uzVkPIrxqU8HqJlqxlYRbZ5PpiqTJY2OSbFVnL6pX0M"
SSH = Rule(remember=Remember(900, "key+origin"))
SUDO = Rule(remember=Remember(900, "session+tty"))
RULES = {
    "sshd": SSH,
    "sshd2": SSH,
    "sudo": SUDO,
    "su": SUDO,
    "maintained": Rule(unlock_longest=3600),
    "other": Rule(unlock_longest=3600),
    "closed": Rule(),
    "open": Rule(accept_if_unreachable=True, remember=Remember(900, "key+origin")),
    "exempt": Rule(exempt_users=frozenset({"alice"}), remember=Remember(900, "key+origin")),
}


def ssh(**changes: object) -> Login:
    """Return alice's login by a key."""
    return make_login(**({"key": KEY} | changes))


def sudo(**changes: object) -> Login:
    """Return alice's sudo in a session that came by ssh."""
    values: dict[str, object] = {
        "service": "sudo",
        "origin": Origin("203.0.113.7", OriginSource.KERNEL),
        "account": "root",
        "session": "4711@88231",
        "tty": "/dev/pts/3",
    }
    return make_login(**(values | changes))


class MemoryCore(Core):
    """A core whose rules remember."""

    def __init__(self, begin: Outcome | None = None) -> None:
        super().__init__(begin)
        self.authenticator.policy = Policy(RULES)

    @property
    def memory(self) -> Remembered:
        """What is remembered."""
        return self.authenticator.remembered

    async def approve(self, login: Login) -> Decision:
        """Let the person approve a login."""
        return await self.answer(login, Approved("phone"))

    async def answer(self, login: Login, outcome: Approved | Denied) -> Decision:
        """Let the person answer a login, which must ask."""
        asked = self.provider.begun()
        deciding = self.start(login)
        await self.settle()
        assert self.provider.begun() == asked + 1
        self.provider.answer(f"s{asked + 1}", outcome)
        return await deciding

    async def asks(self, login: Login) -> bool:
        """Whether a login asks the person; it is given up then."""
        asked = self.provider.begun()
        deciding = self.start(login)
        await self.settle()
        if deciding.done():
            return False
        deciding.cancel()
        await asyncio.wait([deciding])
        assert self.provider.begun() == asked + 1
        return True


@pytest.mark.parametrize("login", [ssh(), sudo(), sudo(origin=Origin(None, OriginSource.LOCAL))])
async def test_the_same_login_is_let_in_once_more(login: Login) -> None:
    """A person who has approved a login a moment ago is not asked for the same one; the audit says why."""
    core = MemoryCore()
    approved = await core.approve(login)
    again = await core.authenticator.authenticate(login, RecordingConversation())
    assert (again.accept, again.reason, again.factor) == (True, Reason.REMEMBERED, "remembered")
    assert again.message == Words().approved
    assert core.audit.records[-1][2] == f"approved as {approved.audit_id}"
    assert core.authenticator.decided == {"approved": 1, "remembered": 1}
    assert core.provider.begun() == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "SHA256:another"},
        {"key": KEY.lower()},
        {"key": ""},
        {"origin": Origin("203.0.113.8", OriginSource.PAM)},
        {"origin": Origin(None, OriginSource.UNKNOWN)},
        {"origin": Origin(None, OriginSource.LOCAL)},
        {"user": "bob"},
        {"user": "Alice"},
        {"service": "sshd2"},
        {"host": "web2"},
        {"account": "root"},
        {"known": False},
        {"permitted": False},
    ],
)
async def test_another_ssh_login_asks(changes: dict[str, Any]) -> None:
    """An attacker who lacks anything of the approved login (key, address, name, host, account) gets no further."""
    core = MemoryCore()
    await core.approve(ssh())
    decision = core.start(ssh(**changes))
    await core.settle()
    assert not decision.done()
    decision.cancel()
    await asyncio.wait([decision])


@pytest.mark.parametrize(
    "changes",
    [
        {"session": "4712@88999"},
        {"session": ""},
        {"tty": "/dev/pts/4"},
        {"tty": ""},
        {"account": "postgres"},
        {"account": ""},
        {"user": "bob"},
        {"service": "su"},
        {"service": "maintained"},
        {"host": "web2"},
        {"origin": Origin("203.0.113.8", OriginSource.KERNEL)},
        {"origin": Origin(None, OriginSource.LOCAL)},
        {"origin": Origin("203.0.113.7", OriginSource.PAM)},
        {"origin": Origin(None, OriginSource.UNKNOWN)},
    ],
)
async def test_another_sudo_asks(changes: dict[str, Any]) -> None:
    """An attacker in another session, terminal, account or service gets nothing out of an approved sudo."""
    core = MemoryCore()
    await core.approve(sudo())
    assert await core.asks(sudo(**changes))


@pytest.mark.parametrize(
    "login",
    [
        ssh(key=""),
        ssh(origin=Origin(None, OriginSource.UNKNOWN)),
        ssh(origin=Origin(None, OriginSource.LOCAL)),
        sudo(session=""),
        sudo(tty=""),
        # Every login at sshd has the same terminal, and the session of the daemon itself.
        sudo(tty="ssh", origin=Origin("203.0.113.7", OriginSource.PAM)),
        sudo(origin=Origin(None, OriginSource.UNKNOWN)),
        make_login(service="closed", key=KEY, session="4711@88231", tty="/dev/pts/3"),
    ],
)
async def test_what_is_missing_is_not_the_same(login: Login) -> None:
    """A login without a key, address, session or terminal, or of a service without the key, asks each time."""
    core = MemoryCore()
    await core.approve(login)
    assert await core.asks(login)
    assert not core.memory.periods


async def test_the_time_is_over_to_the_second() -> None:
    """A remembered approval holds for its time, whether it was used or not, and not a second longer."""
    core = MemoryCore()
    await core.approve(ssh())
    await core.clock.advance(600)
    assert not await core.asks(ssh())
    await core.clock.advance(299)
    assert not await core.asks(ssh())
    await core.clock.advance(1)
    assert await core.asks(ssh())


async def test_a_new_approval_begins_a_new_time() -> None:
    """A person who approves again after the time is over is not asked for another period."""
    core = MemoryCore()
    await core.approve(ssh())
    await core.clock.advance(900)
    await core.approve(ssh())
    await core.clock.advance(899)
    assert not await core.asks(ssh())


async def test_a_typed_code_is_an_approval() -> None:
    """A person who has typed a right code is not asked for the same login."""
    core = MemoryCore(Approved(TYPED_CODE))
    login = ssh(factor=Code(Secret(b"123456")))
    assert (await core.authenticator.authenticate(login, RecordingConversation())).factor == "code"
    assert not await core.asks(ssh())


@pytest.mark.parametrize("spelling", ["alice", "ALICE"])
@pytest.mark.parametrize("service", ["closed", "sudo", "sshd"])
async def test_a_denial_forgets_everything(service: str, spelling: str) -> None:
    """A person who denies any login, in any spelling, has no door left open; other people's are."""
    core = MemoryCore()
    await core.approve(sudo())
    await core.approve(ssh(user="bob"))
    core.memory.unlock("alice", "maintained", "", 900, "id")
    other = Origin("198.51.100.1", OriginSource.PAM)
    assert not (await core.answer(make_login(service=service, user=spelling, origin=other), Denied())).accept
    assert await core.asks(sudo())
    assert await core.asks(make_login(service="maintained"))
    assert not await core.asks(ssh(user="bob"))


async def test_a_denied_login_stays_denied() -> None:
    """An attacker whose login was denied a moment ago is rejected, although the person then approves the own one."""
    core = MemoryCore()
    first, second = core.start(ssh()), core.start(ssh())
    await core.settle()
    core.provider.answer("s1", Denied())
    await first
    core.provider.answer("s2", Approved())
    assert (await second).accept
    decision = await core.authenticator.authenticate(ssh(), RecordingConversation())
    assert decision.reason is Reason.DENIED


@pytest.mark.parametrize(
    ("login", "outcome", "reason"),
    [
        (ssh(service="exempt"), None, Reason.EXEMPT),
        (ssh(service="open"), Failed(FailureKind.UNAVAILABLE, asked=False), Reason.FAIL_OPEN),
    ],
)
async def test_only_what_the_person_said_is_remembered(login: Login, outcome: Outcome | None, reason: Reason) -> None:
    """A login that was let in without the person teaches nothing."""
    core = MemoryCore(outcome)
    assert (await core.authenticator.authenticate(login, RecordingConversation())).reason is reason
    assert not core.memory.periods


@pytest.mark.parametrize(
    ("factor", "kept"),
    [
        *(("push", 1), ("push+number", 1), ("code", 1), ("remembered", 0), ("unlocked", 0), ("exempt", 0)),
        *(("fail_open", 0), ("break_glass", 0), ("", 0)),
    ],
)
def test_what_opened_decides_what_is_remembered(factor: str, kept: int) -> None:
    """A push or a code of the person is remembered; whatever else opens a door, also one of tomorrow, is not."""
    core = MemoryCore()
    core.memory.learn(ssh(), SSH, Decision(True, Reason.APPROVED, "id", factor=factor))
    assert len(core.memory.periods) == kept


async def test_a_recalled_approval_is_not_remembered_anew() -> None:
    """A login that was let in from memory begins no new period."""
    core = MemoryCore()
    await core.approve(ssh())
    [before] = core.memory.periods.values()
    await core.clock.advance(10)
    await core.authenticator.authenticate(ssh(), RecordingConversation())
    assert list(core.memory.periods.values()) == [before]


async def test_a_login_of_nobody_teaches_nothing() -> None:
    """A code that fits somebody at the provider, typed for an account that the host lacks, opens nothing later."""
    core = MemoryCore()
    for login in (ssh(known=False), ssh(permitted=False)):
        core.memory.learn(login, SSH, Decision(True, Reason.APPROVED, "id", factor="push"))
    assert not core.memory.periods


async def test_the_memory_is_bounded() -> None:
    """A flood of approvals takes no more room than ten thousand; the oldest are forgotten."""
    core = MemoryCore()
    for number in range(Remembered.LIMIT + 5):
        login = ssh(key=f"SHA256:{number}")
        core.memory.learn(login, SSH, Decision(True, Reason.APPROVED, f"{number}", factor="push"))
    assert len(core.memory.periods) == Remembered.LIMIT
    assert core.memory.recall(ssh(key="SHA256:4"), SSH) is None
    assert core.memory.recall(ssh(key="SHA256:5"), SSH) is not None
    assert sum(map(len, core.memory.of_person.values())) == Remembered.LIMIT
    assert core.memory.forget("alice") == Remembered.LIMIT
    assert (core.memory.periods, core.memory.of_person) == ({}, {})


@pytest.mark.parametrize(
    ("rule", "asks"),
    [
        (SSH, False),
        (Rule(remember=Remember(3600, "key+origin")), False),
        (Rule(remember=Remember(60, "key+origin")), True),
        (Rule(remember=Remember(900, "session+tty")), True),
        (Rule(), True),
    ],
)
async def test_a_reload_keeps_what_it_still_allows(rule: Rule, asks: bool) -> None:
    """An administrator who reloads keeps what was approved, but a key that is shorter, other or gone counts at once."""
    core = MemoryCore()
    login = ssh(session="4711@88231", tty="/dev/pts/3")
    await core.approve(login)
    core.authenticator.replace_rules(Policy(RULES | {"sshd": rule}), {}, Words())
    await core.clock.advance(100)
    assert await core.asks(login) == asks


async def test_a_longer_time_is_for_later_approvals() -> None:
    """A person who has approved fifteen minutes does not give an hour because the configuration says so later."""
    core = MemoryCore()
    await core.approve(ssh())
    core.authenticator.replace_rules(Policy({"sshd": Rule(remember=Remember(3600, "key+origin"))}), {}, Words())
    await core.clock.advance(900)
    assert await core.asks(ssh())


UNLOCKED = make_login(service="maintained")


@pytest.mark.parametrize(
    ("login", "asks"),
    [
        (UNLOCKED, False),
        (make_login(service="maintained", origin=Origin(None, OriginSource.UNKNOWN)), False),
        (make_login(service="maintained", account="root"), False),
        (make_login(service="other"), True),
        (make_login(service="sudo"), True),
        (make_login(service="closed"), True),
        (make_login(service="maintained", user="bob"), True),
        (make_login(service="maintained", user="Alice"), True),
        (make_login(service="maintained", known=False), True),
        (make_login(service="maintained", permitted=False), True),
    ],
)
async def test_what_is_unlocked_opens_nothing_else(login: Login, asks: bool) -> None:
    """An unlocked service lets its user in, and neither another user nor another service."""
    core = MemoryCore()
    core.memory.unlock("alice", "maintained", "", 900, "id")
    deciding = core.start(login)
    await core.settle()
    assert deciding.done() != asks
    deciding.cancel()
    await asyncio.wait([deciding])


@pytest.mark.parametrize(
    ("origin", "asks"),
    [
        (Origin("203.0.113.7", OriginSource.PAM), False),
        (Origin("203.0.113.7", OriginSource.KERNEL), False),
        (Origin("203.0.113.8", OriginSource.PAM), True),
        (Origin(None, OriginSource.LOCAL), True),
        (Origin(None, OriginSource.UNKNOWN), True),
    ],
)
async def test_what_is_unlocked_from_one_address_opens_from_no_other(origin: Origin, asks: bool) -> None:
    """A service that is unlocked from one address asks everybody from elsewhere."""
    core = MemoryCore()
    core.memory.unlock("alice", "maintained", "203.0.113.7", 900, "id")
    assert await core.asks(make_login(service="maintained", origin=origin)) == asks


async def test_what_is_unlocked_is_locked_again() -> None:
    """An unlocked service asks again when its time is over, to the second, and when it is revoked."""
    core = MemoryCore()
    core.memory.unlock("alice", "maintained", "", 900, "id")
    await core.clock.advance(899)
    decision = await core.authenticator.authenticate(UNLOCKED, RecordingConversation())
    assert (decision.accept, decision.reason, decision.factor) == (True, Reason.UNLOCKED, "unlocked")
    assert core.audit.records[-1][2] == "unlocked as id"
    await core.clock.advance(1)
    assert await core.asks(UNLOCKED)
    core.memory.unlock("alice", "maintained", "", 900, "id")
    assert core.memory.forget("ALICE") == 1
    assert await core.asks(UNLOCKED)


async def test_revoking_counts_what_was_open() -> None:
    """An administrator who revokes is told how much was open; what had ended by itself does not count."""
    core = MemoryCore()
    core.memory.unlock("alice", "maintained", "", 60, "a")
    await core.approve(ssh())
    core.memory.unlock("bob", "maintained", "", 900, "b")
    await core.clock.advance(61)
    assert core.memory.forget("alice") == 1
    assert [key.user for key in core.memory.periods] == ["bob"]


async def test_what_a_reload_has_closed_is_closed() -> None:
    """An administrator who takes unlock out of a service, or shortens it, has it closed at once."""
    core = MemoryCore()
    core.memory.unlock("alice", "maintained", "", 900, "id")
    await core.clock.advance(100)
    for rule in (Rule(), Rule(unlock_longest=60)):
        core.authenticator.replace_rules(Policy({"maintained": rule}), {}, Words())
        assert await core.asks(UNLOCKED)
        assert not list(core.memory.all_running({"maintained": rule}))
    assert not list(core.memory.all_running({}))
