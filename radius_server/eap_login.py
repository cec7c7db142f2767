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
from radius_server.link import Exchange
from radius_server.schemes import Refusal, eap_refusal
from radius_server.wire import EAP_MESSAGE

FIRST_PROMPT = "Password"
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


def next_question(message: EapMessage, asked: EapQuestion | None) -> EapQuestion | Refusal:
    """Return what follows a response that is not yet the typed line.

    Args:
        message: The response.
        asked: What it answers; None at the beginning, when the NAS has asked for the identity itself.
    """
    if message.type == EAP_NAK:
        return Refusal("eap_without_gtc", NO_GTC)
    if message.type != EAP_IDENTITY or (asked is not None and not asked.is_answered_by(message)):
        return Refusal("eap_out_of_turn", OUT_OF_TURN)
    return EapQuestion(EAP_GTC, next_identifier(message.identifier))
