"""Reading the bodies of LoginTC calls into checked values; limits as in docs/authority.md."""

import hashlib
import math
import re
from typing import Any
from urllib.parse import unquote

from push_authority import numbers
from push_authority.apikeys import ApiKey
from push_authority.asking import Question
from push_authority.codes import Kind, TypedCode, normalize
from push_authority.context import MAX_ATTRIBUTES, Context
from push_authority.errors import bad_request
from push_authority.people import NewPerson
from push_authority.proof import decode
from push_authority.text import is_visible_name

from .exchange import IDENTITY, as_object, number_value, parse_json, text_field

MAX_WAIT = 30.0
IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,64}")
CONSUMER = re.compile(r"[A-Za-z0-9_-]{1,64}")
CONTEXT_LIMITS = {"service": 64, "host": 255, "account": 128, "command": 1024, "tty": 64, "origin_kind": 16}
SHOW = "show"
CODE_LIMIT = 64
"""Characters of a code as somebody typed it."""
NAME_LIMIT = 128
EMAIL_LIMIT = 254


def parse_question(
    body: bytes,
    key: ApiKey,
    domain_id: str,
    request_timeout: int,
    *,
    native: bool,
    idempotency_key: str | None,
    agent: str,
) -> Question:
    """Read the body of a create call; the native form has more keys than LoginTC's.

    Raises:
        ApiError: it breaks a rule of docs/authority.md.
    """
    data = as_object(parse_json(body), "the body")
    user_id, username = parse_user(data, decode_percent=key.decode_percent_username and agent.startswith("LoginTC-C/"))
    if idempotency_key is not None and not IDEMPOTENCY_KEY.fullmatch(idempotency_key):
        raise bad_request("Idempotency-Key must be 1 to 64 visible ASCII characters")
    lifetime = float(request_timeout)
    fields: dict[str, str] = {}
    wanted = ""
    if native:
        context = as_object({} if data.get("context") is None else data["context"], "context")
        fields = {name: text_field(context, name, limit) for name, limit in CONTEXT_LIMITS.items()}
        fields["client_nonce"] = parse_client_nonce(data)
        wanted = parse_number(data)
        if data.get("timeout") is not None:
            lifetime = min(lifetime, number_value(data["timeout"], "timeout", 0.001, 3600))
    ip = text_field(data, "ipAddress", 64)
    return Question(
        api_key=key,
        domain_id=domain_id,
        user_id=user_id,
        username=username,
        context=Context(**fields, ip=ip, attributes=parse_attributes(data.get("attributes"))),
        lifetime=lifetime,
        code=parse_code(data),
        number=wanted if wanted and wanted != SHOW else None,
        draw_number=wanted == SHOW,
        idempotency_key=idempotency_key,
        body_hash=hashlib.sha256(body).digest() if idempotency_key else None,
    )


def parse_user(data: dict[str, Any], *, decode_percent: bool) -> tuple[str | None, str | None]:
    """Return the id or the user name of ``{"user":{"id":…}}`` or ``{"user":{"username":…}}``."""
    user = as_object(data.get("user"), "user")
    username, user_id = user.get("username"), user.get("id")
    if isinstance(username, str):
        name = unquote(username) if decode_percent else username
        if not is_visible_name(name, NAME_LIMIT):
            raise bad_request("username must be 1 to 128 visible characters")
        return None, name
    if isinstance(user_id, str) and IDENTITY.fullmatch(user_id):
        return user_id, None
    raise bad_request("user must have an id of 40 hexadecimal digits, or a username")


def parse_attributes(value: Any) -> tuple[tuple[str, str], ...]:
    """Return the attributes in their order; null and absent are none."""
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_ATTRIBUTES:
        raise bad_request(f"attributes must be a list of at most {MAX_ATTRIBUTES}")
    items = [as_object(item, "an attribute") for item in value]
    return tuple((text_field(item, "key", 64, None), text_field(item, "value", 512, None)) for item in items)


def parse_client_nonce(data: dict[str, Any]) -> str:
    """Return the caller's nonce: 16 bytes in base64url, or nothing."""
    nonce = text_field(data, "client_nonce", 64)
    if nonce and decode(nonce, 16) is None:
        raise bad_request("client_nonce must be 16 bytes in unpadded base64url")
    return nonce


def parse_code(data: dict[str, Any]) -> TypedCode | None:
    """Return the code that came along; a bypass code wins."""
    for kind in (Kind.BYPASS, Kind.OTP):
        if data.get(kind) is not None:
            return TypedCode(kind, normalize(text_field(data, kind, CODE_LIMIT)))
    return None


def parse_number(data: dict[str, Any]) -> str:
    """Return ``show``, the number that the person has chosen, or nothing."""
    wanted = text_field(data, "number", 8)
    if wanted and wanted != SHOW and not numbers.is_number(wanted):
        raise bad_request('number must be "show" or two digits')
    return wanted


def parse_person(value: Any) -> NewPerson:
    """Read a user to be created."""
    data = as_object(value, "a user")
    username = text_field(data, "username", NAME_LIMIT, None)
    if not is_visible_name(username, NAME_LIMIT):
        raise bad_request("username must be 1 to 128 visible characters")
    return NewPerson(
        username, shown_field(data, "name", NAME_LIMIT) or "", shown_field(data, "email", EMAIL_LIMIT) or ""
    )


def shown_field(data: dict[str, Any], key: str, limit: int) -> str | None:
    """Return a text that people will see, None if it is absent."""
    if data.get(key) is None:
        return None
    value = text_field(data, key, limit)
    if value and not is_visible_name(value, limit):
        raise bad_request(f"{key} must be visible characters without blanks at its ends")
    return value


def parse_wait(query: str | None) -> float:
    """Return the seconds of ``?wait=``; 0 if it is absent."""
    if query is None:
        return 0.0
    try:
        seconds = float(query)
    except ValueError:
        seconds = math.nan
    return number_value(seconds, "wait", 0, MAX_WAIT)


def parse_page(query: str | None) -> int:
    """Return the page of a list; they count from 1."""
    if query is None:
        return 1
    if not query.isascii() or not query.isdigit() or not 1 <= len(query) <= 6 or int(query) < 1:
        raise bad_request("page must be a number from 1")
    return int(query)


def parse_consumer(data: dict[str, Any]) -> str:
    """Return who wants to use an approval: up to 64 characters of base64url."""
    consumer = text_field(data, "consumer", 64, None)
    if not CONSUMER.fullmatch(consumer):
        raise bad_request("consumer must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -")
    return consumer
