"""Closing ThreatWinds' sessions: a session that stays open is a live bearer in the name of that person.

::

    hold ── end ── closed                            DELETE with its own bearer
             └──── owed ── each minute again ── noted   closed by a later login of the same person, whose code was right
"""

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import structlog

from pushgate.clock import Clock
from pushgate.http import RequestFailedError
from pushgate.providers.base import WITHDRAW_SECONDS
from pushgate.providers.threatwinds_server import ThreatWindsServer, session_path
from pushgate.providers.threatwinds_wire import GONE, Session, is_acknowledged, leftovers, read_sessions
from pushgate.text import clean

log = structlog.get_logger()

RETRY_SECONDS = 60.0
TRIES = 60
"""About an hour."""
OWED_LIMIT = 1000
NOTED_LIMIT = 10_000
LISTED_LIMIT = 200
SWEEP_LIMIT = 20
SWEEP_SECONDS = 5.0
GOODBYE_SECONDS = 2.0
"""What a stopping daemon gives to what is under way."""
NO_RIGHT = (401, 403)
"""The bearer has expired, or may not close what is not verified."""
REFUSALS = 5


@dataclass(slots=True)
class Owed:
    """A session whose end we owe."""

    session: Session
    tries: int = 0
    is_gone: bool = False
    """The server has said once that there is none: it is asked a second time, as a proxy can say that, too."""


class Closing:
    """Knows every session of ours that may be open, and sees to its end."""

    def __init__(self, server: ThreatWindsServer, clock: Clock) -> None:
        self.server, self.clock = server, clock
        self.live: dict[str, Session] = {}
        """Sessions that a login is using."""
        self.owed: OrderedDict[str, Owed] = OrderedDict()
        self.noted: OrderedDict[str, None] = OrderedDict()
        """Ids that their own bearer could not close."""
        self.tasks: set[asyncio.Task[object]] = set()
        self.stopped = False
        self.retrying: asyncio.Task[None] | None = None

    def hold(self, session: Session) -> None:
        """Note a session the moment it is known."""
        self.live[session.id] = session

    async def end(self, session: Session) -> None:
        """Close a session, for at most ``WITHDRAW_SECONDS``; a second call does nothing, and none raises."""
        if self.live.pop(session.id, None) is None:
            return
        # Owed before it is tried: we may be cancelled on the way.
        self.owed[session.id] = owed = Owed(session)
        try:
            await self.settle(owed)
        finally:
            self.keep_trying()

    async def settle(self, owed: Owed) -> bool:
        """Try to close a session that is owed; False if the server does not work, so that no other need be tried."""
        session = owed.session
        owed.tries += 1
        until = self.clock.now() + WITHDRAW_SECONDS
        try:
            reply = await self.server.call("DELETE", session_path(session.id), until, bearer=session.bearer)
        except RequestFailedError as failure:
            works, error = False, failure.detail
        else:
            if is_acknowledged(reply) or (reply.status in GONE and owed.is_gone):
                self.forget(session.id)
                return True
            if reply.status in GONE:
                owed.is_gone = True
                return True
            works, error = reply.status in NO_RIGHT, f"HTTP {reply.status}"
        if owed.tries == 1:
            log.warning("withdraw_failed", session=clean(session.id, 128), error=error)
        if owed.tries >= (REFUSALS if works else TRIES):
            self.note(session.id)
        return works

    def forget(self, session_id: str) -> None:
        """Owe nothing more for a session."""
        self.owed.pop(session_id, None)
        self.noted.pop(session_id, None)

    def note(self, session_id: str) -> None:
        """Give a session up until its person logs in again."""
        self.owed.pop(session_id, None)
        self.noted[session_id] = None
        if len(self.noted) > NOTED_LIMIT:
            self.noted.popitem(last=False)

    def keep_trying(self) -> None:
        """See that what is owed is tried again, and that it does not become too much."""
        while len(self.owed) > OWED_LIMIT:
            self.note(next(iter(self.owed)))
        if self.owed and not self.stopped and (self.retrying is None or self.retrying.done()):
            self.retrying = asyncio.create_task(self.retry())

    async def retry(self) -> None:
        """Try once a minute, until nothing is owed any more."""
        while self.owed:
            await self.clock.sleep(RETRY_SECONDS)
            for session_id, owed in list(self.owed.items()):
                if not await self.settle(owed):
                    # A server that is down is asked about one session a minute, and about another one next time.
                    if session_id in self.owed:
                        self.owed.move_to_end(session_id)
                    break

    async def part(self, session: Session) -> None:
        """End a session that was verified; before it, what earlier logins of the same person have left behind."""
        try:
            async with self.clock.timeout_at(self.clock.now() + SWEEP_SECONDS):
                await self.sweep(session)
        except (TimeoutError, RequestFailedError):
            pass  # another login will do it
        finally:
            await self.end(session)

    async def sweep(self, own: Session) -> None:
        """Close the leftovers of a person whose verified session we have.

        Raises:
            RequestFailedError: the server does not answer.
        """
        until = self.clock.now() + SWEEP_SECONDS
        reply = await self.server.call("GET", "/sessions", until, bearer=own.bearer)
        known = self.owed.keys() | self.noted.keys()
        found = leftovers(read_sessions(reply, LISTED_LIMIT), own, self.live, known)[:SWEEP_LIMIT]
        closed = 0
        for session_id in found:
            answer = await self.server.call("DELETE", session_path(session_id), until, bearer=own.bearer)
            if is_acknowledged(answer) or answer.status in GONE:
                self.forget(session_id)
                closed += 1
        if found:
            log.info("leftovers_closed", closed=closed, found=len(found))

    def spawn(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
        """Run something that has to come to its end although its login is over."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def close(self) -> None:
        """Let what is under way end, then close every session that is left, within a few seconds."""
        self.stopped = True
        if self.retrying is not None:
            self.retrying.cancel()
            await asyncio.wait([self.retrying])
        await self.await_tasks()
        for owed in [*self.owed.values(), *map(Owed, self.live.values())]:
            self.spawn(self.settle(owed))
        self.live.clear()
        await self.await_tasks()
        self.owed.clear()

    async def await_tasks(self) -> None:
        """Wait a moment for what is under way, then cut it short."""
        tasks = set(self.tasks)
        try:
            async with self.clock.timeout_at(self.clock.now() + GOODBYE_SECONDS):
                while pending := {task for task in tasks if not task.done()}:
                    await asyncio.wait(pending)
        except TimeoutError:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
