"""Which server of a directory is asked, and for how long; real ones are in tests/system."""

from typing import Any

from pushgate.clock import FakeClock, SystemClock
from pushgate.firstfactor.ldap_servers import LdapServers
from pushgate.firstfactor.ldap_session import Address
from pushgate.outcome import Failed, FailureKind

FIRST, SECOND = (Address(host, 389, False, None) for host in ("first.example", "second.example"))
DOWN = Failed(FailureKind.UNAVAILABLE, asked=False, detail="down")


class Scripted:
    """A dialogue that answers as told."""

    started = True

    def __init__(self, answer: Any, *, final: bool = False) -> None:
        self.answer, self.final, self.aborted = answer, final, False

    def run(self) -> Any:
        """Answer."""
        return self.answer

    def abort(self) -> None:
        """Note it."""
        self.aborted = True


class Asking:
    """Servers, and what was said to each."""

    def __init__(self, clock: Any, answers: dict[str, Scripted]) -> None:
        self.servers = LdapServers([FIRST, SECOND], clock, timeout=5, threads=1)
        self.answers, self.asked, self.complaints = answers, list[str](), list[str]()

    def dialogue(self, address: Address, seconds: float) -> Scripted:
        """Begin a dialogue with a server."""
        self.asked.append(address.host)
        return self.answers[address.host]

    def complain(self, address: Address, failed: Failed) -> None:
        """Note a complaint."""
        self.complaints.append(f"{address.host}: {failed.detail}")

    async def ask(self, seconds: float = 5.0) -> Any:
        """Ask."""
        return await self.servers.ask(self.dialogue, self.complain, self.servers.clock.now() + seconds)


async def test_the_first_server_that_answers_is_enough() -> None:
    """A question goes to the second server only if the first one failed, and then to the second one first."""
    asking = Asking(SystemClock(), {"first.example": Scripted(DOWN), "second.example": Scripted("yes")})
    assert await asking.ask() == "yes"
    assert (asking.asked, asking.complaints) == (["first.example", "second.example"], ["first.example: down"])
    assert await asking.ask() == "yes"
    assert asking.asked[2:] == ["second.example"]
    asking.servers.close()


async def test_a_final_answer_is_asked_of_nobody_else() -> None:
    """A server that has said something final is the last that is asked."""
    asking = Asking(SystemClock(), {"first.example": Scripted(DOWN, final=True)})
    assert await asking.ask() == DOWN
    assert asking.asked == ["first.example"]
    asking.servers.close()


async def test_no_time_left_asks_no_server(fake_clock: FakeClock) -> None:
    """A question whose deadline has passed is put to nobody."""
    asking = Asking(fake_clock, {})
    assert await asking.ask(0) == Failed(FailureKind.UNAVAILABLE, asked=False, detail="no time left")
    assert asking.asked == []
    asking.servers.close()


async def test_closed_servers_refuse(fake_clock: FakeClock) -> None:
    """A question that comes after the configuration was exchanged is refused, and opens nothing."""
    asking = Asking(fake_clock, {"first.example": Scripted("yes")})
    asking.servers.close()
    refused = await asking.ask()
    assert isinstance(refused, Failed)
    assert refused.kind is FailureKind.RATE_LIMITED
