"""Logins that verify a session at Clerk again."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from pushgate.clock import FakeClock
from pushgate.firstfactor.base import PasswordRight, PasswordWrong
from pushgate.login import Code, Login, Method, Push, Secret
from pushgate.outcome import Approved, Failed, FailureKind, Handle, NeedsCode
from pushgate.providers.clerk_verifying import GRACE_SECONDS
from tests.simulators.base import until
from tests.simulators.clerk import error
from tests.simulators.clerk_rig import ClerkTicketRig, clerk_rig, kind_of, question

DEADLINE = 1060.0
PASSWORD = Secret(b"correct horse")


@pytest.fixture
async def rig(fake_clock: FakeClock) -> AsyncIterator[ClerkTicketRig]:
    """The code alone; time stands still."""
    async with clerk_rig(ClerkTicketRig, fake_clock) as made:
        yield made


@pytest.fixture
async def both(fake_clock: FakeClock) -> AsyncIterator[ClerkTicketRig]:
    """Both factors within one verification; time stands still."""
    async with clerk_rig(ClerkTicketRig, fake_clock, level="multi_factor") as made:
        yield made


def typed(code: str, user: str = "alice", **more: Any) -> Login:
    """Make a login in which a code was typed."""
    return Login(user, "vpn", "nas1", factor=Code(Secret(code.encode())), **more)


def by(word: str) -> Login:
    """Make a login in which a way was chosen."""
    return Login("alice", "sshd", "web1", factor=Method(word))


async def test_a_person_types_the_apps_code(rig: ClerkTicketRig) -> None:
    """A person who types the code of the app is let in, and the session is ended."""
    asked = await rig.provider.begin(await rig.login(), DEADLINE)
    assert isinstance(asked, NeedsCode)
    assert (asked.prompt, asked.asked) == ("Code of your authenticator app", False)
    assert isinstance(await rig.provider.submit(asked.handle, "999999", DEADLINE), NeedsCode)
    assert await rig.provider.submit(asked.handle, "012345", DEADLINE) == Approved(device="code", detail="totp")
    assert rig.leftovers() == 0
    assert kind_of(await rig.provider.submit(asked.handle, "012345", DEADLINE)) is FailureKind.EXPIRED


@pytest.mark.parametrize(("code", "detail"), [("012345", "totp"), ("ABCD-2345".lower(), "backup_code")])
async def test_a_code_with_nothing_before_it_is_checked(rig: ClerkTicketRig, code: str, detail: str) -> None:
    """A person may type the code at once, of the app or on paper."""
    assert await rig.provider.begin(typed(code), DEADLINE) == Approved(device="code", detail=detail)
    assert rig.leftovers() == 0


@pytest.mark.parametrize(
    ("code", "user", "kind"),
    [
        ("999999", "alice", FailureKind.BAD_CODE),
        ("no", "alice", FailureKind.BAD_CODE),
        ("012345", "nobody", FailureKind.NOT_ENROLLED),
        ("012345", "carol", FailureKind.DOWNGRADED),
    ],
)
async def test_a_code_that_opens_nothing_leaves_nothing(
    rig: ClerkTicketRig, code: str, user: str, kind: FailureKind
) -> None:
    """A wrong code, a stranger and somebody without a second factor are refused, and no session is left."""
    outcome = await rig.provider.begin(typed(code, user), DEADLINE)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (kind, False)
    assert rig.leftovers() == 0


async def test_a_kind_of_code_that_nobody_has_is_not_tried(rig: ClerkTicketRig) -> None:
    """A person without backup codes is told so before anything is checked."""
    rig.simulator.person("alice").backup_codes.clear()
    assert kind_of(await rig.provider.begin(typed("abcd2345"), DEADLINE)) is FailureKind.NOT_ENROLLED
    handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
    assert isinstance(await rig.provider.submit(handle, "abcd2345", DEADLINE), NeedsCode)
    assert rig.simulator.ledger.counts["submits"] == 0
    await rig.provider.cancel(handle)
    assert rig.leftovers() == 0


async def test_a_backup_code_answers_the_apps_question(rig: ClerkTicketRig) -> None:
    """A person without the phone at hand types a backup code where the app's was asked for."""
    handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
    assert isinstance(await rig.provider.submit(handle, "abcd2345", DEADLINE), Approved)


async def test_three_wrong_codes_end_the_session(rig: ClerkTicketRig) -> None:
    """A person who types three wrong codes is not asked again, and no session is left."""
    handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
    for code in ("999991", "999992"):
        assert isinstance(await rig.provider.submit(handle, code, DEADLINE), NeedsCode)
    assert kind_of(await rig.provider.submit(handle, "999993", DEADLINE)) is FailureKind.BAD_CODE
    assert rig.leftovers() == 0


@pytest.mark.parametrize("word", ["sms", "phone", "sms0100"])
async def test_a_person_has_a_code_sent(rig: ClerkTicketRig, word: str) -> None:
    """A person who chooses SMS gets one, and reads where it went; its code opens."""
    asked = await rig.provider.begin(by(word), DEADLINE)
    assert isinstance(asked, NeedsCode)
    assert (asked.prompt, asked.asked, asked.expires_at) == ("Code sent to ***0100", True, 1600.0)
    assert rig.simulator.ledger.counts["texts"] == 1
    assert isinstance(await rig.provider.submit(asked.handle, rig.right_code(asked.handle), DEADLINE), Approved)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("sms0199", FailureKind.NOT_ENROLLED),
        ("email", FailureKind.PROTOCOL),
        ("voice", FailureKind.PROTOCOL),
        ("2", FailureKind.PROTOCOL),
    ],
)
async def test_a_way_that_there_is_not_is_refused(rig: ClerkTicketRig, word: str, kind: FailureKind) -> None:
    """A person who chooses a way that the mode or Clerk does not have is refused, and no session is left."""
    assert kind_of(await rig.provider.begin(by(word), DEADLINE)) is kind
    assert rig.leftovers() == 0


async def test_another_code_is_sent_after_a_while(rig: ClerkTicketRig, fake_clock: FakeClock) -> None:
    """A person who types resend too early gets no other code, and the old one stays right; later another one."""
    handle = question(await rig.provider.begin(by("sms"), 2000.0))
    first = rig.right_code(handle)
    calls = len(rig.simulator.ledger.requests)
    early = await rig.provider.submit(handle, " Resend", 2000.0)
    assert isinstance(early, NeedsCode)
    assert early.resent
    assert (len(rig.simulator.ledger.requests), rig.right_code(handle)) == (calls, first)
    for _ in range(5):
        await fake_clock.advance(30)
        again = await rig.provider.submit(handle, "resend", 2000.0)
        assert isinstance(again, NeedsCode)
        assert again.resent
    assert rig.simulator.ledger.counts["texts"] == 4
    assert rig.right_code(handle) != first
    assert isinstance(await rig.provider.submit(handle, rig.right_code(handle), 2000.0), Approved)


async def test_a_resend_that_clerk_refuses_keeps_the_old_code(rig: ClerkTicketRig, fake_clock: FakeClock) -> None:
    """A person whose wish for another code meets Clerk's limit goes on with the old one; other failures end it."""
    handle = question(await rig.provider.begin(by("sms"), 2000.0))
    await fake_clock.advance(30)
    rig.simulator.knobs.faults.append(error(429, "verification_code_too_many_requests"))
    again = await rig.provider.submit(handle, "resend", 2000.0)
    assert isinstance(again, NeedsCode)
    rig.simulator.knobs.status_next(500)
    assert kind_of(await rig.provider.submit(handle, "resend", 2000.0)) is FailureKind.UNAVAILABLE
    assert rig.leftovers() == 0


async def test_resend_is_no_backup_code(rig: ClerkTicketRig) -> None:
    """A person who types resend where nothing was sent has typed a wrong code."""
    handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
    again = await rig.provider.submit(handle, "resend", DEADLINE)
    assert isinstance(again, NeedsCode)
    assert not again.resent


async def test_messages_are_limited(fake_clock: FakeClock) -> None:
    """A person can be sent so many codes within a while; then not even a session is opened."""
    async with clerk_rig(ClerkTicketRig, fake_clock, most=2) as rig:
        for _ in range(2):
            await rig.provider.cancel(question(await rig.provider.begin(by("sms"), 2000.0)))
            await fake_clock.advance(31)
        calls = len(rig.simulator.ledger.requests)
        assert kind_of(await rig.provider.begin(by("sms"), 2000.0)) is FailureKind.RATE_LIMITED
        assert len(rig.simulator.ledger.requests) == calls
        rig.simulator.person("alice").totp = None
        assert kind_of(await rig.provider.begin(await rig.login(), 2000.0)) is FailureKind.RATE_LIMITED
        assert rig.leftovers() == 0


async def test_wrong_codes_are_limited(fake_clock: FakeClock) -> None:
    """An attacker who tries codes in many logins is stopped before any call."""
    async with clerk_rig(ClerkTicketRig, fake_clock, most=2) as rig:
        handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
        for code in ("999991", "999992"):
            assert isinstance(await rig.provider.submit(handle, code, DEADLINE), NeedsCode)
        assert kind_of(await rig.provider.submit(handle, "012345", DEADLINE)) is FailureKind.RATE_LIMITED
        calls = len(rig.simulator.ledger.requests)
        assert kind_of(await rig.provider.begin(typed("012345"), DEADLINE)) is FailureKind.RATE_LIMITED
        assert len(rig.simulator.ledger.requests) == calls
        assert rig.leftovers() == 0


async def test_password_and_code_in_one_verification(both: ClerkTicketRig) -> None:
    """A person types password and code; Clerk sees both within one verification of the level multi_factor."""
    login = await both.login()
    checked = await both.provider.check_password(login, PASSWORD, DEADLINE)
    assert isinstance(checked, PasswordRight)
    assert isinstance(await both.provider.begin(typed("012345", checked=checked.handle), DEADLINE), Approved)
    assert both.leftovers() == 0
    assert both.simulator.ledger.counts == {
        "lookups": 1,
        "tokens": 1,
        "creates": 1,
        "passwords": 1,
        "submits": 1,
        "cancels": 1,
    }


@pytest.mark.parametrize(("user", "password"), [("alice", b"wrong"), ("nobody", b"correct horse")])
async def test_a_wrong_password_leaves_no_session(both: ClerkTicketRig, user: str, password: bytes) -> None:
    """A wrong password is wrong, as is a stranger's, and no session is left."""
    checked = await both.provider.check_password(await both.login(user), Secret(password), DEADLINE)
    assert isinstance(checked, PasswordWrong)
    assert both.leftovers() == 0


async def test_a_right_password_without_a_second_factor_is_a_downgrade(both: ClerkTicketRig) -> None:
    """A person without a second factor is refused only behind the password: a stranger learns nothing."""
    login = await both.login("carol")
    wrong = await both.provider.check_password(login, Secret(b"wrong"), DEADLINE)
    assert isinstance(wrong, PasswordWrong)
    checked = await both.provider.check_password(login, PASSWORD, DEADLINE)
    assert isinstance(checked, PasswordRight)
    outcome = await both.provider.begin(replace(login, checked=checked.handle), DEADLINE)
    assert kind_of(outcome) is FailureKind.DOWNGRADED
    assert both.leftovers() == 0


@pytest.mark.parametrize(
    "factor", [Push(number=Secret(b"42")), Method("voice"), Code(Secret(b"no")), Method("sms9999"), Method("email")]
)
async def test_a_checked_password_leaves_no_session(both: ClerkTicketRig, factor: Any) -> None:
    """A login that goes no further than the password leaves no session, whatever was typed behind it."""
    login = await both.login()
    checked = await both.provider.check_password(login, PASSWORD, DEADLINE)
    assert isinstance(checked, PasswordRight)
    outcome = await both.provider.begin(replace(login, factor=factor, checked=checked.handle), DEADLINE)
    assert isinstance(outcome, Failed)
    assert both.leftovers() == 0


async def test_a_login_that_ends_behind_the_password_leaves_no_session(both: ClerkTicketRig) -> None:
    """A login that is given up between password and code leaves no session, nor does a barred account's."""
    login = await both.login()
    for end in (
        lambda handle: both.provider.cancel(handle),
        lambda handle: both.provider.pretend(replace(login, checked=handle), DEADLINE),
    ):
        checked = await both.provider.check_password(login, PASSWORD, DEADLINE)
        assert isinstance(checked, PasswordRight)
        await end(checked.handle)
        assert both.leftovers() == 0
        outcome = await both.provider.begin(replace(login, checked=checked.handle), DEADLINE)
        assert kind_of(outcome) is FailureKind.EXPIRED


async def test_a_person_chooses_another_way_behind_the_password(both: ClerkTicketRig) -> None:
    """A person who chooses SMS at the app's question goes on with the password; the first question is over."""
    login = await both.login()
    checked = await both.provider.check_password(login, PASSWORD, DEADLINE)
    assert isinstance(checked, PasswordRight)
    assert checked.handle is not None
    first = question(await both.provider.begin(replace(login, checked=checked.handle), DEADLINE))
    await both.provider.cancel(first)
    sms = question(await both.provider.begin(replace(by("sms"), checked=checked.handle), DEADLINE))
    await both.provider.cancel(first)
    assert kind_of(await both.provider.submit(first, "012345", DEADLINE)) is FailureKind.EXPIRED
    assert isinstance(await both.provider.submit(sms, both.right_code(sms), DEADLINE), Approved)
    await both.provider.cancel(checked.handle)
    assert both.leftovers() == 0


async def test_a_mail_can_stand_for_the_password(both: ClerkTicketRig) -> None:
    """A person without a password types a code of a mail, then the app's; no code counts as wrong."""
    mail = await both.provider.begin(await both.login(), DEADLINE)
    assert isinstance(mail, NeedsCode)
    assert mail.prompt == "Code sent to a***@example.com"
    second = await both.provider.submit(mail.handle, both.right_code(mail.handle), DEADLINE)
    assert isinstance(second, NeedsCode)
    assert (second.prompt, second.resent) == ("Code of your authenticator app", True)
    assert isinstance(await both.provider.submit(second.handle, "012345", DEADLINE), Approved)
    assert both.simulator.ledger.counts["mails"] == 1
    assert both.leftovers() == 0


async def test_a_code_alone_is_no_multi_factor(both: ClerkTicketRig) -> None:
    """An administrator who wants both factors and has nobody check the password is told so."""
    outcome = await both.provider.begin(typed("012345"), DEADLINE)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, "first_factor: provider" in outcome.hint) == (FailureKind.CONFIG, True)
    assert both.simulator.ledger.requests == []


async def test_the_password_is_checked_without_a_session_at_the_lower_level(rig: ClerkTicketRig) -> None:
    """A login whose code alone is verified has its password checked by the Backend API."""
    login = await rig.login()
    checked = await rig.provider.check_password(login, PASSWORD, DEADLINE)
    assert isinstance(checked, PasswordRight)
    assert rig.simulator.ledger.counts["creates"] == 0
    assert isinstance(await rig.provider.begin(typed("012345", checked=checked.handle), DEADLINE), Approved)
    assert rig.simulator.ledger.counts["lookups"] == 1


async def test_a_token_can_prove_it_once_more(fake_clock: FakeClock) -> None:
    """An instance whose session token knows of no second factor lets nobody in where that proof is wanted."""
    async with clerk_rig(ClerkTicketRig, fake_clock, prove_by_token=True) as rig:
        assert isinstance(await rig.provider.begin(typed("012345"), DEADLINE), Approved)
        rig.simulator.knobs.change = lambda call, body: {"jwt": "e30.e30.x"} if call == "tokens" else body
        assert kind_of(await rig.provider.begin(typed("012345"), DEADLINE)) is FailureKind.PROTOCOL
        assert rig.leftovers() == 0


def with_response(call: str, **change: Any) -> Any:
    """Return a knob that alters the response of one call."""
    return lambda made, body: body | {"response": body["response"] | change} if made == call else body


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"level": "first_factor"}, FailureKind.DOWNGRADED),
        ({"second_factor_verification": None}, FailureKind.DOWNGRADED),
        ({"second_factor_verification": {"status": "unverified"}}, FailureKind.DOWNGRADED),
        ({"session": {"id": "sess_other", "status": "active"}}, FailureKind.PROTOCOL),
        ({"session": None}, FailureKind.PROTOCOL),
        ({"status": "COMPLETE"}, FailureKind.PROTOCOL),
        ({"status": None}, FailureKind.PROTOCOL),
        ({"status": "needs_second_factor"}, FailureKind.BAD_CODE),
        ({"status": "needs_first_factor"}, FailureKind.PROTOCOL),
    ],
)
async def test_a_reply_that_proves_less_opens_nothing(rig: ClerkTicketRig, change: Any, kind: FailureKind) -> None:
    """A right code whose reply lacks one of the proofs lets nobody in."""
    rig.simulator.knobs.change = with_response("attempt_second_factor", **change)
    assert kind_of(await rig.provider.begin(typed("012345"), DEADLINE)) is kind
    assert rig.leftovers() == 0


async def test_complete_before_a_code_opens_nothing(rig: ClerkTicketRig) -> None:
    """An instance that calls a verification complete before anybody typed anything lets nobody in."""
    done = {"status": "complete", "second_factor_verification": {"status": "verified"}}
    rig.simulator.knobs.change = with_response("verify", **done)
    assert kind_of(await rig.provider.begin(await rig.login(), DEADLINE)) is FailureKind.PROTOCOL
    assert rig.leftovers() == 0


async def test_what_is_not_ours_is_refused(rig: ClerkTicketRig) -> None:
    """A question of another provider is not answered here; a stranger's question is nobody's."""
    assert kind_of(await rig.provider.submit(Handle("x"), "012345", DEADLINE)) is FailureKind.PROTOCOL
    await rig.provider.cancel(Handle("x"))
    pretended = question(await rig.provider.pretend(await rig.login("nobody"), DEADLINE))
    assert isinstance(await rig.provider.submit(pretended, "012345", DEADLINE), NeedsCode)
    await rig.provider.cancel(pretended)
    assert rig.simulator.ledger.counts["creates"] == 0


@pytest.mark.parametrize(("level", "words"), [("second_factor", {"code", "sms"}), ("multi_factor", {"sms", "email"})])
async def test_the_words_are_those_of_the_level(fake_clock: FakeClock, level: str, words: set[str]) -> None:
    """A person may choose what the level allows; nothing while either API is away."""
    async with clerk_rig(ClerkTicketRig, fake_clock, level=level) as rig:
        assert await rig.provider.features(await rig.login(), DEADLINE) == words
        await fake_clock.advance(5)
        rig.simulator.knobs.only = lambda request: request.path == "/v1/environment"
        rig.simulator.knobs.status_next(502)
        assert await rig.provider.features(await rig.login(), DEADLINE) == frozenset()


async def test_a_cancelled_begin_ends_what_it_began(rig: ClerkTicketRig) -> None:
    """A login whose front end goes away during the sign-in leaves no session."""
    rig.simulator.knobs.only = lambda request: request.path.endswith("/sign_ins")
    rig.simulator.knobs.latency = 0.5
    clock = rig.clock
    assert isinstance(clock, FakeClock)
    beginning = asyncio.create_task(rig.provider.begin(await rig.login(), DEADLINE))
    await until(lambda: rig.simulator.ledger.count("POST", "/sign_ins") == 1)
    beginning.cancel()
    await until(lambda: any(timer[0] == 1000.5 for timer in clock.timers))
    await clock.advance(0.5)
    with pytest.raises(asyncio.CancelledError):
        await beginning
    assert rig.simulator.ledger.counts["creates"] == 1
    assert rig.leftovers() == 0


async def test_a_question_that_nobody_ends_is_ended(rig: ClerkTicketRig, fake_clock: FakeClock) -> None:
    """A question that its login forgot is ended shortly after its deadline."""
    question(await rig.provider.begin(await rig.login(), DEADLINE))
    assert rig.leftovers() == 1
    await fake_clock.advance(60 + GRACE_SECONDS)
    await until(lambda: rig.leftovers() == 0)


async def test_closing_ends_every_session(fake_clock: FakeClock) -> None:
    """A daemon that stops leaves no session at Clerk."""
    async with clerk_rig(ClerkTicketRig, fake_clock) as rig:
        for user in ("alice", "bob"):
            question(await rig.provider.begin(await rig.login(user), DEADLINE))
        assert rig.leftovers() == 2
        await rig.provider.close()
        assert rig.leftovers() == 0


async def test_two_codes_at_once_are_tried_one_after_the_other(rig: ClerkTicketRig) -> None:
    """An attacker who sends two codes for one question at the same moment has them counted one after the other."""
    handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
    outcomes = await asyncio.gather(*(rig.provider.submit(handle, "012345", DEADLINE) for _ in range(2)))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Approved", "Failed"]
    assert rig.simulator.ledger.counts["submits"] == 1


@pytest.mark.parametrize(
    ("call", "status", "code", "kind"),
    [
        ("/sign_ins", 403, "user_locked", FailureKind.LOCKED),
        ("/attempt_first_factor", 500, "internal", FailureKind.UNAVAILABLE),
        ("/attempt_first_factor", 400, "strategy_for_user_invalid", FailureKind.NOT_ENROLLED),
    ],
)
async def test_a_password_that_nobody_could_check_is_no_wrong_one(
    both: ClerkTicketRig, call: str, status: int, code: str, kind: FailureKind
) -> None:
    """A check of a password that broke down refuses the login, counts as no wrong password and leaves no session."""
    both.simulator.knobs.only = lambda request: request.path.endswith(call)
    both.simulator.knobs.faults.append(error(status, code))
    assert kind_of(await both.provider.check_password(await both.login(), PASSWORD, DEADLINE)) is kind
    assert both.provider.limits.passwords.limiter.used == {}
    assert both.leftovers() == 0


async def test_a_password_that_clerk_asks_for_again_is_wrong(both: ClerkTicketRig) -> None:
    """A reply to a password that is no error and proves nothing counts as a wrong password."""
    both.simulator.knobs.change = with_response("attempt_first_factor", status="needs_first_factor")
    checked = await both.provider.check_password(await both.login(), PASSWORD, DEADLINE)
    assert isinstance(checked, PasswordWrong)
    assert both.leftovers() == 0


async def test_closing_waits_for_ends_that_are_slow(fake_clock: FakeClock) -> None:
    """A daemon that stops while Clerk is slow still ends every session before its connections close."""
    async with clerk_rig(ClerkTicketRig, fake_clock) as rig:
        question(await rig.provider.begin(await rig.login(), DEADLINE))
        rig.simulator.knobs.latency = 3.0
        closing = asyncio.create_task(rig.provider.close())
        await until(lambda: rig.simulator.ledger.count("POST", "/end") == 1)
        await fake_clock.advance(1.0)
        assert not closing.done()
        await fake_clock.advance(2.0)
        await closing
        assert rig.leftovers() == 0
