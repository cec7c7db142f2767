"""Floods, forgeries and storms at the desk: every table has a bound, and nobody else's login suffers."""

import asyncio
import gc
import tracemalloc
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from structlog.testing import capture_logs

from pushgate.conversation import CannotAsk, Conversation
from pushgate.decision import Decision, Reason
from pushgate.login import Login
from radius_server.clients import Client
from radius_server.replies import REJECT_FLOOR
from radius_server.timing import SAMPLES
from radius_server.wire import ACCESS_ACCEPT, ACCESS_CHALLENGE, ACCESS_REJECT, EAP_MESSAGE, STATE, encode_request, parse
from tests.radius_server import vectors
from tests.support.radius import ACCEPT, DENY, SECRET, DeskBench, RecordingLink, access_request

VPN = Client("vpn", ip_network("192.0.2.0/24"), SECRET)
VECTORS = Client("vectors", ip_network("192.0.2.0/24"), vectors.SECRET, message_authenticator="off")
BAD_NAME = Decision(accept=False, reason=Reason.BAD_NAME, audit_id="a4")
PORT_3 = ((5, b"\0\0\0\x03"),)


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


@pytest.mark.parametrize("limits", [{"max_pending": 3}, {"max_pending_per_client": 3}])
async def test_limits(limits: dict[str, Any]) -> None:
    """A login beyond the limit is rejected at once and logged once; one that ends makes room for the next."""
    desk = DeskBench(VPN, **limits)
    with capture_logs() as logs:
        await desk.send(*(access_request(f"user{number}", identifier=number) for number in range(5)))
    assert desk.replies() == [(ACCESS_REJECT, 3), (ACCESS_REJECT, 4)]
    assert [(line["client"], line["reason"]) for line in logs] == [("vpn", "overloaded")]
    await desk.decide(0, ACCEPT)
    await desk.send(access_request("user5", identifier=5))
    assert desk.users() == ["user0", "user1", "user2", "user5"]
    await desk.desk.stop()


async def test_conflict_at_the_limit() -> None:
    """A conflict takes the place of the login that it ends, also where no more may be pending."""
    desk = DeskBench(VPN, max_pending=1)
    await desk.send(access_request("alice"))
    await desk.send(access_request("alice"))
    assert (len(desk.core.logins), desk.core.withdrawn) == (2, [0])
    await desk.desk.stop()


async def test_clients_do_not_share_their_limit() -> None:
    """A client at its limit does not keep another one out."""
    desk = DeskBench(VPN, max_pending_per_client=1)
    greedy = replace(VPN, name="greedy")
    await desk.send(*(access_request("x", identifier=number) for number in range(3)), client=greedy)
    await desk.send(access_request("alice"), link=RecordingLink())
    assert [login.service for login in desk.core.logins] == ["greedy", "vpn"]
    await desk.desk.stop()


async def test_joining_takes_no_place_and_has_a_bound() -> None:
    """A NAS that asks for the same login again and again holds one place and a bounded number of packets."""
    desk = DeskBench(VPN, max_pending=1)
    for number in range(200):
        await desk.send(access_request("alice", attributes=PORT_3, identifier=number))
    assert (desk.users(), desk.counters.joins) == (["alice"], 199)
    assert desk.leftovers() == {"logins": 1, "joinable": 1, "in flight": 16}
    await desk.decide(0, ACCEPT)
    assert desk.replies() == [(ACCESS_ACCEPT, number) for number in range(184, 200)]
    assert desk.leftovers() == {}


async def test_packets_that_are_forgotten_are_not_watched() -> None:
    """A NAS of unknown rhythm that repeats and asks anew for ever is watched for its latest packets alone."""
    desk = DeskBench(replace(VPN, abandon=True))
    for number in range(200):
        request = access_request("alice", attributes=PORT_3, identifier=number)
        await desk.send(request, request)
        desk.desk.look_for_silence(desk.clock.now())
    assert desk.leftovers() == {"logins": 1, "joinable": 1, "watched": 16, "in flight": 16}
    await desk.desk.stop()
    await desk.clock.settle()
    assert desk.leftovers() == {}


async def test_forged_packets_keep_no_login_out() -> None:
    """An attacker who forges the NAS's address and knows no secret fills up rejects alone; logins go on."""
    wrong = replace(VECTORS, secret=b"another secret")
    desk = DeskBench(wrong, max_pending_per_client=3)
    forged = [bytes((1, number)) + vectors.PAP[2:] for number in range(5)]
    await desk.send(*forged, signed=False)
    await desk.send(access_request("alice", identifier=9, secret=wrong.secret))
    assert desk.replies() == [(ACCESS_REJECT, 3), (ACCESS_REJECT, 4)]
    assert desk.users() == ["alice"]
    await desk.clock.advance(REJECT_FLOOR)
    assert desk.replies() == [(ACCESS_REJECT, number) for number in range(3)]
    await desk.desk.stop()


async def test_rejections_without_a_question_take_no_login_s_place() -> None:
    """A flood of names that no account has is held within its own bound; beyond it the replies leave at once."""
    desk = DeskBench(VPN, max_pending_per_client=3)
    desk.core.at_once = BAD_NAME
    await desk.send(*(access_request(" x", identifier=number) for number in range(50)))
    assert desk.leftovers() == {"rejects": 3, "in flight": 3}
    assert desk.replies() == [(ACCESS_REJECT, number) for number in range(3, 50)]
    desk.core.at_once = None
    await desk.send(access_request("alice", identifier=60))
    assert desk.users() == ["alice"]
    await desk.clock.advance(REJECT_FLOOR)
    assert desk.replies() == [(ACCESS_REJECT, number) for number in range(3)]
    await desk.desk.stop()


async def test_full_table() -> None:
    """A table of packets without room for one more means silence, so that the NAS asks again."""
    desk = DeskBench(VPN, capacity=1)
    with capture_logs() as logs:
        await desk.send(access_request("alice", identifier=1), access_request("bob", identifier=2))
    assert (desk.users(), desk.replies()) == (["alice"], [])
    assert [line["reason"] for line in logs] == ["duplicate_table_full"]
    await desk.desk.stop()


async def test_storm() -> None:
    """Four times 100 equal logins of 100 users ask 100 times and are all answered right."""
    desk = DeskBench(VPN, max_pending_per_client=100)
    requests = [access_request(f"user{number}", identifier=number) for number in range(100)]
    for _ in range(4):
        await desk.send(*requests)
    assert desk.users() == [f"user{number}" for number in range(100)]
    for number in range(100):
        desk.core.decide(number, ACCEPT if number % 2 else DENY)
    await desk.clock.settle()
    assert sorted(desk.replies()) == sorted((2 if number % 2 else 3, number) for number in range(100))
    assert (desk.counters.dup_access_requests, desk.leftovers()) == (300, {})


async def test_guessed_states() -> None:
    """An attacker who guesses States, or has stolen one, neither answers a challenge nor uses it up."""
    desk = DeskBench(replace(VPN, mode="challenge"))
    desk.core.authenticate = asking  # type: ignore[method-assign]
    await desk.send(access_request("alice"))
    [challenge] = desk.link.sent
    [state] = parse(challenge).values(STATE)
    thief = replace(VPN, name="thief")
    guesses = [(STATE, state[:-1] + bytes((octet,))) for octet in range(48, 58) if octet != state[-1]]
    for number, guess in enumerate(guesses, 10):
        await desk.send(access_request("alice", identifier=number, attributes=(guess,)))
    await desk.send(access_request("alice", identifier=30, attributes=((STATE, state),)), client=thief)
    await desk.send(access_request("mallory", identifier=31, attributes=((STATE, state),)))
    assert {code for code, _ in desk.replies()} == {ACCESS_CHALLENGE, ACCESS_REJECT}
    await desk.send(access_request("alice", identifier=40, attributes=((STATE, state),)))
    assert desk.replies() == [(ACCESS_ACCEPT, 40)]


async def test_an_impatient_nas_is_not_silent() -> None:
    """A NAS that repeats its packet a hundred times keeps its login; when it stops, the login is withdrawn."""
    desk = DeskBench(replace(VPN, abandon=True), answer_within=300.0)
    for number in range(SAMPLES):
        sent_at = [float(second) for second in range(5)]
        desk.desk.rhythms.note(desk.client, desk.source, sent_at, 100.0 + number)
    request = access_request("alice")
    for _ in range(100):
        await desk.send(request)
        await desk.clock.advance(1)
        desk.desk.look_for_silence(desk.clock.now())
    assert (desk.core.withdrawn, len(desk.desk.watched)) == ([], 1)
    [exchange] = desk.desk.watched
    assert len(exchange.sent_at) <= 64
    for _ in range(3):
        await desk.clock.advance(1)
        desk.desk.look_for_silence(desk.clock.now())
    await desk.clock.settle()
    assert (desk.core.withdrawn, desk.replies(), desk.leftovers()) == ([0], [], {})


async def test_answered_packets_are_not_watched() -> None:
    """A packet that was repeated and answered is watched no longer than until the next round."""
    desk = DeskBench(replace(VPN, abandon=True))
    await desk.send(access_request("alice"), access_request("bob", identifier=2))
    desk.receive(access_request("carol", identifier=3))
    request = access_request("dora", identifier=4)
    await desk.send(request, request)
    await desk.decide(3, ACCEPT)
    desk.desk.look_for_silence(desk.clock.now())
    assert "watched" not in desk.leftovers()
    await desk.desk.stop()


async def test_memory() -> None:
    """A pending login costs its share of memory and no more; one that has ended costs what its reply needs."""
    count = 500
    desk = DeskBench(VPN, max_pending=count, max_pending_per_client=count, capacity=3 * count)
    desk.core.authenticate = never  # type: ignore[method-assign]
    requests = [
        access_request(f"user{number}", identifier=number % 256, attributes=((5, (number + 1).to_bytes(4, "big")),))
        for number in range(count)
    ]
    links = [RecordingLink() for _ in requests]
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for request, link in zip(requests, links, strict=True):
            desk.receive(request, link=link)
        await desk.clock.settle()
        held = (tracemalloc.get_traced_memory()[0] - before) / count
        await desk.desk.stop()
        await desk.clock.settle()
        gc.collect()
        left = (tracemalloc.get_traced_memory()[0] - before) / count
    finally:
        tracemalloc.stop()
    # The core and a provider have the rest of the 15 KiB that a login may cost.
    assert held < 7 * 1024
    assert left < 1024


def eap_hello(number: int) -> bytes:
    """Build the beginning of an EAP conversation."""
    message = (EAP_MESSAGE, b"\x02\x07\0\x0a\x01alice")
    return encode_request(1, number % 256, number.to_bytes(16, "big"), SECRET, [(1, b"alice"), message])


async def test_beginnings_of_eap_take_no_challenge_s_place() -> None:
    """A flood of EAP conversations at one client, which prove nothing, leaves room for challenges and other clients."""
    client = replace(VPN, eap_gtc=True, mode="challenge")
    desk = DeskBench(client, max_pending=5, capacity=10_000)
    desk.core.authenticate = asking  # type: ignore[method-assign]
    await desk.send(*(eap_hello(number) for number in range(100)))
    assert [code for code, _ in desk.replies()] == [ACCESS_CHALLENGE] * 5 + [ACCESS_REJECT] * 95
    await desk.send(access_request("alice", identifier=200))
    assert desk.replies() == [(ACCESS_CHALLENGE, 200)]
    await desk.send(eap_hello(300), client=replace(client, name="other"), link=RecordingLink())
    assert len(desk.desk.eap.questions.open) == 6
    await desk.clock.advance(65)
    await desk.send(eap_hello(201))
    assert desk.replies()[-1] == (ACCESS_CHALLENGE, 201)
    assert len(desk.desk.eap.questions.open) == 1
    await desk.desk.stop()
