"""The corner cases that concern Clerk, by the numbers that all providers' have."""

import asyncio
import gzip
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from pushgate.clock import FakeClock, SystemClock
from pushgate.decision import Reason
from pushgate.login import Code, Login, Method, Secret
from pushgate.outcome import Approved, Failed, FailureKind, NeedsCode
from pushgate.policy import Rule, may_fail_open
from tests.simulators.base import running, until
from tests.simulators.clerk import SECRET_KEY, ClerkSimulator, error
from tests.simulators.clerk_rig import ClerkEnrolledRig, ClerkRig, ClerkTicketRig, clerk_rig, kind_of, question
from tests.support.certificates import CertificationAuthority
from tests.support.core import Core, RecordingConversation

DEADLINE = 2000.0
OPEN = Rule(accept_if_unreachable=True)
MODES = pytest.mark.parametrize("kind", [ClerkRig, ClerkTicketRig, ClerkEnrolledRig], ids=lambda kind: kind.name)
SESSIONS = pytest.mark.parametrize("kind", [ClerkTicketRig, ClerkEnrolledRig], ids=lambda kind: kind.name)


@pytest.fixture
async def bapi(fake_clock: FakeClock) -> AsyncIterator[ClerkRig]:
    """Mode ``bapi``; time stands still."""
    async with clerk_rig(ClerkRig, fake_clock) as made:
        yield made


@pytest.fixture
async def ticket(fake_clock: FakeClock) -> AsyncIterator[ClerkTicketRig]:
    """Mode ``reverify-ticket``; time stands still."""
    async with clerk_rig(ClerkTicketRig, fake_clock) as made:
        yield made


def typed(code: str, user: str = "alice") -> Login:
    """Make a login in which a code was typed."""
    return Login(user, "sshd", "web1", factor=Code(Secret(code.encode())))


def fails_open(outcome: object) -> bool:
    """Whether a service that fails open would be opened by this."""
    return isinstance(outcome, Failed) and may_fail_open(OPEN, outcome)


async def test_corner_02_whoever_goes_away_leaves_one_end(fake_clock: FakeClock) -> None:
    """A person whose connection breaks at the prompt leaves no session; it is ended once."""
    async with clerk_rig(ClerkTicketRig, fake_clock) as rig:
        handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
        submitting = asyncio.create_task(rig.provider.submit(handle, "999999", DEADLINE))
        await until(lambda: rig.simulator.ledger.counts["submits"] == 1)
        submitting.cancel()
        await asyncio.gather(submitting, return_exceptions=True)
        for _ in range(2):
            await rig.provider.cancel(handle)
        assert rig.leftovers() == 0
        assert rig.simulator.ledger.counts["cancels"] == 1


async def test_corner_02_abort_between_steps(fake_clock: FakeClock) -> None:
    """A person who gives up between the mail's code and the app's leaves no session."""
    async with clerk_rig(ClerkTicketRig, fake_clock, level="multi_factor") as rig:
        mail = question(await rig.provider.begin(await rig.login(), DEADLINE))
        second = question(await rig.provider.submit(mail, rig.right_code(mail), DEADLINE))
        await rig.provider.cancel(second)
        assert rig.leftovers() == 0


@pytest.mark.parametrize(
    "change",
    [
        {"status": "COMPLETE"},
        {"status": "approved"},
        {"status": None},
        {"status": ["complete"]},
        {"session": None},
        {"session": {"id": "sess_other", "status": "active"}},
    ],
)
async def test_corner_04_unknown_states_are_no_approval(ticket: ClerkTicketRig, change: dict[str, Any]) -> None:
    """A reply whose state is unknown, in another case, missing or of another type ends the login at once."""

    def alter(call: str, body: Any) -> Any:
        return body | {"response": body["response"] | change} if call.startswith("attempt") else body

    ticket.simulator.knobs.change = alter
    assert kind_of(await ticket.provider.begin(typed("012345"), DEADLINE)) is FailureKind.PROTOCOL
    assert ticket.leftovers() == 0


@MODES
@pytest.mark.parametrize(
    "body",
    [b"<html>approved</html>", b"[]", b'"verified"', b"null", b"{}", b'{"verified":true' + b" " * 10_000_000],
    ids=["html", "array", "string", "null", "empty", "10 MB"],
)
async def test_corner_04_bodies_that_are_none(kind: type[ClerkRig], body: bytes, fake_clock: FakeClock) -> None:
    """A reply that is no JSON object, or too large, lets nobody in and opens no service that fails open."""
    async with clerk_rig(kind, fake_clock) as rig:
        rig.simulator.knobs.only = lambda request: request.path.endswith(("verify_totp", "attempt_second_factor"))
        rig.simulator.knobs.status_next(200, body)
        outcome = await rig.provider.begin(typed("012345"), DEADLINE)
        assert kind_of(outcome) is FailureKind.PROTOCOL
        assert not fails_open(outcome)


async def test_corner_04_compressed_replies(bapi: ClerkRig) -> None:
    """A compressed reply works; one that would grow without bound is cut off."""
    right = gzip.compress(json.dumps({"verified": True, "code_type": "totp"}).encode())
    bomb = gzip.compress(b'{"verified":true' + b" " * 50_000_000, compresslevel=1)
    bapi.simulator.knobs.only = lambda request: request.path.endswith("verify_totp")
    for body in (right, bomb):
        bapi.simulator.knobs.status_next(200, body, {"Content-Encoding": "gzip"})
    assert isinstance(await bapi.provider.begin(typed("012345"), DEADLINE), Approved)
    assert kind_of(await bapi.provider.begin(typed("012345"), DEADLINE)) is FailureKind.PROTOCOL


@MODES
@pytest.mark.parametrize("body", [{"errors": []}, None, b"<html>", {"errors": None}])
async def test_corner_05_a_refused_key_in_any_form(kind: type[ClerkRig], body: Any, fake_clock: FakeClock) -> None:
    """A refusal of our key is the administrator's business, whatever its body looks like."""
    async with clerk_rig(kind, fake_clock) as rig:
        rig.simulator.knobs.status_next(401, body)
        outcome = await rig.provider.begin(typed("012345"), DEADLINE)
        assert isinstance(outcome, Failed)
        assert (outcome.kind, outcome.status, fails_open(outcome)) == (FailureKind.CONFIG, 401, False)
        assert "secret key" in outcome.hint


@MODES
async def test_corner_05_redirects_are_not_followed(kind: type[ClerkRig], fake_clock: FakeClock) -> None:
    """A reply that sends us to another host is a failure, and that host sees neither key nor code."""
    other = ClerkSimulator(fake_clock)
    async with running(other), clerk_rig(kind, fake_clock) as rig:
        for status in (301, 302, 307, 308):
            rig.simulator.knobs.status_next(status, None, {"Location": f"{other.url}/v1/users"})
            assert kind_of(await rig.provider.begin(typed("012345"), DEADLINE)) is FailureKind.PROTOCOL
        assert other.ledger.requests == []


@pytest.mark.parametrize("user", ["a/b", "a?b", "a&b=c", "a%20b", 'a"b', "é", "a b", "DOMAIN\\user", "a+b@x.org"])
async def test_corner_06_names_are_exact_on_the_wire(bapi: ClerkRig, user: str) -> None:
    """A name with signs that mean something in an address arrives as it is."""
    bapi.simulator.people.append(replace(bapi.simulator.person("bob"), id="user_odd", username=user, totp="012345"))
    assert isinstance(await bapi.provider.begin(typed("012345", user), DEADLINE), Approved)
    assert bapi.simulator.ledger.requests[0].query == {"username": user.casefold()}


@pytest.mark.parametrize("user", ["a" * 129, "", " alice", "alice ", "al\nice", "al\u202eice"])
async def test_corner_06_names_that_are_none_cost_no_call(bapi: ClerkRig, user: str) -> None:
    """A name that nobody can have is refused without a call."""
    assert kind_of(await bapi.provider.begin(typed("012345", user), DEADLINE)) is FailureKind.NOT_ENROLLED
    assert bapi.simulator.ledger.requests == []


@MODES
@pytest.mark.parametrize("code", ["012 345", "012-345", "\uff10\uff11\uff12\uff13\uff14\uff15", " 012345 "])
async def test_corner_08_codes_as_people_write_them(kind: type[ClerkRig], code: str, fake_clock: FakeClock) -> None:
    """A person may write a code with blanks, hyphens and wide digits; zeros in front are kept."""
    async with clerk_rig(kind, fake_clock) as rig:
        handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
        assert isinstance(await rig.provider.submit(handle, code, DEADLINE), Approved)
        assert [each for each in rig.simulator.ledger.requests if b"012345" in each.body]


@pytest.mark.parametrize("code", ["12345678", "123456789", "012345678"])
async def test_corner_08_longer_codes_are_kept_whole(bapi: ClerkRig, code: str) -> None:
    """A code of eight or nine digits is handed in as it is."""
    bapi.simulator.person("alice").backup_codes.add(code)
    assert isinstance(await bapi.provider.begin(typed(code), DEADLINE), Approved)


async def test_corner_10_two_logins_of_one_person(ticket: ClerkTicketRig) -> None:
    """A person who logs in at two places at once has two questions; the code of one's SMS does not open the other."""
    first = question(await ticket.provider.begin(replace(await ticket.login(), factor=Method("sms")), DEADLINE))
    second = question(await ticket.provider.begin(await ticket.login(), DEADLINE))
    code = ticket.right_code(first)
    assert isinstance(await ticket.provider.submit(second, code, DEADLINE), NeedsCode)
    assert isinstance(await ticket.provider.submit(first, code, DEADLINE), Approved)
    assert ticket.leftovers() == 1
    await ticket.provider.cancel(second)


async def test_corner_10_enrolled_logins_are_serialised(fake_clock: FakeClock) -> None:
    """A second login of an enrolled person waits for the first: a new verification would end the old one."""
    async with clerk_rig(ClerkEnrolledRig, fake_clock) as rig:
        first = question(await rig.provider.begin(await rig.login(), DEADLINE))
        waiting = asyncio.create_task(rig.provider.begin(await rig.login(), DEADLINE))
        await until(lambda: rig.simulator.ledger.counts["lookups"] == 2)
        assert rig.simulator.ledger.count("POST", "/verify") == 1
        assert isinstance(await rig.provider.submit(first, "012345", DEADLINE), Approved)
        second = question(await waiting)
        assert isinstance(await rig.provider.submit(second, "012345", DEADLINE), Approved)


@SESSIONS
async def test_corner_11_a_lower_level_is_refused(kind: type[ClerkTicketRig], fake_clock: FakeClock) -> None:
    """A person without a second factor is refused, although Clerk would be content with the first."""
    async with clerk_rig(kind, fake_clock) as rig:
        alice = rig.simulator.person("alice")
        alice.totp, alice.phones = None, {}
        for login in (await rig.login(), typed("012345")):
            outcome = await rig.provider.begin(login, DEADLINE)
            assert (kind_of(outcome), fails_open(outcome)) == (FailureKind.DOWNGRADED, False)
        assert rig.leftovers() == 0


async def test_corner_13_the_wall_clock_jumps(ticket: ClerkTicketRig, fake_clock: FakeClock) -> None:
    """A wall clock that is set an hour forward changes no deadline and no limit."""
    handle = question(await ticket.provider.begin(replace(await ticket.login(), factor=Method("sms")), DEADLINE))
    fake_clock.wall_start += timedelta(hours=1)
    early = await ticket.provider.submit(handle, "resend", DEADLINE)
    assert isinstance(early, NeedsCode)
    assert ticket.simulator.ledger.counts["texts"] == 1
    assert isinstance(await ticket.provider.submit(handle, ticket.right_code(handle), DEADLINE), Approved)


@MODES
@pytest.mark.parametrize(("after", "seconds"), [("4", 4.0), ("Thu, 01 Jan 2026 00:00:04 GMT", 4.0), ("", 1.0)])
async def test_corner_14_a_429_is_waited_for(
    kind: type[ClerkRig], after: str, seconds: float, fake_clock: FakeClock
) -> None:
    """A login that meets Clerk's limit waits as long as Clerk says, a second if it does not, and goes on."""
    async with clerk_rig(kind, fake_clock) as rig:
        rig.simulator.knobs.only = lambda request: request.path.endswith(("verify_totp", "attempt_second_factor"))
        rig.simulator.knobs.retry_after(after)
        beginning = asyncio.create_task(rig.provider.begin(typed("012345"), DEADLINE))
        due = fake_clock.now() + seconds
        await until(lambda: any(timer[0] == due for timer in fake_clock.timers))
        await fake_clock.advance(seconds)
        assert isinstance(await beginning, Approved)
        assert rig.simulator.ledger.counts["submits"] == 1


@MODES
async def test_corner_14_a_429_beyond_the_deadline(kind: type[ClerkRig], fake_clock: FakeClock) -> None:
    """A login that Clerk would let through too late is refused at once, and opens nothing."""
    async with clerk_rig(kind, fake_clock) as rig:
        rig.simulator.knobs.retry_after("600")
        outcome = await rig.provider.begin(typed("012345"), fake_clock.now() + 60)
        assert (kind_of(outcome), fails_open(outcome)) == (FailureKind.RATE_LIMITED, False)


@MODES
@pytest.mark.parametrize(
    ("status", "body"),
    [(400, {"errors": []}), (401, None), (403, None), (404, None), (418, None), (429, None), (200, b"{"), (407, None)],
)
async def test_corner_15_what_fails_open_does_not(
    kind: type[ClerkRig], status: int, body: Any, fake_clock: FakeClock
) -> None:
    """A service that fails open stays shut whatever Clerk answers, at each step of a login."""
    async with clerk_rig(kind, fake_clock) as whole:
        assert isinstance(await whole.provider.begin(typed("012345"), DEADLINE), Approved)
        calls = [each.path.rpartition("/")[2] for each in whole.simulator.ledger.requests]
    for call in calls:
        async with clerk_rig(kind, fake_clock) as rig:
            rig.simulator.knobs.only = lambda request, call=call: request.path.endswith(f"/{call}")
            for _ in range(3):
                rig.simulator.knobs.status_next(status, body, {"Retry-After": "0"})
            outcome = await rig.provider.begin(typed("012345"), DEADLINE)
            assert not fails_open(outcome)
            # Only the end of a session may fail without a consequence: the code was right.
            assert isinstance(outcome, Approved) == (call == "end")


@pytest.mark.parametrize("fault", ["authority", "expired", "host"])
async def test_corner_15_a_wrong_certificate_is_no_outage(fault: str, private_folder: Path) -> None:
    """A service that fails open stays shut where the certificate is another's, or has expired."""
    trusted = CertificationAuthority(private_folder / "trusted")
    issuer = CertificationAuthority(private_folder / "other") if fault == "authority" else trusted
    name = "other.example" if fault == "host" else "localhost"
    issued = issuer.issue("server", name, server=True, days=-1 if fault == "expired" else 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    simulator, clock = ClerkSimulator(), SystemClock()
    async with running(simulator, context):
        for kind in (ClerkRig, ClerkTicketRig):
            rig = kind(simulator, clock, private_folder, ca_file=trusted.path)
            outcome = await rig.provider.begin(typed("012345"), clock.now() + 10)
            assert (kind_of(outcome), fails_open(outcome)) == (FailureKind.CONFIG, False)
            await rig.provider.close()
    assert simulator.ledger.requests == []


@MODES
async def test_corner_16_an_outage_before_anything_happened(kind: type[ClerkRig], fake_clock: FakeClock) -> None:
    """A service that fails open is opened while Clerk cannot be reached at all, or says 503; no other one is."""
    async with clerk_rig(kind, fake_clock) as rig:
        away = rig.provider_at("http://127.0.0.1:1")
        outcome = await away.begin(await rig.login(), DEADLINE)
        assert fails_open(outcome)
        assert not may_fail_open(Rule(), outcome)
        await away.close()
        rig.simulator.knobs.status_next(503)
        assert fails_open(await rig.provider.begin(await rig.login(), DEADLINE))


@MODES
@pytest.mark.parametrize("served", [False, True])
async def test_corner_16_an_outage_after_the_code_was_sent(
    kind: type[ClerkRig], served: bool, fake_clock: FakeClock
) -> None:
    """A service that fails open stays shut once the code may have been checked, and a password's check never opens."""
    async with clerk_rig(kind, fake_clock) as rig:
        rig.simulator.knobs.only = lambda request: request.path.endswith(("verify_totp", "attempt_second_factor"))
        rig.simulator.knobs.drop_next(2, served=served)
        handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
        outcome = await rig.provider.submit(handle, "012345", DEADLINE)
        assert kind_of(outcome) is FailureKind.UNAVAILABLE
        assert not fails_open(replace(outcome, asked=True) if kind is ClerkRig else outcome)
        at_once = await rig.provider.begin(typed("012345"), DEADLINE)
        assert (kind_of(at_once), fails_open(at_once)) == (FailureKind.UNAVAILABLE, False)


@MODES
async def test_corner_17_no_secret_gets_out(kind: type[ClerkRig], fake_clock: FakeClock) -> None:
    """A reader of logs and outcomes finds no key, code, password, ticket or JWT, whatever went wrong."""
    async with clerk_rig(kind, fake_clock) as rig:
        seen: list[Any] = []
        with structlog.testing.capture_logs() as logs:
            seen.append(await rig.provider.check_password(await rig.login(), Secret(b"correct horse"), DEADLINE))
            asked = await rig.provider.begin(await rig.login(), DEADLINE)
            seen += [asked, await rig.provider.submit(question(asked), "999999", DEADLINE)]
            rig.simulator.knobs.status_next(500)
            seen.append(await rig.provider.submit(question(asked), "012345", DEADLINE))
            await rig.provider.cancel(question(asked))
        text = repr((logs, seen))
        jwts = [each.jwt for each in rig.simulator.clients] + list(rig.simulator.tickets)
        assert not any(secret in text for secret in (SECRET_KEY, "correct horse", "012345", "999999", *jwts))


@MODES
async def test_corner_20_a_code_is_handed_in_once(kind: type[ClerkRig], fake_clock: FakeClock) -> None:
    """A kept connection that breaks after a code was used up costs that code once, and opens nothing."""
    async with clerk_rig(kind, fake_clock) as rig:
        rig.simulator.knobs.only = lambda request: request.path.endswith(("verify_totp", "attempt_second_factor"))
        rig.simulator.knobs.drop_next(served=True)
        outcome = await rig.provider.begin(typed("abcd2345"), DEADLINE)
        assert (kind_of(outcome), fails_open(outcome)) == (FailureKind.UNAVAILABLE, False)
        assert rig.simulator.ledger.counts["submits"] == 1


async def test_corner_20_a_sign_in_is_not_repeated(ticket: ClerkTicketRig) -> None:
    """A sign-in whose reply got lost is not repeated, and opens nothing."""
    ticket.simulator.knobs.only = lambda request: request.path.endswith("/sign_ins")
    ticket.simulator.knobs.drop_next(served=True)
    outcome = await ticket.provider.begin(await ticket.login(), DEADLINE)
    assert (kind_of(outcome), fails_open(outcome)) == (FailureKind.UNAVAILABLE, False)
    assert ticket.simulator.ledger.counts["creates"] == 1


async def test_corner_21_a_rotated_jwt_is_lost_by_nobody(fake_clock: FakeClock) -> None:
    """Many logins of one enrolled person, right and wrong, at the same time: none loses the JWT, no ticket is made."""
    async with clerk_rig(ClerkEnrolledRig, fake_clock) as rig:
        codes = ["012345", "999999"] * 3
        outcomes = await asyncio.gather(*(rig.provider.begin(typed(code), DEADLINE) for code in codes))
        assert [isinstance(each, Approved) for each in outcomes] == [True, False] * 3
        assert isinstance(await rig.provider.begin(typed("012345"), DEADLINE), Approved)
        assert rig.simulator.ledger.counts["tokens"] == 0


async def test_corner_21_an_expired_session_costs_one_ticket(fake_clock: FakeClock) -> None:
    """An enrolled person whose session has expired is let in by one new ticket, and the next time by none."""
    async with clerk_rig(ClerkEnrolledRig, fake_clock) as rig:
        for each in rig.simulator.active():
            each.status = "expired"
        for _ in range(2):
            assert isinstance(await rig.provider.begin(typed("012345"), DEADLINE), Approved)
        assert rig.simulator.ledger.counts["tokens"] == 1


async def test_corner_21_a_ticket_that_was_used_costs_one_more(ticket: ClerkTicketRig) -> None:
    """A ticket that Clerk calls used already is replaced once."""
    ticket.simulator.knobs.only = lambda request: request.path.endswith("/sign_ins")
    ticket.simulator.knobs.faults.append(error(400, "sign_in_token_already_used_code"))
    assert isinstance(await ticket.provider.begin(typed("012345"), DEADLINE), Approved)
    assert ticket.simulator.ledger.counts["tokens"] == 2


async def test_corner_22_resend_within_30_seconds(ticket: ClerkTicketRig) -> None:
    """A person who wants another code too early costs no call, and the old code opens."""
    handle = question(await ticket.provider.begin(replace(await ticket.login(), factor=Method("sms")), DEADLINE))
    calls = len(ticket.simulator.ledger.requests)
    again = await ticket.provider.submit(handle, "resend", DEADLINE)
    assert isinstance(again, NeedsCode)
    assert (again.resent, len(ticket.simulator.ledger.requests)) == (True, calls)
    assert isinstance(await ticket.provider.submit(handle, ticket.right_code(handle), DEADLINE), Approved)


async def test_corner_22_messages_used_up(fake_clock: FakeClock) -> None:
    """A person to whom enough was sent is refused before any call."""
    async with clerk_rig(ClerkTicketRig, fake_clock, most=1) as rig:
        login = replace(await rig.login(), factor=Method("sms"))
        await rig.provider.cancel(question(await rig.provider.begin(login, DEADLINE)))
        calls = len(rig.simulator.ledger.requests)
        assert kind_of(await rig.provider.begin(login, DEADLINE)) is FailureKind.RATE_LIMITED
        assert len(rig.simulator.ledger.requests) == calls


@MODES
@pytest.mark.parametrize("status", [200, 201, 202])
async def test_corner_24_each_success_is_one(kind: type[ClerkRig], status: int, fake_clock: FakeClock) -> None:
    """A login goes the same way whether Clerk answers with 200, 201 or 202."""
    async with clerk_rig(kind, fake_clock) as rig:
        serve = rig.simulator.serve

        async def other(request: Any) -> Any:
            answer = await serve(request)
            return replace(answer, status=status) if answer.status == 200 else answer

        rig.simulator.serve = other
        assert isinstance(await rig.provider.begin(typed("012345"), DEADLINE), Approved)


async def test_corner_24_both_spellings_of_a_jwt(ticket: ClerkTicketRig) -> None:
    """A login goes the same way whether the reply names the scheme before the JWT or not."""
    serve = ticket.simulator.serve

    async def other(request: Any) -> Any:
        answer = await serve(request)
        headers = {key: f"Bearer {value}" if key == "Authorization" else value for key, value in answer.headers.items()}
        return replace(answer, headers=headers)

    ticket.simulator.serve = other  # type: ignore[method-assign]
    assert isinstance(await ticket.provider.begin(typed("012345"), DEADLINE), Approved)


async def test_a_whole_login_through_the_core(fake_clock: FakeClock) -> None:
    """A person types a wrong code and then the right one at the prompt; the record says how they got in."""
    async with clerk_rig(ClerkTicketRig, fake_clock) as rig:
        core = Core()
        core.authenticator.provider = core.authenticator.asking.provider = rig.provider
        conversation = RecordingConversation(typed=["999999", "012345"], can_ask=True)
        decision = await core.start(await rig.login(), conversation)
        assert (decision.accept, decision.reason, decision.factor) == (True, Reason.APPROVED, "code")
        assert rig.leftovers() == 0
