"""From a decision, a refusal or a question to the bytes of the reply.

Order of the attributes: Message-Authenticator, Proxy-State, Reply-Message, State, Session-Timeout, Prompt, others.
Nothing that a user typed is ever repeated, because chosen text in a reply is what MD5 collisions are made of.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pushgate.decision import Decision, Reason
from pushgate.text import clean
from radius_server.eap import EAP_FAILURE_CODE, EAP_SUCCESS_CODE, eap_packet, gtc_request, next_identifier
from radius_server.link import Exchange
from radius_server.schemes import Refusal
from radius_server.wire import (
    ACCESS_ACCEPT,
    ACCESS_CHALLENGE,
    ACCESS_REJECT,
    EAP_MESSAGE,
    MAX_PACKET,
    MAX_VALUE,
    PROXY_STATE,
    REPLY_MESSAGE,
    STATE,
    Attributes,
    encode_attributes,
    encode_reply,
)

SESSION_TIMEOUT, PROMPT = 27, 76

MAX_SHORT = 1024
"""Rejects and challenges: pam_radius reads no longer packets; only Proxy-State, which is copied, may exceed it."""

PLAIN_PROMPT = "Code"

OVERHEAD = 20 + 18
"""Header and Message-Authenticator."""

REJECT_FLOOR = 1.0
"""Seconds from receipt to a reject that blames what was typed; the same for unknown users (OpenSSH waits so too)."""

AT_ONCE = frozenset({Reason.DENIED, Reason.OVERLOADED, Reason.GIVEN_UP})
"""Rejects that blame no credential: no guesser learns anything from their speed."""


@dataclass(frozen=True, slots=True)
class ChallengeText:
    """What a NAS shall show, and how its answer finds back."""

    prompt: str
    state: bytes = field(repr=False)
    seconds: int
    """How long the person may think."""
    echo: bool


def encode_answer(exchange: Exchange, answer: Decision | Refusal, granted: Attributes = ()) -> bytes:
    """Build Access-Accept or Access-Reject.

    Args:
        exchange: What is answered.
        answer: The decision, or the reason why there was nothing to decide.
        granted: What an Access-Accept gives to the session beside.

    Raises:
        BadMessageError: if the Proxy-States that must be copied leave no room.
    """
    if isinstance(answer, Refusal):
        shown = _shown(exchange, answer.message, EAP_FAILURE_CODE)
        return _encode(ACCESS_REJECT, exchange, [*shown, *answer.attributes])
    if answer.accept:
        shown = _shown(exchange, answer.message, EAP_SUCCESS_CODE)
        return _encode(ACCESS_ACCEPT, exchange, shown, granted)
    return _encode(ACCESS_REJECT, exchange, _shown(exchange, answer.message, EAP_FAILURE_CODE))


def encode_challenge(exchange: Exchange, text: ChallengeText) -> bytes:
    """Build Access-Challenge: always one State, and one text that is not empty (pam_radius fails without).

    Raises:
        BadMessageError: if the Proxy-States that must be copied leave no room.
    """
    # A provider words its own questions, and may leave one empty.
    question = text.prompt.strip() or PLAIN_PROMPT
    if exchange.eap_identifier is None:
        shown = reply_message(question)
    else:
        shown = eap_attributes(gtc_request(next_identifier(exchange.eap_identifier), question))
    timeout = (SESSION_TIMEOUT, text.seconds.to_bytes(4, "big"))
    # RFC 2869 section 5.10: 1 lets the NAS show what is typed.
    prompt = (PROMPT, int(text.echo).to_bytes(4, "big"))
    extras = [timeout] if exchange.eap_identifier is not None else [timeout, prompt]
    return _encode(ACCESS_CHALLENGE, exchange, (), [*shown, (STATE, text.state), *extras])


def encode_eap_question(exchange: Exchange, message: bytes, state: bytes) -> bytes:
    """Build Access-Challenge with an EAP request of our own making.

    Raises:
        BadMessageError: if the Proxy-States that must be copied leave no room.
    """
    return _encode(ACCESS_CHALLENGE, exchange, (), [*eap_attributes(message), (STATE, state)])


def size_of_accept(exchange: Exchange, granted: Attributes) -> int:
    """Return the octets of an Access-Accept that needs no Reply-Message to be understood."""
    states = [(PROXY_STATE, value) for value in exchange.request.packet.values(PROXY_STATE)]
    return OVERHEAD + len(encode_attributes([*states, *granted]))


def takes_its_time(decision: Decision) -> bool:
    """Whether the reply must not leave before ``REJECT_FLOOR``."""
    return not decision.accept and decision.reason not in AT_ONCE


def reply_message(text: str) -> list[tuple[int, bytes]]:
    """Make one Reply-Message of at most 253 octets, cut between characters; none for no text."""
    value = clean(text, MAX_VALUE).encode()[:MAX_VALUE].decode("utf-8", "ignore").encode()
    return [(REPLY_MESSAGE, value)] if value else []


def eap_attributes(message: bytes) -> list[tuple[int, bytes]]:
    """Split an EAP message over as many attributes as it needs (RFC 3579 section 3.1)."""
    return [(EAP_MESSAGE, message[start : start + MAX_VALUE]) for start in range(0, len(message), MAX_VALUE)]


def _shown(exchange: Exchange, message: str, eap_code: int) -> list[tuple[int, bytes]]:
    if exchange.eap_identifier is None:
        return reply_message(message)
    # RFC 3579 section 2.6.5: no Reply-Message beside an EAP-Message.
    return eap_attributes(eap_packet(eap_code, exchange.eap_identifier))


def _encode(
    code: int, exchange: Exchange, optional: Sequence[tuple[int, bytes]], needed: Sequence[tuple[int, bytes]] = ()
) -> bytes:
    request = exchange.request.packet
    # RFC 2865 section 5.33: every Proxy-State, unmodified and in order.
    states = [(PROXY_STATE, value) for value in request.values(PROXY_STATE)]
    longest = MAX_PACKET if code == ACCESS_ACCEPT else MAX_SHORT
    fits = OVERHEAD + len(encode_attributes([*states, *optional, *needed])) <= longest
    shown = optional if fits else ()
    return encode_reply(code, request, exchange.client.secret, [*states, *shown, *needed])
