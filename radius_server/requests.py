"""From an authenticated Access-Request to a ``Login``, or to the reason why it is none."""

import hmac
import struct

from pushgate.errors import BadMessageError
from pushgate.login import Login, Origin, Secret
from pushgate.text import clean
from radius_server.attributes import TypedAttributes
from radius_server.clients import NameRules
from radius_server.link import Request
from radius_server.origin import read_origin
from radius_server.schemes import Refusal
from radius_server.states import Asker
from radius_server.wire import decrypt_password

LONGEST_HOST = 128

HINTS = {
    "wrong_secret": "the shared secret of the appliance and the one configured here differ",
    "password_encoding": "the password is not in the configured encoding; set the appliance to UTF-8",
    "password_holds_nul": "a password with a NUL inside; if every login fails so, the shared secret differs",
}
"""What the administrator may do; each of these reasons blames the password, so the reply takes its time."""


class RequestReader:
    """Reads one request; its attributes are decoded when they are wanted.

    Whatever is asked of it raises ``BadMessageError`` for what makes the request no login.
    """

    def __init__(self, request: Request) -> None:
        self.request, self.client = request, request.client
        self.attributes = TypedAttributes(request.packet.attributes)

    @property
    def user(self) -> str:
        """Return the one User-Name by the client's rules; what else a name may be is the core's business."""
        names = self.attributes.raw("User-Name")
        if len(names) > 1:
            raise BadMessageError("two_user_names")
        if not names or not names[0]:
            raise BadMessageError("user_name_missing")
        return self.name(names[0])

    def name(self, octets: bytes) -> str:
        """Return a user name by the client's rules."""
        try:
            return plain_name(octets.decode("utf-8"), self.client.names)
        except UnicodeDecodeError:
            raise BadMessageError("user_name_encoding", "the user name is not UTF-8") from None

    def password(self) -> bytes:
        """Uncover the password, take the filling off and return it in UTF-8."""
        hidden = self.attributes.raw("User-Password")
        if len(hidden) > 1:
            raise BadMessageError("two_passwords")
        packet, client = self.request.packet, self.client
        password = decrypt_password(hidden[0], packet.authenticator, client.secret).rstrip(b"\0")
        if client.strip_nul:
            password = password.partition(b"\0")[0]
        return self.typed(password)

    def typed(self, octets: bytes) -> bytes:
        """Check what a person typed, and return it in UTF-8."""
        try:
            text = octets.decode(self.client.password_encoding)
        except UnicodeDecodeError:
            # With the wrong secret a password uncovers to noise; a right Message-Authenticator excludes that.
            raise BadMessageError("password_encoding" if self.request.signed else "wrong_secret") from None
        if "\0" in text:
            raise BadMessageError("password_holds_nul")
        return text.encode("utf-8")

    @property
    def origin(self) -> Origin:
        """Return where the person is, as far as this kind of appliance tells it."""
        nas = (self.attributes.address("NAS-IP-Address"), self.attributes.address("NAS-IPv6-Address"))
        machines = (self.request.source, self.request.local, *nas)
        return read_origin(self.attributes, self.client.preset.origin, machines)

    def asker(self) -> Asker:
        """Return who this is, as far as a challenge and its answer must agree."""
        return Asker(self.client.attempt_group, self.user, self.origin.address)

    def nas_name(self) -> str:
        """Return what the NAS calls itself, name or address, or nothing."""
        return self.host() or str(self.attributes.address("NAS-IP-Address") or "")

    def host(self) -> str:
        """Return the name that the NAS gives itself, or nothing."""
        names = self.attributes.texts("NAS-Identifier")
        return clean(names[0], LONGEST_HOST) if names else ""

    def discriminator(self) -> bytes:
        """Return what tells two logins of one user from one place apart, or nothing: session before port."""
        for session in self.attributes.raw("Acct-Session-Id"):
            if session:
                return b"session " + session
        port = self.attributes.number("NAS-Port")
        return b"port %d" % port if port else b""

    def join_key(self, login: Login, typed: bytes, join_secret: bytes) -> bytes | None:
        """Name a login so that the same one asked again, and nothing else, has the same name; None: it joins no other.

        Who shares an address (behind one router) or a port (of an appliance that sends the same one for everybody)
        must not ride on the approval of the real user. A checked password tells them apart; without one there must be
        both.

        Args:
            login: What this request asks for.
            typed: What the person typed into the password field.
            join_secret: Key of the join keys.
        """
        client, address = self.client, login.origin.address
        discriminator = b"" if client.join_by_origin else self.discriminator()
        by_session = discriminator.startswith(b"session ")
        by_place = address is not None and (client.has_password or client.join_by_origin or bool(discriminator))
        if not (by_session or by_place):
            return None
        place = address or self.nas_name() or str(self.request.source)
        return make_join_key(join_secret, client.attempt_group, login.user, place, discriminator, typed)


def read_login(reader: RequestReader, typed: bytes) -> Login:
    """Read who logs in, where and from where; the join key is apart, as not every login needs one.

    Args:
        reader: The request.
        typed: What the person typed into the password field.

    Raises:
        BadMessageError: what is missing, or has not the form that it must have.
    """
    client, user = reader.client, reader.user
    if user in client.probe_users:
        raise BadMessageError("probe_user")
    return Login(
        user=user,
        service=client.name,
        host=reader.host() or client.name,
        origin=reader.origin,
        secret=Secret(typed),
    )


def refusal_of(error: BadMessageError) -> Refusal:
    """Say why a request is no login."""
    if error.reason == "probe_user":
        return Refusal("probe_user", message="Alive")
    credential = error.reason in HINTS
    return Refusal(error.reason, HINTS.get(error.reason, error.message), credential=credential)


def plain_name(name: str, rules: NameRules) -> str:
    """Take domain and realm off a name and fold its case, where the rules say so.

    Raises:
        BadMessageError: for a name with two realms or with ``..``, which systems disagree about.
    """
    if name.count("@") > 1 or ".." in name:
        raise BadMessageError("user_name_odd", "two realms, or two dots in a row")
    if rules.strip_domain:
        name = name.rpartition("\\")[2]
    if rules.strip_realm:
        name = name.partition("@")[0]
    return name.casefold() if rules.fold_case else name


def make_join_key(
    join_secret: bytes, group: str, user: str, place: str, discriminator: bytes, password: bytes
) -> bytes:
    """Name a login by its parts."""
    parts = [group.encode(), user.encode(), place.encode(), discriminator, password]
    lengths = struct.pack("!5I", *map(len, parts))
    return hmac.digest(join_secret, b"".join([lengths, *parts]), "sha256")
