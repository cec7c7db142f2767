"""OneLogin's v1 login as a whole, against the simulator: password, push, codes, and every way that they fail."""

from dataclasses import replace
from typing import Any

import pytest

from pushgate.firstfactor.base import PasswordRight, PasswordWrong
from pushgate.login import Code, Factor, Method, Push, Secret
from pushgate.outcome import Approved, Denied, Failed, FailureKind, NeedsCode, Outcome, Pending
from pushgate.providers.onelogin_v1 import CheckedPassword, FactorQuestion
from tests.simulators.onelogin import OneLoginTwists
from tests.simulators.onelogin_people import AUTHENTICATOR_CODE, YUBIKEY_CODE
from tests.simulators.onelogin_rig import OneLoginRig, play
from tests.support.core import make_login


async def begin(rig: OneLoginRig, factor: Factor | None = None, user: str = "alice") -> Outcome:
    """Begin a login whose password is right."""
    login = replace(await rig.login(user), factor=factor or Push())
    return await rig.provider.begin(login, rig.clock.now() + 60)


async def pushed(rig: OneLoginRig, user: str = "alice") -> FactorQuestion:
    """Ring somebody."""
    outcome = await begin(rig, user=user)
    assert isinstance(outcome, Pending)
    assert isinstance(outcome.handle, FactorQuestion)
    return outcome.handle


async def needed(rig: OneLoginRig, factor: Factor | None = None, user: str = "alice") -> NeedsCode:
    """Begin a login that wants a code."""
    outcome = await begin(rig, factor, user)
    assert isinstance(outcome, NeedsCode)
    return outcome


async def check(rig: OneLoginRig, user: str, password: bytes) -> Any:
    """Check a password."""
    return await rig.provider.check_password(make_login(user=user), Secret(password), rig.clock.now() + 10)


def kind_of(outcome: object) -> FailureKind | None:
    """Return the kind of a failure."""
    return outcome.kind if isinstance(outcome, Failed) else None


def test_a_push_that_is_approved_opens() -> None:
    """A person whose password is right and who approves on the telephone is in, having been rung once."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        rig.approve(handle)
        assert await rig.provider.wait(handle, rig.clock.now() + 60) == Approved()
        assert rig.simulator.ledger.counts["pushes"] == 1

    play(scene, password=True)


@pytest.mark.parametrize(("denial", "outcome"), [("401", Denied()), ("keep_pending", FailureKind.EXPIRED)])
def test_a_push_that_is_refused_opens_nothing(denial: str, outcome: Any) -> None:
    """A person who refuses is out, at once where OneLogin says so, else at the deadline."""

    async def scene(rig: OneLoginRig) -> Any:
        handle = await pushed(rig)
        rig.deny(handle)
        return await rig.provider.wait(handle, rig.clock.now() + 60)

    found = play(scene, password=True, twists=OneLoginTwists(denial=denial))
    assert found == outcome if isinstance(outcome, Denied) else kind_of(found) is outcome


def test_a_wrong_password_asks_nobody() -> None:
    """A wrong password, an unknown name and bytes that are no text end the same, and ring nobody."""

    async def scene(rig: OneLoginRig) -> None:
        assert isinstance(await check(rig, "alice", b"wrong"), PasswordWrong)
        assert isinstance(await check(rig, "mallory", b"wonderland"), PasswordWrong)
        assert rig.simulator.ledger.count("POST", "/login/auth") == 2
        assert isinstance(await check(rig, "alice", b"\xff\xfe"), PasswordWrong)
        assert isinstance(await check(rig, " alice", b"wonderland"), PasswordWrong)
        assert isinstance(await check(rig, "a" * 129, b"wonderland"), PasswordWrong)
        assert rig.simulator.ledger.count("POST", "/login/auth") == 2
        assert rig.simulator.ledger.counts["creates"] == 0

    play(scene, password=True)


def test_a_right_password_holds_no_secret_in_sight() -> None:
    """A reader of a log that holds the handle finds neither state_token nor password."""

    async def scene(rig: OneLoginRig) -> None:
        right = await check(rig, "alice", b"wonderland")
        assert isinstance(right, PasswordRight)
        assert isinstance(right.handle, CheckedPassword)
        assert right.handle.state_token
        assert right.handle.state_token not in repr(right.handle)

    play(scene, password=True)


@pytest.mark.parametrize(
    ("twist", "kind"),
    [
        ("locked", FailureKind.LOCKED),
        ("subdomain", FailureKind.CONFIG),
        ("429", FailureKind.RATE_LIMITED),
        ("500", FailureKind.UNAVAILABLE),
        ("dropped", FailureKind.UNAVAILABLE),
        ("html", FailureKind.PROTOCOL),
    ],
)
def test_a_password_that_nobody_could_check(twist: str, kind: FailureKind) -> None:
    """A password that OneLogin could not check is neither right nor wrong; the check is not repeated."""

    async def scene(rig: OneLoginRig) -> Any:
        simulator = rig.simulator
        simulator.knobs.only = lambda request: "login/auth" in request.path
        match twist:
            case "locked":
                simulator.people["alice"].status = 3
            case "subdomain":
                rig.provider.passwords.subdomain = "other"
            case "dropped":
                simulator.knobs.drop_next()
            case "html":
                simulator.knobs.status_next(200, b"<html>")
            case status:
                simulator.knobs.status_next(int(status))
        outcome = await check(rig, "alice", b"wonderland")
        assert simulator.ledger.count("POST", "login/auth") == 1
        return outcome

    assert kind_of(play(scene, password=True)) is kind


def test_no_second_factor_is_a_downgrade() -> None:
    """A person in whom OneLogin wants no second factor is refused, unless the configuration allows it."""

    async def refused(rig: OneLoginRig) -> None:
        assert kind_of(await check(rig, "alice", b"wonderland")) is FailureKind.DOWNGRADED

    async def allowed(rig: OneLoginRig) -> None:
        assert await begin(rig) == Approved(factor="password", detail="OneLogin wanted no second factor")
        assert kind_of(await begin(rig, Code(Secret(b"012345")))) is FailureKind.NOT_ENROLLED
        assert kind_of(await begin(rig, Method("sms"))) is FailureKind.NOT_ENROLLED
        assert kind_of(await begin(rig, Push(draw_number=True))) is FailureKind.DOWNGRADED

    play(refused, password=True, twists=OneLoginTwists(needs_mfa=False))
    play(allowed, password=True, twists=OneLoginTwists(needs_mfa=False), allow_no_mfa=True)


@pytest.mark.parametrize(("word", "device"), [("sms", 999999), ("sms4321", 999999), ("email", 333333)])
def test_a_code_that_was_sent_opens(word: str, device: int) -> None:
    """A person who asks for a code by SMS or mail types it, after a wrong one, and is in; it was sent once."""

    async def scene(rig: OneLoginRig) -> None:
        needs = await needed(rig, Method(word))
        assert (needs.asked, needs.expires_at) == (True, rig.clock.now() + 120)
        assert isinstance(needs.handle, FactorQuestion)
        assert needs.handle.device.id == device
        assert kind_of(await rig.provider.submit(needs.handle, "000000x", rig.clock.now() + 60)) is FailureKind.BAD_CODE
        code = rig.right_code(needs.handle)
        assert await rig.provider.submit(needs.handle, code, rig.clock.now() + 60) == Approved(device="code")
        assert (rig.simulator.ledger.counts["mails"], rig.simulator.ledger.counts["pushes"]) == (1, 0)

    play(scene, password=True)


@pytest.mark.parametrize("word", ["voice", "phone"])
def test_a_call_is_waited_for(word: str) -> None:
    """A person who is called answers on the telephone."""

    async def scene(rig: OneLoginRig) -> None:
        outcome = await begin(rig, Method(word))
        assert isinstance(outcome, Pending)
        rig.approve(outcome.handle)
        assert await rig.provider.wait(outcome.handle, rig.clock.now() + 60) == Approved()
        assert rig.simulator.ledger.counts["mails"] == 1

    play(scene, password=True)


def test_a_typed_code_opens_without_ringing() -> None:
    """A person who types the code of the authenticator behind the password is in, and no telephone rings."""

    async def scene(rig: OneLoginRig) -> None:
        assert await begin(rig, Code(Secret(AUTHENTICATOR_CODE.encode()))) == Approved(device="code")
        wrong = await begin(rig, Code(Secret(b"999999")))
        assert kind_of(wrong) is FailureKind.BAD_CODE
        assert isinstance(wrong, Failed)
        assert kind_of(await begin(rig, Code(Secret(b"12345")))) is FailureKind.BAD_CODE
        assert rig.simulator.ledger.counts["pushes"] + rig.simulator.ledger.counts["mails"] == 0
        assert rig.simulator.ledger.counts["submits"] == 2

    play(scene, password=True)


@pytest.mark.parametrize(("user", "code"), [("bob", AUTHENTICATOR_CODE), ("frank", YUBIKEY_CODE)])
def test_who_has_no_telephone_is_asked_for_a_code(user: str, code: str) -> None:
    """A person without OneLogin Protect types a code where others are rung; nothing was sent for that."""

    async def scene(rig: OneLoginRig) -> None:
        needs = await needed(rig, user=user)
        assert (needs.asked, needs.prompt) == (False, "Type the code of your authenticator")
        assert rig.simulator.ledger.counts["creates"] == 0
        assert await rig.provider.submit(needs.handle, code, rig.clock.now() + 60) == Approved(device="code")

    play(scene, password=True)


@pytest.mark.parametrize("user", ["dora", "erin"])
def test_who_has_nothing_usable_is_not_asked(user: str) -> None:
    """A person who has enrolled nothing, or only what we cannot use, asks nobody."""

    async def scene(rig: OneLoginRig) -> Outcome:
        return await begin(rig, user=user)

    outcome = play(scene, password=True)
    assert (kind_of(outcome), outcome.asked if isinstance(outcome, Failed) else None) == (
        FailureKind.NOT_ENROLLED,
        False,
    )


def test_a_code_may_be_typed_while_the_push_is_out() -> None:
    """A person whose telephone is not at hand types a code in place of answering the push."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        assert kind_of(await rig.provider.submit(handle, "999999", rig.clock.now() + 60)) is FailureKind.BAD_CODE
        assert await rig.provider.submit(handle, AUTHENTICATOR_CODE, rig.clock.now() + 60) == Approved(device="code")
        assert rig.simulator.ledger.counts["pushes"] == 1

    play(scene, password=True)


def test_three_wrong_codes_are_all() -> None:
    """An attacker who guesses codes gets three tries at one question, so that nobody is locked out by them."""

    async def scene(rig: OneLoginRig) -> None:
        needs = await needed(rig, user="bob")
        for _ in range(5):
            outcome = await rig.provider.submit(needs.handle, "999999", rig.clock.now() + 60)
            assert kind_of(outcome) is FailureKind.BAD_CODE
        outcome = await rig.provider.submit(needs.handle, AUTHENTICATOR_CODE, rig.clock.now() + 60)
        assert kind_of(outcome) is FailureKind.BAD_CODE
        assert rig.simulator.people["bob"].failures == 3

    play(scene, password=True)


def test_a_login_that_was_given_up_opens_nothing() -> None:
    """An approval that comes after the login was given up opens nothing; giving up costs no call."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        calls = len(rig.simulator.ledger.requests)
        await rig.provider.cancel(handle)
        await rig.provider.cancel(handle)
        assert len(rig.simulator.ledger.requests) == calls
        rig.approve(handle)
        assert kind_of(await rig.provider.wait(handle, rig.clock.now() + 60)) is FailureKind.CANCELLED
        submitted = await rig.provider.submit(handle, AUTHENTICATOR_CODE, rig.clock.now() + 60)
        assert kind_of(submitted) is FailureKind.CANCELLED

    play(scene, password=True)


def test_another_way_may_be_chosen() -> None:
    """A person who gives up the push for a code by SMS goes on with the same password; the push opens nothing then."""

    async def scene(rig: OneLoginRig) -> None:
        login = await rig.login()
        first = await rig.provider.begin(login, rig.clock.now() + 60)
        assert isinstance(first, Pending)
        await rig.provider.cancel(first.handle)
        second = await rig.provider.begin(replace(login, factor=Method("sms")), rig.clock.now() + 60)
        assert isinstance(second, NeedsCode)
        rig.approve(first.handle)
        assert kind_of(await rig.provider.wait(first.handle, rig.clock.now() + 60)) is FailureKind.CANCELLED
        for _ in range(3):
            outcome = await rig.provider.submit(second.handle, "999999x", rig.clock.now() + 60)
            assert kind_of(outcome) is FailureKind.BAD_CODE
        right = rig.right_code(second.handle)
        third = await rig.provider.begin(replace(login, factor=Method("email")), rig.clock.now() + 60)
        assert isinstance(third, NeedsCode)
        for handle, code in ((second.handle, right), (third.handle, rig.right_code(third.handle))):
            assert kind_of(await rig.provider.submit(handle, code, rig.clock.now() + 60)) is FailureKind.BAD_CODE
        assert rig.simulator.people["alice"].failures == 3
        assert isinstance(login.checked, CheckedPassword)
        await rig.provider.cancel(login.checked)
        assert kind_of(await rig.provider.submit(third.handle, right, rig.clock.now() + 60)) is FailureKind.CANCELLED

    play(scene, password=True)


def test_a_password_that_was_given_up_asks_nobody() -> None:
    """A login that ended behind its password rings nobody any more."""

    async def scene(rig: OneLoginRig) -> None:
        login = await rig.login()
        assert isinstance(login.checked, CheckedPassword)
        await rig.provider.cancel(login.checked)
        assert kind_of(await rig.provider.begin(login, rig.clock.now() + 60)) is FailureKind.CANCELLED
        assert rig.simulator.ledger.counts["creates"] == 0

    play(scene, password=True)


def test_a_state_token_that_ran_out_ends_the_login() -> None:
    """A person who takes longer than OneLogin keeps the login has to begin anew."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        started = rig.clock.now()
        assert kind_of(await rig.provider.wait(handle, started + 300)) is FailureKind.EXPIRED
        assert rig.clock.now() - started < 125
        login = await rig.login()
        await rig.clock.sleep(121)
        assert kind_of(await rig.provider.begin(login, rig.clock.now() + 60)) is FailureKind.EXPIRED

    play(scene, password=True)


@pytest.mark.parametrize(("served", "asked"), [(True, True), (False, True)])
def test_a_push_whose_answer_is_lost_is_not_sent_twice(served: bool, asked: bool) -> None:
    """A person is rung once, and nothing fails open, where the connection breaks around the push."""

    async def scene(rig: OneLoginRig) -> None:
        rig.simulator.knobs.only = lambda request: "verify_factor" in request.path
        rig.simulator.knobs.drop_next(served=served)
        outcome = await begin(rig)
        assert isinstance(outcome, Failed)
        assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, asked)
        assert rig.simulator.ledger.count("POST", "verify_factor") == 1

    play(scene, password=True)


def test_an_address_without_verify_factor_is_no_expiry() -> None:
    """A 404 in place of the push is a fault of the address, not of the person."""

    async def scene(rig: OneLoginRig) -> None:
        rig.simulator.knobs.only = lambda request: "verify_factor" in request.path
        rig.simulator.knobs.status_next(404)
        assert kind_of(await begin(rig)) is FailureKind.PROTOCOL

    play(scene, password=True)


def test_a_device_that_onelogin_will_not_ring_is_asked_for_its_code() -> None:
    """A device of a kind that we do not know better is asked for a code where OneLogin says so."""

    async def scene(rig: OneLoginRig) -> None:
        rig.simulator.knobs.only = lambda request: "verify_factor" in request.path
        body = {"status": {"error": True, "code": 400, "type": "bad request", "message": "OTP token blank"}}
        rig.simulator.knobs.status_next(400, body)
        assert not (await needed(rig)).asked

    play(scene, password=True)
