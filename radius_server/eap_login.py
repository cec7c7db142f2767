"""An EAP conversation up to the line that the person typed: Start, Identity, GTC (RFC 3579 section 2.1)."""

from dataclasses import dataclass

from radius_server.eap import (
    EAP_GTC,
    EAP_IDENTITY,
    EAP_NAK,
    EAP_RESPONSE,
    EapMessage,
    gtc_request,
    identity_request,
    next_identifier,
    parse_eap,
)
from radius_server.limits import OVERLOADED
from radius_server.link import Exchange
from radius_server.outbox import Outbox
from radius_server.requests import RequestReader
from radius_server.schemes import Refusal, eap_refusal
from radius_server.states import UNKNOWN_STATE, Asker, StateTable
from radius_server.wire import EAP_MESSAGE

FIRST_PROMPT = "Password"
EAP_SECONDS = 60.0
"""How long a peer may take for one turn."""
NO_GTC = "the device or connection must offer EAP-GTC inside a protected way; FreeRADIUS in front for EAP-TTLS and PEAP"
OUT_OF_TURN = "the EAP message answers nothing that was asked here"


@dataclass(frozen=True, slots=True)
class EapQuestion:
    """What we asked before anybody typed anything; it waits in the table of challenges."""

    type: int
    identifier: int

    def message(self) -> bytes:
        """Return the EAP request."""
        if self.type == EAP_IDENTITY:
            return identity_request(self.identifier)
        return gtc_request(self.identifier, FIRST_PROMPT)

    def is_answered_by(self, message: EapMessage) -> bool:
        """Whether a message is the response to this request."""
        return (message.type, message.identifier) == (self.type, self.identifier)


def read_eap(exchange: Exchange) -> EapMessage | EapQuestion | Refusal:
    """Read the EAP message of a request; a start is answered by a question at once.

    Raises:
        BadMessageError: it is no EAP packet.
    """
    octets = b"".join(exchange.request.packet.values(EAP_MESSAGE))
    if not octets:
        # RFC 3579 section 2.1: EAP-Start is an EAP-Message without data.
        exchange.eap_identifier = 0
        return EapQuestion(EAP_IDENTITY, 1)
    message = parse_eap(octets)
    if message.code != EAP_RESPONSE:
        nak = (EAP_MESSAGE, eap_refusal(octets))
        return Refusal("eap_request", "a NAS must not send EAP requests", attributes=(nak,))
    exchange.eap_identifier = message.identifier
    return message


def refuse_turn(message: EapMessage) -> Refusal:
    """Say why a response is not the one that was asked for."""
    if message.type == EAP_NAK:
        return Refusal("eap_without_gtc", NO_GTC)
    return Refusal("eap_out_of_turn", OUT_OF_TURN)


class EapTurns:
    """EAP conversations before anybody has typed anything; their questions are kept apart from those of logins.

    Who begins such a conversation has proved nothing, so a flood of them must not take the place of logins.
    """

    def __init__(self, questions: StateTable[EapQuestion], outbox: Outbox) -> None:
        self.questions, self.outbox = questions, outbox

    def take(
        self, exchange: Exchange, reader: RequestReader, message: EapMessage | EapQuestion, state: bytes | None
    ) -> bytes | Refusal | None:
        """Take one turn; the line that the person typed, a refusal, or nothing, because a question went out.

        Args:
            exchange: The request.
            reader: The same, to be read.
            message: What ``read_eap`` made of it.
            state: The State that came with it.

        Raises:
            BadMessageError: something in the request has not the form that it must have.
        """
        asker = reader.asker()
        asked = None if state is None else self.questions.take(state, asker, exchange.received)
        if isinstance(message, EapQuestion):
            return self.ask(exchange, asker, message)
        if state is not None and asked is None:
            return UNKNOWN_STATE
        if asked is not None and not asked.is_answered_by(message):
            return refuse_turn(message)
        if asked is not None and asked.type == EAP_GTC:
            return reader.typed(message.data)
        if message.type != EAP_IDENTITY:
            return refuse_turn(message)
        if reader.name(message.data) != reader.user:
            # RFC 3579 section 2.1: the NAS copies it. Whoever is asked must be who is let in.
            return Refusal("eap_identity", "User-Name is another one than the EAP identity")
        return self.ask(exchange, asker, EapQuestion(EAP_GTC, next_identifier(message.identifier)))

    def ask(self, exchange: Exchange, asker: Asker, question: EapQuestion) -> Refusal | None:
        """Ask the next question."""
        state = self.questions.put(asker, question, exchange.received, EAP_SECONDS)
        if state is None:
            return OVERLOADED
        self.outbox.ask_eap(exchange, question.message(), state)
        return None
