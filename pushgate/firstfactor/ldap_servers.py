"""The servers of a directory: each question goes to the first one that answers, in a thread, under one deadline."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from pushgate.clock import Clock
from pushgate.firstfactor.failover import Failover
from pushgate.firstfactor.ldap_session import Address
from pushgate.outcome import Failed, FailureKind
from pushgate.threads import Call, FullError, Threads

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Dialogue(Call[T_co], Protocol[T_co]):
    """What is said to one server."""

    @property
    def started(self) -> bool:
        """Whether a thread has taken it."""

    @property
    def final(self) -> bool:
        """Whether no other server is to be asked, whatever came of it."""


class LdapServers:
    """Asks servers in their turn."""

    def __init__(self, addresses: Sequence[Address], clock: Clock, *, timeout: float, threads: int) -> None:
        """Take the servers; each has ``timeout`` seconds for one question."""
        self.clock, self.timeout = clock, timeout
        self.failover = Failover(addresses, clock)
        self.threads = Threads("ldap", threads, clock)

    async def ask(
        self,
        dialogue_with: Callable[[Address, float], Dialogue[T | Failed]],
        complain: Callable[[Address, Failed], None],
        deadline: float,
    ) -> T | Failed:
        """Ask until a server has answered.

        Args:
            dialogue_with: Makes the dialogue with a server, which has so many seconds.
            complain: Writes down that a server has not answered.
            deadline: For all of them.
        """
        outcome: T | Failed = Failed(FailureKind.UNAVAILABLE, asked=False, detail="no time left")
        for address, seconds in self.failover.turns(self.timeout, deadline):
            dialogue = dialogue_with(address, seconds)
            try:
                outcome = await self.threads.run(dialogue, self.clock.now() + seconds)
            except FullError:
                return Failed(FailureKind.RATE_LIMITED, asked=False, detail="too many checks at the same time")
            except TimeoutError:
                if not dialogue.started:
                    return Failed(FailureKind.RATE_LIMITED, asked=False, detail="no thread was free in time")
                outcome = Failed(FailureKind.UNAVAILABLE, asked=False, detail=f"no answer within {seconds:.2g} s")
            if not isinstance(outcome, Failed):
                self.failover.note_answer(address)
                return outcome
            self.failover.note_failure(address)
            complain(address, outcome)
            if dialogue.final:
                break
        return outcome

    def close(self) -> None:
        """Ask nothing more."""
        self.threads.close()
