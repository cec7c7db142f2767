"""The desk: what becomes of each request, what it must not become of, and what is left of it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from pushgate.conversation import CannotAsk, Conversation
from pushgate.decision import Decision, Reason
from pushgate.login import Login
from radius_server.clients import Client
from radius_server.replies import REJECT_FLOOR
from radius_server.wire import (
    ACCESS_ACCEPT,
    ACCESS_REJECT,
    ACCESS_REQUEST,
    CALLING_STATION_ID,
    STATE,
    encode_request,
    parse,
)
from tests.radius_server import vectors
from tests.support.radius import ACCEPT, DENY, SECRET, DeskBench, RecordingLink, access_request

VPN = Client("vpn", ip_network("192.0.2.0/24"), SECRET)
VECTORS = Client("vectors", ip_network("192.0.2.0/24"), vectors.SECRET, message_authenticator="off")
UNKNOWN_USER = Decision(accept=False, reason=Reason.UNKNOWN_USER, audit_id="a3")
BAD_NAME = Decision(accept=False, reason=Reason.BAD_NAME, audit_id="a4")
PORT_3 = ((5, b"\0\0\0\x03"),)


def bench(
    client: Client = VPN, authenticate: Callable[[Login, Conversation], Awaitable[Decision]] | None = None, **more: Any
) -> DeskBench:
    """Return a desk, with another core if the test wants one."""
    desk = DeskBench(client, **more)
    if authenticate is not None:
        desk.core.authenticate = authenticate  # type: ignore[method-assign, assignment]
    return desk


async def never(login: Login, conversation: Conversation) -> Decision:
    """Decide nothing."""
    return await asyncio.get_running_loop().create_future()


async def asking(login: Login, conversation: Conversation) -> Decision:
    """Ask at once, and accept whoever answers."""
    try:
        await conversation.ask("Well?", echo=True)
    except CannotAsk:
        return DENY
    return ACCEPT


async def test_conflict_starts_before_it_ends() -> None:
    """A new authenticator on an Identifier asks the core first and gives the old login up only then."""
    story: list[str] = []

    async def authenticate(login: Login, conversation: Conversation) -> Decision:
        story.append(f"begin {login.user}")
        try:
            return await never(login, conversation)
        finally:
            story.append(f"end {login.user}")

    desk = bench(authenticate=authenticate)
    await desk.send(access_request("first"))
    await desk.send(access_request("second"))
    assert story == ["begin first", "begin second", "end first"]
    assert (desk.counters.conflicts, desk.counters.cancels) == (1, 1)
    await desk.desk.stop()


async def test_conflict_with_a_refusal() -> None:
    """A new packet that is refused still ends the old login of its Identifier."""
    desk = bench()
    await desk.send(access_request("alice"))
    await desk.send(access_request(""))
    assert desk.replies() == [(ACCESS_REJECT, 1)]
    assert (desk.core.withdrawn, desk.leftovers()) == ([0], {})


async def test_conflict_in_one_batch() -> None:
    """Of two packets that arrive together under one Identifier only the second asks anybody."""
    desk = bench()
    await desk.send(access_request("alice"), access_request("bob"))
    assert desk.users() == ["bob"]
    await desk.desk.stop()


async def test_a_login_that_ended_before_it_began_is_not_joined() -> None:
    """A login that another packet of the same batch displaced leaves nothing behind that a later one could join."""
    desk = bench()
    await desk.send(access_request("alice", attributes=PORT_3), access_request("bob"))
    await desk.send(access_request("alice", attributes=PORT_3, identifier=2))
    assert desk.users() == ["bob", "alice"]
    await desk.decide(1, ACCEPT)
    assert desk.replies() == [(ACCESS_ACCEPT, 2)]
    await desk.desk.stop()
    assert desk.leftovers() == {}


async def test_forged_unsigned_packet_displaces_nothing() -> None:
    """An attacker without the secret, who leaves the signature out, ends no login of a NAS that signs."""
    desk = bench()
    await desk.send(access_request("alice", identifier=7))
    await desk.send(access_request("mallory", identifier=7), signed=False)
    await desk.decide(0, ACCEPT)
    assert (desk.replies(), desk.core.withdrawn) == ([(ACCESS_ACCEPT, 7)], [])
    await desk.desk.stop()


async def test_unsigned_packet_of_a_connection_displaces() -> None:
    """A NAS on a connection that nobody else can write to gives its login up also without signing that."""

    class Connection(RecordingLink):
        forgeable = False

    desk, link = bench(), Connection()
    await desk.send(access_request("alice"), link=link)
    await desk.send(access_request("bob"), link=link, signed=False)
    assert desk.core.withdrawn == [0]
    await desk.desk.stop()


async def test_answer_to_a_stubborn_core() -> None:
    """A core that answers although its login was given up sends nothing to the NAS."""

    async def authenticate(login: Login, conversation: Conversation) -> Decision:
        try:
            return await never(login, conversation)
        except asyncio.CancelledError:
            return ACCEPT

    desk = bench(authenticate=authenticate)
    await desk.send(access_request("alice"))
    await desk.send(access_request("alice"))
    assert desk.replies() == []
    await desk.desk.stop()
    assert [code for code, _ in desk.replies()] == [ACCESS_ACCEPT]


async def test_a_joined_packet_shares_the_floor() -> None:
    """A reject that blames what was typed leaves a second after the first packet, for whoever joined it too."""
    desk = bench()
    await desk.send(access_request("alice", attributes=PORT_3))
    await desk.clock.advance(10)
    await desk.send(access_request("alice", attributes=PORT_3, identifier=2))
    await desk.decide(0, UNKNOWN_USER)
    assert desk.replies() == [(ACCESS_REJECT, 1), (ACCESS_REJECT, 2)]


@pytest.mark.parametrize(
    ("request_bytes", "reason"),
    [(vectors.CHAP, "chap"), (vectors.EAP, "eap"), (vectors.GOLDEN_ANSWER, "unknown_state")],
)
async def test_refusals(request_bytes: bytes, reason: str) -> None:
    """What cannot be a login is rejected at once, repeated without work, and logged with the setting to change."""
    desk = bench(VECTORS)
    with capture_logs() as logs:
        await desk.send(request_bytes, request_bytes)
    first, second = desk.link.sent
    assert first == second
    assert (first[0], desk.core.logins, desk.counters.access_rejects) == (ACCESS_REJECT, [], 1)
    assert [line["reason"] for line in logs] == [reason]


async def test_two_states() -> None:
    """A request with two States is no answer to anything."""
    desk = bench()
    await desk.send(access_request("alice", attributes=((STATE, b"a"), (STATE, b"b"))))
    assert (desk.replies(), desk.core.logins) == ([(ACCESS_REJECT, 1)], [])


async def test_probe_users_ask_nobody() -> None:
    """A NAS that tests the server with a configured name gets a reject at once, which shows that we live."""
    desk = bench(replace(VPN, probe_users=frozenset({"probe"})))
    await desk.send(access_request("probe"))
    assert (desk.replies(), desk.core.logins) == ([(ACCESS_REJECT, 1)], [])


async def test_crash_of_the_core() -> None:
    """A core that crashes means reject, a second after receipt; the log has the place and nothing that was typed."""

    async def authenticate(login: Login, conversation: Conversation) -> Decision:
        raise RuntimeError(f"canary {login.secret.value!r}" if login.secret else "")

    desk = bench(authenticate=authenticate)
    with capture_logs() as logs:
        await desk.send(access_request("alice", "canary"))
        await desk.clock.advance(REJECT_FLOOR)
    assert desk.replies() == [(ACCESS_REJECT, 1)]
    [line] = logs
    assert (line["event"], line["error"]) == ("radius_login_crashed", "RuntimeError")
    assert line["where"][-1].startswith(f"{__file__}:")
    assert "canary" not in str(logs)


async def test_a_decision_at_once_is_for_this_packet_alone() -> None:
    """A login that is decided at once joins none that is pending, whatever became of the rules since that began."""
    desk = bench()
    await desk.send(access_request("alice", attributes=PORT_3))
    desk.core.at_once = ACCEPT
    await desk.send(access_request("alice", attributes=PORT_3, identifier=2))
    assert desk.replies() == [(ACCESS_ACCEPT, 2)]
    await desk.decide(0, DENY)
    assert desk.replies() == [(ACCESS_REJECT, 1)]


async def test_crash_before_a_login() -> None:
    """A packet at which we crash costs neither the rest of its batch nor a repetition, and is logged once a minute."""
    desk = bench()
    decide_at_once = desk.core.decide_at_once

    def crash(login: Login) -> Decision | None:
        if login.user == "trouble":
            raise RuntimeError("canary")
        return decide_at_once(login)

    desk.core.decide_at_once = crash  # type: ignore[method-assign]
    with capture_logs() as logs:
        await desk.send(access_request("trouble"), access_request("alice", identifier=2))
        await desk.send(*(access_request("trouble", identifier=number) for number in range(3, 9)))
    assert (desk.users(), desk.replies()) == (["alice"], [])
    assert desk.leftovers() == {"logins": 1, "in flight": 1}
    assert [(line["event"], line["error"]) for line in logs] == [("radius_request_crashed", "RuntimeError")]
    assert "canary" not in str(logs)
    await desk.desk.stop()


async def test_login_without_an_end() -> None:
    """A core that ends without a decision leaves no trace of any packet, so that a repetition is a new login."""
    ends = asyncio.Event()

    async def authenticate(login: Login, conversation: Conversation) -> Decision:
        await ends.wait()
        raise asyncio.CancelledError

    desk = bench(replace(VPN, abandon=True), authenticate=authenticate)
    packets = [access_request("alice", attributes=PORT_3, identifier=number) for number in range(3)]
    await desk.send(*packets, *packets)
    assert desk.leftovers() == {"logins": 1, "joinable": 1, "watched": 3, "in flight": 3}
    ends.set()
    await desk.clock.settle()
    assert (desk.replies(), desk.leftovers()) == ([], {})


async def test_stop_beside_a_delayed_reject() -> None:
    """A reject that still waits for its second is not sent when the desk stops."""
    desk = bench()
    await desk.send(access_request("alice"))
    await desk.decide(0, UNKNOWN_USER)
    await desk.desk.stop()
    await desk.clock.advance(2)
    assert (desk.replies(), desk.leftovers()) == ([], {})


async def test_an_answer_whose_nas_moves_on_ends_the_login() -> None:
    """An answer and another request under its Identifier in one batch leave no login for which nobody waits."""
    desk = bench(replace(VPN, mode="challenge"), authenticate=asking)
    await desk.send(access_request("alice"))
    [state] = parse(desk.link.sent[0]).values(STATE)
    desk.replies()
    await desk.send(
        access_request("alice", identifier=2, attributes=((STATE, state),)), access_request("", identifier=2)
    )
    assert (desk.replies(), desk.counters.cancels, desk.leftovers()) == ([(ACCESS_REJECT, 2)], 1, {})


async def test_a_login_that_joins_behind_the_answer_is_shown_no_used_challenge() -> None:
    """A packet that arrives together with the answer waits for the decision: the challenge is over."""
    desk = bench(replace(VPN, mode="challenge"), authenticate=asking)
    await desk.send(access_request("alice", attributes=PORT_3))
    [state] = parse(desk.link.sent[0]).values(STATE)
    desk.replies()
    answer = access_request("alice", identifier=2, attributes=(*PORT_3, (STATE, state)))
    await desk.send(answer, access_request("alice", identifier=3, attributes=PORT_3))
    assert desk.replies() == [(ACCESS_ACCEPT, 2), (ACCESS_ACCEPT, 3)]
    assert desk.leftovers() == {}


async def test_an_approval_is_for_those_who_wait() -> None:
    """A NAS that asks the same again at the very moment of the reply begins a new login, and is not let in."""

    class Hasty(RecordingLink):
        @override
        def send(self, reply: bytes) -> bool:
            if not self.sent:
                desk.receive(access_request("alice", attributes=PORT_3, identifier=2), link=self)
            return super().send(reply)

    desk, link = bench(), Hasty()
    await desk.send(access_request("alice", attributes=PORT_3), link=link)
    await desk.decide(0, ACCEPT)
    assert (desk.users(), desk.replies(link)) == (["alice", "alice"], [(ACCESS_ACCEPT, 1)])
    await desk.desk.stop()


async def test_an_eap_start_does_not_use_up_a_challenge() -> None:
    """A device that begins EAP anew with the State of an open challenge leaves that challenge open."""
    desk = bench(replace(VPN, mode="hybrid", eap_gtc=True), asking)
    await desk.send(access_request("alice"))
    [state] = desk.desk.states.open
    start = ((1, b"alice"), (CALLING_STATION_ID, b"203.0.113.7"), (79, b""), (STATE, state))
    await desk.send(encode_request(ACCESS_REQUEST, 9, bytes(16), SECRET, start))
    assert (list(desk.desk.states.open), len(desk.desk.eap.questions.open)) == ([state], 1)
    await desk.desk.stop()
