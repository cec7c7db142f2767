"""Logins through a network that loses and multiplies: nobody is asked twice, and everybody gets the right answer."""

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest

from pushgate.cli.device_context import PendingLogin
from radius_server.wire import ACCESS_ACCEPT, ACCESS_REJECT
from tests.support.lossy import LossyRelay, Weather
from tests.support.patient_nas import PatientNas
from tests.support.radius_gate import LOOPBACK, Person, RadiusGate

pytestmark = pytest.mark.system

LOGINS = 500
AT_ONCE = 100
WEATHER = Weather(loss=0.3, copies=4, delay=0.05)
THINKING = 1.5
"""Seconds that a person takes at most: some repetitions come while the question is open, some after the answer."""


@pytest.fixture
def gate(private_folder: Path) -> Iterator[RadiusGate]:
    """A gate that waits longer than the worst luck takes."""
    with RadiusGate(private_folder, LOOPBACK, timeout=60) as running:
        yield running


class Crowd:
    """Everybody who logs in, and the threads in which their devices talk to the authority."""

    def __init__(self, gate: RadiusGate) -> None:
        self.gate = gate
        self.threads = ThreadPoolExecutor(4)
        self.room = asyncio.Semaphore(AT_ONCE)
        self.chance = random.Random(5)

    async def log_in(self, nas: PatientNas, person: Person, decision: Literal["approved", "denied"]) -> int:
        """Log one person in, who decides so; return the code of what the NAS got."""
        loop = asyncio.get_running_loop()
        async with self.room:
            login = asyncio.create_task(nas.log_in(person.name))
            question = await self.question(person)
            await asyncio.sleep(self.chance.random() * THINKING)
            await loop.run_in_executor(self.threads, person.answer, question, decision)
            return await login

    async def question(self, person: Person) -> PendingLogin:
        """Wait for a person's only question."""
        while True:
            await asyncio.sleep(0.2)
            questions = await asyncio.get_running_loop().run_in_executor(self.threads, person.pending)
            if questions:
                assert len(questions) == 1
                return questions[0]


async def test_loss_and_duplicates(gate: RadiusGate) -> None:
    """500 logins through 30 % loss and fourfold duplicates make 500 sessions and get 500 right answers."""
    people = await asyncio.to_thread(gate.people, [f"person{number:03d}" for number in range(LOGINS)])
    crowd = Crowd(gate)
    with crowd.threads:
        async with LossyRelay(("127.0.0.1", gate.radius_port), WEATHER, seed=3) as relay:
            with PatientNas(relay.port, gate.secret) as nas:
                codes = await asyncio.gather(
                    *(crowd.log_in(nas, person, "denied" if odd(person) else "approved") for person in people)
                )
    gate.stop()
    assert codes == [ACCESS_REJECT if odd(person) else ACCESS_ACCEPT for person in people]
    assert nas.wrong_replies == []
    assert sessions(gate) == {"approved": LOGINS // 2, "denied": LOGINS // 2}
    assert len(gate.records()) == LOGINS
    # And the network was as bad as it was to be.
    assert relay.to_server.received == nas.packets_sent > 2 * LOGINS
    assert relay.to_server.lost > LOGINS / 2
    assert relay.to_server.delivered > 4 * LOGINS
    assert nas.repeated_replies > LOGINS


def odd(person: Person) -> bool:
    """Whether this one denies."""
    return int(person.name.removeprefix("person")) % 2 == 1


def sessions(gate: RadiusGate) -> dict[str, int]:
    """Count the authority's sessions by their states, once the gate has ended."""
    with closing(sqlite3.connect(gate.folder / "authority" / "authority.db")) as database:
        return dict(Counter(state for (state,) in database.execute("SELECT state FROM session")))
