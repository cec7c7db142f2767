"""The life of sessions in a running authority: begin, read, wait, decide, withdraw, consume, sweep; wakes who waits."""

from dataclasses import dataclass, field

import structlog

from push_authority import activation, asking, codes, sessions
from push_authority.clock import Clock
from push_authority.devices import Device, find_device
from push_authority.errors import ApiError, bad_request, not_found, rate_limited
from push_authority.proof import NOBODY, SignedDecision, verifies
from push_authority.sessions import Claim, Final, Session, State, find_claimed, find_session
from push_authority.store.base import Store, Transaction
from push_authority.waiters import Wakeups

log = structlog.get_logger()

SWEEP_SECONDS = 1.0
MIN_RETENTION = 600


@dataclass(frozen=True, slots=True)
class Answer:
    """What a device sent as its decision; already checked in form."""

    session_id: str
    device_id: str
    decision: str
    number: str = field(repr=False)
    signature: bytes
    via: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A session that a device may answer, and the addresses of those that wait behind it: each is its own."""

    session: Session
    waiting: tuple[str, ...]


class SessionKeeper:
    """All that happens to sessions; one per authority."""

    def __init__(self, store: Store, clock: Clock, request_timeout: int, desk: asking.Desk) -> None:
        self.store = store
        self.clock = clock
        self.request_timeout = request_timeout
        self.desk = desk
        # Finished sessions stay readable: a failing GET makes logintc-c end the program that uses PAM.
        self.retention = max(2 * request_timeout, MIN_RETENTION)
        self.session_waits = Wakeups()
        self.user_waits = Wakeups()
        # Counted by the sweeper once a second, and kept up in between: counting at each login would cost too much.
        self.pending = 0
        self.kept = 0

    async def begin(self, question: asking.Question) -> Session:
        """Ask a person, or let a code decide.

        Raises:
            ApiError: see ``asking.begin``; or there are too many sessions in all.
        """
        asks = question.code is None
        if (asks and self.pending >= asking.MAX_PENDING) or self.kept >= asking.MAX_KEPT:
            raise rate_limited("too many sessions", retry_after=5)
        now, wall = self.clock.now(), self.clock.wall()
        self.pending += asks
        self.kept += 1
        try:
            begun = await self.store.transact(lambda tx: asking.begin(tx, now, wall, self.desk, question))
        except BaseException:
            self.pending -= asks
            self.kept -= 1
            raise
        if begun.new and asks:
            self.user_waits.wake(user_key(begun.session.user_id, begun.session.domain_id))
        return begun.session

    async def read(self, session_id: str) -> Session | None:
        """Return a session, if there is one."""
        now = self.clock.now()
        return await self.store.transact(lambda tx: find_session(tx, now, session_id))

    async def read_claimed(self, claim: Claim) -> Session | None:
        """Return a session to the key that began it."""
        now = self.clock.now()
        return await self.store.transact(lambda tx: find_claimed(tx, now, claim))

    async def wait(self, claim: Claim, deadline: float, *, stay_expired: bool) -> Session | None:
        """Return a session to the key that began it once it is final, at the latest at the deadline (``Clock.now``).

        Args:
            claim: The session.
            deadline: When to return it as it is.
            stay_expired: Hold an expired session until the deadline too: LoginTC's clients are told ``pending`` for
                it and would ask again at once, and again.
        """
        with self.session_waits.watch(claim.session_id) as changed:
            while True:
                changed.clear()
                session = await self.read_claimed(claim)
                now = self.clock.now()
                if session is None or deadline <= now or self.session_waits.ended:
                    return session
                state = session.state(now)
                if state is not State.PENDING and not (stay_expired and state is State.EXPIRED):
                    return session
                until = min(deadline, session.expires) if state is State.PENDING else deadline
                try:
                    async with self.clock.timeout_at(until):
                        await changed.wait()
                except TimeoutError:
                    continue

    async def cancel(self, claim: Claim) -> None:
        """Withdraw a session.

        Raises:
            ApiError: there is no such session of this key.
        """
        now = self.clock.now()

        def work(tx: Transaction) -> list[Final]:
            if find_claimed(tx, now, claim) is None:
                raise not_found("session")
            return sessions.cancel(tx, now, claim.session_id, claim.api_key)

        self.announce(await self.store.transact(work))

    async def consume(self, claim: Claim, consumer: str) -> Session:
        """Use an approval up.

        Raises:
            ApiError: there is no such session of this key; it is no approval, or somebody else has used it.
        """
        now = self.clock.now()

        def work(tx: Transaction) -> Session | None:
            if find_claimed(tx, now, claim) is None:
                raise not_found("session")
            if not sessions.consume(tx, now, claim.session_id, consumer):
                raise ApiError(409, "conflict", "not approved, or used by another consumer")
            return find_session(tx, now, claim.session_id)

        session = await self.store.transact(work)
        if session is None:
            raise not_found("session")
        return session

    async def decide(self, answer: Answer) -> State:
        """Check a device's decision and make it take effect.

        Raises:
            ApiError: 404 no such session of this device's person; 403 not a signature of this device over what was
                asked; 400 an approval without the number that it needs, or with one that it does not; 409 final
                already, or not its turn; 410 too late.
        """
        now = self.clock.now()

        def look(tx: Transaction) -> tuple[Session | None, Device | None]:
            return find_session(tx, now, answer.session_id), find_device(tx, answer.device_id)

        session, device = await self.store.transact(look)
        fields = answer.session_id, answer.device_id, answer.decision, session.nonce if session else ""
        signed = SignedDecision(*fields, session.ctx if session else "", answer.number, answer.signature)
        # Checked also for unknown devices and sessions: they shall cost the time of known ones.
        valid = verifies(device.public_key if device else NOBODY, answer.signature, signed.message())
        if device is None:
            raise ApiError(403, "forbidden", "unknown device, or not its signature")
        if session is None or (session.user_id, session.domain_id) != (device.user_id, device.domain_id):
            raise not_found("session")
        if not valid:
            log.warning("decision_forged", session=session.id, device=device.id)
            raise ApiError(403, "forbidden", "unknown device, or not its signature")
        if answer.decision == "approved" and bool(session.number) != bool(answer.number):
            wanted = "needs the number that is shown where you log in" if session.number else "needs no number"
            raise bad_request(f"an approval of this request {wanted}")
        now = self.clock.now()
        key = device.public_key
        finals = await self.store.transact(lambda tx: sessions.decide(tx, now, signed, key, answer.via))
        if not finals:
            raise await self.refusal(answer.session_id)
        self.announce(finals)
        return finals[0].state

    async def refusal(self, session_id: str) -> ApiError:
        """Say why a valid decision had no effect."""
        session, now = await self.read(session_id), self.clock.now()
        if session is None:
            return not_found("session")
        state = session.state(now)
        extra = {"id": session.id, "state": state}
        if state is State.EXPIRED:
            return ApiError(410, "gone", "too late: the request has expired", extra=extra)
        if session.waits_its_turn:
            return ApiError(409, "conflict", "an older request has to be answered first", extra=extra)
        if state is State.PENDING:
            return ApiError(403, "forbidden", "the device has just been revoked")
        return ApiError(409, "conflict", f"this request is {state} already", extra=extra)

    async def shown(self, device: Device) -> list[Shown] | None:
        """Return what a device can answer now, oldest first; None if it has been revoked."""
        now = self.clock.now()

        def look(tx: Transaction) -> list[Session] | None:
            known = find_device(tx, device.id)
            return sessions.pending_of(tx, now, known.user_id, known.domain_id) if known else None

        pending = await self.store.transact(look)
        if pending is None:
            return None
        first = [session for session in pending if not session.waits_its_turn]
        queued = [session for session in pending if session.waits_its_turn]
        return [Shown(one, tuple(two.origin for two in queued if same_queue(one, two))) for one in first]

    def announce(self, finals: list[Final]) -> None:
        """Wake everybody who waits for these sessions or shows them."""
        self.pending = max(0, self.pending - len(finals))
        for final in finals:
            self.session_waits.wake(final.id)
        for key in {user_key(final.user_id, final.domain_id) for final in finals}:
            self.user_waits.wake(key)

    def end_waits(self) -> None:
        """Let every long poll and event stream come to its end."""
        self.session_waits.end()
        self.user_waits.end()

    async def sweep(self) -> None:
        """Expire and forget what has had its time; once a second."""
        now = self.clock.now()

        def work(tx: Transaction) -> tuple[list[Final], int, int]:
            finals = sessions.expire(tx, now)
            sessions.forget(tx, now - self.retention)
            activation.forget_old_codes(tx, now)
            codes.forget_old(tx, now)
            return finals, *sessions.counts(tx)

        finals, pending, final = await self.store.transact(work)
        self.announce(finals)
        self.pending, self.kept = pending, pending + final
        if finals:
            log.info("sessions_expired", count=len(finals))


def same_queue(one: Session, two: Session) -> bool:
    """Whether two sessions of one person are answered one after the other."""
    return (one.service, one.origin) == (two.service, two.origin)


def user_key(user_id: str, domain_id: str) -> str:
    """Name a person in one domain."""
    return f"{user_id}/{domain_id}"
