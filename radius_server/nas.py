"""The other side: what a NAS does to ask, and to find out whether a reply is ours; for the demo and for tests."""

import hmac
import secrets
from collections.abc import Iterable

from pushgate.errors import BadMessageError
from radius_server.wire import (
    ACCESS_REQUEST,
    USER_NAME,
    USER_PASSWORD,
    check_message_authenticator,
    encode_request,
    encrypt_password,
    md5,
    parse,
)


def build_request(
    user: str,
    password: str,
    secret: bytes,
    identifier: int,
    attributes: Iterable[tuple[int, bytes]] = (),
    *,
    authenticator: bytes | None = None,
) -> bytes:
    """Build an Access-Request with PAP, as a NAS does: Message-Authenticator, name, password, ``attributes``."""
    authenticator = authenticator or secrets.token_bytes(16)
    hidden = encrypt_password(password.encode(), authenticator, secret)
    login = ((USER_NAME, user.encode()), (USER_PASSWORD, hidden), *attributes)
    return encode_request(ACCESS_REQUEST, identifier, authenticator, secret, login)


def verify_reply(request: bytes, reply: bytes, secret: bytes, *, signed: bool = True) -> int:
    """Return the code of a reply that answers this request and whose sender knows the secret.

    Raises:
        BadMessageError: for any other reply; with ``signed`` also for one without Message-Authenticator.
    """
    asked, answer = parse(request), parse(reply)
    if answer.identifier != asked.identifier:
        raise BadMessageError("other_identifier")
    expected = md5(answer.raw[:4] + asked.authenticator + answer.raw[20:] + secret)
    if not hmac.compare_digest(expected, answer.authenticator):
        raise BadMessageError("wrong_response_authenticator")
    if not check_message_authenticator(answer, secret, asked.authenticator) and signed:
        raise BadMessageError("message_authenticator_missing")
    return answer.code
