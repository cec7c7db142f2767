"""Corner cases of ThreatWinds by their number: what happens once, to one login alone, and stays secret."""

import pytest

from pushgate.clock import FakeClock
from pushgate.http import JsonClient
from pushgate.limiter import Limiter
from pushgate.login import Method
from pushgate.outcome import Approved, Failed, FailureKind, NeedsCode
from tests.simulators.corners.threatwinds.shared import begun, is_code
from tests.simulators.threatwinds_logins import OPENS, Gate, Person, newest_code
from tests.simulators.threatwinds_rig import ThreatWindsRig, provider, session_of
from tests.support.core import make_login

WRONG = "999999999"


async def test_corner_10_two_logins_of_one_person_are_apart(real: ThreatWindsRig) -> None:
    """A person logs in at two places: the code of one opens only that, and its approval leaves the other waiting."""
    first, second = await begun(real), await begun(real)
    codes = [real.simulator.sessions[session_of(each.handle)].code for each in (first, second)]
    real.simulator.sessions[session_of(second.handle)].code = codes[1] = f"x{codes[1]}"
    deadline = real.clock.now() + 60
    assert isinstance(await real.provider.submit(first.handle, codes[1], deadline), NeedsCode)
    assert isinstance(await real.provider.submit(second.handle, codes[0], deadline), NeedsCode)
    assert isinstance(await real.provider.submit(first.handle, codes[0], deadline), Approved)
    assert [session.id for session in real.simulator.open_sessions()] == [session_of(second.handle)]
    assert isinstance(await real.provider.submit(second.handle, codes[1], deadline), Approved)
    assert (real.leftovers(), real.simulator.ledger.counts["mails"]) == (0, 2)


async def test_corner_10_codes_of_two_people_are_not_interchangeable(real: ThreatWindsRig) -> None:
    """An attacker with an account of their own does not open another person's login by the code mailed to them."""
    alices, mallorys = await begun(real), await begun(real, "bob")
    code = f"m{real.right_code(mallorys.handle)}"
    real.simulator.sessions[session_of(mallorys.handle)].code = code
    assert isinstance(await real.provider.submit(alices.handle, code, real.clock.now() + 60), NeedsCode)


async def test_corner_17_no_secret_is_written_anywhere(
    real: ThreatWindsRig, capsys: pytest.CaptureFixture[str]
) -> None:
    """An administrator who reads logs and audit finds no code, no bearer and no key of a code, whatever went wrong."""
    gate = Gate(real.provider, real.clock)
    real.simulator.shape.unverified_may_close = False
    await gate.decide(Person(WRONG, WRONG, WRONG))
    real.simulator.shape.unverified = 401
    real.simulator.shape.verifies = False
    await gate.decide(Person(*[newest_code(real)] * 3))
    secrets = [WRONG, *(mail.code for mail in real.simulator.mails)]
    secrets += [secret for each in real.simulator.sessions.values() for secret in (each.bearer, each.code_id)]
    assert len(secrets) == 7
    written = "".join(capsys.readouterr()) + repr(gate.audit.records) + repr(real.provider.closing.live)
    assert "bad_code" in written
    assert "withdraw_failed" in written
    assert [secret for secret in secrets if secret in written] == []


async def test_corner_20_a_code_goes_out_once(real: ThreatWindsRig) -> None:
    """A connection that breaks after the code was taken has it sent once; nobody gets in, and the session is closed."""
    question = await begun(real)
    real.simulator.knobs.only = is_code
    real.simulator.knobs.drop_next(served=True)
    outcome = await real.provider.submit(question.handle, real.right_code(question.handle), real.clock.now() + 10)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, True)
    assert real.simulator.ledger.counts["submits"] == 1
    assert real.leftovers() == 0


async def test_corner_20_a_create_goes_out_once(real: ThreatWindsRig) -> None:
    """A connection that breaks after the mail went out has one mail sent, and rejects also where outages open."""
    assert await real.provider.reach(real.clock.now() + 5) is None
    real.simulator.knobs.drop_next(served=True)
    assert await Gate(real.provider, real.clock).decide(Person(), service=OPENS) == (False, "unavailable")
    counts = real.simulator.ledger.counts
    assert (counts["creates"], counts["mails"]) == (1, 1)


async def test_corner_20_a_create_without_an_answer_is_not_repeated(fake: ThreatWindsRig) -> None:
    """A server that takes the create and never answers has one mail sent, and rejects also where outages open."""
    fake.simulator.knobs.latency = 40.0
    assert await Gate(fake.provider, fake.clock).decide(Person(), service=OPENS) == (False, "unavailable")
    assert len(fake.simulator.ledger.requests) == 1


async def test_corner_22_a_resend_too_soon_makes_no_call(real: ThreatWindsRig) -> None:
    """A person who asks for a new code at once is told to wait, and gets in by the one that was mailed."""
    person = Person("resend", newest_code(real))
    assert await Gate(real.provider, real.clock).decide(person) == (True, "approved")
    assert "A new code can be sent in 30 s." in person.asked[1]
    assert real.simulator.ledger.counts["creates"] == 1


async def test_corner_22_a_resend_in_time_mails_a_new_code(fake: ThreatWindsRig) -> None:
    """A person who asks for a new code after half a minute gets in by that one, and both sessions are closed."""
    question = await begun(fake)
    assert isinstance(fake.clock, FakeClock)
    await fake.clock.advance(30)
    again = await fake.provider.submit(question.handle, "RESEND", fake.clock.now() + 30)
    assert isinstance(again, NeedsCode)
    assert again.resent
    code = fake.right_code(again.handle)
    assert isinstance(await fake.provider.submit(again.handle, code, fake.clock.now() + 30), Approved)
    assert (fake.simulator.ledger.counts["mails"], fake.leftovers()) == (2, 0)


async def test_corner_22_an_exhausted_limit_makes_no_call(fake: ThreatWindsRig) -> None:
    """A person who had five mails sees a question like any other, is rejected, and no session is asked for."""
    limited = provider(JsonClient(fake.simulator.url, fake.clock, {}), fake.clock, mails=Limiter(fake.clock, 5, 900))
    for _ in range(5):
        question = await limited.begin(make_login(factor=Method("email")), fake.clock.now() + 60)
        assert isinstance(question, NeedsCode)
        await limited.cancel(question.handle)
    gate = Gate(limited, fake.clock)
    assert await gate.decide(Person("111111", "222222", "333333"), service=OPENS) == (False, "bad_code")
    assert gate.audit.records[0][2].startswith("rate_limited")
    assert (fake.simulator.ledger.counts["creates"], fake.simulator.ledger.counts["mails"]) == (5, 5)
    await limited.close()
