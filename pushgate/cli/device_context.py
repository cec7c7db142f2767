"""A login as the authority describes it: read strictly, because what is signed must be what was shown."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeGuard

from pushgate.errors import BadMessageError
from pushgate.text import clean

MAX_CONTEXT = 64 * 1024
"""Characters of one ``ctx``; the authority's own largest is about half of this."""

MAX_SECONDS = 86_400
"""A login waits for minutes."""

MAX_SHOWN = 4096
"""Characters of one value; the authority allows 512, which grow when hidden characters are made visible."""


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """A login that waits for this person's answer."""

    id: str
    ctx: str
    """The description exactly as received: it is shown, and its hash is what a decision signs."""
    nonce: str
    expires_in: float
    """Seconds that were left when the authority answered."""
    waiting: tuple[str, ...]
    """Addresses of further logins of the same user and service, which are asked for when this one is done."""
    context: dict[str, Any]
    """``ctx``, parsed."""
    number_required: bool
    """An approval must be signed with the number of the place of the login."""


def read_pending(data: Any) -> PendingLogin:
    """Check one session of the authority's answer.

    Raises:
        BadMessageError: if it is not what the contract says.
    """
    if not isinstance(data, dict):
        raise BadMessageError("bad_session", "the authority sent a login in an unknown form")
    session, ctx, nonce, expires_in = (data.get(key) for key in ("id", "ctx", "nonce", "expires_in"))
    if not (isinstance(session, str) and isinstance(ctx, str) and isinstance(nonce, str)):
        raise BadMessageError("bad_session", "the authority sent a login in an unknown form")
    # The comparison also refuses NaN, and a number that is too large to be a float.
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float) or not 0 <= expires_in <= MAX_SECONDS:
        raise BadMessageError("bad_session", "the authority sent a login in an unknown form")
    if not is_id(session) or len(nonce) > 64:
        raise BadMessageError("bad_session", "the authority sent a login in an unknown form")
    context = read_context(ctx)
    # Either word counts: ctx is what is signed, the other is what the authority acts upon.
    number = data.get("number_required") is True or context.get("number_required") is True
    return PendingLogin(session, ctx, nonce, float(expires_in), _waiting(data.get("waiting")), context, number)


def is_id(value: Any) -> TypeGuard[str]:
    """Whether a value may be an id of the authority's: it goes into paths, headers and signed lines."""
    return isinstance(value, str) and 0 < len(value) <= 64 and value.isascii() and value.isalnum()


def read_context(ctx: str) -> dict[str, Any]:
    """Parse ``ctx`` so that no part of it can hide from the person.

    A key that stands there twice is refused: another reader of the signed text may take the other value.

    Raises:
        BadMessageError: for anything but one JSON object of version 1 without repeated keys.
    """
    problem = BadMessageError("bad_ctx", "the authority describes this login in a form that cannot be shown safely")
    if len(ctx) > MAX_CONTEXT:
        raise problem
    try:
        ctx.encode()  # half a surrogate pair cannot be hashed
        context = json.loads(ctx, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise problem from None
    if not isinstance(context, dict) or context.get("v") != 1 or isinstance(context["v"], bool):
        raise problem
    return context


def _waiting(data: Any) -> tuple[str, ...]:
    """Read ``{"count": 2, "from": ["192.0.2.1", ""]}``; at most ten addresses, the rest unnamed."""
    if not isinstance(data, dict) or not isinstance(count := data.get("count"), int):
        return ()
    origins = data.get("from")
    known = [origin for origin in origins if isinstance(origin, str)] if isinstance(origins, list) else []
    return tuple((known + [""] * 10)[: max(0, min(count, 10))])


LABELS = {
    "authority": "Authority",
    "user": "Who",
    "account": "Account",
    "service": "Service",
    "host": "Host",
    "command": "Command",
    "tty": "Terminal",
    "created": "Started",
    "expires": "Expires",
    "domain": "Domain",
    "client": "Asked by",
    "number_required": "Number needed",
    "client_nonce": "Nonce of the asker",
    "v": "Version",
}
"""The keys of a context in the order in which a person reads them."""

ORIGINS = {
    "nas": "as the network device reports it",
    "pam": "as the service reports it",
    "kernel": "seen by the host's kernel",
    "local": "on the machine, outside ssh",
}
"""How an address is known, in words; any other kind is shown as it is."""


def rows(context: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield label and text of everything in a context, cleaned for a terminal; only empty values are left out."""
    for key, label in LABELS.items():
        if key == "created":
            yield "From", _origin(context.get("ip"), context.get("origin_kind"))
        if context.get(key) not in ("", None):
            yield label, _time(context[key]) if key in ("created", "expires") else _shown(context[key])
    for label, value in _attributes(context.get("attributes")):
        # Marked, so that an attribute called "Who" is not taken for ours.
        yield f"· {label}", value
    for key in sorted(context.keys() - LABELS.keys() - {"ip", "origin_kind", "attributes"}):
        yield f"other: {_shown(key)}", _shown(context[key])


def _time(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32:
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return _shown(value)


def _origin(address: Any, kind: Any) -> str:
    place = _shown(address) if address else "address unknown"
    words = ORIGINS.get(kind, _shown(kind)) if isinstance(kind, str) else _shown(kind)
    return f"{place} ({words})" if words and not (kind == "unknown" and not address) else place


def _attributes(attributes: Any) -> list[tuple[str, str]]:
    if not attributes:
        return []
    if isinstance(attributes, list) and all(_is_attribute(attribute) for attribute in attributes):
        return [(_shown(attribute["key"]), _shown(attribute["value"])) for attribute in attributes]
    return [("attributes", _shown(attributes))]


def _is_attribute(value: Any) -> bool:
    return (
        isinstance(value, dict) and set(value) == {"key", "value"} and all(isinstance(v, str) for v in value.values())
    )


def _shown(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # Never cut: the whole of it is signed. The authority's own limit keeps it short.
    return clean(text, max(len(text) * 10, MAX_SHOWN))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands there twice")
    return result
