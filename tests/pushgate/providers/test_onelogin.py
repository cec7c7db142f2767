"""The provider onelogin: which way a login takes, whom it asks, and what it says of itself."""

from dataclasses import replace

import pytest

from pushgate.clock import FakeClock
from pushgate.firstfactor.provider import can_check_passwords
from pushgate.http import JsonClient, Reply
from pushgate.login import Code, Factor, Method, Push, Secret
from pushgate.outcome import Approved, Failed, FailureKind, Handle, NeedsCode, Outcome, Pending
from pushgate.providers.onelogin import (
    EVERYTHING,
    SENDS,
    WRONG_CODES,
    OneLogin,
    Pretence,
    let_in_by_password,
    life_of,
    may_be_wrong,
)
from pushgate.providers.onelogin_v1 import CheckedPassword, FactorQuestion
from pushgate.providers.onelogin_v2 import Verification
from tests.simulators.jumping import JumpingClock, run
from tests.simulators.onelogin_rig import OneLoginRig, play, rig
from tests.support.core import make_login


def kind_of(outcome: object) -> FailureKind | None:
    """Return the kind of a failure."""
    return outcome.kind if isinstance(outcome, Failed) else None


def test_it_checks_passwords() -> None:
    """An administrator can set first_factor: provider."""
    assert can_check_passwords(OneLogin)


def test_the_way_follows_the_password() -> None:
    """A login whose password OneLogin has checked goes on by v1; one that came by an SSH key by v2."""

    async def with_password(rig: OneLoginRig) -> None:
        outcome = await rig.provider.begin(await rig.login(), rig.clock.now() + 60)
        assert isinstance(outcome, Pending)
        assert isinstance(outcome.handle, FactorQuestion)

    async def without(rig: OneLoginRig) -> None:
        outcome = await rig.provider.begin(await rig.login(), rig.clock.now() + 60)
        assert isinstance(outcome, Pending)
        assert isinstance(outcome.handle, Verification)

    play(with_password, password=True)
    play(without)


def test_what_another_account_checked_is_not_sent_here() -> None:
    """A login that another account of OneLogin, or another system, has checked goes by v2: its token stays there."""
    clock = JumpingClock()

    async def scene() -> None:
        async with rig(clock, password=True) as one, rig(clock, password=True) as other:
            login = await one.login()
            for checked in (login.checked, Handle("x"), "x"):
                outcome = await other.provider.begin(replace(login, checked=checked), clock.now() + 60)
                assert isinstance(outcome, Pending)
                assert isinstance(outcome.handle, Verification)
            assert isinstance(login.checked, CheckedPassword)
            assert not any(login.checked.state_token.encode() in each.body for each in other.simulator.ledger.requests)

    run(clock, scene)


def test_features_are_those_of_the_person() -> None:
    """A front end offers a person whose password is checked what that person has, others what OneLogin can do."""

    async def scene(rig: OneLoginRig) -> None:
        before = rig.clock.now() + 60
        assert await rig.provider.features(make_login(), before) == EVERYTHING
        found = {user: await rig.provider.features(await rig.login(user), before) for user in ("alice", "bob", "dora")}
        assert found == {"alice": EVERYTHING, "bob": {"code"}, "dora": frozenset()}
        assert await rig.provider.features(await rig.login("carol"), before) == {"sms"}

    play(scene, password=True)
    assert {"code", "sms", "email", "voice", "phone"} == EVERYTHING


def test_features_cost_no_call() -> None:
    """A login costs no call before its password is checked."""

    async def scene(rig: OneLoginRig) -> None:
        await rig.provider.features(make_login(), rig.clock.now() + 60)
        assert rig.simulator.ledger.requests == []

    play(scene)


@pytest.mark.parametrize(
    ("factor", "kind"),
    [
        (Push(number=Secret(b"42")), FailureKind.DOWNGRADED),
        (Push(draw_number=True), FailureKind.DOWNGRADED),
        (Method("2"), FailureKind.PROTOCOL),
        (Method("pigeon\x1b"), FailureKind.PROTOCOL),
    ],
)
def test_what_onelogin_cannot_do_asks_nobody(factor: Factor, kind: FailureKind) -> None:
    """A number, or a way that OneLogin does not have, is refused before anything is sent."""

    async def scene(rig: OneLoginRig) -> None:
        outcome = await rig.provider.begin(make_login(factor=factor), rig.clock.now() + 60)
        assert isinstance(outcome, Failed)
        assert (outcome.kind, outcome.asked) == (kind, False)
        assert "\x1b" not in outcome.detail
        assert rig.simulator.ledger.requests == []

    play(scene)


@pytest.mark.parametrize("name", ["", " alice", "a" * 129, "al\x00ice", "alice\u202e", "al*ce"])
def test_what_can_be_no_name_asks_nobody(name: str) -> None:
    """A name that is empty, too long, or holds what cannot be seen is not sent."""

    async def scene(rig: OneLoginRig) -> None:
        outcome = await rig.provider.begin(make_login(user=name), rig.clock.now() + 60)
        assert kind_of(outcome) is FailureKind.NOT_ENROLLED
        assert rig.simulator.ledger.requests == []

    play(scene)


def test_sending_is_limited_for_each_person() -> None:
    """An attacker who knows a password, or a name, cannot fill a mailbox or run up a bill; pushes and codes go on."""

    async def scene(rig: OneLoginRig) -> None:
        for word in ("sms", "email", "voice", "sms", "phone"):
            login = replace(await rig.login(), factor=Method(word))
            assert isinstance(await rig.provider.begin(login, rig.clock.now() + 60), Pending | NeedsCode)
        for user in ("alice", "ALICE"):
            outcome = await rig.provider.begin(make_login(user=user, factor=Method("sms")), rig.clock.now() + 60)
            assert isinstance(outcome, Failed)
            assert (outcome.kind, outcome.asked) == (FailureKind.RATE_LIMITED, False)
        assert rig.simulator.ledger.counts["mails"] == SENDS
        carol = make_login(user="carol", factor=Method("sms"))
        assert isinstance(await rig.provider.begin(carol, rig.clock.now() + 60), NeedsCode)
        assert isinstance(await rig.provider.begin(make_login(), rig.clock.now() + 60), Pending)
        code = make_login(factor=Code(Secret(b"012345")))
        assert await rig.provider.begin(code, rig.clock.now() + 60) == Approved(device="code")
        await rig.clock.sleep(15 * 60)
        again = make_login(factor=Method("sms"))
        assert isinstance(await rig.provider.begin(again, rig.clock.now() + 60), NeedsCode)

    play(scene)


def test_what_was_not_sent_does_not_count() -> None:
    """A person whose code could not be sent for an outage may ask again."""

    async def scene(rig: OneLoginRig) -> None:
        rig.simulator.knobs.only = lambda request: request.path.endswith("/verifications")
        for _ in range(2 * SENDS):
            rig.simulator.knobs.status_next(503)
            login = make_login(factor=Method("sms"))
            assert kind_of(await rig.provider.begin(login, rig.clock.now() + 60)) is FailureKind.UNAVAILABLE

    play(scene)


async def wrong(rig: OneLoginRig, times: int) -> None:
    """Hand in wrong codes of alice's, one in each login; each reaches OneLogin."""
    for _ in range(times):
        login = replace(await rig.login(), factor=Code(Secret(b"000000")))
        outcome = await rig.provider.begin(login, rig.clock.now() + 60)
        assert isinstance(outcome, Failed)
        assert (outcome.kind, outcome.status) == (FailureKind.BAD_CODE, 401)


@pytest.mark.parametrize("password", [True, False])
def test_codes_are_not_guessed_one_in_each_login(password: bool) -> None:
    """Who has the password, and tries a code in each of many logins, has five; then OneLogin is asked no more."""

    async def scene(rig: OneLoginRig) -> None:
        await wrong(rig, WRONG_CODES - 1)
        login = await rig.login()
        right = rig.right_code().encode()
        outcome = await rig.provider.begin(replace(login, factor=Code(Secret(right))), rig.clock.now() + 60)
        assert isinstance(outcome, Approved)
        await wrong(rig, WRONG_CODES)
        login, calls = await rig.login(), len(rig.simulator.ledger.requests)
        outcome = await rig.provider.begin(replace(login, factor=Code(Secret(right))), rig.clock.now() + 60)
        assert kind_of(outcome) is FailureKind.RATE_LIMITED
        pushed = await rig.provider.begin(await rig.login(), rig.clock.now() + 60)
        assert isinstance(pushed, Pending)
        assert kind_of(await rig.provider.submit(pushed.handle, right.decode(), rig.clock.now() + 60)) is (
            FailureKind.RATE_LIMITED
        )
        otp = [each for each in rig.simulator.ledger.requests[calls:] if b"otp" in each.body]
        assert otp == []
        await rig.clock.sleep(15 * 60)
        outcome = await rig.provider.begin(replace(await rig.login(), factor=Code(Secret(right))), rig.clock.now() + 60)
        assert isinstance(outcome, Approved)

    play(scene, password=password)


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [
        (Failed(FailureKind.BAD_CODE, asked=True, status=401), True),
        (Failed(FailureKind.BAD_CODE, asked=False), False),
        (Failed(FailureKind.UNAVAILABLE, asked=True), True),
        (Failed(FailureKind.UNAVAILABLE, asked=False), False),
        (Failed(FailureKind.PROTOCOL, asked=True), True),
        (Failed(FailureKind.CANCELLED, asked=True), False),
        (Approved(), False),
    ],
)
def test_what_onelogin_may_have_refused_counts(outcome: Outcome, counts: bool) -> None:
    """A code whose answer was lost on the way counts; a slip of the fingers that never left does not."""
    assert may_be_wrong(outcome) is counts


def test_nobody_new_is_asked_with_the_last_calls() -> None:
    """A daemon that is short of calls refuses new logins, and still finds the answer of who is being asked."""

    async def scene(rig: OneLoginRig) -> None:
        outcome = await rig.provider.begin(await rig.login(), rig.clock.now() + 60)
        assert isinstance(outcome, Pending)
        while rig.provider.server.budget.allows_new():
            rig.provider.server.budget.take()
        refused = await rig.provider.begin(make_login(), rig.clock.now() + 60)
        assert isinstance(refused, Failed)
        assert (refused.kind, refused.asked) == (FailureKind.RATE_LIMITED, False)
        password = await rig.provider.check_password(make_login(), Secret(b"wonderland"), rig.clock.now() + 10)
        assert kind_of(password) is FailureKind.RATE_LIMITED
        rig.approve(outcome.handle)
        assert await rig.provider.wait(outcome.handle, rig.clock.now() + 60) == Approved()

    play(scene, password=True, calls_per_hour=100)


def test_a_stranger_waits_like_one_who_ignores_the_push() -> None:
    """A login that must not be accepted asks nobody, and is told nothing about OneLogin."""

    async def scene(rig: OneLoginRig) -> None:
        for factor in (Push(), Method("sms"), Code(Secret(b"012345"))):
            outcome = await rig.provider.pretend(make_login(factor=factor, known=False), rig.clock.now() + 60)
            assert kind_of(outcome) is FailureKind.NOT_ENROLLED
        assert rig.simulator.ledger.counts["creates"] + rig.simulator.ledger.counts["submits"] == 0
        rig.provider.server.heard_at = None
        rig.simulator.knobs.drop_next(3)
        outcome = await rig.provider.pretend(make_login(known=False), rig.clock.now() + 60)
        assert kind_of(outcome) is FailureKind.UNAVAILABLE

    play(scene)


def test_a_barred_person_with_the_right_password_sees_what_others_see() -> None:
    """A person whom this machine bars is asked for a code like everybody, is sent none, and none is right."""

    async def scene(rig: OneLoginRig) -> None:
        login = replace(await rig.login("carol"), permitted=False)
        outcome = await rig.provider.pretend(login, rig.clock.now() + 60)
        assert isinstance(outcome, NeedsCode)
        assert (outcome.prompt, outcome.handle) == ("Type the code that was sent by SMS", Pretence("pretence"))
        submitted = await rig.provider.submit(outcome.handle, "123456", rig.clock.now() + 60)
        assert kind_of(submitted) is FailureKind.BAD_CODE
        await rig.provider.cancel(outcome.handle)
        assert rig.simulator.ledger.counts["creates"] + rig.simulator.ledger.counts["submits"] == 0
        alice = replace(await rig.login("alice"), permitted=False)
        assert kind_of(await rig.provider.pretend(alice, rig.clock.now() + 60)) is FailureKind.NOT_ENROLLED

    play(scene, password=True)


def test_a_question_of_somebody_else_is_none() -> None:
    """A handle of another provider is neither waited for nor submitted to, and cancelling it does nothing."""

    async def scene(rig: OneLoginRig) -> None:
        assert kind_of(await rig.provider.wait(Handle("x"), rig.clock.now() + 60)) is FailureKind.PROTOCOL
        assert kind_of(await rig.provider.submit(Handle("x"), "123456", rig.clock.now() + 60)) is FailureKind.PROTOCOL
        await rig.provider.cancel(Handle("x"))
        assert rig.simulator.ledger.requests == []

    play(scene)
    assert life_of(Handle("x")) is None


def test_reach_asks_nobody() -> None:
    """A health check finds OneLogin alive, and rings nobody for that."""

    async def scene(rig: OneLoginRig) -> None:
        assert await rig.provider.reach(rig.clock.now() + 5) is None
        assert [each.path for each in rig.simulator.ledger.requests] == ["/auth/oauth2/v2/token"]

    play(scene)


def test_by_the_password_alone_only_a_plain_login_is_let_in() -> None:
    """A person who asked for a code, or typed one, is not let in by less than that."""
    assert isinstance(let_in_by_password(make_login()), Approved)
    assert kind_of(let_in_by_password(make_login(factor=Method("sms")))) is FailureKind.NOT_ENROLLED


async def test_closing_leaves_nothing(fake_clock: FakeClock) -> None:
    """A daemon that stops closes its connections."""
    async with rig(fake_clock) as made:
        transport = made.provider.server.transport
        assert isinstance(transport, JsonClient)
        assert isinstance(await transport.request("GET", "/", deadline=fake_clock.now() + 5), Reply)
    assert transport.session.closed
