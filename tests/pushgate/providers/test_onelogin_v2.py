"""OneLogin's v2 verifications as a whole, against the simulator: people without a password at OneLogin."""

from dataclasses import replace
from typing import Any

import pytest

from pushgate.login import Code, Factor, Method, Push, Secret
from pushgate.outcome import Approved, Denied, Failed, FailureKind, NeedsCode, Outcome, Pending
from pushgate.providers.onelogin_v2 import Verification
from tests.simulators.onelogin import OneLoginTwists
from tests.simulators.onelogin_people import AUTHENTICATOR_CODE, YUBIKEY_CODE, SimPerson
from tests.simulators.onelogin_rig import OneLoginRig, play

SHAPES = pytest.mark.parametrize("shape", ["doc", "sdk"])


async def begin(rig: OneLoginRig, factor: Factor | None = None, user: str = "alice", seconds: float = 60) -> Outcome:
    """Begin a login."""
    login = replace(await rig.login(user), factor=factor or Push())
    return await rig.provider.begin(login, rig.clock.now() + seconds)


async def pushed(rig: OneLoginRig) -> Verification:
    """Ring alice."""
    outcome = await begin(rig)
    assert isinstance(outcome, Pending)
    assert isinstance(outcome.handle, Verification)
    return outcome.handle


def kind_of(outcome: object) -> FailureKind | None:
    """Return the kind of a failure."""
    return outcome.kind if isinstance(outcome, Failed) else None


@SHAPES
@pytest.mark.parametrize(("answer", "outcome"), [("approve", Approved()), ("deny", Denied())])
def test_a_push_is_answered(shape: str, answer: str, outcome: Any) -> None:
    """A person is rung once and answers, whichever shape OneLogin's replies have."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        (rig.approve if answer == "approve" else rig.deny)(handle)
        assert await rig.provider.wait(handle, rig.clock.now() + 60) == outcome
        assert rig.simulator.ledger.counts["pushes"] == 1
        [created] = [each.json() for each in rig.simulator.ledger.requests if each.path.endswith("/verifications")]
        assert (str(created["device_id"]), created["expires_in"]) == ("111111", 120)

    play(scene, twists=OneLoginTwists(shape=shape))


@SHAPES
def test_a_code_that_was_sent_opens(shape: str) -> None:
    """A person who asks for an SMS types its code, after a wrong one; the message says what it is for."""

    async def scene(rig: OneLoginRig) -> None:
        needs = await begin(rig, Method("sms4321"), seconds=200)
        assert isinstance(needs, NeedsCode)
        assert (needs.asked, needs.expires_at) == (True, rig.clock.now() + 200)
        assert kind_of(await rig.provider.submit(needs.handle, "00000a", rig.clock.now() + 60)) is FailureKind.BAD_CODE
        right = rig.right_code(needs.handle)
        assert await rig.provider.submit(needs.handle, right, rig.clock.now() + 60) == Approved(device="code")
        assert rig.simulator.messages == ["{{otp_code}} is your code for sshd on web1 from 203.0.113.7"]
        assert rig.simulator.ledger.count("PUT", "verifications") == 2

    play(scene, twists=OneLoginTwists(shape=shape))


def test_a_typed_code_opens_without_ringing() -> None:
    """A code that was typed at once is checked alone: no telephone rings, no verification begins."""

    async def scene(rig: OneLoginRig) -> None:
        assert await begin(rig, Code(Secret(AUTHENTICATOR_CODE.encode()))) == Approved(device="code")
        wrong = await begin(rig, Code(Secret(b"999999")))
        assert isinstance(wrong, Failed)
        assert (wrong.kind, wrong.asked) == (FailureKind.BAD_CODE, False)
        no_code = await begin(rig, Code(Secret(b"push")))
        assert (kind_of(no_code), rig.simulator.ledger.counts["submits"]) == (FailureKind.BAD_CODE, 2)
        assert rig.simulator.ledger.counts["creates"] == 0

    play(scene)


@pytest.mark.parametrize(("user", "code"), [("bob", AUTHENTICATOR_CODE), ("frank", YUBIKEY_CODE)])
def test_who_has_no_telephone_is_asked_for_a_code(user: str, code: str) -> None:
    """A person without OneLogin Protect types a code; nothing is sent for that, and nothing is waited for."""

    async def scene(rig: OneLoginRig) -> None:
        needs = await begin(rig, user=user)
        assert isinstance(needs, NeedsCode)
        assert not needs.asked
        assert kind_of(await rig.provider.wait(needs.handle, rig.clock.now() + 60)) is FailureKind.PROTOCOL
        assert await rig.provider.submit(needs.handle, code, rig.clock.now() + 60) == Approved(device="code")

    play(scene)


@pytest.mark.parametrize("wrong_code", ["factor", "credentials"])
def test_a_code_may_be_typed_while_the_push_is_out(wrong_code: str) -> None:
    """A wrong code is one also where OneLogin's words could mean our token; a right one opens."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        assert kind_of(await rig.provider.submit(handle, "999999", rig.clock.now() + 60)) is FailureKind.BAD_CODE
        assert rig.simulator.ledger.counts["submits"] == 1
        assert await rig.provider.submit(handle, AUTHENTICATOR_CODE, rig.clock.now() + 60) == Approved(device="code")

    play(scene, twists=OneLoginTwists(wrong_code=wrong_code))


def test_the_code_of_the_telephone_itself_counts() -> None:
    """A person whose only device is OneLogin Protect can type the code that it shows."""

    async def scene(rig: OneLoginRig) -> None:
        alice = rig.simulator.people["alice"]
        alice.devices = [device for device in alice.devices if device.kind == "push"]
        handle = await pushed(rig)
        assert await rig.provider.submit(handle, "765432", rig.clock.now() + 60) == Approved(device="code")
        assert rig.simulator.ledger.count("PUT", "verifications") == 1

    play(scene)


def test_a_token_revoked_before_a_code_costs_no_try() -> None:
    """A code that meets a token which was just revoked is checked once, with the new token."""

    async def scene(rig: OneLoginRig) -> None:
        needs = await begin(rig, user="bob")
        assert isinstance(needs, NeedsCode)
        rig.simulator.revoke_token()
        assert await rig.provider.submit(needs.handle, AUTHENTICATOR_CODE, rig.clock.now() + 60) == Approved(
            device="code"
        )
        assert (rig.simulator.ledger.counts["submits"], rig.simulator.ledger.counts["tokens"]) == (1, 2)

    play(scene)


def test_three_wrong_codes_are_all() -> None:
    """An attacker who guesses codes gets three tries at one question."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        for _ in range(5):
            assert kind_of(await rig.provider.submit(handle, "999999", rig.clock.now() + 60)) is FailureKind.BAD_CODE
        assert rig.simulator.people["alice"].failures == 3

    play(scene)


def test_a_question_that_was_given_up_opens_nothing() -> None:
    """An approval that comes after the login was given up opens nothing; giving up costs no call."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        calls = len(rig.simulator.ledger.requests)
        await rig.provider.cancel(handle)
        rig.approve(handle)
        assert kind_of(await rig.provider.wait(handle, rig.clock.now() + 60)) is FailureKind.CANCELLED
        submitted = await rig.provider.submit(handle, AUTHENTICATOR_CODE, rig.clock.now() + 60)
        assert kind_of(submitted) is FailureKind.CANCELLED
        assert len(rig.simulator.ledger.requests) == calls

    play(scene)


@pytest.mark.parametrize("name", ["al*", "*", "?lice", "ALICE2", "nobody"])
def test_a_name_that_is_a_pattern_asks_nobody(name: str) -> None:
    """An attacker whose name is a pattern that finds alice does not ring her."""

    async def scene(rig: OneLoginRig) -> None:
        assert kind_of(await begin(rig, user=name)) is FailureKind.NOT_ENROLLED
        assert rig.simulator.ledger.counts["creates"] == 0

    play(scene)


def test_two_people_of_one_name_are_nobody() -> None:
    """A name that OneLogin gives twice asks neither of the two."""

    async def scene(rig: OneLoginRig) -> None:
        rig.simulator.people["other"] = SimPerson(5, "Alice", "other@example.com", "x", [])
        assert kind_of(await begin(rig)) is FailureKind.NOT_ENROLLED

    play(scene)


def test_people_are_found_by_their_address() -> None:
    """An administrator whose user names are mail addresses sets user_attribute."""

    async def scene(rig: OneLoginRig) -> None:
        assert isinstance(await begin(rig, user="alice@example.com"), Pending)
        assert kind_of(await begin(rig, user="alice")) is FailureKind.NOT_ENROLLED

    play(scene, user_attribute="email")


@pytest.mark.parametrize("status", [2, 3])
def test_who_is_suspended_or_locked_is_not_asked(status: int) -> None:
    """A person whom OneLogin has locked gets in by no SSH key either."""

    async def scene(rig: OneLoginRig) -> None:
        rig.simulator.people["alice"].status = status
        assert kind_of(await begin(rig)) is FailureKind.LOCKED
        assert rig.simulator.ledger.counts["creates"] == 0

    play(scene)


@pytest.mark.parametrize("path", ["/users?", "/devices"])
def test_an_outage_before_anybody_is_asked_is_one(path: str) -> None:
    """A login for which OneLogin cannot even be read has surely asked nobody."""

    async def scene(rig: OneLoginRig) -> None:
        rig.simulator.knobs.only = lambda request: path in request.target
        rig.simulator.knobs.drop_next(2)  # a read on a connection that breaks is sent once more
        outcome = await begin(rig)
        assert isinstance(outcome, Failed)
        assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, False)

    play(scene)


@pytest.mark.parametrize("served", [True, False])
def test_a_question_whose_answer_is_lost_is_not_asked_twice(served: bool) -> None:
    """A person is rung at most once, and nothing fails open, where the connection breaks around the create."""

    async def scene(rig: OneLoginRig) -> None:
        rig.simulator.knobs.only = lambda request: request.path.endswith("/verifications")
        rig.simulator.knobs.drop_next(served=served)
        outcome = await begin(rig)
        assert isinstance(outcome, Failed)
        assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, True)
        assert rig.simulator.ledger.count("POST", "verifications") == 1

    play(scene)


def test_a_verification_that_is_forgotten_ends_the_login() -> None:
    """A person whose question OneLogin has forgotten is not kept waiting."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        rig.expire(handle)
        started = rig.clock.now()
        assert kind_of(await rig.provider.wait(handle, started + 60)) is FailureKind.EXPIRED
        assert rig.clock.now() - started < 5

    play(scene)


@pytest.mark.parametrize(("status", "asked"), [(500, True), (502, True), (504, True), (503, False)])
def test_a_code_over_which_onelogin_breaks_down_opens_no_door(status: int, asked: bool) -> None:
    """An attacker whose typed code makes OneLogin break down does not get in where the service fails open."""

    async def scene(rig: OneLoginRig) -> None:
        rig.simulator.knobs.only = lambda request: request.path.endswith("/verifications")
        rig.simulator.knobs.status_next(status)
        outcome = await begin(rig, Code(Secret(AUTHENTICATOR_CODE.encode())))
        assert isinstance(outcome, Failed)
        assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, asked)

    play(scene)
