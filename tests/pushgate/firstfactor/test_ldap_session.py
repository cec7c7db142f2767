"""What is made of names and filters; whole dialogues are in tests/system/test_first_factor_ldap.py."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushgate.firstfactor.base import Checked, PasswordRight, PasswordWrong
from pushgate.firstfactor.ldap_session import Address, Directory, LdapSession, fill, filter_fault, short_name
from pushgate.login import Secret
from pushgate.outcome import Failed, FailureKind
from tests.support.scripted_ldap import bound, found, scripted_ldap

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
        ("cn=cn\\=vpn\\,ou\\=groups\\,dc\\=example,ou=made by users,dc=example", ""),
        ("cn=cn\\3dvpn\\2cdc\\3dexample,ou=made by users,dc=example", ""),
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
        bytes.fromhex("300c02010961070a010004000400"),
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


def session(port: int, directory: Directory = DIRECTORY) -> LdapSession:
    """A check at a server without TLS."""
    return LdapSession(Address("127.0.0.1", port, False, None), directory, "alice", Secret(b"x"), 2.0)


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


ALICE = "uid=alice,dc=example"
EXPIRED = "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data 532, v4563"


def test_the_words_of_a_directory_are_for_the_log() -> None:
    """An administrator reads why Active Directory refused a person, whose password has expired here."""
    with scripted_ldap(bound(), found(ALICE), bound(49, EXPIRED + "\x1b[2J")) as server:
        outcome = session(server.port).run()
    assert outcome == PasswordWrong(f"code 49: {EXPIRED}\\x1b[2J")
    assert server.bind_names() == ["cn=search,dc=example", ALICE]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (51, FailureKind.UNAVAILABLE),
        (52, FailureKind.UNAVAILABLE),
        (3, FailureKind.UNAVAILABLE),
        (8, FailureKind.CONFIG),
        (10, FailureKind.CONFIG),
        (13, FailureKind.CONFIG),
    ],
)
def test_a_server_that_cannot_decide_is_a_failure(code: int, kind: FailureKind) -> None:
    """A person whose directory is busy, or wants another way of asking, is not told that the password is wrong."""
    with scripted_ldap(bound(), found(ALICE), bound(code)) as server:
        checking = session(server.port)
        outcome = checking.run()
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked, checking.final) == (kind, False, True)


@pytest.mark.parametrize("code", [1, 19, 32, 48, 49, 50, 53, 80])
def test_every_other_code_refuses(code: int) -> None:
    """A person whom the directory refuses for any other reason does not get in."""
    with scripted_ldap(bound(), found(ALICE), bound(code)) as server:
        assert isinstance(session(server.port).run(), PasswordWrong)


def test_a_success_for_nobody_is_none() -> None:
    """A directory that says yes to a bind as an entry that cannot exist lets nobody in."""
    with scripted_ldap(bound(), found(), bound(0)) as server:
        outcome = session(server.port).run()
    assert outcome == PasswordWrong("no entry matches user_filter")
    assert server.bind_names()[1].endswith(",dc=example")


def test_an_entry_without_a_name_is_nobody() -> None:
    """A search that finds the root of the directory, whose bind would be an anonymous success, lets nobody in."""
    with scripted_ldap(bound(), found(""), bound(0)) as server:
        assert session(server.port).run() == PasswordWrong("the entry has no name")
    assert all(server.bind_names())


def test_one_entry_of_too_many_is_nobody() -> None:
    """A server that shows one entry and says that there are more has not found the person."""
    with scripted_ldap(bound(), found(ALICE, code=4), bound(0)) as server:
        assert session(server.port).run() == PasswordWrong("more than one entry matches user_filter")


def test_references_to_other_servers_are_left_alone() -> None:
    """A directory that points elsewhere cannot send the password there."""
    with scripted_ldap(bound(), found(ALICE, references=2), bound(0)) as server:
        assert session(server.port).run() == PasswordRight()
    with scripted_ldap(bound(), found(references=1), bound(0)) as server:
        assert isinstance(session(server.port).run(), PasswordWrong)


def test_too_many_groups_are_a_failure() -> None:
    """A person in more groups than are read is not let in by the ones that happened to come first."""
    grouped = replace(DIRECTORY, group_filter="(member={dn})")
    many = found(*(f"cn=g{number},dc=example" for number in range(3)), code=4)
    with scripted_ldap(bound(), found(ALICE), bound(0), bound(0), many) as server:
        outcome = session(server.port, grouped).run()
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.CONFIG
