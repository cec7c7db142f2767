"""Sending replies: encoded, kept for repetitions, counted; and what each teaches about the patience of its NAS."""

from pushgate.clock import Clock
from pushgate.decision import Decision, Reason
from pushgate.errors import BadMessageError
from radius_server.counters import Counters, DropLog
from radius_server.link import Exchange
from radius_server.replies import (
    ChallengeText,
    encode_answer,
    encode_challenge,
    encode_eap_question,
    size_of_accept,
)
from radius_server.reply_rules import attributes_for
from radius_server.schemes import Refusal
from radius_server.timing import Rhythms
from radius_server.wire import MAX_PACKET, Attributes

BEYOND_PASSWORD = frozenset(
    {Reason.APPROVED, Reason.DENIED, Reason.EXPIRED, Reason.GIVEN_UP, Reason.BAD_CODE, Reason.CODE_SENT}
)
"""Ends of a login whose password field was uncovered to sense: whoever covered it knows the secret."""


class Outbox:
    """The one way out for replies."""

    def __init__(self, clock: Clock, counters: Counters, drops: DropLog, rhythms: Rhythms) -> None:
        self.clock, self.counters, self.drops, self.rhythms = clock, counters, drops, rhythms

    def reply(self, exchange: Exchange, answer: Decision | Refusal) -> None:
        """Accept or reject."""
        try:
            self.send(
                exchange,
                encode_answer(exchange, *self.grant(exchange, answer)),
                proved=isinstance(answer, Decision) and answer.reason in BEYOND_PASSWORD,
            )
        except BadMessageError as error:
            self.drop(exchange, error)

    def grant(self, exchange: Exchange, answer: Decision | Refusal) -> tuple[Decision | Refusal, Attributes]:
        """Add what an accepted session is given; who cannot be given it is not let in."""
        if isinstance(answer, Refusal) or not answer.accept:
            return answer, ()
        try:
            granted = attributes_for(exchange.client.reply_rules, answer)
            if size_of_accept(exchange, granted) <= MAX_PACKET:
                return answer, granted
            reason = "packet_too_long"
        except BadMessageError as error:
            reason = error.reason
        refusal = Refusal("reply_attributes", f"{reason}; see the audit record {answer.audit_id}")
        self.drops.note_refusal(exchange.client.name, refusal, self.clock.now())
        return refusal, ()

    def challenge(self, exchange: Exchange, text: ChallengeText) -> None:
        """Ask the person at the NAS."""
        try:
            self.send(exchange, encode_challenge(exchange, text), proved=True)
        except BadMessageError as error:
            self.drop(exchange, error)

    def ask_eap(self, exchange: Exchange, message: bytes, state: bytes) -> None:
        """Send an EAP request."""
        try:
            self.send(exchange, encode_eap_question(exchange, message, state))
        except BadMessageError as error:
            self.drop(exchange, error)

    def send(self, exchange: Exchange, reply: bytes, *, proved: bool = False) -> None:
        """Send a reply, and keep it for repetitions; ``proved``: what was asked shows that the asker has the secret."""
        now = self.clock.now()
        if not exchange.table.answer(exchange.entry, reply, now):
            return  # displaced meanwhile: the NAS would not take this reply any more
        self.learn(exchange, proved=proved)
        self.counters.count_reply(reply[0])
        if not exchange.link.send(reply):
            self.drops.note_send_failure(exchange.client.name, now)

    def drop(self, exchange: Exchange, error: BadMessageError) -> None:
        """Let a request go whose reply cannot be built: its Proxy-States leave no room."""
        exchange.table.forget(exchange.entry)
        self.drops.drop(exchange.client.name, error.reason, self.clock.now())

    def learn(self, exchange: Exchange, *, proved: bool = False) -> None:
        """Note how long this NAS was seen to wait, unless anybody could have sent these packets in its name.

        Else three short series of forged packets would make us answer all its people after two seconds.
        """
        if not (proved or exchange.request.signed or not exchange.link.forgeable):
            return
        self.rhythms.note(exchange.client, exchange.request.source, exchange.sent_at, self.clock.now())
