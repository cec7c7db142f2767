"""Codes by e-mail on a fake clock: look-up, sending, typing, sending again."""

from typing import Any

import pytest

from pushgate.http import Reply, RequestFailedError
from pushgate.login import Method
from pushgate.outcome import Approved, Failed, FailureKind, Handle, NeedsCode
from pushgate.providers.logintc_handles import MailedCode
from tests.pushgate.providers.test_logintc import DOMAIN, Bench
from tests.support.core import make_login
from tests.support.transport import OWN, USER, outage, state

EMAIL = Method("email")
WRONG, RIGHT = state("denied"), state("approved")


async def sent(bench: Bench) -> NeedsCode:
    """Have a code sent."""
    outcome = await bench.begin(factor=EMAIL)
    assert isinstance(outcome, NeedsCode)
    return outcome


async def submit(bench: Bench, handle: Handle, typed: str) -> Any:
    """Hand in what was typed."""
    return await bench.provider.submit(handle, typed, bench.clock.now() + 30)


def mails(bench: Bench) -> int:
    """How many e-mails were ordered."""
    return bench.server.count("POST", "/otp")


async def test_a_code_is_sent_to_the_person_of_that_name() -> None:
    """A person who chooses e-mail is looked up by name, sent a code by id, and asked for it."""
    bench = Bench()
    asked = await sent(bench)
    assert (asked.prompt, asked.asked, asked.expires_at) == ("Code sent by e-mail", True, 1120.0)
    calls = [(method, path) for _, method, path in bench.server.ledger[-2:]]
    assert calls == [("GET", "/api/users?username=alice"), ("POST", f"/api/domains/{DOMAIN}/users/{USER}/otp")]
    assert bench.server.bodies[-1] == {"deliverableOTPType": "EMAIL"}


async def test_a_typed_code_is_checked_for_whom_it_was_sent_to() -> None:
    """A right code opens, and the server is asked about the very user that it has sent the code."""
    bench = Bench(create=[RIGHT])
    asked = await sent(bench)
    assert await submit(bench, asked.handle, "123 456") == Approved("code")
    assert (bench.server.bodies[-1]["user"], bench.server.bodies[-1]["otp"]) == ({"id": USER}, "123456")


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(404, None), FailureKind.NOT_ENROLLED),
        (Reply(200, []), FailureKind.NOT_ENROLLED),
        (Reply(200, [{"id": USER, "username": "alice"}]), FailureKind.NOT_ENROLLED),
        (Reply(200, {"id": USER, "username": "Alice"}), FailureKind.NOT_ENROLLED),
        (Reply(200, {"id": USER, "username": "alicea"}), FailureKind.NOT_ENROLLED),
        (Reply(200, {"id": "../x", "username": "alice"}), FailureKind.NOT_ENROLLED),
        (Reply(200, {"id": None, "username": "alice"}), FailureKind.NOT_ENROLLED),
        (Reply(200, None), FailureKind.NOT_ENROLLED),
        (Reply(401, None), FailureKind.CONFIG),
        (Reply(429, None), FailureKind.RATE_LIMITED),
        (Reply(500, None), FailureKind.UNAVAILABLE),
        (outage(), FailureKind.UNAVAILABLE),
    ],
)
async def test_a_person_who_is_not_found_gets_no_mail(reply: Any, kind: FailureKind) -> None:
    """A look-up that does not bring exactly this person sends nothing to anybody."""
    bench = Bench(user=[reply])
    result = await bench.begin(factor=EMAIL)
    assert isinstance(result, Failed)
    assert (result.kind, result.asked, mails(bench)) == (kind, False, 0)


@pytest.mark.parametrize("answer", [200, 201, 202, 204])
async def test_any_success_has_sent_the_mail(answer: int) -> None:
    """A server may answer the order for an e-mail with anything: the documents do not show it."""
    for body in ({"x": 1}, [], None):
        await sent(Bench(mail=[Reply(answer, body)]))
    await sent(Bench(mail=[RequestFailedError(FailureKind.PROTOCOL, sent=True, detail="x", status=answer)]))


@pytest.mark.parametrize(
    ("answer", "kind", "asked", "hint"),
    [
        (Reply(400, None), FailureKind.PROTOCOL, False, "Email OTP"),
        (Reply(403, None), FailureKind.CONFIG, False, "Email OTP"),
        (Reply(401, None), FailureKind.CONFIG, False, "API key"),
        (Reply(404, None), FailureKind.NOT_ENROLLED, False, "no such user"),
        (Reply(429, None), FailureKind.RATE_LIMITED, False, "too many"),
        (Reply(302, None), FailureKind.PROTOCOL, False, "check url"),
        (Reply(500, None), FailureKind.UNAVAILABLE, True, "out of order"),
        (Reply(503, None), FailureKind.UNAVAILABLE, False, "out of order"),
        (outage(sent=False), FailureKind.UNAVAILABLE, False, "network"),
        (outage(), FailureKind.UNAVAILABLE, True, "network"),
    ],
)
async def test_a_mail_that_is_not_sent_has_its_failure(answer: Any, kind: FailureKind, asked: bool, hint: str) -> None:
    """An order that fails is never repeated, and says whether the person may have got the mail."""
    bench = Bench(mail=[answer])
    result = await bench.begin(factor=EMAIL)
    assert isinstance(result, Failed)
    assert (result.kind, result.asked, mails(bench)) == (kind, asked, 1)
    assert hint in result.hint


async def test_three_wrong_codes_end_the_question() -> None:
    """A person may mistype twice; the third wrong code ends it, and a fourth is not even sent."""
    bench = Bench(create=[WRONG])
    handle = (await sent(bench)).handle
    outcomes = [await submit(bench, handle, "000000") for _ in range(5)]
    assert [isinstance(outcome, NeedsCode) for outcome in outcomes] == [True, True, False, False, False]
    assert {outcome.kind for outcome in outcomes[2:]} == {FailureKind.BAD_CODE}
    assert bench.server.count("POST") == 3


async def test_a_right_code_after_two_wrong_ones_opens() -> None:
    """A person who mistypes twice is let in by the third code."""
    bench = Bench(create=[WRONG, Reply(400, None), RIGHT])
    handle = (await sent(bench)).handle
    assert [type(await submit(bench, handle, "123456")) for _ in range(3)] == [NeedsCode, NeedsCode, Approved]


async def test_another_code_is_sent_three_times_half_a_minute_apart() -> None:
    """A person who asks for another code gets it after 30 s, three times; sooner or more often it costs no call."""
    bench = Bench()
    handle = (await sent(bench)).handle
    resent = []
    for _ in range(9):
        await bench.clock.advance(15)
        answer = await submit(bench, handle, " Resend ")
        assert isinstance(answer, NeedsCode)
        resent.append(answer.resent)
    assert resent == [False, True, False, True, False, True, False, False, False]
    assert (mails(bench), bench.server.count("POST")) == (4, 0)


async def test_a_second_mail_moves_the_end_of_the_code() -> None:
    """A person who got another code has the whole time again, and no more tries than before."""
    bench = Bench(create=[WRONG])
    handle = (await sent(bench)).handle
    for _ in range(2):
        await submit(bench, handle, "000000")
    await bench.clock.advance(30)
    again = await submit(bench, handle, "resend")
    assert isinstance(again, NeedsCode)
    assert again.expires_at == pytest.approx(1150.0)
    assert isinstance(await submit(bench, handle, "000000"), Failed)


async def test_a_second_mail_that_fails_says_so() -> None:
    """A server that is away at the second mail ends the question, and nothing can fail open by it."""
    bench = Bench(mail=[Reply(200, None), outage(sent=False)])
    handle = (await sent(bench)).handle
    await bench.clock.advance(30)
    result = await submit(bench, handle, "resend")
    assert isinstance(result, Failed)
    assert (result.kind, result.asked) == (FailureKind.UNAVAILABLE, True)
    bench.server.ping = [outage(sent=False)]
    await bench.clock.advance(60)
    assert (await submit(bench, handle, "resend")).asked


async def test_a_withdrawn_question_takes_no_code_and_sends_no_mail() -> None:
    """A login that was given up leaves a handle that neither tries codes nor sends mails, and costs no call."""
    bench = Bench(create=[RIGHT])
    handle = (await sent(bench)).handle
    before = len(bench.server.ledger)
    for _ in range(2):
        await bench.provider.cancel(handle)
    await bench.clock.advance(60)
    for typed in ("123456", "resend"):
        assert (await submit(bench, handle, typed)).kind is FailureKind.CANCELLED
    assert len(bench.server.ledger) == before


async def test_nobody_waits_for_a_mail() -> None:
    """A question that is answered by typing is not polled for."""
    bench = Bench()
    handle = (await sent(bench)).handle
    assert isinstance(await bench.provider.wait(handle, bench.clock.now() + 5), Failed)


async def test_an_authority_that_sends_no_mail_is_not_asked_to() -> None:
    """A person who chooses e-mail at our own authority is told no, unless it says that it can."""
    own = Bench(features=OWN)
    result = await own.begin(factor=EMAIL)
    assert isinstance(result, Failed)
    assert (result.kind, result.asked, mails(own)) == (FailureKind.PROTOCOL, False, 0)
    await sent(Bench(features=[*OWN, "email"]))


async def test_an_outage_before_the_mail_has_asked_nobody() -> None:
    """A server that cannot be met has sent nothing."""
    result = await Bench(ping=[outage(sent=False)]).begin(factor=EMAIL)
    assert isinstance(result, Failed)
    assert (result.kind, result.asked) == (FailureKind.UNAVAILABLE, False)


async def test_a_strangers_mail_looks_like_a_real_one() -> None:
    """A stranger sees the prompt that alice sees, after as many calls; nothing is sent and no code is right."""
    bench = Bench(user=[Reply(404, None)], create=[RIGHT])
    asked = await bench.provider.pretend(make_login(factor=EMAIL), bench.clock.now() + 60)
    assert isinstance(asked, NeedsCode)
    assert isinstance(asked.handle, MailedCode)
    assert (asked.prompt, asked.expires_at) == ((await sent(Bench())).prompt, 1120.0)
    assert (bench.server.count("GET", "/api/users"), mails(bench)) == (2, 0)
    await bench.clock.advance(30)
    again = await submit(bench, asked.handle, "resend")
    assert isinstance(again, NeedsCode)
    assert again.resent
    outcomes = [await submit(bench, asked.handle, "123456") for _ in range(3)]
    assert [isinstance(outcome, NeedsCode) for outcome in outcomes] == [True, True, False]
    assert mails(bench) == 0
    assert all(
        body["user"]["username"].startswith("nobody-") for body in bench.server.bodies if body and "user" in body
    )


async def test_an_outage_is_seen_by_strangers_as_well() -> None:
    """A stranger learns of an outage what everybody learns."""
    bench = Bench(user=[outage(sent=False)])
    result = await bench.provider.pretend(make_login(factor=EMAIL), bench.clock.now() + 60)
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.UNAVAILABLE


async def test_a_strangers_push_is_pretended_as_before() -> None:
    """A stranger who asks for a push is nobody that could be asked."""
    bench = Bench()
    result = await bench.provider.pretend(make_login(), bench.clock.now() + 60)
    assert result == Failed(FailureKind.NOT_ENROLLED, asked=False)


async def test_a_person_gets_five_mails_in_a_quarter_of_an_hour() -> None:
    """Whoever knows alice's name cannot fill her mailbox: a sixth login by e-mail makes no call at all."""
    bench = Bench()
    for _ in range(5):
        await sent(bench)
    before = len(bench.server.ledger)
    sixth = await bench.begin(factor=EMAIL)
    assert isinstance(sixth, Failed)
    assert (sixth.kind, sixth.asked, mails(bench)) == (FailureKind.RATE_LIMITED, False, 5)
    assert len(bench.server.ledger) == before
    bench.server.user = [Reply(200, {"id": USER, "username": "bob"})]
    assert isinstance(await bench.begin(factor=EMAIL, user="bob"), NeedsCode)
    bench.server.user = [Reply(200, {"id": USER, "username": "alice"})]
    await bench.clock.advance(900)
    await sent(bench)


async def test_mails_that_were_asked_for_again_count_as_well() -> None:
    """A login that asks for more mails uses up what the person may get; the code that is there stays good."""
    bench = Bench(create=[RIGHT])
    handle = (await sent(bench)).handle
    for _ in range(3):
        await sent(bench)
    await bench.clock.advance(30)
    resent = []
    for _ in range(2):
        answer = await submit(bench, handle, "resend")
        resent.append(answer.resent)
        await bench.clock.advance(30)
    assert (resent, mails(bench)) == ([True, False], 5)
    assert await submit(bench, handle, "123456") == Approved("code")


async def test_a_right_code_frees_the_mails_of_a_person() -> None:
    """A person who gets in by e-mail all day is not stopped by what was sent before."""
    bench = Bench(create=[RIGHT])
    for _ in range(9):
        handle = (await sent(bench)).handle
        assert await submit(bench, handle, "123456") == Approved("code")


async def test_mails_that_were_not_sent_do_not_count() -> None:
    """A server that refuses to send mails uses up nothing; one that may have sent them does."""
    for answer, limited in ((Reply(400, None), False), (Reply(500, None), True)):
        bench = Bench(mail=[answer])
        kinds = {(await bench.begin(factor=EMAIL)).kind for _ in range(6)}  # type: ignore[union-attr]
        assert (FailureKind.RATE_LIMITED in kinds) is limited


async def test_a_strangers_mails_are_limited_like_real_ones() -> None:
    """A stranger cannot tell by a sixth login which names there are."""
    bench = Bench(user=[Reply(404, None)])
    outcomes = [await bench.provider.pretend(make_login(factor=EMAIL), bench.clock.now() + 60) for _ in range(6)]
    assert [isinstance(outcome, NeedsCode) for outcome in outcomes] == [True] * 5 + [False]
    assert isinstance(outcomes[5], Failed)
    assert outcomes[5].kind is FailureKind.RATE_LIMITED
