"""Beginning a session: who is asked, whether there is room, and what the person will see."""

import secrets
from dataclasses import dataclass, field

from push_authority import numbers
from push_authority.apikeys import ApiKey
from push_authority.context import Asker, Context, build_ctx
from push_authority.devices import devices_of
from push_authority.errors import ApiError, not_found, rate_limited
from push_authority.people import get_domain, get_person, get_person_by_name
from push_authority.proof import encode
from push_authority.sessions import Session, State, find_repeated, insert_session, pending_of
from push_authority.store.base import Transaction
from push_authority.text import visible

MAX_PENDING_PER_USER = 32
MAX_PENDING_PER_ORIGIN = 16
"""Of one person from one address: who knows a name and has one address cannot take all the room of that person."""
MAX_PENDING = 20_000
MAX_KEPT = 200_000
"""Final sessions that wait for the end of their retention: what one key could make in ten minutes without pause."""


@dataclass(frozen=True, slots=True)
class Question:
    """A checked call to create a session."""

    api_key: ApiKey
    domain_id: str
    user_id: str | None
    username: str | None
    """One of the two names the person."""
    context: Context
    lifetime: float
    """Seconds that it may stay pending."""
    has_code: bool = False
    """A typed code came along; there are no codes yet, so none can be right."""
    number: str | None = field(default=None, repr=False)
    """Chosen by the person at the login; the approval must be signed with it."""
    draw_number: bool = False
    """A number shall be drawn, which the caller shows."""
    idempotency_key: str | None = None
    body_hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """The session of a question; ``new`` is False if an earlier call had begun it."""

    session: Session
    new: bool


def begin(tx: Transaction, now: float, wall: float, authority: str, question: Question) -> Begun:
    """Make the session of a question, or join the pending one of its idempotency key.

    Raises:
        ApiError: no such domain, user or device; the person has too many pending sessions; the idempotency key
            belongs to another body.
    """
    domain = get_domain(tx, question.domain_id)
    joined = join(tx, now, question)
    if joined:
        return Begun(joined, new=False)
    if question.user_id is not None:
        person = get_person(tx, question.user_id)
    else:
        person = get_person_by_name(tx, question.username or "")
    state, reason = State.PENDING, None
    if question.has_code:
        state, reason = State.DENIED, "bad_code"
    elif not devices_of(tx, person.id, domain.id):
        raise not_found("token")
    else:
        check_room(pending_of(tx, now, person.id, domain.id), visible(question.context.ip))
    number = numbers.draw() if question.draw_number else question.number
    times = wall, wall + question.lifetime
    asker = Asker(authority, domain.name, question.api_key.name)
    session = Session(
        id=secrets.token_hex(20),
        domain_id=domain.id,
        user_id=person.id,
        api_key=question.api_key.id,
        # Made visible as in ctx: half a surrogate pair could not be stored.
        service=visible(question.context.service),
        origin=visible(question.context.ip),
        ctx=build_ctx(question.context, asker, person.username, *times, number_required=number is not None),
        nonce=encode(secrets.token_bytes(16)),
        stored_state=state,
        stored_reason=reason,
        created=now,
        expires=now + question.lifetime,
        consumed=False,
        proof=None,
        waits_its_turn=False,
        number=number,
    )
    insert_session(tx, session, question.idempotency_key, question.body_hash)
    return Begun(session, new=True)


def check_room(pending: list[Session], origin: str) -> None:
    """Refuse one more session of a person from an address.

    Raises:
        ApiError: too many are pending, in all or from this address.
    """
    if len(pending) >= MAX_PENDING_PER_USER:
        raise rate_limited("this user has too many pending sessions", retry_after=10)
    if sum(session.origin == origin for session in pending) >= MAX_PENDING_PER_ORIGIN:
        raise rate_limited("this user has too many pending sessions from this address", retry_after=10)


def join(tx: Transaction, now: float, question: Question) -> Session | None:
    """Return the pending session that the same call has begun before."""
    if question.idempotency_key is None:
        return None
    repeated = find_repeated(tx, now, question.api_key.id, question.idempotency_key)
    if repeated is None:
        return None
    session, body_hash = repeated
    if body_hash != question.body_hash or session.domain_id != question.domain_id:
        raise ApiError(409, "conflict", "this idempotency key belongs to another request")
    return session
