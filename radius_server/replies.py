"""From a decision, or a refusal, to the bytes of the reply.

Order of the attributes: Message-Authenticator, Proxy-State, Reply-Message, others. Nothing that a user typed is
ever repeated, because chosen text in a reply is what MD5 collisions are made of.
"""

from collections.abc import Sequence

from pushgate.decision import Decision, Reason
from pushgate.text import clean
from radius_server.schemes import Refusal
from radius_server.wire import (
    ACCESS_ACCEPT,
    ACCESS_REJECT,
    MAX_PACKET,
    MAX_VALUE,
    PROXY_STATE,
    REPLY_MESSAGE,
    Packet,
    encode_attributes,
    encode_reply,
)

MAX_REJECT = 1024
"""pam_radius reads no longer packets; Proxy-State may still make one longer, for it must be copied."""

OVERHEAD = 20 + 18
"""Header and Message-Authenticator."""

REJECT_FLOOR = 1.0
"""Seconds from receipt to a reject that blames what was typed; the same for unknown users (OpenSSH waits so too)."""

AT_ONCE = frozenset({Reason.DENIED, Reason.OVERLOADED})
"""Rejects that blame no credential: no guesser learns anything from their speed."""


def encode_answer(request: Packet, secret: bytes, answer: Decision | Refusal) -> bytes:
    """Build Access-Accept or Access-Reject.

    Raises:
        BadMessageError: if the Proxy-States that must be copied leave no room.
    """
    message = reply_message(answer.message)
    if isinstance(answer, Refusal):
        return _encode(ACCESS_REJECT, request, secret, [*message, *answer.attributes])
    return _encode(ACCESS_ACCEPT if answer.accept else ACCESS_REJECT, request, secret, message)


def takes_its_time(decision: Decision) -> bool:
    """Whether the reply must not leave before ``REJECT_FLOOR``."""
    return not decision.accept and decision.reason not in AT_ONCE


def reply_message(text: str) -> list[tuple[int, bytes]]:
    """Make one Reply-Message of at most 253 octets, cut between characters; none for no text."""
    value = clean(text, MAX_VALUE).encode()[:MAX_VALUE].decode("utf-8", "ignore").encode()
    return [(REPLY_MESSAGE, value)] if value else []


def _encode(code: int, request: Packet, secret: bytes, optional: Sequence[tuple[int, bytes]]) -> bytes:
    # RFC 2865 section 5.33: every Proxy-State, unmodified and in order.
    attributes = [(PROXY_STATE, value) for value in request.values(PROXY_STATE)]
    room = (MAX_PACKET if code == ACCESS_ACCEPT else MAX_REJECT) - OVERHEAD - len(encode_attributes(attributes))
    if len(encode_attributes(optional)) <= room:
        attributes += optional
    return encode_reply(code, request, secret, attributes)
