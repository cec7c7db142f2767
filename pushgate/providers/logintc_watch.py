"""Watching a LoginTC session until the person has answered, and claiming the answer where that is needed."""

import random
from dataclasses import dataclass, replace

from pushgate.clock import Clock
from pushgate.http import RequestFailedError
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle
from pushgate.providers import logintc_sharing as sharing
from pushgate.providers.logintc_failures import failed_call, failed_reply, failure_of_poll
from pushgate.providers.logintc_handles import OpenSession
from pushgate.providers.logintc_server import CALL_SECONDS, LoginTcServer
from pushgate.providers.logintc_wire import CREATED, proved_number, read_state

NO_ANSWER = Failed(FailureKind.EXPIRED, asked=True, detail="no answer by the deadline")
RETRIED = (FailureKind.UNAVAILABLE, FailureKind.RATE_LIMITED)
LONGEST_BACK_OFF = 16.0
"""Seconds between two questions to a server that has enough of them and does not say for how long."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one question about a session has brought."""

    outcome: Approved | Denied | Failed | None
    """None: pending."""
    again: bool = False
    """The failure is one that may pass."""
    pause: float = 0.0
    """Seconds for which the server wants to be left alone."""


class SessionWatch:
    """Asks for a session until it has an end."""

    def __init__(self, server: LoginTcServer, clock: Clock) -> None:
        self.server, self.clock = server, clock

    async def wait(self, handle: Handle, deadline: float) -> Approved | Denied | Failed:
        """Ask until the person has answered; with a last look at the deadline."""
        started, heard, refused = self.clock.now(), False, 0
        while True:
            asked_at = self.clock.now()
            hold = self.server.hold_seconds(deadline - asked_at)
            look = await self.look(handle, hold, deadline)
            if isinstance(look.outcome, Approved):
                return await self.claim(handle, look.outcome, deadline)
            if look.outcome is not None and not look.again:
                return as_withdrawn(handle, look.outcome)
            heard = heard or look.outcome is None
            if asked_at >= deadline:
                # A server that said "pending" and then went away has asked a person who did not answer in time.
                return NO_ANSWER if heard else look.outcome or NO_ANSWER
            refused = refused + 1 if is_refusal(look) else 0
            now = self.clock.now()
            held = look.outcome is None and hold > 0 and now - asked_at >= hold / 2
            if not held:
                pause = max(look.pause, polling_pause(now - started), back_off(refused))
                await self.clock.sleep(max(0.0, min(pause, deadline - now)))

    async def look(self, handle: Handle, hold: int, deadline: float) -> Look:
        """Ask once for the state."""
        path = self.server.session(handle) + (f"?wait={hold}" if hold else "")
        # Past the deadline this is the last look: the caller bounds it.
        until = max(deadline, self.clock.now() + 1.0)
        try:
            reply = await self.server.call("GET", path, until, limit=hold + CALL_SECONDS)
        except RequestFailedError as failure:
            # An unreadable reply may be a proxy's hiccup: it is retried like an outage.
            again = failure.kind in RETRIED or failure.kind is FailureKind.PROTOCOL
            return Look(failed_call(failure, "wait", asked=True), again)
        if reply.status in CREATED:
            return Look(read_state(reply.body, handle.id))
        failed = failure_of_poll(reply)
        return Look(failed, failed.kind in RETRIED, reply.retry_after or 0.0)

    async def claim(self, handle: Handle, approved: Approved, deadline: float) -> Approved | Failed:
        """Claim an approval at our own authority, so that it is used at most once; elsewhere it stands as it is."""
        if not isinstance(handle, OpenSession) or not handle.native:
            return approved
        path = f"{self.server.session(handle)}/consume"
        body = {"consumer": sharing.consumer(handle.login.join_key, handle.id)}
        while True:
            until = max(deadline, self.clock.now() + 1.0)
            try:
                reply = await self.server.call("POST", path, until, body=body)
                if reply.status == 200 and handle.number and proved_number(reply.body) != handle.number:
                    return Failed(FailureKind.DOWNGRADED, asked=True, detail="approved without the number")
                if reply.status == 200:
                    return approved
                failure = failed_reply(reply, "consume", asked=True)
            except RequestFailedError as error:
                failure = failed_call(error, "consume", asked=True)
            if failure.kind not in RETRIED or self.clock.now() >= deadline:
                return failure
            await self.clock.sleep(0.2)


def as_withdrawn(handle: Handle, outcome: Denied | Failed) -> Denied | Failed:
    """Say that a session is gone by our own withdrawal, where it is."""
    withdrawn = isinstance(handle, OpenSession) and handle.tally.withdrawn
    if withdrawn and isinstance(outcome, Failed) and outcome.kind is FailureKind.EXPIRED:
        return replace(outcome, kind=FailureKind.CANCELLED, hint="")
    return outcome


def is_refusal(look: Look) -> bool:
    """Whether the server had enough of questions and did not say for how long."""
    limited = isinstance(look.outcome, Failed) and look.outcome.kind is FailureKind.RATE_LIMITED
    return limited and not look.pause


def back_off(refused: int) -> float:
    """Return the seconds to leave a server alone that has refused so often in a row: 2, 4, 8, 16."""
    return min(2.0 ** min(refused, 9), LONGEST_BACK_OFF) if refused else 0.0


def polling_pause(elapsed: float) -> float:
    """Return the seconds between two plain questions: 1, after half a minute 2, spread so that daemons fall apart."""
    return (1.0 if elapsed < 30 else 2.0) * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load, hides nothing
