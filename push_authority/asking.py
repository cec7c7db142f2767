"""Beginning a session: who is asked, whether there is room, what the person will see; or what a typed code decides."""

import secrets
from dataclasses import dataclass, field, replace

from push_authority import numbers
from push_authority.apikeys import ApiKey
from push_authority.codes import LOCKED, NOBODY, TypedCode, check
from push_authority.context import Asker, Context, build_ctx
from push_authority.devices import devices_of
from push_authority.errors import ApiError, not_found, rate_limited
from push_authority.people import Domain, Person, find_person, find_person_by_name, get_domain
from push_authority.proof import encode
from push_authority.sealing import Sealer
from push_authority.sessions import (
    Session,
    State,
    find_repeated,
    forget_refused_codes,
    insert_session,
    pending_of,
)
from push_authority.store.base import Transaction
from push_authority.text import visible

MAX_PENDING_PER_USER = 32
MAX_PENDING_PER_ORIGIN = 16
"""Of one person from one address: who knows a name and has one address cannot take all the room of that person."""
MAX_PENDING = 20_000
MAX_REFUSED_CODES = 4
"""Refused codes of one person that stay readable: who guesses without end takes no room from those who are asked."""
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
    code: TypedCode | None = None
    """Came along: it decides, and nobody is asked."""
    number: str | None = field(default=None, repr=False)
    """Chosen by the person at the login; the approval must be signed with it."""
    draw_number: bool = False
    """A number shall be drawn, which the caller shows."""
    idempotency_key: str | None = None
    body_hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """What every question needs of the authority itself."""

    authority: str
    """Its name, as devices show it."""
    sealer: Sealer


@dataclass(frozen=True, slots=True)
class Begun:
    """The session of a question; ``new`` is False if an earlier call had begun it."""

    session: Session
    new: bool


def begin(tx: Transaction, now: float, wall: float, desk: Desk, question: Question) -> Begun:
    """Make the session of a question, or join the pending one of its idempotency key.

    Raises:
        ApiError: no such domain, user or device; the person has too many pending sessions; the idempotency key
            belongs to another body.
    """
    domain = get_domain(tx, question.domain_id)
    if question.code is not None:
        return Begun(decide_by_code(tx, now, wall, desk, question, domain, question.code), new=True)
    joined = join(tx, now, question)
    if joined:
        return Begun(joined, new=False)
    person = find_asked(tx, question)
    if person is None:
        raise not_found("user")
    if not devices_of(tx, person.id, domain.id):
        raise not_found("token")
    check_room(pending_of(tx, now, person.id, domain.id), visible(question.context.ip))
    number = numbers.draw() if question.draw_number else question.number
    session = new_session(question, domain, person, now, wall, desk.authority, number)
    insert_session(tx, session, question.idempotency_key, question.body_hash)
    return Begun(session, new=True)


def decide_by_code(
    tx: Transaction, now: float, wall: float, desk: Desk, question: Question, domain: Domain, code: TypedCode
) -> Session:
    """Make a session that is final at once; one of a person whom we do not know is refused like any other."""
    person = find_asked(tx, question)
    ruling = check(tx, desk.sealer, now, wall, person, domain.id, code)
    asked = person or Person(NOBODY, question.username or "", "", "", ())
    session = replace(
        new_session(question, domain, asked, now, wall, desk.authority, None),
        stored_state=State.DENIED if ruling.refusal else State.APPROVED,
        stored_reason=ruling.refusal,
        method=ruling.method,
    )
    # Entries are kept for good: who tries without end names that nobody has, or codes that are locked, shall not fill
    # the disk with them. The lock has an entry of its own.
    insert_session(tx, session, recorded=person is not None and ruling.refusal != LOCKED)
    if ruling.refusal:
        forget_refused_codes(tx, asked.id, MAX_REFUSED_CODES)
    return session


def find_asked(tx: Transaction, question: Question) -> Person | None:
    """Return the person whom a question names, if there is one."""
    if question.user_id is not None:
        return find_person(tx, question.user_id)
    return find_person_by_name(tx, question.username or "")


def new_session(
    question: Question, domain: Domain, person: Person, now: float, wall: float, authority: str, number: str | None
) -> Session:
    """Return a pending session that is not stored yet."""
    asker = Asker(authority, domain.name, question.api_key.name)
    times = wall, wall + question.lifetime
    return Session(
        id=secrets.token_hex(20),
        domain_id=domain.id,
        user_id=person.id,
        api_key=question.api_key.id,
        # Made visible as in ctx: half a surrogate pair could not be stored.
        service=visible(question.context.service),
        origin=visible(question.context.ip),
        ctx=build_ctx(question.context, asker, person.username, *times, number_required=number is not None),
        nonce=encode(secrets.token_bytes(16)),
        stored_state=State.PENDING,
        stored_reason=None,
        created=now,
        expires=now + question.lifetime,
        consumed=False,
        proof=None,
        waits_its_turn=False,
        number=number,
    )


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
