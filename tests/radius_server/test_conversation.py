"""One login at a NAS: who waits for its next reply, and the challenges in between."""

import asyncio
from dataclasses import replace
from ipaddress import ip_network

import pytest

from pushgate.clock import FakeClock
from pushgate.conversation import CannotAsk
from radius_server.clients import Client, Mode
from radius_server.conversation import CHALLENGE_HOLD, MAX_ROUNDS, MAX_WAITING, RadiusConversation
from radius_server.link import Exchange
from radius_server.presets import GENERIC
from radius_server.replies import ChallengeText
from radius_server.states import GRACE, Asker, StateTable
from tests.support.radius import SECRET, access_request, make_exchange

HYBRID = Client("vpn", ip_network("192.0.2.0/24"), SECRET, mode="hybrid")
DIRECT, CHALLENGE = replace(HYBRID, mode="direct"), replace(HYBRID, mode="challenge")
ALICE = Asker("vpn", "alice", "203.0.113.7")


class Bench:
    """A conversation, what it has sent, and its packets."""

    def __init__(self, client: Client = HYBRID, *, capacity: int = 10, eap: int | None = None) -> None:
        self.clock, self.client = FakeClock(), client
        self.states: StateTable[RadiusConversation] = StateTable(capacity, capacity)
        self.sent: list[tuple[Exchange, ChallengeText]] = []
        self.first = self.packet(eap)
        ends = self.clock.now() + 60
        self.conversation = RadiusConversation(ALICE, self.first, self.states, self.send, ends, self.clock)

    def send(self, exchange: Exchange, text: ChallengeText) -> None:
        """Write down what is sent."""
        self.sent.append((exchange, text))

    def packet(self, eap: int | None = None) -> Exchange:
        """Return a packet that arrives now."""
        return make_exchange(access_request(), self.client, received=self.clock.now(), eap_identifier=eap)

    async def ask(self, prompt: str = "Well?") -> "asyncio.Task[str]":
        """Ask, and return the question that is out."""
        asking = asyncio.create_task(self.conversation.ask(prompt, echo=True))
        await self.clock.settle()
        return asking

    def hear(self, text: str) -> Exchange:
        """Let an answer arrive."""
        exchange = self.packet()
        assert self.states.take(self.sent[-1][1].state, ALICE, self.clock.now()) is self.conversation
        self.conversation.hear(exchange, text)
        return exchange


async def test_a_question_and_its_answer() -> None:
    """A question goes to every packet that waits; the answer's packet waits for what follows."""
    bench = Bench()
    second = bench.packet()
    bench.conversation.join(second)
    asking = await bench.ask()
    assert [exchange for exchange, _ in bench.sent] == [bench.first, second]
    [text] = {text for _, text in bench.sent}
    assert (text.prompt, text.seconds, text.echo) == ("Well?", 60, True)
    assert bench.conversation.waiting == []
    answer = bench.hear("yes")
    assert await asking == "yes"
    assert (bench.conversation.waiting, bench.states.open) == ([answer], {})


async def test_a_challenge_that_is_not_answered() -> None:
    """A question that stays unanswered beyond its time and the grace ends; a later answer finds nothing."""
    bench = Bench()
    asking = await bench.ask()
    await bench.clock.advance(60 + GRACE - 0.1)
    assert not asking.done()
    await bench.clock.advance(0.1)
    with pytest.raises(CannotAsk):
        await asking
    assert bench.states.open == {}


@pytest.mark.parametrize(("elapsed", "seconds"), [(0.0, 60), (28.4, 31), (59.7, 1), (90.0, 1)])
async def test_the_time_that_the_nas_is_told(elapsed: float, seconds: int) -> None:
    """A NAS is told how long the login lives still, in whole seconds and never none."""
    bench = Bench()
    await bench.clock.advance(elapsed)
    asking = await bench.ask()
    assert bench.sent[0][1].seconds == seconds
    asking.cancel()


@pytest.mark.parametrize(
    ("client", "eap", "rounds"),
    [
        (DIRECT, None, 0),
        (HYBRID, None, MAX_ROUNDS),
        (CHALLENGE, None, MAX_ROUNDS),
        (HYBRID, 7, 0),
        (replace(HYBRID, preset=replace(GENERIC, gtc_rounds=8)), 7, 7),
        (replace(HYBRID, preset=replace(GENERIC, gtc_rounds=99)), 7, MAX_ROUNDS),
        (replace(DIRECT, preset=replace(GENERIC, gtc_rounds=8)), 7, 0),
    ],
)
async def test_rounds(client: Client, eap: int | None, rounds: int) -> None:
    """Each kind of NAS can be asked so often, and then no more."""
    bench = Bench(client, eap=eap)
    for _ in range(rounds):
        assert bench.conversation.can_ask
        asking = await bench.ask()
        bench.hear("")
        await asking
    assert not bench.conversation.can_ask
    with pytest.raises(CannotAsk):
        await bench.conversation.ask("Well?", echo=True)
    assert len(bench.sent) == rounds


async def test_no_room_for_a_challenge() -> None:
    """A login that cannot have a State is not asked, and its packet still waits for the reply."""
    bench = Bench(capacity=0)
    with pytest.raises(CannotAsk, match="too many"):
        await bench.conversation.ask("Well?", echo=True)
    assert bench.conversation.waiting == [bench.first]


@pytest.mark.parametrize(("mode", "at_once"), [("direct", False), ("hybrid", False), ("challenge", True)])
async def test_when_the_nas_must_hear(mode: Mode, at_once: bool) -> None:
    """A client in mode challenge hears a question after a second, every other one when its patience ends."""
    bench = Bench(replace(HYBRID, mode=mode))
    conversation, now = bench.conversation, bench.clock.now()
    assert conversation.reply_by == (now + 1 if at_once else now + 28)
    assert conversation.shows_at_once == at_once
    await conversation.tell("nothing of this can be shown")
    assert bench.sent == []


async def test_the_latest_packet_counts() -> None:
    """A NAS that asks again has begun to wait anew."""
    bench = Bench()
    await bench.clock.advance(10)
    bench.conversation.join(bench.packet())
    assert bench.conversation.reply_by == bench.clock.now() + 28


async def test_answers_are_held() -> None:
    """In mode challenge an answer is held for some seconds, the last one as long as the NAS waits."""
    bench = Bench(CHALLENGE)
    for left in range(MAX_ROUNDS, 0, -1):
        asking = await bench.ask()
        bench.hear("")
        await asking
        held = CHALLENGE_HOLD if left > 1 else 28
        assert bench.conversation.reply_by == bench.clock.now() + held
    hybrid = Bench(HYBRID)
    asking = await hybrid.ask()
    hybrid.hear("")
    await asking
    assert hybrid.conversation.reply_by == hybrid.clock.now() + 28


async def test_an_open_challenge_is_shown_again() -> None:
    """A packet that joins meanwhile is shown the same challenge, with the time that is left."""
    bench = Bench()
    asking = await bench.ask()
    await bench.clock.advance(20)
    second = bench.packet()
    bench.conversation.join(second)
    [(_, first_text), (exchange, second_text)] = bench.sent
    assert (exchange, second_text) == (second, replace(first_text, seconds=40))
    bench.hear("yes")
    assert await asking == "yes"


async def test_nothing_is_shown_again_behind_the_answer() -> None:
    """A packet that joins at the same moment as the answer waits with it."""
    bench = Bench()
    asking = await bench.ask()
    answer, second = bench.hear("yes"), bench.packet()
    bench.conversation.join(second)
    assert (len(bench.sent), bench.conversation.waiting) == (1, [answer, second])
    await asking


async def test_packets_beyond_the_bound() -> None:
    """A NAS that asks again and again keeps its latest packets waiting; the oldest are forgotten."""
    bench = Bench()
    packets = [bench.first]
    for _ in range(MAX_WAITING):
        packets.append(bench.packet())
        bench.conversation.join(packets[-1])
    assert bench.conversation.waiting == packets[1:]
    assert bench.first.table.in_flight == {}
    assert all(packet.table.in_flight for packet in packets[1:])


def started(bench: Bench) -> "asyncio.Task[None]":
    """Give the conversation a task."""

    async def forever() -> None:
        await asyncio.Event().wait()

    bench.conversation.task = asyncio.create_task(forever())
    return bench.conversation.task


async def test_the_last_packet_ends_the_login() -> None:
    """A login ends when the last packet that waits for it is given up, and is not joined any more."""
    bench = Bench()
    task, second = started(bench), bench.packet()
    bench.conversation.join(second)
    assert not bench.conversation.is_alone(bench.first)
    bench.conversation.leave(bench.first, "given up")
    assert bench.conversation.is_alone(second)
    assert not bench.conversation.over
    bench.conversation.leave(bench.first, "twice")
    bench.conversation.leave(second, "given up")
    assert bench.conversation.over
    with pytest.raises(asyncio.CancelledError, match="given up"):
        await task


async def test_a_challenge_that_is_out_keeps_the_login() -> None:
    """Between question and answer no packet waits, and the login goes on."""
    bench = Bench()
    task, asking = started(bench), await bench.ask()
    bench.conversation.leave(bench.first, "its NAS moved on")
    await bench.clock.settle()
    assert not task.done()
    asking.cancel()
    task.cancel()


async def test_an_answer_that_is_given_up_before_it_is_heard_ends_the_login() -> None:
    """An answer and its end in the same moment leave nothing that waits for nobody."""
    bench = Bench()
    task, asking = started(bench), await bench.ask()
    bench.conversation.leave(bench.hear("yes"), "its NAS moved on")
    await bench.clock.settle()
    assert task.cancelled()
    assert await asking == "yes"


async def test_an_answer_in_the_moment_of_the_time_out() -> None:
    """An answer that comes when its time has just run out waits for the decision like any packet."""
    bench = Bench()
    asking = await bench.ask()
    asking.cancel()
    answer = bench.hear("yes")
    await bench.clock.settle()
    assert asking.cancelled()
    assert bench.conversation.waiting == [answer]
