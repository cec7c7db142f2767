"""Which server is asked first: in the order of the configuration, those that just failed last."""

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

from pushgate.clock import Clock

AVOID_SECONDS = 60.0
"""How long a server that failed is asked after the others: else each login would wait for the dead one first."""

Server = TypeVar("Server")


class Failover(Generic[Server]):
    """A list of servers and when each failed."""

    def __init__(self, servers: Sequence[Server], clock: Clock) -> None:
        self.servers, self.clock = tuple(servers), clock
        self.failed_at = [float("-inf")] * len(self.servers)

    def order(self) -> list[Server]:
        """Return every server: none is left out, because all may have failed and be back."""
        now = self.clock.now()
        avoided = [now - failed_at < AVOID_SECONDS for failed_at in self.failed_at]
        ranks = sorted(range(len(self.servers)), key=lambda index: avoided[index])
        return [self.servers[index] for index in ranks]

    def turns(self, seconds: float, deadline: float) -> Iterator[tuple[Server, float]]:
        """Give each server and its seconds: at most these, and a fair share of what is left until the deadline."""
        servers = self.order()
        for position, server in enumerate(servers):
            left = deadline - self.clock.now()
            if left <= 0:
                return
            yield server, min(seconds, left / (len(servers) - position))

    def note_failure(self, server: Server) -> None:
        """Ask this server last for a while."""
        self.failed_at[self.servers.index(server)] = self.clock.now()

    def note_answer(self, server: Server) -> None:
        """Ask this server in its turn again."""
        self.failed_at[self.servers.index(server)] = float("-inf")
