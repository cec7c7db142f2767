"""The store port: work is a plain function over a transaction; what it returned is durable once it is awaited."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

Row = tuple[Any, ...]
Result = TypeVar("Result")


class Transaction(Protocol):
    """One unit of work. SQL is what SQLite and PostgreSQL share, with ``?`` for parameters."""

    def execute(self, sql: str, *parameters: object) -> list[Row]:
        """Run one statement and return all its rows (also those of ``RETURNING``)."""


Work = Callable[[Transaction], Result]


class Store(Protocol):
    """Runs work one after the other; each piece happens wholly or not at all."""

    async def transact(self, work: Work[Result]) -> Result:
        """Run ``work`` in the store's own thread and return its result after it is durable.

        What ``work`` raises undoes that work alone and is raised here.

        Raises:
            StoreBusyError: the queue is full; nothing was done.
            StoreFailedError: the commit failed; nothing was done.
        """

    async def close(self) -> None:
        """Finish what is queued and release the database."""
