"""``ctx``: the one text that is stored, shown, hashed and signed (docs/authority.md)."""

import json
from dataclasses import dataclass

from push_authority.errors import bad_request
from push_authority.text import visible

MAX_ATTRIBUTES = 20
MAX_CTX = 32 * 1024
"""Characters; hidden ones become up to ten each, and devices refuse to show what is larger than twice this: then
nobody could answer, and what waits behind it would wait in vain."""


@dataclass(frozen=True, slots=True)
class Context:
    """What is known about one login, as the caller sent it and within the limits."""

    service: str = ""
    host: str = ""
    account: str = ""
    command: str = ""
    tty: str = ""
    ip: str = ""
    origin_kind: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    client_nonce: str = ""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, as the person should see it."""

    authority: str
    domain: str
    client: str


def build_ctx(
    context: Context, asker: Asker, user: str, created: float, expires: float, *, number_required: bool = False
) -> str:
    """Return the JSON text; hidden characters become escapes here, before anything is hashed or shown.

    Raises:
        ApiError: written out like this it is longer than devices show.
    """
    fields = {
        "v": 1,
        "authority": asker.authority,
        "domain": visible(asker.domain),
        "user": visible(user),
        "service": visible(context.service),
        "host": visible(context.host),
        "account": visible(context.account),
        "command": visible(context.command),
        "tty": visible(context.tty),
        "ip": visible(context.ip),
        "origin_kind": visible(context.origin_kind),
        "attributes": [{"key": visible(key), "value": visible(value)} for key, value in context.attributes],
        "created": int(created),
        "expires": int(expires),
        "number_required": number_required,
        "client_nonce": context.client_nonce,
        "client": visible(asker.client),
    }
    ctx = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
    if len(ctx) > MAX_CTX:
        raise bad_request(f"the login takes more than {MAX_CTX} characters with hidden ones written out")
    return ctx
