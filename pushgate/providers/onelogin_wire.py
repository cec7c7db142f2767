"""What all of OneLogin's replies have in common, as pure functions: errors of both APIs, lists, codes.

The documents show two shapes of an error. v1: ``{"status": {"error": true, "code": 401, "type": "Unauthorized",
"message": "Authentication Failure"}}``, where the message may be an object with ``description``. v2:
``{"statusCode": 401, "name": "InvalidCredentials", "message": "..."}``, or ``messages``, a list.
"""

import re
import unicodedata
from typing import Any

from pushgate.http import Reply
from pushgate.outcome import Failed, FailureKind
from pushgate.providers.onelogin_devices import Device, Kind
from pushgate.text import clean

BLANKS = re.compile(r"[\s\u2010-\u2015-]")
DIGITS = re.compile(r"[0-9]{6,9}", re.ASCII)
SENT_CODE = re.compile(r"[0-9A-Za-z]{6,9}", re.ASCII)
"""OneLogin can be set to send letters as well."""
MODHEX = re.compile(r"[cbdefghijklnrtuv]{32,48}", re.ASCII)
"""What a YubiKey types: its name and an encrypted counter."""

# The type of a wrong password is "Unauthorized" as well, as that of a token that has run out: the message decides.
MEANINGS = (
    ("failed authentication with this factor", FailureKind.BAD_CODE),
    ("state token", FailureKind.EXPIRED),
    ("state_token", FailureKind.EXPIRED),
    ("invalid subdomain", FailureKind.CONFIG),
    ("locked", FailureKind.LOCKED),
    ("suspended", FailureKind.LOCKED),
    ("invalid user credentials", FailureKind.BAD_PASSWORD),
    ("authentication failed", FailureKind.BAD_PASSWORD),
    ("password is empty", FailureKind.BAD_PASSWORD),
)
CODE_WANTED = "otp token blank"
HINTS = {
    "invalid subdomain": "OneLogin knows no such subdomain: check subdomain in the configuration",
}
SCOPE_HINT = (
    "the API credential is refused: it needs the scope Authentication Only where OneLogin checks the password, "
    "Manage All where it does not"
)


def message_of(reply: Reply) -> str:
    """Return the message of an error of either shape, in lower case; nothing whatever the body looks like."""
    body = reply.body if isinstance(reply.body, dict) else {}
    status = body.get("status")
    message = status.get("message") if isinstance(status, dict) else body.get("message")
    if isinstance(message, dict):
        message = message.get("description")
    if message is None and isinstance(body.get("messages"), list):
        message = " ".join(str(each) for each in body["messages"][:4])
    return message.casefold() if isinstance(message, str) else ""


def meaning_of(reply: Reply) -> FailureKind | None:
    """Say what an error's message means; None if it is none that we know, as those about our own token."""
    if reply.status not in (400, 401, 403, 422):
        return None
    message = message_of(reply)
    return next((kind for words, kind in MEANINGS if words in message), None)


def doubts_token(reply: Reply) -> bool:
    """Whether a refusal may be about our own token and not about the person."""
    return reply.status == 401 and meaning_of(reply) is None


def failure(reply: Reply, step: str, *, asked: bool) -> Failed:
    """Name the failure of a reply that a call gives no meaning of its own."""
    status = reply.status
    kind, hint = meaning_of(reply), ""
    if kind is FailureKind.CONFIG:
        hint = next(text for words, text in HINTS.items() if words in message_of(reply))
    elif kind is None and status in (401, 403, 407):
        kind, hint = FailureKind.CONFIG, SCOPE_HINT
    elif kind is None and status in (404, 410):
        kind = FailureKind.EXPIRED
    elif kind is None and status == 429:
        kind, hint = FailureKind.RATE_LIMITED, "OneLogin limits the calls of the account: see calls_per_hour"
    elif kind is None:
        kind = FailureKind.UNAVAILABLE if status >= 500 else FailureKind.PROTOCOL
    return Failed(kind, asked, f"{step}: HTTP {status}", status, trace_of(reply), hint)


def strange(reply: Reply, step: str, what: str, *, asked: bool) -> Failed:
    """Make the failure of a reply that does not match OneLogin's documents."""
    return Failed(FailureKind.PROTOCOL, asked, f"{step}: {what}", reply.status, trace_of(reply))


def trace_of(reply: Reply) -> str:
    """Return OneLogin's own name of the request, for its support."""
    return clean(reply.headers.get("X-Request-Id", ""), 64)


def only(body: Any) -> dict[str, Any]:
    """Return the object, or the one object of a list; the documents show lists, the official client wants objects."""
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    return body if isinstance(body, dict) else {}


def read_code(text: str, device: Device) -> str:
    """Return a code as it is sent: digits without blanks and hyphens, zeros kept; nothing if it can be none."""
    code = BLANKS.sub("", unicodedata.normalize("NFKC", text))
    forms = [DIGITS]
    if device.kind in (Kind.SMS, Kind.EMAIL):
        forms.append(SENT_CODE)
    if device.modhex:
        forms.append(MODHEX)
    return code if any(form.fullmatch(code) for form in forms) else ""
