"""Rejections that blame what was typed leave no sooner than a second after receipt, whoever is blamed."""

import asyncio

from pushgate.clock import Clock
from pushgate.decision import Decision
from radius_server.limits import Slots
from radius_server.link import Exchange
from radius_server.outbox import Outbox
from radius_server.replies import REJECT_FLOOR, takes_its_time
from radius_server.schemes import Refusal


class Floor:
    """Replies for which nobody has to be asked: at once, or when the floor has been reached."""

    def __init__(self, slots: Slots, outbox: Outbox, clock: Clock) -> None:
        """Take the slots of delayed replies.

        They are none of the slots of logins, because whoever can send a packet can cause rejections.
        """
        self.slots, self.outbox, self.clock = slots, outbox, clock

    def reply(self, exchange: Exchange, answer: Decision | Refusal) -> None:
        """Reply in due time.

        Without a free slot that is at once: what is answered here was found without looking at any password, so a
        flood teaches no guesser anything.
        """
        if is_slow(answer) and self.slots.has_room(exchange.client.name):
            self.slots.take(exchange.client.name, asyncio.create_task(self.reply_later(exchange, answer)))
        else:
            self.outbox.reply(exchange, answer)

    async def reply_later(self, exchange: Exchange, answer: Decision | Refusal) -> None:
        """Reply when the floor has been reached."""
        await self.reached(exchange.received)
        self.outbox.reply(exchange, answer)

    async def reached(self, received: float) -> None:
        """Wait until a rejection of what came then may leave."""
        remaining = received + REJECT_FLOOR - self.clock.now()
        if remaining > 0:
            await self.clock.sleep(remaining)


def is_slow(answer: Decision | Refusal) -> bool:
    """Whether a reply blames what was typed."""
    return answer.credential if isinstance(answer, Refusal) else takes_its_time(answer)
