"""What is made of names and filters; whole dialogues are in tests/system/test_first_factor_ldap.py."""

import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushgate.firstfactor.base import Checked
from pushgate.firstfactor.ldap_session import Address, Directory, LdapSession, fill, filter_fault, short_name
from pushgate.login import Secret
from pushgate.outcome import Failed, FailureKind

DIRECTORY = Directory("cn=search,dc=example", Secret(b"s"), "dc=example", "(uid={user})")


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("cn=vpn,ou=groups,dc=example", "vpn"),
        ("CN=VPN Users,DC=example", "VPN Users"),
        ("cn=Ops\\, night,dc=example", "Ops, night"),
        ("cn=Ops\\2C night,dc=example", "Ops, night"),
        ("cn=caf\\c3\\a9,dc=example", "café"),
        ("cn=café,dc=example", "café"),
        ("cn=\\23sharp,dc=example", "#sharp"),
        ("no name at all", ""),
        ("", ""),
    ],
)
def test_the_short_name_of_a_group(name: str, short: str) -> None:
    """An administrator writes the group as people call it."""
    assert short_name(name) == short


@pytest.mark.parametrize("text", ["(uid={user})", "(&(objectClass=user)(|(uid={user})(mail={user})))", "(member={dn})"])
def test_a_good_filter_has_no_fault(text: str) -> None:
    """An administrator's filter is taken as it is."""
    assert filter_fault(text) == ""


@pytest.mark.parametrize("text", ["uid={user}", "(uid={user}", "(uid={user}))", "((uid={user})", "(&)(uid={user})x"])
def test_a_broken_filter_is_found_at_the_start(text: str) -> None:
    """An administrator who forgets a bracket learns it at the start, not at the first login."""
    assert filter_fault(text)


@given(st.text(max_size=40))
def test_a_value_has_no_characters_of_filters(value: str) -> None:
    """An attacker's user name holds no bracket, star, NUL or lone backslash once it is in a filter."""
    filled = fill("{user}", user=value)
    assert not set(filled) & set("()*\0")
    for piece in filled.split("\\")[1:]:
        assert piece[:2] in ("28", "29", "2a", "00", "5c")


def test_a_value_is_not_filled_again() -> None:
    """An attacker whose name looks like a place in the filter gets nothing put there."""
    assert fill("(x={user})(y={dn})", user="{dn}", dn="cn=a") == "(x={dn})(y=cn=a)"


@pytest.fixture
def liar() -> Iterator[tuple[int, list[bytes]]]:
    """A server that answers the first request with the octets in the list, and hangs up."""
    answer: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client:
            client.recv(4096)
            client.sendall(b"".join(answer))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield listener.getsockname()[1], answer
        thread.join(10)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00",
        b"\x30\x00",
        b"\x30\x05\x02\x01\x01\x61\x00",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        # A success for another request than ours.
        bytes.fromhex("300c020109610 70a010004000400".replace(" ", "")),
        bytes.fromhex("300c02010161070a010004000400")[:-3],
        b"\x30\x84\xff\xff\xff\xff" + b"x" * 100,
    ],
)
def test_a_server_that_answers_rubbish_lets_nobody_in(liar: tuple[int, list[bytes]], answer: bytes) -> None:
    """An attacker who plays the server with broken replies brings about a failure, and no crash."""
    port, answers = liar
    answers.append(answer)
    outcome = session(port).run()
    assert isinstance(outcome, Failed)
    assert outcome.kind in (FailureKind.UNAVAILABLE, FailureKind.PROTOCOL)


def session(port: int) -> LdapSession:
    """A check at a server without TLS."""
    return LdapSession(Address("127.0.0.1", port, False, None), DIRECTORY, "alice", Secret(b"x"), 2.0)


def test_a_session_that_was_given_up_sends_no_password() -> None:
    """A login that ended while the server's name was looked up sends nothing any more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        given_up = session(listener.getsockname()[1])
        given_up.abort()
        outcome: Checked = given_up.run()
        assert outcome == Failed(FailureKind.UNAVAILABLE, asked=False, detail="given up")
        client, _ = listener.accept()
        with client:
            assert b"search" not in client.recv(4096)
