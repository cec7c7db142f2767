"""The provider logintc on a fake clock: create, wait, claim, cancel, and every way that they fail."""

import asyncio
from typing import Any

import pytest
import structlog

from pushgate.clock import FakeClock
from pushgate.http import Reply
from pushgate.login import Origin
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, Outcome, Pending
from pushgate.providers.logintc import LoginTc, polling_pause
from pushgate.providers.logintc_wire import NATIVE_TYPE, V1_TYPE
from tests.support.core import make_login
from tests.support.transport import HOLD, OWN, SESSION, ScriptedTransport, outage, state

DOMAIN = "9120580e94f134cb7c9f27cd1e43dbc82980e152"


class Bench:
    """A provider, its scripted server and the clock."""

    def __init__(self, **script: Any) -> None:
        self.clock = FakeClock()
        self.server = ScriptedTransport(self.clock, **script)
        self.provider = LoginTc(self.server, DOMAIN, self.clock)

    async def begin(self, **login: Any) -> Outcome:
        """Begin a login with 60 seconds to go."""
        return await self.provider.begin(make_login(**login), self.clock.now() + 60)

    async def wait(self, seconds: float = 60) -> Approved | Denied | Failed:
        """Begin, then wait to the end on the fake clock."""
        begun = await self.begin()
        assert isinstance(begun, Pending)
        waiting = asyncio.create_task(self.provider.wait(begun.handle, self.clock.now() + seconds))
        for _ in range(int(seconds) + 3):
            await self.clock.advance(1)
            if waiting.done():
                break
        return await waiting


async def test_a_create_names_the_login_in_order() -> None:
    """A LoginTC server is sent address, user, service, host, tty and, where allowed, command, in this order."""
    bench = Bench()
    bench.provider.send_command = True
    await bench.begin(service="sudo", account="root", tty="/dev/pts/3", command="/usr/bin/id -u")
    assert bench.server.bodies[-1] == {
        "user": {"username": "alice"},
        "attributes": [
            {"key": "IP Address", "value": "203.0.113.7"},
            {"key": "Username", "value": "root"},
            {"key": "Service", "value": "sudo"},
            {"key": "Host", "value": "web1"},
            {"key": "TTY", "value": "/dev/pts/3"},
            {"key": "Command", "value": "/usr/bin/id -u"},
        ],
        "ipAddress": "203.0.113.7",
    }
    assert bench.server.accepts[-1] == V1_TYPE


async def test_a_command_does_not_reach_a_third_party_by_default() -> None:
    """A sudo command, which can hold a secret, stays on our own authority unless the configuration says otherwise."""
    cloud, own = Bench(), Bench(features=OWN)
    for bench in (cloud, own):
        await bench.begin(command="mysql -phunter2")
    assert "hunter2" not in str(cloud.server.bodies)
    assert own.server.bodies[-1]["context"]["command"] == "mysql -phunter2"


async def test_our_own_authority_gets_context_nonce_and_time_to_live() -> None:
    """A server that announces consume is spoken to in the native form."""
    bench = Bench(features=OWN)
    await bench.begin(tty="ssh")
    body = bench.server.bodies[-1]
    assert body["context"] == {
        "service": "sshd",
        "host": "web1",
        "account": "",
        "command": "",
        "tty": "ssh",
        "origin_kind": "pam",
    }
    assert (len(body["client_nonce"]), body["timeout"], bench.server.accepts[-1]) == (22, 62, NATIVE_TYPE)


async def test_an_unknown_address_is_said_as_such() -> None:
    """A person is told that the address is unknown, and no address is sent in its field."""
    bench = Bench()
    await bench.begin(origin=Origin())
    assert bench.server.bodies[-1]["attributes"][0] == {"key": "IP Address", "value": "unknown"}
    assert "ipAddress" not in bench.server.bodies[-1]


async def test_hidden_characters_in_attributes_are_made_visible() -> None:
    """An attacker who puts escapes and bidi overrides into a command sees them shown as text."""
    bench = Bench(features=OWN)
    await bench.begin(command="ls\x1b[2K\u202e\n")
    assert bench.server.bodies[-1]["attributes"][-1]["value"] == "ls\\x1b[2K\\u202e\\x0a"


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply(201, {"id": SESSION, "state": "pending"}), Pending(Handle(SESSION))),
        (Reply(202, {"id": SESSION, "state": "pending"}), Pending(Handle(SESSION))),
        (state("approved"), Approved()),
        (state("denied"), Denied()),
        (Reply(404, {"errors": [{"code": "api.error.notfound.token", "message": ""}]}), FailureKind.NOT_ENROLLED),
        (Reply(404, None), FailureKind.NOT_ENROLLED),
        (Reply(401, {"errors": []}), FailureKind.CONFIG),
        (Reply(403, None), FailureKind.CONFIG),
        (Reply(429, None), FailureKind.RATE_LIMITED),
        (Reply(400, None), FailureKind.PROTOCOL),
        (Reply(302, None), FailureKind.PROTOCOL),
        (Reply(204, None), FailureKind.PROTOCOL),
        (Reply(200, None), FailureKind.PROTOCOL),
        (Reply(200, []), FailureKind.PROTOCOL),
        (Reply(200, {"state": "approved"}), FailureKind.PROTOCOL),
        (Reply(200, {"id": "../x", "state": "approved"}), FailureKind.PROTOCOL),
        (Reply(200, {"id": SESSION, "state": "APPROVED"}), FailureKind.PROTOCOL),
        (Reply(200, {"id": SESSION, "state": None}), FailureKind.PROTOCOL),
        (Reply(200, {"id": SESSION, "state": ["approved"]}), FailureKind.PROTOCOL),
        (Reply(200, {"id": SESSION}), FailureKind.PROTOCOL),
    ],
)
async def test_each_reply_to_a_create_has_its_outcome(reply: Reply, outcome: Any) -> None:
    """A server that answers a create gets exactly the documented outcome."""
    result = await Bench(create=[reply]).begin()
    assert (result.kind if isinstance(result, Failed) else result) == outcome


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (outage(sent=False), False),
        (outage(sent=True), True),
        (Reply(503, None), False),
        (Reply(500, None), True),
        (Reply(504, None), True),
    ],
)
async def test_an_outage_at_create_says_whether_the_person_may_have_been_asked(answer: Any, asked: bool) -> None:
    """A create that surely never reached the server is told apart from one that may have."""
    assert await Bench(create=[answer]).begin() == Failed(
        FailureKind.UNAVAILABLE,
        asked,
        "create: scripted" if not isinstance(answer, Reply) else f"create: HTTP {answer.status}",
    )


@pytest.mark.parametrize(
    ("ping", "kind"),
    [
        (outage(sent=False), FailureKind.UNAVAILABLE),
        (outage(sent=True), FailureKind.UNAVAILABLE),
        (Reply(500, None), FailureKind.UNAVAILABLE),
        (Reply(401, None), FailureKind.CONFIG),
        (Reply(404, None), FailureKind.PROTOCOL),
        (outage(FailureKind.CONFIG, sent=False), FailureKind.CONFIG),
    ],
)
async def test_a_server_that_fails_at_ping_has_asked_nobody(ping: Any, kind: FailureKind) -> None:
    """A login that fails before its create surely asked nobody."""
    result = await Bench(ping=[ping]).begin()
    assert isinstance(result, Failed)
    assert (result.kind, result.asked) == (kind, False)


async def test_the_server_is_met_once_and_again_after_a_failure() -> None:
    """A daemon pings once, and anew after a create failed in transport."""
    bench = Bench(create=[state("pending"), outage(), state("pending")])
    for _ in range(4):
        await bench.begin()
    assert bench.server.count("GET", "/api/ping") == 2


async def test_an_unknown_domain_is_a_configuration_fault() -> None:
    """A 404 for a domain that the server does not know is no missing enrolment."""
    bench = Bench(domain=Reply(404, None), create=[Reply(404, {"errors": [{"code": "api.error.notfound.domain"}]})])
    result = await bench.begin()
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.CONFIG


async def test_a_poll_that_turns_approved_accepts() -> None:
    """A person who approves while we poll a LoginTC server is let in without a claim."""
    bench = Bench(poll=[state("pending"), state("pending"), state("approved")])
    assert await bench.wait() == Approved()
    assert bench.server.count("POST", "/consume") == 0


async def test_a_state_without_an_id_is_believed() -> None:
    """A server that answers the state alone is understood, as LoginTC's documents show it."""
    assert await Bench(poll=[Reply(200, {"state": "approved"})]).wait() == Approved()


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(200, {"id": "b" * 40, "state": "approved"}), FailureKind.PROTOCOL),
        (state("Approved"), FailureKind.PROTOCOL),
        (state("approved "), FailureKind.PROTOCOL),
        (state(True), FailureKind.PROTOCOL),
        (Reply(200, None), FailureKind.PROTOCOL),
        (Reply(200, ["approved"]), FailureKind.PROTOCOL),
        (Reply(404, None), FailureKind.EXPIRED),
        (Reply(410, {"errors": []}), FailureKind.EXPIRED),
        (Reply(401, None), FailureKind.CONFIG),
        (Reply(302, None), FailureKind.PROTOCOL),
        (outage(FailureKind.CONFIG), FailureKind.CONFIG),
        (state("expired"), FailureKind.EXPIRED),
        (state("cancelled"), FailureKind.CANCELLED),
    ],
)
async def test_a_poll_that_is_no_answer_ends_the_wait_at_once(reply: Any, kind: FailureKind) -> None:
    """A server that answers a poll with anything but the documented states is not waited for."""
    bench = Bench(poll=[reply])
    result = await bench.wait()
    assert isinstance(result, Failed)
    assert (result.kind, result.asked, bench.server.count("GET")) == (kind, True, 1)


@pytest.mark.parametrize(
    "hiccup", [outage(), Reply(502, None), Reply(429, None), Reply(429, None, 2.0), outage(FailureKind.PROTOCOL)]
)
async def test_an_outage_during_the_wait_is_retried(hiccup: Any) -> None:
    """A server that is away for a moment and then says approved lets the person in."""
    assert await Bench(poll=[hiccup, hiccup, hiccup, state("approved")]).wait() == Approved()


async def test_a_server_that_asks_for_a_pause_gets_it() -> None:
    """A server that answers 429 with Retry-After is left alone for that long."""
    bench = Bench(poll=[Reply(429, None, 7.0), state("denied")])
    await bench.wait()
    first, second = (time for time, method, path in bench.server.ledger if method == "GET" and "/sessions/" in path)
    assert second - first == 7.0


async def test_an_ignored_push_ends_at_the_deadline_with_a_last_look() -> None:
    """A session that stays pending is looked at once more at the deadline, then it has expired."""
    bench = Bench()
    result = await bench.wait(10)
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.EXPIRED
    assert bench.server.ledger[-1][0] == pytest.approx(1010.0, abs=0.01)


async def test_an_approval_in_the_last_look_accepts() -> None:
    """A person who approves in the last second is let in."""
    bench = Bench(poll=[state("pending")] * 2 + [state("approved")])
    assert await bench.wait(2) == Approved()


async def test_a_server_that_stays_away_is_unavailable_but_may_have_asked() -> None:
    """A server that dies after the push is unavailable with the person asked, so nothing fails open."""
    result = await Bench(poll=[outage()]).wait(5)
    assert isinstance(result, Failed)
    assert (result.kind, result.asked) == (FailureKind.UNAVAILABLE, True)


async def test_a_server_that_goes_away_after_pending_has_expired() -> None:
    """A person who was asked and did not answer has let the login expire, although the server went away meanwhile."""
    result = await Bench(poll=[state("pending"), outage()]).wait(5)
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.EXPIRED


async def test_a_session_that_ends_before_our_deadline_is_warned_about() -> None:
    """An administrator whose login time-out exceeds the domain's hears of it."""
    with structlog.testing.capture_logs() as logs:
        await Bench(domain=Reply(200, {"requestTimeout": 45})).begin()
    assert [(entry["event"], entry["request_timeout"]) for entry in logs] == [("session_ends_early", 45)]


def test_polls_are_a_second_apart_and_two_after_half_a_minute() -> None:
    """A poller keeps the documented pace within its spread of ten percent."""
    assert 0.9 <= polling_pause(0) <= 1.1
    assert 0.9 <= polling_pause(29) <= 1.1
    assert 1.8 <= polling_pause(31) <= 2.2


async def test_a_server_that_holds_is_asked_with_long_polls() -> None:
    """A server that announces wait is asked three times in a minute instead of sixty."""
    bench = Bench(features=["wait"], poll=[HOLD])
    result = await bench.wait(60)
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.EXPIRED
    waits = [path.partition("?")[2] for _, method, path in bench.server.ledger if "/sessions/" in path]
    assert waits == ["wait=25", "wait=25", "wait=10", ""]


async def test_a_server_that_announces_wait_but_does_not_hold_is_paced() -> None:
    """A server that answers long polls at once is not asked in a tight loop."""
    bench = Bench(features=["wait"], poll=[state("pending")])
    await bench.wait(10)
    assert bench.server.count("GET") <= 13


async def test_an_approval_of_our_own_authority_is_claimed() -> None:
    """An approval counts only once the authority has confirmed that we are the one who uses it."""
    bench = Bench(features=OWN, poll=[state("approved", proof={"device_id": "d1"})])
    assert await bench.wait() == Approved("d1")
    assert bench.server.count("POST", "/consume") == 1


@pytest.mark.parametrize("reply", [Reply(409, {"errors": []}), Reply(404, None), Reply(401, None), Reply(302, None)])
async def test_an_approval_that_cannot_be_claimed_rejects(reply: Reply) -> None:
    """An approval that somebody else has used opens nothing."""
    assert isinstance(await Bench(features=OWN, poll=[state("approved")], consume=[reply]).wait(), Failed)


async def test_a_claim_is_repeated_with_the_same_consumer_after_an_outage() -> None:
    """A claim whose answer got lost is repeated under the same name, so it cannot shut ourselves out."""
    bench = Bench(features=OWN, poll=[state("approved")], consume=[outage(), Reply(503, None), Reply(200, {})])
    assert await bench.wait() == Approved()
    claims = [body["consumer"] for body in bench.server.bodies if body and "consumer" in body]
    assert len(claims) == 3
    assert len(set(claims)) == 1


async def test_an_outage_at_another_login_does_not_spare_the_claim() -> None:
    """An approval is claimed although the create of another login has failed in the meantime."""
    bench = Bench(features=OWN, create=[state("pending"), outage()], poll=[HOLD, state("approved")])
    begun = await bench.begin()
    assert isinstance(begun, Pending)
    waiting = asyncio.create_task(bench.provider.wait(begun.handle, bench.clock.now() + 60))
    await bench.clock.advance(1)
    await bench.begin()
    await bench.clock.advance(30)
    assert await waiting == Approved()
    assert bench.server.count("POST", "/consume") == 1


async def test_a_server_that_forgets_its_features_does_not_spare_the_claim() -> None:
    """An approval of a session that was opened in the native form is claimed, whatever a later ping says."""
    bench = Bench(features=OWN, create=[state("pending"), outage()], poll=[HOLD, state("approved")])
    begun = await bench.begin()
    assert isinstance(begun, Pending)
    waiting = asyncio.create_task(bench.provider.wait(begun.handle, bench.clock.now() + 60))
    await bench.clock.advance(1)
    bench.server.features = []
    for _ in range(2):
        await bench.begin()
    await bench.clock.advance(30)
    assert await waiting == Approved()
    assert bench.server.count("POST", "/consume") == 1


async def test_an_authority_that_approves_at_create_is_not_believed() -> None:
    """A server with claims that calls a session approved before anybody was asked opens nothing."""
    result = await Bench(features=OWN, create=[state("approved")]).begin()
    assert isinstance(result, Failed)
    assert (result.kind, result.asked) == (FailureKind.PROTOCOL, True)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, FailureKind.RATE_LIMITED), (500, FailureKind.UNAVAILABLE), (503, FailureKind.UNAVAILABLE)],
)
async def test_a_domain_that_cannot_be_looked_up_is_not_called_unknown(status: int, kind: FailureKind) -> None:
    """A server that fails for a moment while we meet it is met anew, and strangers then wait as if ignored."""
    bench = Bench(domain=Reply(status, None), create=[Reply(404, None)])
    first = await bench.begin()
    bench.server.domain = Reply(200, {})
    second = await bench.begin()
    assert isinstance(first, Failed)
    assert isinstance(second, Failed)
    assert (first.kind, first.asked, second.kind) == (kind, False, FailureKind.NOT_ENROLLED)


async def test_a_domain_that_is_created_later_is_found() -> None:
    """A daemon that started before its domain existed needs no restart."""
    bench = Bench(domain=Reply(404, None))
    await bench.begin()
    bench.server.domain = Reply(200, {})
    for _ in range(2):
        await bench.begin()
    assert bench.server.count("GET", "/api/ping") == 2


async def test_a_refused_withdrawal_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """An administrator hears of a question that the server would not take back, but not of one that had ended."""
    bench = Bench()
    for status in (500, 404):
        bench.server.withdraw = Reply(status, None)
        await bench.provider.cancel(Handle(SESSION))
    assert "".join(capsys.readouterr()).count("withdraw_failed") == 1


async def test_a_cancel_deletes_and_swallows_outages() -> None:
    """A withdrawal is one DELETE, and a server that is away does not make it raise."""
    bench = Bench()
    await bench.begin()
    await bench.provider.cancel(Handle(SESSION))
    assert bench.server.ledger[-1][1:] == ("DELETE", f"/api/domains/{DOMAIN}/sessions/{SESSION}")
    bench.server.request = None  # type: ignore[assignment, method-assign]
    bench.provider.transport = _Away()
    await bench.provider.cancel(Handle(SESSION))


class _Away:
    async def request(self, method: str, path: str, **_options: Any) -> Reply:
        """Fail."""
        raise outage()

    async def close(self) -> None:
        """Nothing is open."""
