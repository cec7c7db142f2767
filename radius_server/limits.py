"""How much may be in work at once, in all and for one client."""

import asyncio
from collections import Counter

from radius_server.schemes import Refusal

OVERLOADED = Refusal("overloaded", "raise max_pending, or find out who sends so many logins", "Too many logins")

Task = asyncio.Task[None]


class Slots:
    """Tasks of one kind, each in a slot that it leaves by ending."""

    def __init__(self, total: int, per_client: int) -> None:
        """Take how many tasks there may be."""
        self.total, self.per_client = total, per_client
        self.tasks: dict[Task, str] = {}
        self.of_client: Counter[str] = Counter()

    def has_room(self, client: str, leaving: Task | None = None) -> bool:
        """Whether one more task of this client may begin, if ``leaving`` is about to end."""
        freed = leaving in self.tasks
        return len(self.tasks) - freed < self.total and self.of_client[client] - freed < self.per_client

    def take(self, client: str, task: Task) -> None:
        """Count a task until it ends."""
        self.tasks[task] = client
        self.of_client[client] += 1
        task.add_done_callback(self._leave)

    def _leave(self, task: Task) -> None:
        self.of_client[self.tasks.pop(task)] -= 1
