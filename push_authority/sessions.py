"""Sessions: one question to one person, ``pending`` until exactly one statement makes it final.

Theory of operation. A session leaves ``pending`` once, by a compare-and-set in SQL::

    UPDATE session SET state = ... WHERE id = ? AND state = 'pending' AND expires > ? RETURNING ...

in one transaction with its decision and audit rows. Whoever gets a row back has won; everybody else reads what the
winner wrote. A reader sees ``expired`` as soon as the time has come, whether or not the sweeper has been there.

Of one person's pending sessions for one service and from one address only the oldest is *shown*: it alone can be
answered. The others keep their place, and their clock runs (docs/authority.md): approving one login can never open
another one. Another address has a queue of its own, the unknown address too: who knows a name and asks from somewhere
else does not stand between the person and the person's own login.

Functions run inside a transaction of the store. ``now`` is ``Clock.now``.
"""

import enum
from dataclasses import dataclass, field
from typing import Any

from push_authority import audit, numbers
from push_authority.proof import SignedDecision
from push_authority.store.base import Row, Transaction

SWEEP_LIMIT = 1000


class State(enum.StrEnum):
    """Where a session is; all but pending are final."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


REASONS = {"denied": "user", "denied.unknown_trigger": "unknown_trigger", "denied.cancelled": "cancelled"}
WRONG_NUMBER = "wrong_number"

COLUMNS = """SELECT session.id, session.domain_id, session.user_id, session.api_key, session.service, session.origin,
    session.ctx, session.nonce, session.state, session.reason, session.created, session.expires,
    session.consumed_at IS NOT NULL, (SELECT proof FROM decision WHERE session_id = session.id),
    EXISTS (SELECT 1 FROM session AS older WHERE older.user_id = session.user_id
        AND older.domain_id = session.domain_id AND older.service = session.service AND older.origin = session.origin
        AND older.state = 'pending' AND older.expires > ? AND older.seq < session.seq),
    session.number, session.method, session.body_hash
"""
SELECT_SESSION = COLUMNS + "FROM session "
"""Read by ``make_session``; takes ``now`` as its first parameter."""

END_PENDING = "UPDATE session SET state = ?, reason = ?, finished = ? WHERE state = 'pending' AND expires > ? AND "


@dataclass(frozen=True, slots=True)
class Session:
    """One question, as the store has it."""

    id: str
    domain_id: str
    user_id: str
    api_key: str
    """The id of the key that asked: it alone may read and cancel."""
    service: str
    origin: str
    ctx: str = field(repr=False)
    nonce: str
    stored_state: str
    stored_reason: str | None
    created: float
    expires: float
    consumed: bool
    proof: str | None = field(repr=False)
    waits_its_turn: bool
    """An older session of the same person, service and address is pending."""
    number: str | None = field(default=None, repr=False)
    """An approval must be signed with it; shown by no plane but in the answer to who had it drawn."""
    method: str = "device"
    """What decided, or can: ``device``; ``totp``, ``bypass``; ``code`` for one that was refused."""

    def state(self, now: float) -> State:
        """Return the state at a moment."""
        if self.stored_state == State.PENDING and self.expires <= now:
            return State.EXPIRED
        return State(self.stored_state)

    def reason(self, now: float) -> str | None:
        """Say why it did not end in an approval; None while pending or when approved."""
        return "expired" if self.state(now) is State.EXPIRED else self.stored_reason

    def v1_state(self, now: float) -> str:
        """Return one of LoginTC's three states: cancelled reads denied, expired stays pending (docs/authority.md)."""
        state = self.state(now)
        return {State.CANCELLED: "denied", State.EXPIRED: "pending"}.get(state, state.value)


@dataclass(frozen=True, slots=True)
class Claim:
    """A session as a caller of the integration plane names it: in a domain, begun by the caller's own key."""

    session_id: str
    domain_id: str
    api_key: str


@dataclass(frozen=True, slots=True)
class Final:
    """A session that has just become final."""

    id: str
    user_id: str
    domain_id: str
    state: State


def find_session(tx: Transaction, now: float, session_id: str) -> Session | None:
    """Return a session, if it exists and its retention has not ended."""
    return one_session(tx.execute(SELECT_SESSION + "WHERE id = ?", now, session_id))


def find_claimed(tx: Transaction, now: float, claim: Claim) -> Session | None:
    """Return a session that the claiming key began in this domain; those of others do not exist for it."""
    session = find_session(tx, now, claim.session_id)
    if session and (session.domain_id, session.api_key) == (claim.domain_id, claim.api_key):
        return session
    return None


def pending_of(tx: Transaction, now: float, user_id: str, domain_id: str) -> list[Session]:
    """Return a person's pending sessions, oldest first, with those that wait for their turn."""
    where = "WHERE user_id = ? AND domain_id = ? AND state = 'pending' AND expires > ? ORDER BY seq"
    return [make_session(row) for row in tx.execute(SELECT_SESSION + where, now, user_id, domain_id, now)]


def find_repeated(tx: Transaction, now: float, api_key: str, idempotency_key: str) -> tuple[Session, bytes] | None:
    """Return the pending session that this key began, with the hash of the body that began it."""
    where = "WHERE api_key = ? AND idempotency_key = ? AND state = 'pending' AND expires > ?"
    rows = tx.execute(SELECT_SESSION + where, now, api_key, idempotency_key, now)
    return (make_session(rows[0]), rows[0][-1]) if rows else None


def insert_session(
    tx: Transaction, session: Session, key: str | None = None, body_hash: bytes | None = None, *, recorded: bool = True
) -> None:
    """Add a new session, with its audit entry if ``recorded``; one that a code has decided is final at once."""
    finished = None if session.stored_state == State.PENDING else session.created
    tx.execute(
        """INSERT INTO session (id, domain_id, user_id, api_key, service, origin, ctx, nonce, state, reason, created,
            expires, finished, idempotency_key, body_hash, number, method)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        *(session.id, session.domain_id, session.user_id, session.api_key, session.service, session.origin),
        *(session.ctx, session.nonce, session.stored_state, session.stored_reason, session.created, session.expires),
        *(finished, key, body_hash, session.number, session.method),
    )
    about = {"session": session.id, "user": session.user_id, "service": session.service, "origin": session.origin}
    if session.method != "device":
        about["method"] = session.method
    if recorded:
        audit.record(tx, session.created, f"session.{session.stored_state}", **about, reason=session.stored_reason)
    if session.stored_state == State.APPROVED:
        sql = "INSERT INTO decision (session_id, decision, via, at) VALUES (?, 'approved', ?, ?)"
        tx.execute(sql, session.id, session.method, session.created)


def decide(tx: Transaction, now: float, signed: SignedDecision, public_key: bytes, via: str) -> list[Final]:
    """Make a verified decision take effect; an empty list means that it came too late, or not in its turn.

    The session must be pending, in time and shown, and the device not revoked since its signature was checked.
    An approval with a wrong number denies: guessing ends at the first try. ``denied.unknown_trigger`` also ends
    whatever is pending of that service, from every address.
    """
    state = State.APPROVED if signed.decision == "approved" else State.DENIED
    reason = REASONS.get(signed.decision)
    number = number_of(tx, signed.session) or ""
    if state is State.APPROVED and not numbers.matches(number, signed.number):
        if not (number and signed.number):
            return []
        state, reason = State.DENIED, WRONG_NUMBER
    rows = tx.execute(
        """UPDATE session SET state = ?, reason = ?, finished = ?
        WHERE id = ? AND state = 'pending' AND expires > ?
        AND NOT EXISTS (SELECT 1 FROM session AS older WHERE older.user_id = session.user_id
            AND older.domain_id = session.domain_id AND older.service = session.service
            AND older.origin = session.origin
            AND older.state = 'pending' AND older.expires > ? AND older.seq < session.seq)
        AND EXISTS (SELECT 1 FROM device WHERE device.id = ? AND device.public_key = ?
            AND device.user_id = session.user_id AND device.domain_id = session.domain_id)
        RETURNING id, user_id, domain_id, service""",
        *(state, reason, now, signed.session, now, now, signed.device, public_key),
    )
    if not rows:
        return []
    session_id, user_id, domain_id, service = rows[0]
    finals = [Final(session_id, user_id, domain_id, state)]
    about = {"session": session_id, "reason": reason, "via": via}
    if reason == WRONG_NUMBER:
        # A signed approval that did not count is no proof of anything, so nobody shall find it where proofs are.
        audit.record(tx, now, f"session.{state}", **about, device=signed.device)
        return finals
    proof = signed.proof(public_key)
    tx.execute(
        "INSERT INTO decision (session_id, device_id, decision, via, at, proof) VALUES (?, ?, ?, ?, ?, ?)",
        *(session_id, signed.device, signed.decision, via, now, proof),
    )
    audit.record(tx, now, f"session.{state}", **about, proof=proof)
    if reason == "unknown_trigger":
        waiting = "user_id = ? AND domain_id = ? AND service = ?"
        finals += end_pending(tx, now, State.DENIED, reason, waiting, user_id, domain_id, service)
    return finals


def number_of(tx: Transaction, session_id: str) -> str | None:
    """Return the number that an approval of this session needs, if any."""
    rows = tx.execute("SELECT number FROM session WHERE id = ?", session_id)
    return rows[0][0] if rows else None


def cancel(tx: Transaction, now: float, session_id: str, api_key: str) -> list[Final]:
    """Withdraw a pending session of this API key; a final one stays as it is."""
    return end_pending(tx, now, State.CANCELLED, "client", "id = ? AND api_key = ?", session_id, api_key)


def cancel_revoked(tx: Transaction, now: float, user_id: str, domain_id: str) -> list[Final]:
    """Withdraw what a person can no longer answer."""
    where = "user_id = ? AND domain_id = ?"
    return end_pending(tx, now, State.CANCELLED, "revoked", where, user_id, domain_id)


def end_pending(tx: Transaction, now: float, state: State, reason: str, where: str, *parameters: object) -> list[Final]:
    """Make final what is pending, in time and fits ``where``."""
    sql = END_PENDING + where + " RETURNING id, user_id, domain_id"
    rows = tx.execute(sql, state, reason, now, now, *parameters)
    finals = [Final(row[0], row[1], row[2], state) for row in rows]
    for final in finals:
        audit.record(tx, now, f"session.{state}", session=final.id, reason=reason)
    return finals


def consume(tx: Transaction, now: float, session_id: str, consumer: str) -> bool:
    """Use an approval; True for the first consumer and its retries, False for everybody else."""
    first = """UPDATE session SET consumed_at = ?, consumer = ?
        WHERE id = ? AND state = 'approved' AND consumer IS NULL RETURNING id"""
    if tx.execute(first, now, consumer, session_id):
        audit.record(tx, now, "session.consumed", session=session_id)
        return True
    return bool(tx.execute("SELECT 1 FROM session WHERE id = ? AND consumer = ?", session_id, consumer))


def expire(tx: Transaction, now: float) -> list[Final]:
    """Write down that the time of some sessions has come; at most ``SWEEP_LIMIT`` in one call."""
    rows = tx.execute(
        """UPDATE session SET state = 'expired', reason = 'expired', finished = expires WHERE seq IN
        (SELECT seq FROM session WHERE state = 'pending' AND expires <= ? ORDER BY expires LIMIT ?)
        RETURNING id, user_id, domain_id""",
        *(now, SWEEP_LIMIT),
    )
    finals = [Final(row[0], row[1], row[2], State.EXPIRED) for row in rows]
    for final in finals:
        audit.record(tx, now, "session.expired", session=final.id)
    return finals


def limit_lifetimes(tx: Transaction, now: float, longest: float) -> None:
    """Let nothing from before a restart live longer than it may: the machine's clock may have gone back meanwhile."""
    tx.execute("UPDATE session SET expires = ? WHERE state = 'pending' AND expires > ?", now + longest, now + longest)
    tx.execute("UPDATE session SET finished = ? WHERE state <> 'pending' AND finished > ?", now, now)


def forget(tx: Transaction, finished_before: float) -> int:
    """Delete sessions whose retention has ended; at most ``SWEEP_LIMIT`` in one call."""
    sql = """DELETE FROM session WHERE seq IN
        (SELECT seq FROM session WHERE state <> 'pending' AND finished < ? ORDER BY finished LIMIT ?) RETURNING seq"""
    return len(tx.execute(sql, finished_before, SWEEP_LIMIT))


def forget_refused_codes(tx: Transaction, user_id: str, kept: int) -> None:
    """Delete the sessions of a person's refused codes but for the newest."""
    sql = """DELETE FROM session WHERE seq IN
        (SELECT seq FROM session WHERE user_id = ? AND method = 'code' ORDER BY seq DESC LIMIT -1 OFFSET ?)"""
    tx.execute(sql, user_id, kept)


def counts(tx: Transaction) -> tuple[int, int]:
    """Return how many sessions are stored as pending, and how many as final; both read an index alone."""
    pending = tx.execute("SELECT count(*) FROM session WHERE state = 'pending'")
    return pending[0][0], tx.execute("SELECT count(*) FROM session WHERE state <> 'pending'")[0][0]


def one_session(rows: list[Row]) -> Session | None:
    """Read the row of a session, if there is one."""
    return make_session(rows[0]) if rows else None


def make_session(row: Row) -> Session:
    """Read the row of a session."""
    values: list[Any] = [*row[:12], bool(row[12]), row[13], bool(row[14]), row[15], row[16]]
    return Session(*values)
