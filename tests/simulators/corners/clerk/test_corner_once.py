"""Corner cases of Clerk by their number: what happens once, to one login alone, and stays secret."""

import asyncio
from dataclasses import replace
from typing import Any

import structlog

from pushgate.clock import FakeClock
from pushgate.decision import Reason
from pushgate.login import Method, Secret
from pushgate.outcome import Approved, FailureKind, NeedsCode
from tests.simulators.base import until
from tests.simulators.clerk import SECRET_KEY, error
from tests.simulators.clerk_rig import ClerkEnrolledRig, ClerkRig, ClerkTicketRig, clerk_rig, kind_of, question
from tests.simulators.corners.clerk.shared import DEADLINE, MODES, fails_open, typed
from tests.support.core import Core, RecordingConversation


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
        rig.simulator.person("alice").totp = "543210"
        assert isinstance(await rig.provider.submit(second, "543210", DEADLINE), Approved)


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
        right = ["aaaa1111", "bbbb2222", "cccc3333"]
        rig.simulator.person("alice").backup_codes = set(right)
        codes = [code for each in right for code in (each, "999999")]
        outcomes = await asyncio.gather(*(rig.provider.begin(typed(code), DEADLINE) for code in codes))
        assert [isinstance(each, Approved) for each in outcomes] == [True, False] * 3
        assert isinstance(await rig.provider.begin(typed("012345"), DEADLINE), Approved)
        assert rig.simulator.ledger.counts["tokens"] == 0


async def test_corner_21_an_expired_session_costs_one_ticket(fake_clock: FakeClock) -> None:
    """An enrolled person whose session has expired is let in by one new ticket, and the next time by none."""
    async with clerk_rig(ClerkEnrolledRig, fake_clock) as rig:
        for each in rig.simulator.active():
            each.status = "expired"
        for code in ("012345", "543210"):
            rig.simulator.person("alice").totp = code
            assert isinstance(await rig.provider.begin(typed(code), DEADLINE), Approved)
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


async def test_a_whole_login_through_the_core(fake_clock: FakeClock) -> None:
    """A person types a wrong code and then the right one at the prompt; the record says how they got in."""
    async with clerk_rig(ClerkTicketRig, fake_clock) as rig:
        core = Core()
        core.authenticator.provider = core.authenticator.asking.provider = rig.provider
        conversation = RecordingConversation(typed=["999999", "012345"], can_ask=True)
        decision = await core.start(await rig.login(), conversation)
        assert (decision.accept, decision.reason, decision.factor) == (True, Reason.APPROVED, "code")
        assert rig.leftovers() == 0
