"""One login at a NAS: the packets that wait for its next reply, and the challenges in between."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from typing_extensions import override

from pushgate.clock import Clock
from pushgate.conversation import CannotAsk, Conversation, NotAnswered
from radius_server.link import Exchange
from radius_server.replies import REJECT_FLOOR, ChallengeText
from radius_server.states import GRACE, Asker, StateTable

MAX_ROUNDS = 8
CHALLENGE_SECONDS = 60.0
"""How long the person may think about a challenge; the NAS is told as Session-Timeout."""
CHALLENGE_HOLD = 5.0
"""In mode challenge: how long an answer is held before the next challenge, as the NAS may do nothing else meanwhile."""
MAX_WAITING = 16
"""Packets that wait for one login. A NAS that asks again under a new Identifier has given its earlier packets up."""

SendChallenge = Callable[[Exchange, ChallengeText], None]


@dataclass(frozen=True, slots=True, eq=False)
class OpenChallenge:
    """A challenge that is out."""

    prompt: str
    echo: bool
    state: bytes = field(repr=False)
    until: float
    typed: "asyncio.Future[str]" = field(repr=False)

    def text(self, now: float) -> ChallengeText:
        """Return what a NAS is to show from now on."""
        return ChallengeText(self.prompt, self.state, max(1, int(self.until - now)), self.echo)


class RadiusConversation(Conversation):
    """What the core sees of one login.

    Packets join it and leave it: each asks for the same login, and each gets its own reply. Between a challenge and
    its answer no packet waits at all.
    """

    def __init__(
        self,
        asker: Asker,
        first: Exchange,
        states: "StateTable[RadiusConversation]",
        send: SendChallenge,
        ends: float,
        clock: Clock,
    ) -> None:
        """Take the login's first packet.

        Args:
            asker: Who may answer its challenges.
            first: The packet.
            states: Where challenges are kept.
            send: Sends one.
            ends: When the core gives the login up, at the latest.
            clock: Time.
        """
        self.asker, self.states, self.send, self.ends, self.clock = asker, states, send, ends, clock
        self.client = first.client
        self.eap = first.eap_identifier is not None
        self.waiting = [first]
        self.rounds_left = self.rounds()
        self.challenge: OpenChallenge | None = None
        self.task: asyncio.Task[None] | None = None
        self.over = False
        """Nobody waits for it any more, and it is about to end: too late to join."""
        asks_at_once = self.client.mode == "challenge" and self.rounds_left
        # Not sooner, or the time of the question told whether there was somebody to ask.
        self.speak_at = first.received + REJECT_FLOOR if asks_at_once else None

    def rounds(self) -> int:
        """Return how many challenges this NAS can show."""
        if self.client.mode == "direct":
            return 0
        # The first round of an EAP conversation has asked for the password field itself.
        return min(MAX_ROUNDS, self.client.preset.gtc_rounds - 1) if self.eap else MAX_ROUNDS

    @property
    @override
    def reply_by(self) -> float:
        if self.speak_at is not None:
            return self.speak_at
        # Whoever asks again has given the earlier packet up: the latest one counts.
        return max((exchange.reply_by for exchange in self.waiting), default=self.ends)

    @property
    @override
    def can_ask(self) -> bool:
        return self.rounds_left > 0

    @property
    @override
    def ends_by(self) -> float | None:
        return None if self.can_ask else self.reply_by

    @property
    @override
    def may_know(self) -> bool:
        return False

    @property
    @override
    def shows_at_once(self) -> bool:
        return self.speak_at is not None

    @override
    async def tell(self, text: str) -> None:
        # RADIUS has no "still working" packet; what has to be said stands in the challenge.
        return

    @override
    async def ask(self, prompt: str, *, echo: bool) -> str:
        if not self.can_ask or not self.waiting:
            raise CannotAsk("this appliance shows no more challenges")
        self.rounds_left -= 1
        now = self.clock.now()
        seconds = max(1.0, min(CHALLENGE_SECONDS, self.ends - now))
        state = self.states.put(self.asker, self, now, seconds)
        if state is None:
            raise CannotAsk("too many challenges are open")
        typed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.challenge = OpenChallenge(prompt, echo, state, now + seconds, typed)
        waiting, self.waiting = self.waiting, []
        for exchange in waiting:
            self.send(exchange, self.challenge.text(now))
        try:
            async with self.clock.timeout_at(now + seconds + GRACE):
                return await typed
        except TimeoutError:
            raise NotAnswered("the challenge was not answered") from None
        finally:
            self.challenge = None
            self.states.drop(state)

    def hear(self, exchange: Exchange, text: str) -> None:
        """Take the answer to the open challenge; its packet waits from now on."""
        self.waiting.append(exchange)
        self.speak_at = None
        if self.client.mode == "challenge" and self.can_ask:
            self.speak_at = min(exchange.reply_by, exchange.received + CHALLENGE_HOLD)
        if self.challenge is not None and not self.challenge.typed.done():
            self.challenge.typed.set_result(text)
        self.challenge = None

    def join(self, exchange: Exchange) -> None:
        """Let one more packet wait for the same login; an open challenge is shown again."""
        if self.challenge is not None:
            self.send(exchange, self.challenge.text(self.clock.now()))
            return
        self.waiting.append(exchange)
        if len(self.waiting) > MAX_WAITING:
            oldest = self.waiting.pop(0)
            oldest.table.forget(oldest.entry)

    def is_alone(self, exchange: Exchange) -> bool:
        """Whether nothing but this packet keeps the login going."""
        return self.waiting == [exchange]

    def leave(self, exchange: Exchange, why: str) -> None:
        """Take a packet out that its NAS has given up; the login ends when nobody waits for it any more."""
        if exchange in self.waiting:
            self.waiting.remove(exchange)
            if not self.waiting:
                self.end(why)

    def end(self, why: str) -> None:
        """Give the login up: its question is withdrawn."""
        self.over = True
        if self.task is not None:
            self.task.cancel(why)
