"""The corner cases that concern LoginTC, by their number in the list of all providers' corner cases."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from typing_extensions import override

from pushgate.authenticator import Authenticator
from pushgate.clock import Clock, SystemClock
from pushgate.decision import Decision, Reason
from pushgate.http import JsonClient
from pushgate.login import Code, Method, Secret
from pushgate.outcome import Approved, Failed, FailureKind, Handle, NeedsCode, Outcome, Pending
from pushgate.policy import Policy, Rule
from pushgate.providers.logintc import LoginTc
from tests.simulators import authority_rig
from tests.simulators.base import Answer, DropConnection, Recorded, running, until
from tests.simulators.logintc import DOMAIN, KEY, LoginTcSimulator
from tests.simulators.logintc_rig import LoginTcRig, rig
from tests.support.certificates import CertificationAuthority
from tests.support.core import RecordingAudit, RecordingConversation, make_guards, make_login
from tests.support.http import raw_server
from tests.support.skipping import SkippingClock


class Gate:
    """A core whose provider is LoginTC's simulator."""

    def __init__(self, made: LoginTcRig, clock: Clock, *, opens: bool = False) -> None:
        self.rig, self.simulator, self.clock = made, made.simulator, clock
        self.audit = RecordingAudit()
        self.opens = opens

    def login(self, conversation: RecordingConversation | None = None, **changes: Any) -> "asyncio.Task[Decision]":
        """Begin a login as a front end would."""
        return self.login_at(self.rig.provider, conversation, **changes)

    def login_at(
        self, provider: LoginTc, conversation: RecordingConversation | None = None, **changes: Any
    ) -> "asyncio.Task[Decision]":
        """Begin a login that another provider is asked about."""
        policy = Policy({"sshd": Rule(accept_if_unreachable=self.opens)})
        core = Authenticator(policy, provider, self.audit, self.clock, timeout=60, guards=make_guards(self.clock))
        return asyncio.create_task(core.authenticate(make_login(**changes), conversation or RecordingConversation()))

    async def ask(self, **changes: Any) -> Handle:
        """Begin a login at the provider alone."""
        outcome = await self.begin(**changes)
        assert isinstance(outcome, Pending | NeedsCode), outcome
        return outcome.handle

    async def begin(self, **changes: Any) -> Outcome:
        """Return what the provider says to a login."""
        return await self.rig.provider.begin(make_login(**changes), self.clock.now() + 60)

    async def wait(self, handle: Handle, seconds: float = 60) -> Any:
        """Wait for the person's answer; a failure by its kind."""
        outcome = await self.rig.provider.wait(handle, self.clock.now() + seconds)
        return outcome.kind if isinstance(outcome, Failed) else outcome

    def polled(self, *answers: Answer | DropConnection | None) -> None:
        """Answer the next polls like this."""
        self.simulator.knobs.only = lambda request: request.method == "GET" and "/sessions/" in request.path
        self.simulator.knobs.faults.extend(answers)

    def created(self, *answers: Answer | DropConnection | None) -> None:
        """Answer the next creates like this."""
        self.simulator.knobs.only = lambda request: request.method == "POST"
        self.simulator.knobs.faults.extend(answers)

    def count(self, word: str) -> int:
        """How often something was done."""
        return self.simulator.ledger.counts[word]


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    """A gate whose time moves by its own waiting."""
    clock = SkippingClock()
    async with rig(clock) as made:
        yield Gate(made, clock)


@pytest.fixture
async def real_gate() -> AsyncIterator[Gate]:
    """A gate on the machine's own clock."""
    clock = SystemClock()
    async with rig(clock) as made:
        yield Gate(made, clock)


@pytest.mark.parametrize("fault", [Answer(502), Answer(504), DropConnection()])
async def test_corner_01_five_seconds_of_outage_then_an_approval_accept(
    gate: Gate, fault: Answer | DropConnection
) -> None:
    """Alice approves while the server answers 502 or breaks connections for five seconds, and is let in."""
    handle = await gate.ask()
    gate.rig.approve(handle)
    # A question whose connection breaks is asked once more at once, by the library: two faults for each.
    gate.polled(*[fault] * (10 if isinstance(fault, DropConnection) else 5))
    started = gate.clock.now()
    assert await gate.wait(handle) == Approved()
    assert 4.5 <= gate.clock.now() - started <= 6


async def test_corner_01_an_approval_in_the_last_look_accepts(gate: Gate) -> None:
    """Alice approves between the last poll and the deadline, and is let in."""
    handle = await gate.ask()
    gate.polled(*[None] * 2)
    town, asked = gate.simulator.town, []

    def approve_late(request: Recorded) -> bool:
        asked.append(gate.clock.now())
        if gate.clock.now() >= 1010:
            town.answer(handle.id, "approved")
        return False

    gate.simulator.knobs.only = approve_late
    assert await gate.wait(handle, 10) == Approved()
    assert asked[-1] == pytest.approx(1010)


async def test_corner_01_an_approval_after_the_reject_opens_nothing(gate: Gate) -> None:
    """Alice approves after her login was rejected: there is nothing left that she could approve."""
    decision = await gate.login()
    assert (decision.accept, decision.reason) == (False, Reason.EXPIRED)
    assert (gate.rig.leftovers(), gate.count("cancels")) == (0, 1)
    assert gate.simulator.town.sessions == {}


@pytest.mark.parametrize("moment", ["while asking", "while waiting"])
async def test_corner_02_a_client_that_goes_away_is_one_cancel(real_gate: Gate, moment: str) -> None:
    """A front end whose peer goes away, also while the create is on its way, withdraws the push exactly once."""
    gate = real_gate
    gate.simulator.knobs.latency = 0.05
    gate.simulator.knobs.only = lambda request: request.method == "POST"
    login = gate.login()
    word = "polls" if moment == "while waiting" else "pushes"
    await until(lambda: gate.count(word) > 0 or (word == "pushes" and gate.simulator.ledger.count("POST", "/") > 0))
    login.cancel()
    with pytest.raises(asyncio.CancelledError):
        await login
    assert (gate.count("cancels"), gate.rig.leftovers(), gate.audit.reasons()) == (1, 0, ["withdrawn"])


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


async def test_corner_09_two_daemons_ask_once_about_one_login() -> None:
    """A NAS that asks its second server as well costs one push at our own authority, and one approval opens once."""
    async with authority_rig.rig() as made:
        second = made.provider_at(made.simulator.url)
        login = replace(await made.login(), join_key=b"the same login")
        handles = []
        for provider in (made.provider, second):
            outcome = await provider.begin(login, made.clock.now() + 20)
            assert isinstance(outcome, Pending)
            handles.append(outcome.handle)
        made.approve(handles[0])
        outcomes = [
            await provider.wait(handle, made.clock.now() + 20)
            for provider, handle in zip((made.provider, second), handles, strict=True)
        ]
        await second.close()
        assert [isinstance(outcome, Approved) for outcome in outcomes] == [True, True]
        assert made.simulator.ledger.counts["pushes"] == 1


async def test_corner_10_of_two_logins_only_the_approved_one_opens(gate: Gate) -> None:
    """Alice logs in twice and approves one: the other one stays closed."""
    first, second = await gate.ask(), await gate.ask()
    gate.rig.approve(second)
    assert await gate.wait(first, 3) is FailureKind.EXPIRED
    assert await gate.wait(second, 3) == Approved()


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


@pytest.mark.parametrize("hours", [-1, 1])
async def test_corner_13_a_wall_clock_that_jumps_moves_no_deadline(gate: Gate, hours: int) -> None:
    """A machine whose time of day is set during a login keeps the login's deadline."""
    handle = await gate.ask()

    def jump(_request: Recorded) -> bool:
        assert isinstance(gate.clock, SkippingClock)
        gate.clock.wall_shift = timedelta(hours=hours)
        return False

    gate.simulator.knobs.only = jump
    assert await gate.wait(handle, 10) is FailureKind.EXPIRED
    assert gate.clock.now() == pytest.approx(1010)


@pytest.mark.parametrize(
    ("value", "pause"), [("7", 7.0), ("date", 7.0), ("", 2.0), ("soon", 2.0), ("-1", 2.0), ("0", 2.0)]
)
async def test_corner_14_a_server_that_has_enough_is_left_alone(gate: Gate, value: str, pause: float) -> None:
    """A server that answers a poll with 429 is asked again when it says, or after a while if it does not say."""
    assert isinstance(gate.clock, SkippingClock)
    handle = await gate.ask()
    gate.rig.approve(handle)
    written = format_datetime(gate.clock.wall() + timedelta(seconds=7), usegmt=True) if value == "date" else value
    gate.polled(Answer(429, {"errors": []}, {"Retry-After": written} if written else {}))
    assert await gate.wait(handle) == Approved()
    assert gate.clock.sleeps == [pytest.approx(pause, abs=0.01)]


@pytest.mark.parametrize("value", ["3600", ""])
async def test_corner_14_beyond_the_deadline_it_is_rate_limited(gate: Gate, value: str) -> None:
    """A server that wants to be left alone for longer than the login lasts is looked at once more, at the deadline."""
    handle = await gate.ask()
    gate.polled(*[Answer(429, None, {"Retry-After": value} if value else {})] * 20)
    assert await gate.wait(handle, 20) is FailureKind.RATE_LIMITED
    assert gate.clock.now() == pytest.approx(1020)
    assert gate.simulator.ledger.count("GET", "/sessions/") == (2 if value else 5)


async def test_corner_14_a_create_that_is_limited_asks_nobody(gate: Gate) -> None:
    """A server that answers a create with 429 has asked nobody, and is not asked again for this login."""
    gate.created(Answer(429, None, {"Retry-After": "1"}))
    outcome = await gate.begin()
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked, gate.count("creates")) == (FailureKind.RATE_LIMITED, False, 0)


FAULTS: dict[str, Answer] = {
    "bad key": Answer(401, {"errors": []}),
    "forbidden": Answer(403),
    "not found": Answer(404, {"errors": []}),
    "bad request": Answer(400),
    "gone": Answer(410),
    "teapot": Answer(418),
    "limited": Answer(429),
    "redirect": Answer(302, None, {"Location": "/"}),
    "unknown JSON": Answer(200, {"status": "maybe"}),
    "a page": Answer(200, b"<html>"),
}


@pytest.mark.parametrize("path", ["/api/ping", f"/api/domains/{DOMAIN}/sessions"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_corner_15_what_is_no_outage_never_opens(gate: Gate, path: str, fault: str) -> None:
    """A service that lets people in during outages lets nobody in for any other fault."""
    gate.opens = True
    gate.simulator.knobs.only = lambda request: request.path == path
    gate.simulator.knobs.faults.extend([FAULTS[fault]] * 9)
    assert not (await gate.login()).accept


class Certificates:
    """A trusted authority, and servers whose certificates are right or wrong."""

    def __init__(self, folder: Path) -> None:
        ours, foreign = CertificationAuthority(folder / "ours"), CertificationAuthority(folder / "foreign")
        self.ca = ours.path
        self.issued = {
            "right": ours.issue("right", "localhost", server=True),
            "other authority": foreign.issue("foreign", "localhost", server=True),
            "expired": ours.issue("expired", "localhost", server=True, days=-1),
            "other host": ours.issue("other", "login.example", server=True),
        }

    @asynccontextmanager
    async def serving(self, gate: Gate, which: str) -> AsyncIterator[LoginTc]:
        """Serve the simulator with one of them; yields a provider that trusts our authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.issued[which].certificate, self.issued[which].key)
        async with running(gate.simulator, context) as secured:
            headers = {"Authorization": f'LoginTC key="{KEY}"'}
            provider = LoginTc(JsonClient(secured.url, gate.clock, headers, self.ca), DOMAIN, gate.clock)
            try:
                yield provider
            finally:
                await provider.close()


@pytest.mark.parametrize("which", ["other authority", "expired", "other host"])
async def test_corner_15_a_certificate_that_is_not_trusted_never_opens(
    gate: Gate, private_folder: Path, which: str
) -> None:
    """Whoever stands between the gate and the provider without its certificate lets nobody in, and reads no key."""
    gate.opens = True
    async with Certificates(private_folder).serving(gate, which) as provider:
        decision = await gate.login_at(provider)
        failed = await provider.reach(gate.clock.now() + 5)
    assert (decision.accept, decision.reason) == (False, Reason.CONFIG)
    assert gate.simulator.ledger.requests == []
    assert failed is not None
    assert "certificate" in failed.hint


async def test_corner_15_the_right_certificate_is_trusted(gate: Gate, private_folder: Path) -> None:
    """The same server with its own certificate is asked."""
    async with Certificates(private_folder).serving(gate, "right") as provider:
        assert isinstance(await provider.begin(make_login(), gate.clock.now() + 5), Pending)


def no_name(_gate: Gate) -> str:
    """An address whose name nobody knows."""
    return "http://login.example:80"


def refused(_gate: Gate) -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def closed(gate: Gate) -> str:
    """The server, which answers creates with 503."""
    gate.created(*[Answer(503)] * 9)
    return gate.simulator.url


@pytest.mark.parametrize("opens", [True, False])
@pytest.mark.parametrize("place", [no_name, refused, closed])
async def test_corner_16_an_outage_before_anybody_is_asked_opens_where_it_may(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, place: Callable[[Gate], str], opens: bool
) -> None:
    """A server that surely asked nobody lets people in where the configuration says so, with a record; else nobody."""

    async def no_such_name(*_arguments: Any, **_options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    url = place(gate)
    if place is no_name:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", no_such_name)
    gate.opens = opens
    provider = gate.rig.provider_at(url)
    decision = await gate.login_at(provider)
    await provider.close()
    assert (decision.accept, decision.reason) == (opens, Reason.FAIL_OPEN if opens else Reason.UNAVAILABLE)
    assert gate.audit.reasons() == [decision.reason.value]


@pytest.mark.parametrize("fault", [Answer(500), Answer(502), Answer(504), DropConnection()])
async def test_corner_16_an_outage_once_somebody_may_be_asked_rejects(
    gate: Gate, fault: Answer | DropConnection
) -> None:
    """A server that fails at or after the create lets nobody in, whatever the configuration says of outages."""
    gate.opens = True
    gate.created(fault)
    assert (await gate.login()).reason is Reason.UNAVAILABLE
    gate.simulator.knobs.faults.clear()
    gate.polled(*[fault] * 99)
    assert (await gate.login()).reason is Reason.UNAVAILABLE
    assert gate.rig.leftovers() == 0


async def test_corner_17_no_secret_is_logged(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    """A log of logins that fail at every step holds neither the key nor a code nor what was mailed."""
    texts: list[str] = []
    with structlog.testing.capture_logs() as events:
        for fault in FAULTS.values():
            gate.simulator.knobs.only = lambda _request: True
            gate.simulator.knobs.faults.extend([None, None, fault])
            outcome = await gate.begin(factor=Code(Secret(b"271828")))
            texts += [repr(outcome), str(outcome)]
            gate.simulator.knobs.faults.clear()
        handle = await gate.ask(factor=Method("email"))
        code = gate.rig.right_code(handle)
        texts += [repr(handle), repr(await gate.rig.provider.submit(handle, code, gate.clock.now() + 9))]
        gate.rig.provider.server.stale = True
        gate.simulator.key = "other"
        await gate.login()
        await gate.rig.provider.look_around(60)
    written = "\n".join([*texts, *map(str, events), caplog.text])
    assert [secret for secret in (KEY, "271828", code) if secret in written] == []


class MailReader(RecordingConversation):
    """Types what stands in the newest e-mail."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(can_ask=True)
        self.gate = gate

    @override
    async def ask(self, prompt: str, *, echo: bool) -> str:
        self.asked.append(prompt)
        return self.gate.rig.alice.mailed[-1][0]


async def test_corner_19_a_mail_needs_the_id_of_a_name(gate: Gate) -> None:
    """Alice, of whom only the name is known, is looked up, gets a code by e-mail, and gets in by it."""
    reader = MailReader(gate)
    decision = await gate.login(reader, secret=Secret(b"email"))
    assert (decision.accept, decision.reason) == (True, Reason.APPROVED)
    assert [prompt.startswith("Code sent by e-mail") for prompt in reader.asked] == [True]
    assert "/api/users?username=alice" in [request.target for request in gate.simulator.ledger.requests]
    assert (gate.count("mails"), gate.count("pushes"), gate.count("submits")) == (1, 0, 1)


@pytest.mark.parametrize("rule", ["denied", "400", "404"])
async def test_corner_19_three_wrong_codes_end_the_login_and_leave_the_token(gate: Gate, rule: Any) -> None:
    """Whoever types wrong codes is stopped at three, however the server calls them, and alice keeps her token."""
    gate.simulator.town.rules.wrong_code = rule
    handle = await gate.ask(factor=Method("email"))
    outcomes = [await gate.rig.provider.submit(handle, "999999", gate.clock.now() + 9) for _ in range(6)]
    assert [isinstance(outcome, NeedsCode) for outcome in outcomes] == [True, True] + [False] * 4
    assert gate.count("submits") == 3
    assert gate.rig.alice.id in gate.simulator.domain.tokens
    handle = await gate.ask()
    gate.rig.approve(handle)
    assert await gate.wait(handle) == Approved()


async def test_corner_19_one_wrong_code_in_each_login_leaves_the_token(gate: Gate) -> None:
    """Who knows a name, and types a wrong code in each of many logins at a moment, gets nobody's token revoked."""
    logins = [gate.begin(factor=Code(Secret(b"999999"))) for _ in range(10)]
    kinds = [outcome.kind for outcome in await asyncio.gather(*logins) if isinstance(outcome, Failed)]
    assert sorted(kinds) == [FailureKind.BAD_CODE] * 4 + [FailureKind.LOCKED] * 6
    assert gate.count("submits") == 4
    assert gate.rig.alice.id in gate.simulator.domain.tokens
    handle = await gate.ask()
    gate.rig.approve(handle)
    assert await gate.wait(handle) == Approved()


@pytest.mark.parametrize("factor", ["push", "code", "mail"])
async def test_corner_20_a_connection_that_breaks_after_a_post_is_not_used_again(gate: Gate, factor: str) -> None:
    """A create, a code and a mail whose answers got lost on a kept connection are sent once."""
    await gate.rig.provider.reach(gate.clock.now() + 5)
    gate.simulator.knobs.only = lambda request: request.method == "POST"
    gate.simulator.knobs.drop_next(served=True)
    factors: dict[str, Any] = {
        "push": {},
        "code": {"factor": Code(Secret(b"012345"))},
        "mail": {"factor": Method("email")},
    }
    outcome = await gate.begin(**factors[factor])
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, True)
    posts = [request for request in gate.simulator.ledger.requests if request.method == "POST"]
    connections = {request.connection for request in gate.simulator.ledger.requests}
    assert (len(posts), len(connections)) == (1, 1)


async def test_corner_20_a_create_that_times_out_is_not_repeated(real_gate: Gate) -> None:
    """A server that takes a create and does not answer has perhaps asked: one create, and a reject even so."""
    gate = real_gate
    gate.opens = True
    gate.simulator.knobs.only = lambda request: request.method == "POST"
    gate.simulator.knobs.latency = 60
    outcome = await gate.rig.provider.begin(make_login(), gate.clock.now() + 0.3)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, True)
    assert gate.simulator.ledger.count("POST", "/sessions") == 1


async def test_corner_22_another_mail_within_half_a_minute_costs_no_call(gate: Gate) -> None:
    """Alice who asks for another mail at once gets none, and the code that she has still opens."""
    handle = await gate.ask(factor=Method("email"))
    requests = len(gate.simulator.ledger.requests)
    answer = await gate.rig.provider.submit(handle, "resend", gate.clock.now() + 9)
    assert isinstance(answer, NeedsCode)
    assert (answer.resent, len(gate.simulator.ledger.requests)) == (False, requests)
    opened = await gate.rig.provider.submit(handle, gate.rig.right_code(handle), gate.clock.now() + 9)
    assert opened == Approved("code")


async def test_corner_22_a_mailbox_that_had_enough_costs_no_call(gate: Gate) -> None:
    """A login by e-mail of somebody who got five within a quarter of an hour is refused before any call."""
    for _ in range(5):
        await gate.ask(factor=Method("email"))
    requests = len(gate.simulator.ledger.requests)
    outcome = await gate.begin(factor=Method("email"))
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.RATE_LIMITED, False)
    assert (gate.count("mails"), len(gate.simulator.ledger.requests)) == (5, requests)


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


async def test_a_reply_that_ends_in_its_middle_is_an_outage() -> None:
    """A server that closes the connection in the middle of its reply to a ping has asked nobody."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    async with raw_server(head) as url:
        provider = LoginTc(JsonClient(url, SystemClock(), {}), DOMAIN, SystemClock())
        outcome = await provider.begin(make_login(), SystemClock().now() + 5)
        await provider.close()
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, False)
