"""What happens to a request that has proved its sender: seen before, an answer, a login; and how it gets its reply.

The way of a request, top to bottom: ``receive`` looks it up among the duplicates; ``read`` finds out what it is: the
answer to a challenge goes to the login that asked, a login joins the equal one that is pending or begins. A task per
login asks the core and replies to every packet that waits for it.
"""

import asyncio
import functools
import secrets
from dataclasses import dataclass, field, replace
from typing import Protocol

import structlog

from pushgate.clock import Clock
from pushgate.conversation import Conversation
from pushgate.decision import Decision, Reason
from pushgate.errors import BadMessageError, where
from pushgate.login import Login
from radius_server.conversation import RadiusConversation
from radius_server.counters import Counters, DropLog
from radius_server.duplicates import DuplicateTable, Fresh, Full, Repeated
from radius_server.eap import EAP_GTC
from radius_server.eap_login import EapQuestion, EapTurns, read_eap, refuse_turn
from radius_server.floor import Floor
from radius_server.lately import LatelyExpired
from radius_server.limits import OVERLOADED, Slots
from radius_server.link import Exchange, Link, Request, Waiter
from radius_server.outbox import Outbox
from radius_server.replies import takes_its_time
from radius_server.requests import RequestReader, read_login, refusal_of
from radius_server.schemes import Refusal, refuse_scheme
from radius_server.states import UNKNOWN_STATE, Asker, StateTable
from radius_server.timing import Rhythms, note_arrival
from radius_server.wire import EAP_MESSAGE, STATE

NAS_MOVED_ON = "the NAS sent another request under its identifier"
NAS_SILENT = "the NAS has stopped asking"
EAP_BROKEN_OFF = "the EAP conversation was broken off"

log = structlog.get_logger()


class Core(Protocol):
    """What decides."""

    def decide_at_once(self, login: Login) -> Decision | None:
        """Decide what needs neither a person nor a wait; None for the rest."""

    async def authenticate(self, login: Login, conversation: Conversation) -> Decision:
        """Decide; a cancelled call withdraws its question and re-raises."""

    async def provider_works(self) -> bool:
        """Whether anybody could be asked now; never raises."""


@dataclass(frozen=True, slots=True)
class DeskOptions:
    """How much to bear."""

    answer_within: float
    """Seconds from receipt in which a NAS must have its reply of which nothing else is known."""
    login_timeout: float
    """Seconds after which the core gives a login up."""
    max_pending: int
    max_pending_per_client: int
    join_secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    """Key of the join keys: of this process alone, or of all daemons between which a login may move."""


class Desk:
    """Takes requests of every transport; logins that are asked again on another one are still the same."""

    def __init__(self, options: DeskOptions, core: Core, clock: Clock, counters: Counters, drops: DropLog) -> None:
        self.options, self.core, self.clock, self.counters, self.drops = options, core, clock, counters, drops
        self.rhythms = Rhythms(options.answer_within)
        self.outbox = Outbox(clock, counters, drops, self.rhythms)
        # As many as there can be logins, of which each has one at most.
        self.states = StateTable[RadiusConversation](options.max_pending, options.max_pending)
        self.eap = EapTurns(StateTable(4 * options.max_pending, options.max_pending), self.outbox)
        self.joinable: dict[bytes, RadiusConversation] = {}
        self.lately = LatelyExpired()
        self.logins = Slots(options.max_pending, options.max_pending_per_client)
        self.rejects = Slots(options.max_pending, options.max_pending_per_client)
        self.floor = Floor(self.rejects, self.outbox, clock)
        self.watched: set[Exchange] = set()

    def receive(self, link: Link, table: DuplicateTable[Exchange], request: Request, now: float) -> None:
        """Answer a repeated packet as before, and see to a new one."""
        self.counters.access_requests += 1
        packet = request.packet
        # An unsigned packet that anybody can forge must not displace a signed one.
        key = (link.key, packet.identifier, request.signed or not link.forgeable)
        match table.receive(key, packet.authenticator, len(packet.raw), now):
            case Repeated() as seen:
                self.repeat(link, seen, now)
            case Full():
                self.drops.drop(request.client.name, "duplicate_table_full", now)
            case Fresh() as fresh:
                patience = self.rhythms.patience(request.client, request.source)
                exchange = Exchange(link, table, request, fresh.entry, now, now + patience, [now])
                fresh.entry.waiting = exchange
                old = fresh.displaced.waiting if fresh.displaced else None
                try:
                    self.see_to(exchange, old.waiter if old and old.waiter and old.waiter.is_alone(old) else None)
                except Exception as error:  # noqa: BLE001 - one packet must not cost the rest of its batch
                    self.let_go(exchange, error)
                if old is not None:
                    # Only now: a new packet of the same login has joined its pending question, which so stays alive.
                    self.counters.conflicts += 1
                    self.give_up(old, NAS_MOVED_ON)

    def repeat(self, link: Link, seen: Repeated[Exchange], now: float) -> None:
        """Send the same bytes again; while there are none, note only that the NAS still waits."""
        self.counters.dup_access_requests += 1
        if seen.reply is not None:
            link.send(seen.reply)
        elif seen.waiting is not None:
            note_arrival(seen.waiting.sent_at, now)
            if seen.waiting.client.abandon:
                self.watched.add(seen.waiting)

    def see_to(self, exchange: Exchange, leaving: Waiter | None) -> None:
        """Find out what a new request is, and do it.

        Args:
            exchange: The request.
            leaving: The login that ends because of it, unless this is the same one.
        """
        try:
            found = self.read(exchange)
        except BadMessageError as error:
            found = refusal_of(error)
        if isinstance(found, Login):
            found = self.begin(exchange, found, leaving)
        if isinstance(found, Refusal):
            self.drops.note_refusal(exchange.client.name, found, exchange.received)
            self.floor.reply(exchange, found)

    def let_go(self, exchange: Exchange, error: Exception) -> None:
        """Drop a request at which we failed: its NAS asks again, or the next server."""
        exchange.table.forget(exchange.entry)
        if self.drops.lines.allows(exchange.client.name, "crash", exchange.received):
            log.error("radius_request_crashed", error=type(error).__name__, where=where(error))

    def read(self, exchange: Exchange) -> Login | Refusal | None:
        """Return the login of a request, or why it is none; None if it has been seen to.

        Raises:
            BadMessageError: something in it has not the form that it must have.
        """
        packet, client = exchange.request.packet, exchange.client
        states = packet.values(STATE)
        if len(states) > 1:
            return Refusal("two_states")
        state = states[0] if states else None
        reader = RequestReader(exchange.request)
        if client.eap_gtc and packet.has(EAP_MESSAGE):
            return self.read_eap(exchange, reader, state)
        refusal = refuse_scheme(packet, client.preset.pap_hint, proved=not exchange.link.forgeable)
        if refusal is not None:
            return refusal
        typed = reader.password()
        if state is None:
            return self.read_new(exchange, reader, typed)
        conversation = self.states.take(state, reader.asker(), exchange.received)
        if conversation is None:
            return UNKNOWN_STATE
        hear(conversation, exchange, typed)
        return None

    def read_eap(self, exchange: Exchange, reader: RequestReader, state: bytes | None) -> Login | Refusal | None:
        """Do the same for a request of an EAP conversation.

        Raises:
            BadMessageError: something in it has not the form that it must have.
        """
        message = read_eap(exchange)
        if isinstance(message, Refusal):
            return message
        conversation = None
        if state is not None and not isinstance(message, EapQuestion):
            # An EAP-Start answers nothing: a challenge whose State it carries stays open for its answer.
            conversation = self.states.take(state, reader.asker(), exchange.received)
        if conversation is None or isinstance(message, EapQuestion):
            typed = self.eap.take(exchange, reader, message, state)
            return self.read_new(exchange, reader, typed) if isinstance(typed, bytes) else typed
        if message.type != EAP_GTC:
            # Our reject ends the EAP conversation, so nobody will ever answer this login's challenge.
            conversation.end(EAP_BROKEN_OFF)
            return refuse_turn(message)
        hear(conversation, exchange, reader.typed(message.data))
        return None

    def read_new(self, exchange: Exchange, reader: RequestReader, typed: bytes) -> Login | None:
        """Return a login about which somebody has to be asked; None if it is decided at once, which needs no join key.

        Raises:
            BadMessageError: something in it has not the form that it must have.
        """
        login = read_login(reader, typed)
        decision = self.core.decide_at_once(login)
        if decision is None:
            return replace(login, join_key=reader.join_key(login, typed, self.options.join_secret))
        self.floor.reply(exchange, decision)
        return None

    def begin(self, exchange: Exchange, login: Login, leaving: Waiter | None) -> Refusal | None:
        """Join the equal login that is pending, or begin one."""
        key = login.join_key
        pending = self.joinable.get(key) if key is not None else None
        if pending is not None and not pending.over:
            self.counters.joins += 1
            exchange.waiter = pending
            pending.join(exchange)
            return None
        decision = self.lately.find(key, exchange.received) if key is not None else None
        if decision is not None:
            self.floor.reply(exchange, decision)
            return None
        client = exchange.client
        if not self.logins.has_room(client.name, leaving=leaving.task if leaving else None):
            return OVERLOADED
        asker = Asker(client.attempt_group, login.user, login.origin.address)
        ends = exchange.received + self.options.login_timeout
        conversation = RadiusConversation(asker, exchange, self.states, self.outbox.challenge, ends, self.clock)
        exchange.waiter = conversation
        conversation.task = asyncio.create_task(self.decide(conversation, login))
        self.logins.take(client.name, conversation.task)
        conversation.task.add_done_callback(functools.partial(self.ended, conversation, key))
        if key is not None:
            self.joinable[key] = conversation
        return None

    async def decide(self, conversation: RadiusConversation, login: Login) -> None:
        """Ask the core, and answer every packet that waits for this login."""
        try:
            decision = await self.core.authenticate(login, conversation)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in the core denies
            log.error("radius_login_crashed", error=type(error).__name__, where=where(error))
            decision = Decision(accept=False, reason=Reason.INTERNAL, audit_id="")
        if takes_its_time(decision) and conversation.waiting:
            # Whoever asks the same meanwhile shares the rejection.
            await self.floor.reached(min(exchange.received for exchange in conversation.waiting))
        self.close(conversation, login.join_key)
        if decision.reason is Reason.EXPIRED and login.join_key is not None:
            self.lately.note(login.join_key, decision, self.clock.now())
        for exchange in conversation.waiting:
            self.outbox.reply(exchange, decision)

    def close(self, conversation: RadiusConversation, key: bytes | None) -> None:
        """Let nobody join any more: an answer is for those who wait for it."""
        if key is not None and self.joinable.get(key) is conversation:
            del self.joinable[key]

    def ended(self, conversation: RadiusConversation, key: bytes | None, task: asyncio.Task[None]) -> None:
        """Clean up behind a login, also behind one that was cancelled before it began.

        A packet that it leaves without a reply is forgotten, so that its repetition is a new request.
        """
        self.close(conversation, key)
        for exchange in conversation.waiting:
            self.watched.discard(exchange)
            exchange.table.forget(exchange.entry)
        if task.cancelled():
            self.counters.cancels += 1

    def give_up(self, exchange: Exchange, why: str) -> None:
        """Let a packet go that its NAS does not wait for any more; its login ends with the last one."""
        self.watched.discard(exchange)
        self.outbox.learn(exchange)
        if exchange.waiter is not None:
            exchange.waiter.leave(exchange, why)

    def look_for_silence(self, now: float) -> None:
        """Withdraw logins whose NAS has plainly given up, where that is configured; once a second."""
        for exchange in list(self.watched):
            if not exchange.table.is_waiting(exchange.entry):
                self.watched.discard(exchange)
                continue
            until = self.rhythms.silent_since(exchange.client, exchange.request.source, exchange.sent_at)
            if until is not None and until <= now:
                exchange.table.forget(exchange.entry)
                self.give_up(exchange, NAS_SILENT)

    async def stop(self) -> None:
        """End every login; each withdraws its question."""
        tasks = [*self.logins.tasks, *self.rejects.tasks]
        for task in tasks:
            task.cancel("the daemon stops")
        await asyncio.gather(*tasks, return_exceptions=True)


def hear(conversation: RadiusConversation, exchange: Exchange, typed: bytes) -> None:
    """Hand an answer on to the login that asked."""
    exchange.waiter = conversation
    conversation.hear(exchange, typed.decode("utf-8"))
