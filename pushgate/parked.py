"""Two attempts for one login: the first has a code sent and is refused, the second brings the code.

For appliances that show no challenges. Between the two nothing waits at the appliance: the question is parked here,
bound to the person, the place and the password of the first attempt, and withdrawn when its time is over.
"""

import asyncio
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from itertools import islice

from pushgate.attempts import person_of
from pushgate.clock import Clock
from pushgate.firstfactor.base import PasswordRight
from pushgate.login import Login, Secret
from pushgate.question import Question
from pushgate.tasks import finish

Key = tuple[str, str, str, str | None]


@dataclass(eq=False)
class Parked:
    """A question whose code has not come yet."""

    question: Question
    person: PasswordRight
    """What the first attempt found out about the person."""
    password: bytes = field(repr=False)
    """Keyed digest of the first attempt's password: with it the second is not checked again, which may count."""
    expires_at: float
    wrong_codes: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by the attempt that tries a code: of two that bring the right one, one gets in."""
    expiry: asyncio.Task[None] | None = None

    async def let_go(self) -> None:
        """Take the question back, and what the provider has kept of the password behind it."""
        await self.question.withdraw()
        await self.release()

    async def release(self) -> None:
        """Let go of what the provider has kept of the password; to the end, even if we are cancelled."""
        if self.person.handle is not None:
            await finish(asyncio.create_task(self.question.provider.cancel(self.person.handle)))


class ParkedQuestions:
    """The questions between a first and a second attempt; bounded, each with its end."""

    LIMIT = 1_000
    PER_PERSON = 8
    """Places from which one person may have a code to come: or one password could fill the table for all."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.digest_key = secrets.token_bytes(32)
        self.open: dict[Key, Parked] = {}

    def find(self, login: Login, password: Secret) -> Parked | None:
        """Return what waits for this attempt: of the same person, place and password, and still in time."""
        parked = self.open.get(key_of(login))
        if parked is None or self.clock.now() >= parked.expires_at:
            return None
        return parked if hmac.compare_digest(parked.password, self.digest(password)) else None

    def holds(self, login: Login, parked: Parked) -> bool:
        """Whether it still waits, and no other attempt has taken it meanwhile."""
        return self.open.get(key_of(login)) is parked and self.clock.now() < parked.expires_at

    async def park(
        self, login: Login, question: Question, person: PasswordRight, password: Secret, expires_at: float
    ) -> bool:
        """Keep a question until its code comes; False, and nothing kept, where there is no room.

        An older one of the same person at the same place is withdrawn: only the latest code counts. Of a person at too
        many places the oldest is.
        """
        replaced = [self.open[key_of(login)]] if key_of(login) in self.open else self.crowded_out(login)
        if not replaced and len(self.open) >= self.LIMIT:
            return False
        for each in replaced:
            self.forget(each.question.login, each)
        # In the table before anything is waited for: of two at the same moment the later replaces the earlier.
        parked = Parked(question, person, self.digest(password), expires_at)
        self.open[key_of(login)] = parked
        parked.expiry = asyncio.create_task(self.expire(login, parked))
        for each in replaced:
            await self.take_back(each)
        return True

    def crowded_out(self, login: Login) -> list[Parked]:
        """Return what has to go for one more question of this person: the oldest one, or one that nobody was asked.

        Whoever makes up a thousand names fills the table with questions that no code answers.
        """
        theirs = [parked for key, parked in self.open.items() if key[2] == person_of(login)]
        if len(theirs) >= self.PER_PERSON:
            return theirs[:1]
        pretended = (parked for parked in self.open.values() if not is_real(parked.question.login))
        return list(islice(pretended, 1)) if len(self.open) >= self.LIMIT else []

    async def expire(self, login: Login, parked: Parked) -> None:
        """Withdraw a question when its time is over."""
        await self.clock.sleep(max(0.0, parked.expires_at - self.clock.now()))
        if self.forget(login, parked):
            await parked.let_go()

    async def withdraw(self, login: Login, parked: Parked) -> None:
        """Take a question back, if it is still here."""
        if self.forget(login, parked):
            await self.take_back(parked)

    @staticmethod
    async def take_back(parked: Parked) -> None:
        """Take back a question that is out of the table already."""
        if parked.expiry is not None:
            parked.expiry.cancel()
        await parked.let_go()

    def forget(self, login: Login, parked: Parked) -> bool:
        """Take it out of the table; whether it was there."""
        if self.open.get(key_of(login)) is not parked:
            return False
        del self.open[key_of(login)]
        return True

    async def redeemed(self, login: Login, parked: Parked) -> None:
        """Note that its code has opened the door: there is no question left to withdraw."""
        if self.forget(login, parked):
            if parked.expiry is not None:
                parked.expiry.cancel()
            await parked.release()

    async def close(self) -> None:
        """Withdraw every question."""
        parked, self.open = list(self.open.values()), {}
        tasks = [each.expiry for each in parked if each.expiry is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*(each.let_go() for each in parked), *map(finish, tasks))

    def digest(self, password: Secret) -> bytes:
        """Return what a password is known by; of no use without the key, which lives as long as the daemon."""
        return hmac.digest(self.digest_key, password.value, hashlib.sha256)


def is_real(login: Login) -> bool:
    """Whether a code can open the door to this login."""
    return login.known and login.permitted


def key_of(login: Login) -> Key:
    """Name person and place: another appliance or another address redeems nothing."""
    return (login.service, login.host, person_of(login), login.origin.address)
