"""From an authenticated Access-Request to a ``Login``, or to the reason why it is none."""

import hmac
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from pushgate.errors import BadMessageError
from pushgate.login import Login, Secret
from pushgate.text import clean
from radius_server.attributes import TypedAttributes
from radius_server.clients import Client, IPAddress
from radius_server.origin import read_origin
from radius_server.schemes import Refusal, refuse_scheme
from radius_server.wire import STATE, Packet, decrypt_password

LONGEST_HOST = 128

HINTS = {
    "wrong_secret": "the shared secret of the appliance and the one configured here differ",
    "password_encoding": "the password is not UTF-8; set the appliance to UTF-8",
    "password_holds_nul": "a password with a NUL inside; if every login fails so, the shared secret differs",
}
"""What the administrator may do; each of these reasons blames the password, so the reply takes its time."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose sender is known, with what the socket knows of it."""

    packet: Packet
    client: Client
    signed: bool
    """A right Message-Authenticator showed that the secrets are equal."""
    source: IPAddress
    """Where the datagram came from: the NAS, or a proxy in front of it."""
    local: IPAddress | None = None
    """Our own address that was asked, if the kernel told it."""


def read_login(request: Request, join_secret: bytes) -> Login | Refusal:
    """Read who logs in, where, from where, and what was typed.

    Args:
        request: What came in.
        join_secret: Key of the join keys, of this process alone.
    """
    packet, client = request.packet, request.client
    if packet.has(STATE):
        return Refusal("unknown_state", "an answer to a challenge that is not known here")
    refusal = refuse_scheme(packet)
    if refusal is not None:
        return refusal
    attributes = TypedAttributes(packet.attributes)
    try:
        user = read_user(attributes)
        password = read_password(attributes, request)
        machines = (request.source, request.local, *read_nas_addresses(attributes))
        origin = read_origin(attributes, client.preset.origin, machines)
        session, port = read_session(attributes), read_port(attributes)
    except BadMessageError as error:
        credential = error.reason in HINTS
        return Refusal(error.reason, HINTS.get(error.reason, error.message), credential=credential)
    place = origin.address or read_nas_name(attributes) or str(request.source)
    # With first factor none the password is no secret. Who shares an address (behind one router), or a port (an
    # appliance that sends the same one for everybody), would otherwise ride on the approval of the real user.
    joinable = session or (port and origin.address is not None)
    key = make_join_key(join_secret, client.name, user, place, session or port, password) if joinable else None
    return Login(
        user=user,
        service=client.name,
        host=read_host(attributes) or client.name,
        origin=origin,
        secret=Secret(password),
        join_key=key,
    )


def read_user(attributes: TypedAttributes) -> str:
    """Return the one User-Name; what else makes a name unacceptable is the core's business.

    Raises:
        BadMessageError: for none, an empty one, several, or one that is not UTF-8.
    """
    names = attributes.raw("User-Name")
    if len(names) > 1:
        raise BadMessageError("two_user_names")
    if not names or not names[0]:
        raise BadMessageError("user_name_missing")
    try:
        return names[0].decode("utf-8")
    except UnicodeDecodeError:
        raise BadMessageError("user_name_encoding", "the user name is not UTF-8") from None


def read_password(attributes: TypedAttributes, request: Request) -> bytes:
    """Uncover the password and take the filling off.

    Raises:
        BadMessageError: for several, a wrong length, a NUL inside, or octets that are not UTF-8.
    """
    hidden = attributes.raw("User-Password")
    if len(hidden) > 1:
        raise BadMessageError("two_passwords")
    padded = decrypt_password(hidden[0], request.packet.authenticator, request.client.secret)
    password = padded.rstrip(b"\0")
    try:
        password.decode("utf-8")
    except UnicodeDecodeError:
        # With the wrong secret a password uncovers to noise; a right Message-Authenticator excludes that.
        raise BadMessageError("password_encoding" if request.signed else "wrong_secret") from None
    if b"\0" in password:
        raise BadMessageError("password_holds_nul")
    return password


def read_nas_addresses(attributes: TypedAttributes) -> Iterator[IPAddress]:
    """Yield the addresses that the NAS says are its own.

    Raises:
        BadMessageError: for a wrong length, or several of one kind.
    """
    for name in ("NAS-IP-Address", "NAS-IPv6-Address"):
        value = attributes.value(name)
        if value is not None:
            yield ipaddress.ip_address(value)


def read_nas_name(attributes: TypedAttributes) -> str:
    """Return what the NAS calls itself, name or address, or nothing."""
    names = attributes.texts("NAS-Identifier")
    return names[0] if names else str(attributes.value("NAS-IP-Address") or "")


def read_session(attributes: TypedAttributes) -> bytes:
    """Return the Acct-Session-Id, which names one attempt at the NAS, or nothing."""
    return next((b"session " + session for session in attributes.raw("Acct-Session-Id") if session), b"")


def read_port(attributes: TypedAttributes) -> bytes:
    """Return a NAS-Port that is not 0, or nothing.

    Raises:
        BadMessageError: for one of the wrong length.
    """
    port = attributes.value("NAS-Port")
    return b"port %d" % port if isinstance(port, int) and port else b""


def read_host(attributes: TypedAttributes) -> str:
    """Return the name that the NAS gives itself, or nothing."""
    names = attributes.texts("NAS-Identifier")
    return clean(names[0], LONGEST_HOST) if names else ""


def make_join_key(
    join_secret: bytes, group: str, user: str, place: str, discriminator: bytes, password: bytes
) -> bytes:
    """Name a login so that the same one asked again, and nothing else, has the same name.

    ``discriminator`` is what tells two logins of one user from one place apart; without it there is no key.
    """
    parts = (group.encode(), user.encode(), place.encode(), discriminator, password)
    framed = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hmac.digest(join_secret, framed, "sha256")
