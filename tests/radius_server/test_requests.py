"""From a packet to a login."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from pushgate.errors import BadMessageError
from pushgate.login import Login, Origin, OriginSource, Secret
from radius_server.clients import Client
from radius_server.link import Request
from radius_server.requests import RequestReader, read_login, refusal_of
from radius_server.schemes import Refusal
from radius_server.wire import (
    ACCESS_REQUEST,
    Packet,
    encode_request,
    encrypt_password,
    parse,
)
from tests.radius_server import vectors
from tests.radius_server.vectors import PASSWORDS, A

CLIENT = Client("vpn", ip_network("192.0.2.0/24"), vectors.SECRET)
NAS = ip_address("192.0.2.1")
US = ip_address("192.0.2.2")
KEY = b"key of this process"

USER = (1, b"alice")
CALLING = (31, b"203.0.113.7")
NAS_ID = (32, b"gate-1")
PORT = (5, b"\0\0\0\x03")
SESSION = (44, b"5F00")


def password(text: bytes = b"push") -> tuple[int, bytes]:
    """Cover a password as the packets of ``packet`` need it."""
    return 2, encrypt_password(text, A, vectors.SECRET)


def packet(*attributes: tuple[int, bytes]) -> Packet:
    """Build a request with these attributes."""
    return parse(encode_request(ACCESS_REQUEST, 1, A, vectors.SECRET, attributes))


def read(asked: Packet, *, signed: bool = True, client: Client = CLIENT, source: str = "192.0.2.1") -> Login | Refusal:
    """Read a request that came from the NAS."""
    reader = RequestReader(Request(asked, client, signed, ip_address(source), US))
    try:
        typed = reader.password()
        login = read_login(reader, typed)
        return replace(login, join_key=reader.join_key(login, typed, KEY))
    except BadMessageError as error:
        return refusal_of(error)


def key(*attributes: tuple[int, bytes], **options: object) -> bytes | None:
    """Return the join key of a login with these attributes beside name and password."""
    login = read(packet(USER, password(), *attributes), **options)  # type: ignore[arg-type]
    assert isinstance(login, Login)
    return login.join_key


def reason(*attributes: tuple[int, bytes], signed: bool = True) -> tuple[str, bool]:
    """Return why a request is refused, and whether the password is blamed."""
    refusal = read(packet(*attributes), signed=signed)
    assert isinstance(refusal, Refusal)
    return refusal.reason, refusal.credential


def test_golden_login() -> None:
    """The golden request becomes this very login."""
    login = read(parse(vectors.GOLDEN))
    assert isinstance(login, Login)
    assert login.join_key is not None
    assert login == Login(
        user="nemo",
        service="vpn",
        host="vpn",
        origin=Origin("203.0.113.7", OriginSource.NAS),
        secret=Secret(b"arctangent"),
        join_key=login.join_key,
    )


def test_host() -> None:
    """The NAS is called what it calls itself, with hidden characters made visible."""
    login = read(packet(USER, password(), (32, "gate\x1b[2J\u202e".encode())))
    assert isinstance(login, Login)
    assert login.host == "gate\\x1b[2J\\u202e"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [(b"", b""), (b"push", b"push"), ("pässword".encode(), "pässword".encode()), (b"x" * 128, b"x" * 128)],
)
def test_password(typed: bytes, expected: bytes) -> None:
    """The core gets the octets that were typed, without the filling."""
    login = read(packet(USER, password(typed)))
    assert isinstance(login, Login)
    assert login.secret == Secret(expected)
    assert repr(expected) not in repr(login) or not expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ((password(),), ("user_name_missing", False)),
        (((1, b""), password()), ("user_name_missing", False)),
        ((USER, USER, password()), ("two_user_names", False)),
        (((1, b"\xff"), password()), ("user_name_encoding", False)),
        ((USER, password(), password()), ("two_passwords", False)),
        ((USER, (2, bytes(17))), ("password_length", False)),
        ((USER, (2, bytes(144))), ("password_length", False)),
        ((USER, password(b"caf\xe9")), ("password_encoding", True)),
        ((USER, password(b"a\0b")), ("password_holds_nul", True)),
        ((USER, password(), (5, b"abc")), ("attribute_length", False)),
        ((USER, password(), (4, b"abc")), ("attribute_length", False)),
        ((USER, password(), (4, bytes(4)), (4, bytes(4))), ("attribute_twice", False)),
    ],
)
def test_refused(attributes: tuple[tuple[int, bytes], ...], expected: tuple[str, bool]) -> None:
    """What is no login is refused, each for its reason."""
    assert reason(*attributes) == expected


def test_wrong_secret_is_guessed() -> None:
    """Noise where the password should be means another secret, if no signature says otherwise."""
    assert reason(USER, password(b"caf\xe9"), signed=False) == ("wrong_secret", True)


def test_undecodable_passwords_of_the_vectors() -> None:
    """Each password of the vectors is either handed on whole or refused, never changed."""
    found = {}
    for hidden, typed in PASSWORDS:
        raw = vectors.PAP.replace(vectors.PAP[28:44], hidden)
        raw = raw[:2] + len(raw).to_bytes(2, "big") + raw[4:27] + bytes((len(hidden) + 2,)) + raw[28:]
        outcome = read(parse(raw))
        found[typed] = outcome.reason if isinstance(outcome, Refusal) else outcome.secret
    refused = {b"caf\xe9": "password_encoding", b"a\0b": "password_holds_nul"}
    assert found == {typed: refused.get(typed, Secret(typed)) for _, typed in PASSWORDS}


def test_unneeded_attributes_may_be_broken() -> None:
    """A wrong length in an attribute that nobody reads does not matter."""
    login = read(packet(USER, password(), (8, b"x"), (61, b""), (26, b"\0\0"), (200, b""), (31, b"\xff")))
    assert isinstance(login, Login)
    assert login.origin == Origin()


@pytest.mark.parametrize("address", [b"192.0.2.1", b"192.0.2.2", b"198.51.100.1"])
def test_machines_are_not_the_person(address: bytes) -> None:
    """Neither the sender of the datagram, nor we, nor NAS-IP-Address become the person's address."""
    login = read(packet(USER, password(), (31, address), (4, bytes((198, 51, 100, 1)))))
    assert isinstance(login, Login)
    assert login.origin == Origin()


def test_same_login_same_key() -> None:
    """A login that is asked again with another identifier, authenticator or NAS has the same key."""
    first = read(packet(USER, password(), CALLING, NAS_ID, PORT))
    again = parse(
        encode_request(
            ACCESS_REQUEST,
            99,
            bytes(16),
            vectors.SECRET,
            [USER, (2, encrypt_password(b"push", bytes(16), vectors.SECRET)), CALLING, PORT, (32, b"gate-2")],
        )
    )
    second = read(again, source="192.0.2.9")
    assert isinstance(first, Login)
    assert isinstance(second, Login)
    assert first.join_key is not None
    assert first.join_key == second.join_key


def test_other_logins_have_other_keys() -> None:
    """Another user, address, password, session, port or client is another login."""
    other_client = Client("ssh", CLIENT.network, vectors.SECRET)
    keys = [
        key(CALLING, SESSION),
        key((31, b"203.0.113.8"), SESSION),
        key(CALLING, (44, b"5F01")),
        key(CALLING, PORT),
        key(CALLING, (5, b"\0\0\0\x04")),
        key(CALLING, SESSION, client=other_client),
    ]
    for attributes in ((USER, password(b"")), ((1, b"Alice"), password())):
        login = read(packet(*attributes, CALLING, SESSION))
        assert isinstance(login, Login)
        keys.append(login.join_key)
    assert None not in keys
    assert len(set(keys)) == len(keys)


def test_session_before_port() -> None:
    """Acct-Session-Id tells logins apart; NAS-Port only where there is none, and port 0 says nothing."""
    assert key(CALLING, SESSION) == key(CALLING, SESSION, PORT)
    assert key(CALLING, (44, b""), PORT) == key(CALLING, PORT)


def test_an_address_alone() -> None:
    """A stranger behind the same router as the person does not ride on the person's approval."""
    assert key(CALLING) is None
    assert key(CALLING, (5, bytes(4))) is None
    assert key(CALLING, (44, b"")) is None


def test_a_port_alone() -> None:
    """A NAS that sends one port for everybody and no address joins nobody's login to another's."""
    assert key(PORT) is None
    assert key(NAS_ID, PORT) is None


def test_neither_address_nor_session() -> None:
    """Without address and session nothing is joined."""
    assert key() is None
    assert key(NAS_ID) is None
    assert key(NAS_ID, (5, bytes(4))) is None
    assert key((31, b"00-11-22-33-44-55")) is None


def test_session_without_address() -> None:
    """Without an address, equal sessions of the same NAS are joined, those of different NASes are not."""
    by_name = [key(NAS_ID, SESSION), key(NAS_ID, SESSION, source="192.0.2.9"), key((32, b"gate-2"), SESSION)]
    assert by_name[0] == by_name[1] != by_name[2]
    address = (4, bytes((198, 51, 100, 1)))
    assert key(address, SESSION) == key(address, SESSION, source="192.0.2.9") != key(SESSION)
    assert key(SESSION) != key(SESSION, source="192.0.2.9")


def test_parts_do_not_run_together() -> None:
    """Moving a character from one part of the key to the next gives another key."""
    first, second = packet((1, b"alice"), password(b"xy"), SESSION), packet((1, b"alicex"), password(b"y"), SESSION)
    logins = [read(first), read(second)]
    assert len({login.join_key for login in logins if isinstance(login, Login)}) == 2
