"""Refusing what is not PAP, in the words of each scheme, so that the appliance understands it at once.

Only PAP and EAP-GTC carry the password itself (RFC 2865 section 5.2): a hash leaves nothing that could be checked
against another system, and no field for a code.
"""

from dataclasses import dataclass

from radius_server.eap import EAP_FAILURE_CODE, EAP_NAK, EAP_REQUEST, EAP_RESPONSE, eap_packet
from radius_server.wire import (
    ARAP_PASSWORD,
    CHAP_PASSWORD,
    EAP_MESSAGE,
    MESSAGE_AUTHENTICATOR,
    MICROSOFT,
    MS_CHAP2_RESPONSE,
    MS_CHAP_ERROR,
    MS_CHAP_RESPONSE,
    STATE,
    USER_PASSWORD,
    Attributes,
    Packet,
    encode_vendor_attribute,
    vendor_attributes,
)

USE_PAP = "Use PAP"
HINT = "set the appliance to PAP; FreeRADIUS in front for EAP-TTLS and PEAP"
EMPTY_HINT = "let people type push, or let the appliance send Message-Authenticator: nothing proves the shared secret"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is answered with Access-Reject before anybody was asked."""

    reason: str
    """A fixed word for the log."""
    hint: str = ""
    """What the administrator may do about it."""
    message: str = ""
    """Reply-Message; fixed text of ours."""
    attributes: Attributes = ()
    """More reply attributes, behind the Reply-Message."""
    credential: bool = False
    """The password was at fault, so the reply takes as long as for any other wrong password."""


UNPROVED = Refusal("empty_password", EMPTY_HINT, "Type push")


def refuse_scheme(packet: Packet, pap_hint: str = "", *, proved: bool = False) -> Refusal | None:
    """Return the refusal of a request that is not PAP; None if it is.

    Args:
        packet: The request.
        pap_hint: The setting that makes this appliance send PAP.
        proved: Whether the transport shows who sent it, as TLS does.
    """
    hint = f"{HINT}: {pap_hint}" if pap_hint else HINT
    eap = packet.values(EAP_MESSAGE)
    if eap:
        # RFC 3579 section 2.6.5: no Reply-Message beside an EAP-Message.
        return Refusal("eap", hint, attributes=((EAP_MESSAGE, eap_refusal(b"".join(eap))),))
    if packet.has(USER_PASSWORD):
        return None if proved or is_proved(packet) else UNPROVED
    if packet.has(CHAP_PASSWORD):
        return Refusal("chap", hint, USE_PAP)
    if packet.has(ARAP_PASSWORD):
        return Refusal("arap", hint, USE_PAP)
    for vendor, kind, value in vendor_attributes(packet.attributes):
        if vendor == MICROSOFT and kind in (MS_CHAP_RESPONSE, MS_CHAP2_RESPONSE):
            return Refusal("ms_chap", hint, USE_PAP, (ms_chap_error(value),))
    return Refusal("no_password", "the request holds no password; " + hint, USE_PAP)


def is_proved(packet: Packet) -> bool:
    """Whether something in a PAP request shows that its sender knows the secret, or a State that only a NAS was told.

    A covered password does; one of no octets does not, and anybody could ask people in the name of the NAS by it.
    """
    return any(packet.values(USER_PASSWORD)) or packet.has(MESSAGE_AUTHENTICATOR) or packet.has(STATE)


def eap_refusal(message: bytes) -> bytes:
    """Refuse an EAP message: a Nak that offers nothing to a request, Failure to everything else.

    RFC 3579 section 2.1 (responses and EAP-Start) and section 2.6.2 (requests).
    """
    code, identifier = (message + b"\0\0")[:2]
    if code == EAP_REQUEST:
        return eap_packet(EAP_RESPONSE, identifier, bytes((EAP_NAK, 0)))
    return eap_packet(EAP_FAILURE_CODE, identifier)


def ms_chap_error(response: bytes) -> tuple[int, bytes]:
    """Build MS-CHAP-Error with the Ident of the response (RFC 2548 section 2.1.5)."""
    return encode_vendor_attribute(MICROSOFT, MS_CHAP_ERROR, response[:1].rjust(1, b"\0") + b"E=691 R=0 V=3")
