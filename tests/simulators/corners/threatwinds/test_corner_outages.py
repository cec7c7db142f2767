"""Corner cases of ThreatWinds by their number: outages, limits, certificates, time and people who go away."""

import asyncio
import ssl
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from pushgate.clock import FakeClock, SystemClock
from pushgate.http import JsonClient
from pushgate.outcome import Approved, Failed, FailureKind
from tests.simulators.base import Answer, DropConnection, running, until
from tests.simulators.corners.threatwinds.shared import begun, is_check, is_code
from tests.simulators.threatwinds import ThreatWindsSimulator
from tests.simulators.threatwinds_logins import OPENS, Gate, Person, driven, newest_code
from tests.simulators.threatwinds_rig import ThreatWindsRig, provider, session_of
from tests.support.certificates import CertificationAuthority
from tests.support.core import make_login


async def test_corner_01_five_seconds_of_outage_after_the_code_then_verified(fake: ThreatWindsRig) -> None:
    """A person whose code was acknowledged gets in although the check fails for some seconds."""
    fake.simulator.knobs.only = is_check
    fake.simulator.knobs.faults.extend([Answer(502, None), DropConnection(), Answer(504, b"<html>")])
    person = Person(newest_code(fake))
    assert await Gate(fake.provider, fake.clock).decide(person) == (True, "approved")
    assert fake.simulator.ledger.counts["submits"] == 1
    assert fake.leftovers() == 0


async def test_corner_01_an_outage_to_the_deadline_rejects(fake: ThreatWindsRig) -> None:
    """A person whose code was acknowledged is not let in on that alone, also where an outage lets people in."""
    fake.simulator.knobs.only = is_check
    fake.simulator.knobs.faults.extend([Answer(502, None)] * 1000)
    accept, reason = await Gate(fake.provider, fake.clock).decide(Person(newest_code(fake)), service=OPENS)
    assert (accept, reason in ("unavailable", "expired")) == (False, True)
    assert fake.leftovers() == 0


async def test_corner_02_a_client_that_goes_away_closes_the_session_once(real: ThreatWindsRig) -> None:
    """A person who presses Ctrl-C at the prompt leaves no session behind; it is closed once."""
    gate, person = Gate(real.provider, real.clock), Person()
    deciding = gate.start(person)
    await person.prompted.wait()
    deciding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await deciding
    assert (real.leftovers(), real.simulator.ledger.counts["cancels"]) == (0, 1)
    assert gate.audit.reasons() == ["withdrawn"]


@pytest.mark.parametrize("step", ["POST", "PUT", "GET"])
async def test_corner_02_an_abort_between_any_two_steps_leaves_nothing(fake: ThreatWindsRig, step: str) -> None:
    """A login that is cut short while the server works on any of its steps leaves no session behind."""
    fake.simulator.knobs.only = lambda request: request.method == step
    fake.simulator.knobs.latency = 1.0
    deciding = Gate(fake.provider, fake.clock).start(Person(newest_code(fake)))
    await until(lambda: any(request.method == step for request in fake.simulator.ledger.requests))
    deciding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await driven(deciding, fake.clock)
    assert fake.leftovers() == 0
    assert fake.simulator.ledger.counts["cancels"] == 1


async def test_corner_02_a_stopping_daemon_closes_what_is_open(real: ThreatWindsRig) -> None:
    """A daemon that gets SIGTERM while codes are on their way closes every session."""
    for _ in range(5):
        await begun(real)
    assert real.leftovers() == 5
    await real.provider.close()
    assert real.leftovers() == 0


@pytest.mark.parametrize("jump", [-3600, 3600])
async def test_corner_13_a_jump_of_the_wall_clock_changes_no_deadline(fake: ThreatWindsRig, jump: int) -> None:
    """A machine whose time of day is put right during a login gives the person exactly as long."""
    question = await begun(fake)
    assert isinstance(fake.clock, FakeClock)
    fake.clock.wall_start += timedelta(seconds=jump)
    fake.simulator.sessions[session_of(question.handle)].expire_at += timedelta(seconds=jump)
    fake.simulator.sessions[session_of(question.handle)].code_ends += timedelta(seconds=jump)
    await fake.clock.advance(55)
    code = fake.right_code(question.handle)
    assert isinstance(await fake.provider.submit(question.handle, code, fake.clock.now() + 5), Approved)


@pytest.mark.parametrize("form", ["seconds", "date", "nothing", "rubbish"])
async def test_corner_14_a_busy_server_is_waited_for(fake: ThreatWindsRig, form: str) -> None:
    """A person whose code and whose check meet a busy server wait as long as that asks, and get in."""
    question = await begun(fake)
    at = format_datetime(fake.clock.wall() + timedelta(seconds=4), usegmt=True)
    value = {"seconds": "4", "date": at, "nothing": "", "rubbish": "soon"}[form]
    fake.simulator.knobs.retry_after(value)
    before = fake.clock.now()
    code = fake.right_code(question.handle)
    submitting = asyncio.create_task(fake.provider.submit(question.handle, code, before + 60))
    assert isinstance(await driven(submitting, fake.clock), Approved)
    assert fake.clock.now() - before == pytest.approx(4 if form in ("seconds", "date") else 1, abs=0.01)
    assert fake.simulator.ledger.counts["submits"] == 1


@pytest.mark.parametrize("value", ["3600", "", "Wed, 21 Oct 2099 07:28:00 GMT"])
@pytest.mark.parametrize("step", ["code", "check"])
async def test_corner_14_a_server_that_stays_busy_rejects(fake: ThreatWindsRig, value: str, step: str) -> None:
    """A server that wants to be left alone beyond the deadline has the login rejected as limited."""
    question = await begun(fake)
    fake.simulator.knobs.only = is_code if step == "code" else is_check
    fake.simulator.knobs.retry_after(value, 1000)
    code, deadline = fake.right_code(question.handle), fake.clock.now() + 30
    submitting = asyncio.create_task(fake.provider.submit(question.handle, code, deadline))
    outcome = await driven(submitting, fake.clock)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked, outcome.status) == (FailureKind.RATE_LIMITED, True, 429)
    assert fake.clock.now() <= deadline
    assert fake.leftovers() == 0


@pytest.mark.parametrize("status", [400, 401, 403, 405, 407, 418, 301])
async def test_corner_15_a_refusal_never_opens(real: ThreatWindsRig, status: int) -> None:
    """An attacker who brings about any refusal gets in nowhere, also where an outage lets people in."""
    real.simulator.knobs.faults.append(Answer(status, None))
    accept, reason = await Gate(real.provider, real.clock).decide(Person(), service=OPENS)
    assert (accept, reason in ("config", "protocol")) == (False, True)


@pytest.mark.parametrize(("status", "reason"), [(404, "not_enrolled"), (429, "rate_limited")])
async def test_corner_15_nobody_asked_is_rejected(real: ThreatWindsRig, status: int, reason: str) -> None:
    """A person who has no account, or too many mails, sees a question like any other, which no code answers."""
    real.simulator.knobs.faults.append(Answer(status, None))
    gate, person = Gate(real.provider, real.clock), Person("111111", "222222", "333333")
    assert await gate.decide(person, service=OPENS) == (False, "bad_code")
    assert gate.audit.records[0][2].startswith(reason)
    assert person.asked[0].startswith("Code sent to a***@example.com")


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b"null", b"{", b'{"bearer": "b", "sessionID": "i"}'])
async def test_corner_15_an_unknown_answer_never_opens(real: ThreatWindsRig, body: bytes) -> None:
    """A server that answers the create with anything else than a session lets nobody in."""
    real.simulator.knobs.faults.append(Answer(200, body))
    assert await Gate(real.provider, real.clock).decide(Person(), service=OPENS) == (False, "protocol")


@pytest.mark.parametrize("fault", ["another CA", "expired", "another host"])
async def test_corner_15_a_certificate_that_is_wrong_never_opens(private_folder: Path, fault: str) -> None:
    """An attacker between us and the server, with any certificate, gets neither a mail sent nor anybody in."""
    authority = CertificationAuthority(private_folder / "ca")
    issuer = CertificationAuthority(private_folder / "other") if fault == "another CA" else authority
    host = "elsewhere.example" if fault == "another host" else "localhost"
    issued = issuer.issue(host, host, server=True, days=-1 if fault == "expired" else 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    clock = SystemClock()
    simulator = ThreatWindsSimulator(clock)
    async with running(simulator, context):
        connected = provider(JsonClient(simulator.url, clock, {}, Path(authority.path)), clock)
        outcome = await connected.begin(make_login(), clock.now() + 10)
        assert isinstance(outcome, Failed)
        assert (outcome.kind, outcome.asked, "ca_file" in outcome.hint) == (FailureKind.CONFIG, False, True)
        assert await Gate(connected, clock).decide(Person(), service=OPENS) == (False, "config")
        assert simulator.ledger.requests == []
        await connected.close()


async def test_corner_15_the_right_certificate_works(private_folder: Path) -> None:
    """A person logs in over TLS by the CA that the configuration names."""
    authority = CertificationAuthority(private_folder / "ca")
    issued = authority.issue("localhost", "localhost", server=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    clock = SystemClock()
    simulator = ThreatWindsSimulator(clock)
    async with running(simulator, context):
        connected = provider(JsonClient(simulator.url, clock, {}, Path(authority.path)), clock)
        person = Person(lambda: simulator.mails[-1].code)
        assert await Gate(connected, clock).decide(person) == (True, "approved")
        await connected.close()


@pytest.mark.parametrize(("service", "decision"), [(OPENS, (True, "fail_open")), ("sshd", (False, "unavailable"))])
@pytest.mark.parametrize("outage", ["refused", "503"])
async def test_corner_16_an_outage_at_begin_opens_only_where_it_is_configured(
    real: ThreatWindsRig, free_port: int, outage: str, service: str, decision: tuple[bool, str]
) -> None:
    """A server that is down before anybody was mailed lets people in where that is configured, and it is recorded."""
    url = real.simulator.url if outage == "503" else f"http://127.0.0.1:{free_port}"
    real.simulator.knobs.status_next(503)
    other = real.provider_at(url)
    gate = Gate(other, real.clock)
    assert await gate.decide(Person(), service=service) == decision
    assert gate.audit.reasons() == [decision[1]]
    await other.close()


@pytest.mark.parametrize("fault", [Answer(500, None), Answer(502, None), DropConnection()])
async def test_corner_16_an_outage_that_may_have_mailed_rejects(real: ThreatWindsRig, fault: Any) -> None:
    """An attacker who breaks the create after it was sent gets in nowhere."""
    real.simulator.knobs.faults.append(fault)
    assert await Gate(real.provider, real.clock).decide(Person(), service=OPENS) == (False, "unavailable")


async def test_corner_16_an_outage_after_the_mail_rejects(real: ThreatWindsRig) -> None:
    """An attacker who cuts the line after the code was mailed gets in nowhere, and the session is closed later."""
    real.simulator.knobs.only = is_code
    real.simulator.knobs.faults.append(Answer(503, None))
    person = Person(newest_code(real))
    assert await Gate(real.provider, real.clock).decide(person, service=OPENS) == (False, "unavailable")
    assert real.leftovers() == 0
