"""Corner cases of ThreatWinds by their number: what is sent and answered: names, codes, states, bodies, shapes."""

import asyncio
import gzip
from typing import Any

import pytest

from pushgate.http import JsonClient
from pushgate.outcome import Approved, Failed, FailureKind
from pushgate.providers.threatwinds_addresses import Addresses, AddressMap
from tests.simulators.base import Answer, running
from tests.simulators.corners.threatwinds.shared import begun, is_check, is_code
from tests.simulators.threatwinds import ThreatWindsSimulator
from tests.simulators.threatwinds_logins import OPENS, Gate, Person, driven, newest_code
from tests.simulators.threatwinds_rig import ThreatWindsRig, provider
from tests.support.core import make_login


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


@pytest.mark.parametrize(("unverified", "reason"), [(200, "downgraded"), (401, "bad_code"), (403, "bad_code")])
async def test_corner_11_acknowledged_is_not_verified(real: ThreatWindsRig, unverified: int, reason: str) -> None:
    """A server that acknowledges a code and verifies nothing lets nobody in."""
    real.simulator.shape.verifies, real.simulator.shape.unverified = False, unverified
    person = Person(*[newest_code(real)] * 3)
    assert await Gate(real.provider, real.clock).decide(person, service=OPENS) == (False, reason)
    assert real.leftovers() == 0


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
