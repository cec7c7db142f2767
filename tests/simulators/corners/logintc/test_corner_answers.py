"""Corner cases of LoginTC by their number: what is sent and answered: names, codes, states, bodies, shapes."""

import gzip
from typing import Any

import pytest

from pushgate.decision import Reason
from pushgate.login import Code, Method, Secret
from pushgate.outcome import Approved, Failed, FailureKind
from tests.simulators.base import Answer, running
from tests.simulators.corners.logintc.shared import Gate
from tests.simulators.logintc import DOMAIN, LoginTcSimulator


@pytest.mark.parametrize("answer", [Answer(404), Answer(410), Answer(404, {"errors": []}), Answer(410, b"<html>")])
async def test_corner_03_a_session_that_is_gone_has_expired_at_once(gate: Gate, answer: Answer) -> None:
    """A server that has forgotten the session, with a body or without, ends the wait at the first poll."""
    handle = await gate.ask()
    gate.polled(answer)
    started = gate.clock.now()
    assert await gate.wait(handle) is FailureKind.EXPIRED
    assert gate.clock.now() == started


@pytest.mark.parametrize("rule", ["stay_pending", "denied", "404", "410"])
async def test_corner_03_each_way_of_expiring_at_the_server_rejects(gate: Gate, rule: Any) -> None:
    """A server that ends its session before the login does rejects it, whatever it says then."""
    gate.simulator.town.rules.request_timeout, gate.simulator.town.rules.after_expiry = 30, rule
    decision = await gate.login()
    assert not decision.accept
    assert decision.reason is (Reason.DENIED if rule == "denied" else Reason.EXPIRED)
    assert gate.clock.now() - 1000 == pytest.approx(60.5 if rule == "stay_pending" else 31, abs=1)
    assert gate.rig.leftovers() == 0


@pytest.mark.parametrize(
    "body",
    [
        {"id": "@", "state": "timeout"},
        {"id": "@", "state": "APPROVED"},
        {"id": "@", "state": "approved\n"},
        {"id": "@"},
        {"id": "@", "state": None},
        {"id": "@", "state": True},
        {"id": "@", "state": ["approved"]},
        ["approved"],
        "approved",
    ],
)
async def test_corner_04_a_state_that_is_none_ends_the_wait_at_once(gate: Gate, body: Any) -> None:
    """A server that answers a poll with anything but its three states is not believed and not asked again."""
    handle = await gate.ask()
    if isinstance(body, dict):
        body = {**body, "id": handle.id}
    gate.polled(Answer(200, body))
    assert await gate.wait(handle) is FailureKind.PROTOCOL
    assert gate.clock.now() == 1000


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>approved</html>", {"Content-Type": "text/html"}),
        Answer(200, b'{"state":"approved"' + b" " * (10 << 20) + b"}"),
        Answer(200, gzip.compress(b'{"state":"approved"' + b" " * (64 << 20) + b"}", 1), {"Content-Encoding": "gzip"}),
    ],
    ids=["page", "10 MB", "gzip bomb"],
)
async def test_corner_04_what_cannot_be_read_is_a_fault_at_the_deadline(gate: Gate, answer: Answer) -> None:
    """A server whose replies cannot be read is asked until the deadline; then the protocol is at fault."""
    handle = await gate.ask()
    gate.polled(*[answer] * 20)
    assert await gate.wait(handle, 3) is FailureKind.PROTOCOL
    assert gate.clock.now() == pytest.approx(1003)


async def test_corner_04_a_compressed_reply_is_read(gate: Gate) -> None:
    """A server that compresses its replies is understood."""
    handle = await gate.ask()
    approved = gzip.compress(b'{"id":"%s","state":"approved"}' % handle.id.encode())
    gate.polled(Answer(200, approved, {"Content-Encoding": "gzip"}))
    assert await gate.wait(handle) == Approved()


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", [{"errors": []}, None, b"<html>no</html>", {"errors": "no"}, [1]])
@pytest.mark.parametrize("where", ["ping", "create", "poll"])
async def test_corner_05_a_refused_key_is_a_fault_of_the_configuration(
    gate: Gate, status: int, body: Any, where: str
) -> None:
    """A server that refuses the key, in whatever form and at whatever step, has the administrator told so."""
    answer = Answer(status, body)
    if where == "poll":
        handle = await gate.ask()
        gate.polled(answer)
        outcome: Any = await gate.rig.provider.wait(handle, gate.clock.now() + 60)
    else:
        gate.created(answer)
        if where == "ping":
            gate.simulator.knobs.only = lambda request: request.path == "/api/ping"
        outcome = await gate.begin()
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked, outcome.status) == (FailureKind.CONFIG, where == "poll", status)
    assert "API key" in outcome.hint


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_corner_05_a_redirect_does_not_carry_the_key_away(gate: Gate, status: int) -> None:
    """A server that sends us to another host is not followed there, neither when asking nor when polling."""
    async with running(LoginTcSimulator(gate.clock)) as other:
        answer = Answer(status, None, {"Location": f"{other.url}/api/ping"})
        handle = await gate.ask()
        gate.polled(answer)
        assert await gate.wait(handle) is FailureKind.PROTOCOL
        gate.created(answer)
        outcome = await gate.begin()
        assert isinstance(outcome, Failed)
        assert (outcome.kind, outcome.asked) == (FailureKind.PROTOCOL, False)
        assert other.ledger.requests == []


@pytest.mark.parametrize(
    "name", ["a/b", "a?b=c", "a&b", "100%", "a%40b", '"alice"', "é", "alice ", "DOMAIN\\user", "a#b"]
)
async def test_corner_06_a_name_is_exact_on_the_wire(gate: Gate, name: str) -> None:
    """A person of any name is asked about, and looked up, under exactly that name."""
    user = gate.simulator.town.add_user(name, gate.simulator.domain)
    handle = await gate.ask(user=name)
    assert gate.simulator.town.sessions[handle.id].user == user.id
    assert gate.simulator.ledger.requests[-1].json()["user"] == {"username": name}
    await gate.ask(user=name, factor=Method("email"))
    look_up, mail = gate.simulator.ledger.requests[-2:]
    assert look_up.query == {"username": name}
    assert look_up.target.partition("?")[2].isascii()
    assert mail.path == f"/api/domains/{DOMAIN}/users/{user.id}/otp"


@pytest.mark.parametrize("name", ["", "a" * 129, "alice ", "al\nice", "al\u202eice"])
async def test_corner_06_a_name_that_none_has_costs_no_call(gate: Gate, name: str) -> None:
    """A login without a possible name is rejected before the provider hears of it."""
    decision = await gate.login(user=name)
    assert (decision.reason, gate.simulator.ledger.requests) == (Reason.BAD_NAME, [])


async def test_corner_06_attributes_are_cut_and_cleaned(gate: Gate) -> None:
    """A client that sends long texts, line ends and bidi characters cannot draw on the phone's screen."""
    nasty = "\u202eevil\x1b[2J\n" + "x" * 9999
    await gate.ask(service=nasty, host=nasty, account=nasty, tty=nasty, key=nasty)
    attributes = gate.simulator.ledger.requests[-1].json()["attributes"]
    assert len(attributes) <= 20
    assert all(len(each["key"]) <= 64 and len(each["value"]) <= 512 for each in attributes)
    assert all(each["value"].isprintable() for each in attributes)


@pytest.mark.parametrize(
    ("typed", "field", "sent"),
    [
        ("123 456", "otp", "123456"),
        ("123-456", "otp", "123456"),
        ("１２３４５６", "otp", "123456"),  # noqa: RUF001 - full-width digits, as a phone's keyboard types them
        ("12345678", "otp", "12345678"),
        ("123456789", "bypasscode", "123456789"),
        ("012345", "otp", "012345"),
    ],
)
async def test_corner_08_a_code_is_sent_as_its_digits(gate: Gate, typed: str, field: str, sent: str) -> None:
    """A person may write a code with blanks and hyphens; zeros at its beginning stay."""
    await gate.begin(factor=Code(Secret(typed.encode())))
    assert gate.simulator.ledger.requests[-1].json()[field] == sent


@pytest.mark.parametrize("where", ["create", "poll"])
async def test_corner_12_an_approval_for_another_session_opens_nothing(gate: Gate, where: str) -> None:
    """A server that approves under another id than the one asked about is not believed."""
    handle = await gate.ask()
    if where == "poll":
        gate.polled(Answer(200, {"id": "f" * 40, "state": "approved"}))
        assert await gate.wait(handle) is FailureKind.PROTOCOL
        return
    for answer in ({"state": "approved"}, {"id": "../" + "f" * 40, "state": "approved"}, {"id": 7, "state": "pending"}):
        gate.created(Answer(200, answer))
        outcome = await gate.begin()
        assert isinstance(outcome, Failed)
        assert (outcome.kind, outcome.asked) == (FailureKind.PROTOCOL, True)


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize("shape", ["compact", "spaced", "docs"])
async def test_corner_24_each_form_of_a_reply_is_the_same_login(gate: Gate, status: int, shape: Any) -> None:
    """A server may answer 200, 201 or 202, and write its JSON as it likes."""
    gate.simulator.shape, gate.simulator.town.rules.created_status = shape, status
    handle = await gate.ask()
    gate.rig.approve(handle)
    assert await gate.wait(handle) == Approved()


@pytest.mark.parametrize("answer", [(200, b""), (201, b"{}"), (202, b"[]"), (204, b""), (200, b"sent"), (200, b"<p>")])
async def test_corner_24_each_answer_to_a_mail_is_a_mail(gate: Gate, answer: tuple[int, bytes]) -> None:
    """A server may answer the order for a mail with any body: the documents show none."""
    gate.simulator.town.rules.mail_answer = answer
    assert gate.rig.right_code(await gate.ask(factor=Method("email")))


async def test_corner_24_a_state_alone_is_an_answer(gate: Gate) -> None:
    """A server that leaves the id out of its answer to a poll is believed: it was asked about one session."""
    handle = await gate.ask()
    gate.polled(Answer(200, {"state": "approved"}))
    assert await gate.wait(handle) == Approved()
