"""Codes and passwords that Clerk's Backend API checks."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from pushgate.clock import FakeClock
from pushgate.firstfactor.base import PasswordRight, PasswordWrong
from pushgate.login import Code, Login, Method, Push, Secret
from pushgate.outcome import Approved, Failed, FailureKind, Handle, NeedsCode
from tests.simulators.base import until
from tests.simulators.clerk_rig import ClerkRig, clerk_rig, kind_of, question

DEADLINE = 1060.0
PASSWORD = Secret(b"correct horse")


@pytest.fixture
async def rig(fake_clock: FakeClock) -> AsyncIterator[ClerkRig]:
    """The provider and its simulator; time stands still."""
    async with clerk_rig(ClerkRig, fake_clock) as made:
        yield made


def typed(code: str, user: str = "alice") -> Login:
    """Make a login in which a code was typed."""
    return Login(user, "vpn", "nas1", factor=Code(Secret(code.encode())))


async def test_a_person_types_the_apps_code(rig: ClerkRig) -> None:
    """A person who types the code of the app is let in, by one look-up and one check."""
    asked = await rig.provider.begin(await rig.login(), DEADLINE)
    assert isinstance(asked, NeedsCode)
    assert (asked.prompt, asked.asked) == ("Code of your authenticator app", False)
    assert await rig.provider.submit(asked.handle, "012 345", DEADLINE) == Approved(device="code", detail="totp")
    assert [each.method for each in rig.simulator.ledger.requests] == ["GET", "POST"]


async def test_a_code_is_right_once_for_a_question(rig: ClerkRig) -> None:
    """A question that was answered cannot be answered again."""
    handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
    await rig.provider.submit(handle, "012345", DEADLINE)
    assert kind_of(await rig.provider.submit(handle, "012345", DEADLINE)) is FailureKind.EXPIRED


async def test_a_backup_code_with_letters_opens_once(rig: ClerkRig) -> None:
    """A person may type a backup code, in wide letters too; it is used up by that."""
    assert await rig.provider.begin(typed("abcd-2345"), DEADLINE) == Approved(device="code", detail="backup_code")
    assert kind_of(await rig.provider.begin(typed("abcd2345"), DEADLINE)) is FailureKind.BAD_CODE


async def test_three_wrong_codes_end_a_question(rig: ClerkRig) -> None:
    """A person who types three wrong codes is not asked again; what can be no code costs no call."""
    handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
    assert isinstance(await rig.provider.submit(handle, "999999", DEADLINE), NeedsCode)
    assert isinstance(await rig.provider.submit(handle, "nope", DEADLINE), NeedsCode)
    assert kind_of(await rig.provider.submit(handle, "999998", DEADLINE)) is FailureKind.BAD_CODE
    assert kind_of(await rig.provider.submit(handle, "012345", DEADLINE)) is FailureKind.EXPIRED
    assert rig.simulator.ledger.counts["submits"] == 2


async def test_a_cancelled_question_is_over(rig: ClerkRig) -> None:
    """A code that comes after the login was given up is not even checked; cancelling twice does no harm."""
    handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
    await rig.provider.cancel(handle)
    await rig.provider.cancel(handle)
    assert kind_of(await rig.provider.submit(handle, "012345", DEADLINE)) is FailureKind.EXPIRED
    assert rig.simulator.ledger.counts["submits"] == 0


@pytest.mark.parametrize("user", ["nobody", "", "a" * 129, " alice", "al\x00ice"])
async def test_who_is_not_known_is_not_enrolled(rig: ClerkRig, user: str) -> None:
    """A name that nobody has, or can have, is not enrolled; for one that is none there is no call."""
    assert kind_of(await rig.provider.begin(Login(user, "sshd", "web1"), DEADLINE)) is FailureKind.NOT_ENROLLED
    assert len(rig.simulator.ledger.requests) == (user == "nobody")


async def test_who_has_no_app_is_not_enrolled(rig: ClerkRig) -> None:
    """A person without an authenticator app is asked nothing."""
    assert kind_of(await rig.provider.begin(await rig.login("carol"), DEADLINE)) is FailureKind.NOT_ENROLLED


@pytest.mark.parametrize("how", ["locked", "banned"])
async def test_who_is_shut_out_has_nothing_checked(rig: ClerkRig, how: str) -> None:
    """A person who is locked or banned at Clerk is refused before any code or password is checked."""
    setattr(rig.simulator.person("alice"), how, True)
    assert kind_of(await rig.provider.begin(await rig.login(), DEADLINE)) is FailureKind.LOCKED
    assert kind_of(await rig.provider.begin(typed("012345"), DEADLINE)) is FailureKind.LOCKED
    assert kind_of(await rig.provider.check_password(await rig.login(), PASSWORD, DEADLINE)) is FailureKind.LOCKED
    assert {each.method for each in rig.simulator.ledger.requests} == {"GET"}


@pytest.mark.parametrize(
    ("factor", "kind"),
    [
        (Push(number=Secret(b"42")), FailureKind.DOWNGRADED),
        (Push(draw_number=True), FailureKind.DOWNGRADED),
        (Method("sms"), FailureKind.PROTOCOL),
        (Method("\x1b[2J"), FailureKind.PROTOCOL),
        (Code(Secret(b"\xff\xfe")), FailureKind.BAD_CODE),
    ],
)
async def test_what_this_mode_cannot_do_is_said(rig: ClerkRig, factor: Any, kind: FailureKind) -> None:
    """A login that wants a number, a message or what is no code is refused without a call."""
    outcome = await rig.provider.begin(replace(await rig.login(), factor=factor), DEADLINE)
    assert kind_of(outcome) is kind
    assert "\x1b" not in str(outcome)
    assert rig.simulator.ledger.requests == []


async def test_a_handle_of_another_provider_is_refused(rig: ClerkRig) -> None:
    """A question of another provider is not answered here, and nobody waits for a code's answer."""
    assert kind_of(await rig.provider.submit(Handle("x"), "012345", DEADLINE)) is FailureKind.PROTOCOL
    assert kind_of(await rig.provider.wait(Handle("x"), DEADLINE)) is FailureKind.PROTOCOL
    await rig.provider.cancel(Handle("x"))


async def test_a_password_is_checked_and_the_look_up_is_kept(rig: ClerkRig) -> None:
    """A person who types password and code is looked up once."""
    login = await rig.login()
    checked = await rig.provider.check_password(login, PASSWORD, DEADLINE)
    assert isinstance(checked, PasswordRight)
    assert isinstance(await rig.provider.begin(replace(typed("012345"), checked=checked.handle), DEADLINE), Approved)
    assert rig.simulator.ledger.counts == {"lookups": 1, "passwords": 1, "submits": 1}
    assert "horse" not in repr(checked)


async def test_a_check_of_somebody_else_counts_for_nothing(rig: ClerkRig) -> None:
    """A login that brings another person's checked password is looked up by its own name."""
    checked = await rig.provider.check_password(await rig.login("bob"), PASSWORD, DEADLINE)
    assert isinstance(checked, PasswordRight)
    rig.simulator.person("bob").totp = "777777"
    outcome = await rig.provider.begin(replace(typed("777777"), checked=checked.handle), DEADLINE)
    assert kind_of(outcome) is FailureKind.BAD_CODE


@pytest.mark.parametrize(
    ("user", "password"), [("alice", b"wrong"), ("nobody", b"correct horse"), ("alice", b"\xff"), ("dave", b"x")]
)
async def test_a_wrong_password_is_wrong_for_everybody(rig: ClerkRig, user: str, password: bytes) -> None:
    """A wrong password, an unknown name, one that is not UTF-8 and a person without a password are all the same."""
    rig.simulator.people.append(replace(rig.simulator.person("bob"), id="user_dave", username="dave", password=None))
    checked = await rig.provider.check_password(await rig.login(user), Secret(password), DEADLINE)
    assert isinstance(checked, PasswordWrong)


async def test_a_strangers_password_takes_as_long(rig: ClerkRig, fake_clock: FakeClock) -> None:
    """An attacker cannot tell by the time whether a name is known."""
    rig.provider.usual = 0.3
    checking = asyncio.create_task(rig.provider.check_password(await rig.login("nobody"), PASSWORD, DEADLINE))
    await until(lambda: bool(fake_clock.timers and fake_clock.timers[0][0] == fake_clock.now() + 0.3))
    assert not checking.done()
    await fake_clock.advance(0.3)
    assert isinstance(await checking, PasswordWrong)


async def test_wrong_codes_are_limited_across_logins(fake_clock: FakeClock) -> None:
    """An attacker who tries codes in many logins is stopped before any call, whatever the case of the name."""
    async with clerk_rig(ClerkRig, fake_clock, most=5) as rig:
        for attempt in range(5):
            outcome = await rig.provider.begin(typed(f"99999{attempt}", "aLiCe"), DEADLINE)
            assert kind_of(outcome) is FailureKind.BAD_CODE
        calls = len(rig.simulator.ledger.requests)
        for user in ("alice", "ALICE"):
            limited = await rig.provider.begin(typed("012345", user), DEADLINE)
            assert isinstance(limited, Failed)
            assert (limited.kind, limited.asked) == (FailureKind.RATE_LIMITED, False)
        assert len(rig.simulator.ledger.requests) == calls
        await fake_clock.advance(900)
        assert isinstance(await rig.provider.begin(typed("012345"), fake_clock.now() + 60), Approved)


async def test_parallel_guesses_share_the_limit(fake_clock: FakeClock) -> None:
    """An attacker who tries many codes at the same moment gets no more checked than one after the other."""
    async with clerk_rig(ClerkRig, fake_clock, most=3) as rig:
        await asyncio.gather(*(rig.provider.begin(typed(f"99999{each}"), DEADLINE) for each in range(9)))
        assert rig.simulator.ledger.counts["submits"] == 3


async def test_an_address_more_is_no_try_more(fake_clock: FakeClock) -> None:
    """An attacker who knows several addresses of a person has no more tries by that."""
    async with clerk_rig(ClerkRig, fake_clock, most=2, attribute="email_address") as rig:
        rig.simulator.person("alice").emails["idn_9"] = "a@example.com"
        for user in ("alice@example.com", "a@example.com", "alice@example.com", "a@example.com"):
            await rig.provider.begin(typed("999999", user), DEADLINE)
        assert rig.simulator.ledger.counts["submits"] == 2


async def test_wrong_passwords_are_limited(fake_clock: FakeClock) -> None:
    """An attacker who tries passwords is stopped before any call; codes have a limit of their own."""
    async with clerk_rig(ClerkRig, fake_clock, most=2) as rig:
        login = await rig.login()
        for _ in range(2):
            assert isinstance(await rig.provider.check_password(login, Secret(b"x"), DEADLINE), PasswordWrong)
        calls = len(rig.simulator.ledger.requests)
        assert kind_of(await rig.provider.check_password(login, PASSWORD, DEADLINE)) is FailureKind.RATE_LIMITED
        assert len(rig.simulator.ledger.requests) == calls
        assert isinstance(await rig.provider.begin(typed("012345"), DEADLINE), Approved)


async def test_parallel_passwords_share_the_limit(fake_clock: FakeClock) -> None:
    """An attacker who tries many passwords at the same moment gets no more checked than one after the other."""
    async with clerk_rig(ClerkRig, fake_clock, most=2) as rig:
        login = await rig.login()
        wrong = Secret(b"x")
        await asyncio.gather(*(rig.provider.check_password(login, wrong, DEADLINE) for _ in range(6)))
        assert rig.simulator.ledger.counts["passwords"] == 2


async def test_a_mail_domain_makes_addresses(fake_clock: FakeClock) -> None:
    """A person of this domain is found by the account's name; a name with another domain is nobody's."""
    options = {"attribute": "email_address", "mail_domain": "example.com"}
    async with clerk_rig(ClerkRig, fake_clock, **options) as rig:
        assert isinstance(await rig.provider.begin(await rig.login(), DEADLINE), NeedsCode)
        assert rig.simulator.ledger.requests[0].query == {"email_address": "alice@example.com"}
        foreign = await rig.provider.begin(await rig.login("alice@example.com"), DEADLINE)
        assert kind_of(foreign) is FailureKind.NOT_ENROLLED
        assert len(rig.simulator.ledger.requests) == 1


async def test_a_stranger_is_asked_like_everybody(rig: ClerkRig) -> None:
    """A stranger reads the same question as a person, and nothing that is typed is right or checked."""
    pretended = await rig.provider.pretend(await rig.login("nobody"), DEADLINE)
    real = await rig.provider.begin(await rig.login(), DEADLINE)
    assert isinstance(pretended, NeedsCode)
    assert isinstance(real, NeedsCode)
    assert (pretended.prompt, pretended.asked, pretended.echo) == (real.prompt, real.asked, real.echo)
    for code in ("012345", "abcd2345"):
        assert isinstance(await rig.provider.submit(pretended.handle, code, DEADLINE), NeedsCode)
    assert kind_of(await rig.provider.submit(pretended.handle, "012345", DEADLINE)) is FailureKind.BAD_CODE
    assert kind_of(await rig.provider.pretend(typed("012345"), DEADLINE)) is FailureKind.BAD_CODE
    assert rig.simulator.ledger.counts["submits"] == 0


async def test_one_look_serves_many(rig: ClerkRig, fake_clock: FakeClock) -> None:
    """Many logins that look for a sign of life at the same time cost one call; it counts for five seconds."""
    assert await asyncio.gather(*(rig.provider.reach(DEADLINE) for _ in range(9))) == [None] * 9
    assert await rig.provider.features(await rig.login(), DEADLINE) == {"code"}
    assert rig.simulator.ledger.count("GET", "/users/count") == 1
    await fake_clock.advance(5)
    await rig.provider.reach(DEADLINE)
    assert rig.simulator.ledger.count("GET", "/users/count") == 2


async def test_no_sign_of_life_is_said(rig: ClerkRig) -> None:
    """A provider whose key is refused, or that is down, can do nothing for anybody."""
    rig.simulator.secret_key = "sk_test_other"
    failed = await rig.provider.reach(DEADLINE)
    assert kind_of(failed) is FailureKind.CONFIG
    assert await rig.provider.features(await rig.login(), DEADLINE) == frozenset()
    assert kind_of(await rig.provider.pretend(await rig.login(), DEADLINE)) is FailureKind.CONFIG


async def test_a_silent_server_is_no_sign_of_life(rig: ClerkRig, fake_clock: FakeClock) -> None:
    """A look for life ends at its deadline, however slow the server is."""
    rig.simulator.knobs.latency = 100.0
    looking = asyncio.create_task(rig.provider.reach(fake_clock.now() + 2))
    await until(lambda: bool(rig.simulator.ledger.requests))
    await fake_clock.advance(2)
    assert kind_of(await looking) is FailureKind.UNAVAILABLE


async def test_an_address_more_is_no_password_more(fake_clock: FakeClock) -> None:
    """An attacker who knows several addresses of a person has no more passwords to try by that."""
    async with clerk_rig(ClerkRig, fake_clock, most=1, attribute="email_address") as rig:
        rig.simulator.person("alice").emails["idn_9"] = "a@example.com"
        for user in ("alice@example.com", "a@example.com"):
            await rig.provider.check_password(await rig.login(user), Secret(b"x"), DEADLINE)
        assert rig.simulator.ledger.counts["passwords"] == 1
