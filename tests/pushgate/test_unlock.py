"""Asking a person once, then letting that person in for a while."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from pushgate.control import Report
from pushgate.decision import Reason
from pushgate.errors import PushgateError
from pushgate.login import Login, Origin, OriginSource
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome
from pushgate.policy import Policy, Rule
from pushgate.unlock import Unlocker
from tests.support.core import Core, RecordingConversation, make_login

RULES = {
    "sshd": Rule(unlock_longest=3600),
    "sudo": Rule(unlock_longest=300),
    "closed": Rule(),
    "open": Rule(accept_if_unreachable=True),
}


class UnlockCore(Core):
    """A core with what asks for unlocking; notes the login that the provider is asked about."""

    def __init__(self, begin: Outcome | None = None, rules: Mapping[str, Rule] = RULES, **limits: int) -> None:
        super().__init__(begin, **limits)
        self.authenticator.policy = Policy(rules)
        self.unlocker = Unlocker(self.authenticator)
        self.asked: list[Login] = []
        begin_question = self.provider.begin

        async def noting(login: Login, deadline: float) -> Outcome:
            self.asked.append(login)
            return await begin_question(login, deadline)

        self.provider.begin = noting  # type: ignore[method-assign]

    def begin(self, **wish: Any) -> "asyncio.Task[Report]":
        """Ask for unlocking alice's services for 15 minutes, or something else."""
        return asyncio.create_task(self.unlocker.unlock({"user": "alice", "seconds": 900, **wish}))

    async def unlock(self, outcome: Approved | Denied | Failed | None = None, **wish: Any) -> Report:
        """The same, answered."""
        unlocking = self.begin(**wish)
        await self.settle()
        self.provider.answer(f"s{len(self.provider.answers)}", outcome or Approved("phone"))
        return await unlocking

    async def lets_in(self, **changes: object) -> bool:
        """Whether a login is let in without asking."""
        deciding = self.start(make_login(**changes))
        await self.settle()
        done = deciding.done() and (await deciding).reason is Reason.UNLOCKED
        deciding.cancel()
        await asyncio.wait([deciding])
        return done


async def refused(core: UnlockCore, outcome: Approved | Denied | Failed | None = None, **wish: Any) -> PushgateError:
    """What is said when nothing is opened."""
    with pytest.raises(PushgateError) as caught:
        await (core.unlock(outcome, **wish) if outcome else core.begin(**wish))
    assert core.unlocker.show_open() == {"open": []}
    assert core.audit.notes == []
    assert caught.value.hint
    return caught.value


async def test_one_approval_opens_what_it_names() -> None:
    """A person who approves is let in without asking, to each service for no longer than it allows, and to no other."""
    core = UnlockCore()
    answer = await core.unlock()
    approval = core.audit.records[0][1].audit_id
    common = {"user": "alice", "account": "", "address": "", "bound_to": "unlock", "id": approval}
    assert answer == {
        "open": [
            {**common, "service": "sshd", "until": "2026-01-01T00:15:00+00:00", "seconds_left": 900},
            {**common, "service": "sudo", "until": "2026-01-01T00:05:00+00:00", "seconds_left": 300},
        ]
    }
    assert core.unlocker.show_open() == answer
    assert await core.lets_in(service="sshd")
    assert await core.lets_in(service="sudo", account="root")
    assert not await core.lets_in(service="closed")
    assert not await core.lets_in(service="sshd", user="bob")
    await core.clock.advance(300)
    assert not await core.lets_in(service="sudo")
    assert await core.lets_in(service="sshd")
    await core.clock.advance(600)
    assert not await core.lets_in(service="sshd")


async def test_the_person_reads_what_is_asked() -> None:
    """A person who is asked sees that it is unlocking, what for, how long, from where, and on which machine."""
    core = UnlockCore()
    await core.unlock(services=["sudo", "sshd"], address="2001:DB8::7")
    [login] = core.asked
    assert login.command == "let you in without asking: sudo 5m, sshd 15m; from 2001:db8::7"
    assert (login.user, login.service, login.origin) == ("alice", "unlock", Origin(None, OriginSource.LOCAL))
    assert login.host
    assert login.ours
    await core.unlock(services=["sshd"])
    assert core.asked[1].command == "let you in without asking: sshd 15m; from anywhere"


async def test_all_of_it_is_in_the_audit() -> None:
    """An auditor finds the approval, what it has opened, each use with the id of the approval, and the end of it."""
    core = UnlockCore()
    await core.unlock(services=["sudo"], address="203.0.113.7")
    assert await core.lets_in(service="sudo")
    revoked = core.unlocker.lock({"user": "alice"})
    (asked, approved, _), (_, used, detail) = core.audit.records
    assert (asked.service, approved.reason) == ("unlock", Reason.APPROVED)
    assert (used.reason, detail) == (Reason.UNLOCKED, f"unlocked as {approved.audit_id}")
    assert core.audit.notes == [
        ("unlock_granted", approved.audit_id, {"user": "alice", "services": "sudo 5m", "address": "203.0.113.7"}),
        ("unlock_revoked", revoked["id"], {"user": "alice", "forgotten": 1}),
    ]


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (Denied(), "alice denied it"),
        (Failed(FailureKind.EXPIRED, asked=True), "alice did not answer in time"),
        (Failed(FailureKind.PROTOCOL, asked=True), r"alice could not be asked \(protocol\)"),
    ],
)
async def test_without_an_approval_nothing_opens(outcome: Denied | Failed, message: str) -> None:
    """An administrator whose person does not approve is told why, and finds the record in the audit."""
    core = UnlockCore()
    error = await refused(core, outcome)
    assert error.message == message.replace("\\", "")
    assert error.hint.endswith(f"audit record {core.audit.records[0][1].audit_id}")
    assert not await core.lets_in()


@pytest.mark.parametrize(
    ("begin", "message"),
    [
        (Failed(FailureKind.NOT_ENROLLED, asked=False), "alice is not known to the provider"),
        (Failed(FailureKind.UNAVAILABLE, asked=False), "the provider cannot be reached"),
        (Failed(FailureKind.RATE_LIMITED, asked=False), "alice has been asked too often"),
        (Failed(FailureKind.LOCKED, asked=False), "alice could not be asked (locked)"),
        (NeedsCode(Handle("s1"), "Code: "), "alice could not be asked (protocol)"),
    ],
)
async def test_who_cannot_be_asked_is_named_at_once(begin: Outcome, message: str) -> None:
    """An administrator who names somebody without a device need not wait like a stranger; nothing fails open."""
    core = UnlockCore(begin)
    before = core.clock.now()
    assert message in (await refused(core)).message
    assert core.clock.now() == before


async def test_an_ignored_question_ends() -> None:
    """An administrator whose person does not answer is told so when the time is over, and the question is gone."""
    core = UnlockCore()
    unlocking = core.begin()
    await core.clock.advance(61)
    with pytest.raises(PushgateError, match="did not answer in time"):
        await unlocking
    assert core.provider.calls[-1] == "cancel s1"


async def test_who_goes_away_withdraws_the_question() -> None:
    """An administrator who gives up takes the question off the device; an approval afterwards opens nothing."""
    core = UnlockCore()
    unlocking = core.begin()
    await core.settle()
    core.provider.cancel_seconds = 0.5
    unlocking.cancel()
    await core.clock.advance(1)
    with pytest.raises(asyncio.CancelledError):
        await unlocking
    assert core.provider.calls[-1] == "cancel s1"
    assert core.audit.reasons() == ["withdrawn"]
    core.provider.answer("s1", Approved())
    await core.settle()
    assert core.unlocker.show_open() == {"open": []}


async def test_an_approval_in_the_moment_of_giving_up_opens_nothing() -> None:
    """An administrator who gives up while the approval comes in finds nothing open."""
    core = UnlockCore()
    unlocking = core.begin()
    await core.settle()
    core.provider.answer("s1", Approved())
    unlocking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await unlocking
    assert core.unlocker.show_open() == {"open": []}
    assert core.audit.notes == []


async def test_revoking_withdraws_the_persons_question() -> None:
    """An administrator who revokes what a person was just asked about has nothing opened by a later approval."""
    core = UnlockCore()
    unlocking, other = core.begin(), core.begin(user="bob")
    await core.settle()
    core.unlocker.lock({"user": "Alice"})
    await core.settle()
    assert (unlocking.done(), other.done()) == (True, False)
    with pytest.raises(PushgateError, match="revoked meanwhile"):
        await unlocking
    assert "cancel s1" in core.provider.calls
    core.provider.answer("s1", Approved("phone"))
    core.provider.answer("s2", Approved("phone"))
    assert [entry["user"] for entry in (await other)["open"]] == ["bob", "bob"]
    assert core.unlocker.asking == {}


async def test_a_daemon_that_stops_withdraws_the_question() -> None:
    """A daemon that ends while it asks takes the question back first."""
    core = UnlockCore()
    unlocking = core.begin()
    await core.settle()
    await core.unlocker.close()
    assert core.provider.calls[-1] == "cancel s1"
    assert core.unlocker.asking == {}
    with pytest.raises(PushgateError, match="the daemon stops"):
        await unlocking
    with pytest.raises(PushgateError, match="the daemon stops"):
        await core.begin()
    assert core.provider.begun() == 1


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"services": ["closed"]}, "closed may not be unlocked"),
        ({"services": ["sshd", "nothing"]}, "nothing may not be unlocked"),
        ({"services": ["unlock"]}, "unlock may not be unlocked"),
        ({"services": "sshd"}, "services: "),
        ({"services": ["sshd\n"]}, "services.0: "),
        ({"services": ["sshd"] * 65}, "services: "),
        ({"user": "alice\x1b[2J"}, "no user has such a name"),
        ({"user": ""}, "no user has such a name"),
        ({"user": ["alice"]}, "user: "),
        ({"seconds": 0}, "seconds: must be a time"),
        ({"seconds": 50_000}, "seconds: must be a time"),
        ({"seconds": None}, "seconds: must be a time"),
        ({"address": "web1"}, "address: must be an IP address"),
        ({"address": "fe80::1%eth0"}, "address: must be an IP address"),
        ({"address": "203.0.113.0/24"}, "address: must be an IP address"),
        ({"number": 1}, "number: "),
    ],
)
async def test_what_makes_no_sense_asks_nobody(wish: dict[str, Any], message: str) -> None:
    """An administrator who asks for what cannot be is told so, and nobody is disturbed."""
    core = UnlockCore()
    assert message in (await refused(core, **wish)).message
    assert core.provider.calls == []


async def test_where_nothing_may_be_unlocked_nobody_is_asked() -> None:
    """An administrator whose configuration allows no unlocking is told which key does."""
    core = UnlockCore(rules={"sshd": Rule()})
    error = await refused(core)
    assert (error.message, "unlock: {longest: 1h}" in error.hint) == ("no service may be unlocked", True)
    assert core.provider.calls == []


async def test_more_than_can_be_shown_is_refused() -> None:
    """An administrator cannot have approved what the person's device would cut off."""
    core = UnlockCore(rules={f"service-with-a-long-name-{number}": Rule(unlock_longest=60) for number in range(20)})
    assert "more services than one question can show" in (await refused(core)).message
    assert core.provider.calls == []


async def test_the_limits_of_every_login_hold() -> None:
    """Nobody can wear a person down by unlocking: the budget, the rest after a denial and the places count."""
    core = UnlockCore(budget=2)
    for _ in range(2):
        await refused(core, Failed(FailureKind.EXPIRED, asked=True))
    assert "too often" in (await refused(core)).message
    assert core.provider.begun() == 2
    core = UnlockCore()
    await refused(core, Denied())
    assert "denied" in (await refused(core)).message
    assert core.provider.begun() == 1
    core = UnlockCore(per_user=1)
    first = core.begin()
    await core.settle()
    assert "too many logins are pending" in (await refused(core)).message
    first.cancel()
    await asyncio.wait([first])


async def test_a_denial_of_the_question_forgets_what_was_open() -> None:
    """A person who denies an unlocking closes what is open already."""
    core = UnlockCore()
    await core.unlock(services=["sudo"])
    with pytest.raises(PushgateError, match="denied it"):
        await core.unlock(Denied(), services=["sshd"])
    assert core.unlocker.show_open() == {"open": []}


async def test_revoking_closes_one_persons_doors() -> None:
    """An administrator who revokes closes everything of that person at once, and nothing of anybody else's."""
    core = UnlockCore()
    await core.unlock()
    await core.unlock(user="bob", services=["sudo"])
    assert core.unlocker.lock({"user": "Alice"})["forgotten"] == 2
    assert not await core.lets_in()
    assert await core.lets_in(service="sudo", user="bob")
    assert core.unlocker.lock({"user": "alice"})["forgotten"] == 0


@pytest.mark.parametrize("user", ["", "a\nb", None, 5])
async def test_revoking_for_nobody_is_refused(user: object) -> None:
    """An administrator who revokes for what is no name is told so."""
    core = UnlockCore()
    with pytest.raises(PushgateError, match="no user has such a name"):
        core.unlocker.lock({"user": user})


async def test_a_second_unlocking_begins_a_new_time() -> None:
    """A person who approves anew gives the new time, longer or shorter; what is open from elsewhere stays."""
    core = UnlockCore()
    await core.unlock(services=["sshd"], address="203.0.113.7")
    await core.unlock(services=["sshd"])
    await core.unlock(services=["sshd"], seconds=60)
    shown = [(entry["address"], entry["seconds_left"]) for entry in core.unlocker.show_open()["open"]]
    assert shown == [("203.0.113.7", 900), ("", 60)]


@pytest.mark.parametrize(
    "rules", [RULES, {**RULES, "unlock": Rule(unlock_longest=3600, exempt_users=frozenset({"alice"}))}]
)
async def test_a_front_end_cannot_pose_as_our_own_question(rules: Mapping[str, Rule]) -> None:
    """An attacker who names a PAM service or RADIUS client ``unlock`` gets that service's rule or none, never ours."""
    core = UnlockCore(rules=rules)
    decision = await core.authenticator.authenticate(make_login(service="unlock"), RecordingConversation())
    assert decision.reason is (Reason.EXEMPT if "unlock" in rules else Reason.NOT_PERMITTED)
    assert core.provider.calls == []
    assert core.unlocker.show_open() == {"open": []}
    # And whatever somebody calls so, our own question asks the person.
    unlocking = core.begin(services=["sshd"])
    await core.settle()
    assert core.provider.begun() == 1
    core.provider.answer("s1", Denied())
    with pytest.raises(PushgateError, match="denied it"):
        await unlocking
