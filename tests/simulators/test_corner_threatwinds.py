"""The corner cases of the providers that concern ThreatWinds, by their numbers: whole logins over real HTTP."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from pushgate.clock import FakeClock, SystemClock
from pushgate.http import JsonClient
from pushgate.limiter import Limiter
from pushgate.login import Method
from pushgate.outcome import Approved, Failed, FailureKind, NeedsCode
from pushgate.providers.threatwinds_addresses import Addresses, AddressMap
from tests.simulators.base import Answer, DropConnection, Recorded, running, until
from tests.simulators.threatwinds import ThreatWindsSimulator
from tests.simulators.threatwinds_logins import OPENS, Gate, Person, driven, newest_code
from tests.simulators.threatwinds_rig import ThreatWindsRig, provider, rig, session_of
from tests.support.certificates import CertificationAuthority
from tests.support.core import make_login

WRONG = "999999999"


@pytest.fixture
async def real() -> AsyncIterator[ThreatWindsRig]:
    """Provider and simulator on the real clock."""
    async with rig() as made:
        yield made


@pytest.fixture
async def fake() -> AsyncIterator[ThreatWindsRig]:
    """Provider and simulator on a clock that jumps."""
    async with rig(FakeClock()) as made:
        yield made


def is_check(request: Recorded) -> bool:
    """Whether a request asks whether the session is verified."""
    return request.method == "GET" and request.path.endswith("/session")


def is_code(request: Recorded) -> bool:
    """Whether a request hands a code in."""
    return request.path.endswith("/verification")


async def begun(made: ThreatWindsRig, user: str = "alice") -> NeedsCode:
    """Have a code mailed."""
    outcome = await made.provider.begin(await made.login(user), made.clock.now() + 60)
    assert isinstance(outcome, NeedsCode), outcome
    return outcome


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


@pytest.mark.parametrize("status", [404, 410])
async def test_corner_03_a_session_that_is_gone_has_expired(real: ThreatWindsRig, status: int) -> None:
    """A session that vanishes between the code and the check has expired at once."""
    question = await begun(real)
    real.simulator.knobs.only = is_check
    real.simulator.knobs.faults.append(Answer(status, None))
    outcome = await real.provider.submit(question.handle, real.right_code(question.handle), real.clock.now() + 60)
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.EXPIRED


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        "verified",
        {"verified": True},
        {"sessionID": "other", "verified": True},
        {"sessionID": None, "verified": None},
    ],
)
async def test_corner_04_a_check_in_other_words_is_a_broken_protocol(real: ThreatWindsRig, body: Any) -> None:
    """A server that answers the check with anything but this session, verified, lets nobody in, at once."""
    real.simulator.knobs.only = is_check
    real.simulator.knobs.faults.append(Answer(200, body))
    assert await Gate(real.provider, real.clock).decide(Person(newest_code(real))) == (False, "protocol")
    assert real.leftovers() == 0


async def test_corner_04_a_page_in_place_of_json_is_asked_again_until_the_deadline(fake: ThreatWindsRig) -> None:
    """A captive portal that answers pages for as long as it likes lets nobody in."""
    question = await begun(fake)
    fake.simulator.knobs.only = is_check
    fake.simulator.knobs.faults.extend([Answer(200, b"<html>welcome</html>")] * 1000)
    code, deadline = fake.right_code(question.handle), fake.clock.now() + 20
    submitting = asyncio.create_task(fake.provider.submit(question.handle, code, deadline))
    outcome = await driven(submitting, fake.clock)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.PROTOCOL, True)
    assert 3 < fake.simulator.ledger.count("GET", "/session") < 12
    assert fake.clock.now() <= deadline


@pytest.mark.parametrize("packed", [False, True])
async def test_corner_04_a_huge_reply_is_cut(real: ThreatWindsRig, packed: bool) -> None:
    """An attacker who answers the create with ten megabytes, packed or not, is not read to the end."""
    body = b'{"bearer": "' + b"b" * 10_000_000 + b'"}'
    headers = {"Content-Encoding": "gzip"} if packed else {}
    real.simulator.knobs.faults.append(Answer(200, gzip.compress(body) if packed else body, headers))
    assert await Gate(real.provider, real.clock).decide(Person(), service=OPENS) == (False, "protocol")


async def test_corner_04_a_packed_reply_of_the_usual_size_works(real: ThreatWindsRig) -> None:
    """A server that compresses its replies is understood."""
    body = gzip.compress(b'{"error": {"message": "no such account"}}')
    real.simulator.knobs.faults.append(Answer(404, body, {"Content-Encoding": "gzip"}))
    outcome = await real.provider.begin(make_login(), real.clock.now() + 10)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.detail) == (FailureKind.NOT_ENROLLED, "create: HTTP 404: no such account")


@pytest.mark.parametrize(
    "body", [{"error": []}, {"errors": []}, None, b"<html>", b"\xff\xfe", [1], {"error": {"a": 1}}]
)
@pytest.mark.parametrize("status", [401, 403])
async def test_corner_05_a_refusal_in_any_form_is_the_administrators(
    real: ThreatWindsRig, status: int, body: Any
) -> None:
    """A refusal of the create, whatever its body, is a matter of the configuration, and opens nothing."""
    real.simulator.knobs.faults.append(Answer(status, body))
    gate = Gate(real.provider, real.clock)
    assert await gate.decide(Person(), service=OPENS) == (False, "config")


@pytest.mark.parametrize("step", ["POST", "PUT", "GET", "DELETE"])
async def test_corner_05_a_redirect_is_not_followed(real: ThreatWindsRig, step: str) -> None:
    """An attacker who redirects any call to another host gets neither the code nor the bearer there."""
    elsewhere = ThreatWindsSimulator()
    async with running(elsewhere):
        target = f"{elsewhere.url}/api/auth/v2/session"
        real.simulator.knobs.only = lambda request: request.method == step
        real.simulator.knobs.faults.extend([Answer(307, None, {"Location": target})] * 10)
        accept, _ = await Gate(real.provider, real.clock).decide(Person(newest_code(real)), service=OPENS)
        assert accept is (step == "DELETE")
        assert elsewhere.ledger.requests == []
        real.simulator.knobs.faults.clear()
        await real.provider.close()
        assert real.leftovers() == 0


@pytest.mark.parametrize("user", ["a/b", "a?b", "a&b=c", "50%", "é", "o'neil", "x+y", "{user}", "a$b`c", "-rf"])
async def test_corner_06_a_name_is_exact_on_the_wire(real: ThreatWindsRig, user: str) -> None:
    """A person whose name has characters of URLs or shells has exactly that name in the mail's address."""
    await real.provider.begin(make_login(user=user), real.clock.now() + 10)
    [request] = real.simulator.ledger.requests
    assert (request.target, request.json()) == ("/api/auth/v2/session", {"email": f"{user}@example.com"})


@pytest.mark.parametrize("user", ["x" * 129, "", "alice ", " alice", "al\x00ice", "al\u202eice", "alice\n"])
async def test_corner_06_what_is_no_name_makes_no_call(real: ThreatWindsRig, user: str) -> None:
    """A name that is too long, empty or has hidden characters is rejected before anybody is called."""
    gate = Gate(real.provider, real.clock)
    assert await gate.decide(Person(), user=user, service=OPENS) == (False, "bad_name")
    assert real.simulator.ledger.requests == []


@pytest.mark.parametrize("user", ["EXAMPLE\\alice", 'a"b', "eve@evil.example", "a,b", "<a>", "a b", "x" * 128])
async def test_corner_06_a_name_that_makes_no_address_mails_nobody(fake: ThreatWindsRig, user: str) -> None:
    """A name that a template can make no address of is asked for a code like any other, and nobody is mailed."""
    gate, person = Gate(fake.provider, fake.clock), Person("111111", "222222", "333333")
    assert await gate.decide(person, user=user, service=OPENS) == (False, "bad_code")
    assert gate.audit.records[0][2].startswith("not_enrolled")
    assert person.asked[0].startswith("Code sent ")
    assert fake.simulator.ledger.counts["creates"] == 0


async def test_corner_06_a_mapping_is_explicit(real: ThreatWindsRig) -> None:
    """A person of a domain has the address that the map says, and the name is looked up whole."""
    addresses = Addresses(AddressMap({"EXAMPLE\\alice": "alice@example.com"}))
    mapped = provider(JsonClient(real.simulator.url, real.clock, {}), real.clock, addresses=addresses)
    gate = Gate(mapped, real.clock)
    assert await gate.decide(Person(newest_code(real)), user="EXAMPLE\\alice") == (True, "approved")
    await mapped.close()


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("123 456", "123456"),
        ("123-456", "123456"),
        ("\uff11\uff12\uff13456", "123456"),
        ("12345678", "12345678"),
        ("123456789", "123456789"),
        ("012345", "012345"),
        (" 654321 ", "654321"),
    ],
)
async def test_corner_08_a_code_is_normalised(real: ThreatWindsRig, typed: str, sent: str) -> None:
    """A person types a code as they like; it goes out as digits, with its zeros, as text."""
    real.simulator.make_code = lambda: sent
    assert await Gate(real.provider, real.clock).decide(Person(typed)) == (True, "approved")
    [body] = [request.json() for request in real.simulator.ledger.requests if is_code(request)]
    assert body["code"] == sent


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


@pytest.mark.parametrize(("unverified", "reason"), [(200, "downgraded"), (401, "bad_code"), (403, "bad_code")])
async def test_corner_11_acknowledged_is_not_verified(real: ThreatWindsRig, unverified: int, reason: str) -> None:
    """A server that acknowledges a code and verifies nothing lets nobody in."""
    real.simulator.shape.verifies, real.simulator.shape.unverified = False, unverified
    person = Person(*[newest_code(real)] * 3)
    assert await Gate(real.provider, real.clock).decide(person, service=OPENS) == (False, reason)
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
async def test_corner_15_nobody_asked_waits_and_rejects(fake: ThreatWindsRig, status: int, reason: str) -> None:
    """A person who has no account, or too many mails, waits like one who ignores a question, and is rejected."""
    fake.simulator.knobs.faults.append(Answer(status, None))
    before = fake.clock.now()
    assert await Gate(fake.provider, fake.clock).decide(Person(), service=OPENS) == (False, reason)
    assert fake.clock.now() - before >= 60


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
    """A person who had five mails waits like one who is ignored, and is rejected before any call."""
    limited = provider(JsonClient(fake.simulator.url, fake.clock, {}), fake.clock, mails=Limiter(fake.clock, 5, 900))
    for _ in range(5):
        question = await limited.begin(make_login(factor=Method("email")), fake.clock.now() + 60)
        assert isinstance(question, NeedsCode)
        await limited.cancel(question.handle)
    sent = len(fake.simulator.ledger.requests)
    assert await Gate(limited, fake.clock).decide(Person(), service=OPENS) == (False, "rate_limited")
    assert len(fake.simulator.ledger.requests) == sent
    await limited.close()


@pytest.mark.parametrize("created", [200, 201, 202])
@pytest.mark.parametrize("code_key", ["verificationCodeID", "verificationCodeId"])
@pytest.mark.parametrize("expire_at", ["int", "string"])
@pytest.mark.parametrize("sessions", ["object", "array"])
async def test_corner_24_every_shape_has_the_same_outcome(
    real: ThreatWindsRig, created: int, code_key: str, expire_at: Any, sessions: Any
) -> None:
    """A person gets in whichever of the documented shapes the server speaks, and nothing stays open."""
    shape = real.simulator.shape
    shape.created, shape.code_key, shape.expire_at, shape.sessions = created, code_key, expire_at, sessions
    shape.session_ttl = 60.5
    question = await begun(real)
    left = question.expires_at - real.clock.now() if question.expires_at else 0
    assert 55 < left <= 62
    code = real.right_code(question.handle)
    assert isinstance(await real.provider.submit(question.handle, code, real.clock.now() + 10), Approved)
    assert real.leftovers() == 0


@pytest.mark.parametrize("errors", ["headers", "body", "text"])
async def test_corner_24_every_shape_of_an_error_has_the_same_outcome(real: ThreatWindsRig, errors: Any) -> None:
    """A person without an account is told apart by every shape of the error, with the server's words for the log."""
    real.simulator.shape.errors = errors
    outcome = await real.provider.begin(make_login(user="mallory"), real.clock.now() + 10)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked, len(outcome.trace)) == (FailureKind.NOT_ENROLLED, False, 36)
    assert outcome.detail == "create: HTTP 404: unknown account mallory@example.com"
