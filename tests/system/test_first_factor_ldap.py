"""Passwords checked by a real OpenLDAP server."""

import select
import signal
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from pushgate.clock import SystemClock
from pushgate.firstfactor.base import Checked, PasswordRight, PasswordWrong
from pushgate.firstfactor.ldap import LdapFirstFactor
from pushgate.firstfactor.ldap_session import Address, Directory
from pushgate.login import Login, Secret
from pushgate.outcome import Failed, FailureKind
from tests.support.certificates import CertificationAuthority
from tests.support.ports import free_port
from tests.support.slapd import (
    BASE,
    GROUPS,
    SEARCHER,
    SEARCHER_PASSWORD,
    Slapd,
    dn_of,
    group,
    person,
    slapd,
)

pytestmark = pytest.mark.system

CLOCK = SystemClock()
ACCENT = "café"
COMMA = "Smith, Ann"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """A server that no test stops or changes."""
    with slapd(
        tmp_path_factory.mktemp("slapd"),
        person("alice", b"wonderland", groups=(f"cn=vpn,{GROUPS}", f"cn=Ops\\, night,{GROUPS}")),
        person("bob", None),
        person("twin1", b"same", mail="twins@example.org"),
        person("twin2", b"same", mail="twins@example.org"),
        person("accent", ACCENT.encode()),
        person("x*", b"star"),
        person(COMMA, b"comma"),
        group("vpn", dn_of("alice"), dn_of(COMMA)),
        group("sudo", dn_of(COMMA)),
    ) as server:
        yield server


@pytest.fixture
def server(shared: Slapd) -> Slapd:
    """The shared server, with an empty log."""
    shared.forget()
    return shared


def directory(**changes: Any) -> Directory:
    """What an administrator configures."""
    values: dict[str, Any] = {
        "bind_dn": SEARCHER,
        "bind_password": Secret(SEARCHER_PASSWORD.encode()),
        "base_dn": BASE,
        "user_filter": "(uid={user})",
    }
    return Directory(**(values | changes))


@asynccontextmanager
async def factor(*addresses: Address, timeout: float = 5.0, **changes: Any) -> AsyncIterator[LdapFirstFactor]:
    """A first factor that is closed at the end."""
    checker = LdapFirstFactor(addresses, directory(**changes), CLOCK, timeout=timeout, threads=2)
    try:
        yield checker
    finally:
        await checker.close()


async def check(checker: LdapFirstFactor, user: str, password: bytes | str, seconds: float = 10.0) -> Checked:
    """Check a password."""
    octets = password if isinstance(password, bytes) else password.encode()
    return await checker.check(Login(user, "vpn", "gateway"), Secret(octets), CLOCK.now() + seconds)


@pytest.mark.parametrize("way", ["ldaps", "starttls", "plain"])
async def test_the_right_password_is_right_and_a_wrong_one_wrong(server: Slapd, way: str) -> None:
    """A person logs in by their directory password over LDAPS, StartTLS, and plainly to the same machine."""
    address = server.plain_address() if way == "plain" else server.address(ldaps=way == "ldaps")
    async with factor(address) as checker:
        assert await check(checker, "alice", "wonderland") == PasswordRight()
        assert isinstance(await check(checker, "alice", "wonderlanD"), PasswordWrong)
    assert ("EXT" in server.kinds()) == (way == "starttls")


async def test_a_password_of_other_than_ascii_works(server: Slapd) -> None:
    """A person logs in by a password with an accent; the same in latin-1 is another one, and none of a directory's."""
    async with factor(server.address()) as checker:
        assert await check(checker, "accent", ACCENT) == PasswordRight()
        assert isinstance(await check(checker, "accent", "cafe"), PasswordWrong)
        server.forget()
        assert isinstance(await check(checker, "accent", ACCENT.encode("latin-1")), PasswordWrong)
    assert server.operations() == []


async def test_an_empty_password_never_reaches_the_server(server: Slapd) -> None:
    """An attacker who leaves the password empty is refused, although the server would call that bind a success."""
    command = ["ldapwhoami", "-x", "-H", f"ldap://127.0.0.1:{server.port}", "-D", dn_of("alice"), "-w", ""]
    unauthenticated = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "unauthenticated bind" in unauthenticated.stderr or unauthenticated.returncode == 0
    server.forget()
    async with factor(server.address()) as checker:
        assert isinstance(await check(checker, "alice", ""), PasswordWrong)
        assert isinstance(await check(checker, "alice", b"\0"), PasswordWrong)
    assert server.operations() == []


@pytest.mark.parametrize(
    ("user", "sent"),
    [
        ("*", r"(uid=\2A)"),
        ("*)(uid=*", r"(uid=\2A\29\28uid=\2A)"),
        ("alice)(|(uid=*", r"(uid=alice\29\28|\28uid=\2A)"),
        ("ali*", r"(uid=ali\2A)"),
        ("alice\0", r"(uid=alice\00)"),
        ("\\2a", r"(uid=\5C2a)"),
        ("x\\2a", r"(uid=x\5C2a)"),
    ],
)
async def test_a_user_name_cannot_change_the_filter(server: Slapd, user: str, sent: str) -> None:
    """An attacker who types a piece of a filter as user name finds nobody: the server compares the characters."""
    async with factor(server.address()) as checker:
        assert isinstance(await check(checker, user, "wonderland"), PasswordWrong)
        assert isinstance(await check(checker, user, "star"), PasswordWrong)
    searched = [line for line in server.operations() if line.startswith("SRCH")]
    assert [line.partition("filter=")[2].strip('"').replace("\\\\", "\\") for line in searched] == [sent, sent]


async def test_a_name_full_of_special_characters_works(server: Slapd) -> None:
    """A person whose name has a comma logs in, and gets the groups of that name."""
    async with factor(server.address(), group_filter="(member={dn})") as checker:
        outcome = await check(checker, COMMA, "comma")
    assert outcome == PasswordRight(frozenset({"vpn", "sudo", f"cn=vpn,{GROUPS}", f"cn=sudo,{GROUPS}"}))


async def test_an_unknown_user_costs_what_a_known_one_costs(server: Slapd) -> None:
    """A stranger who measures cannot tell users: known, unknown, double and password-less make the same requests."""
    steps = []
    # Of twins the search finds two.
    async with factor(server.address(), user_filter="(|(uid={user})(mail={user}))") as checker:
        for user in ("alice", "nobody", "twins@example.org", "bob"):
            server.forget()
            assert isinstance(await check(checker, user, "wrong"), PasswordWrong)
            server.settle()
            steps.append(server.kinds())
    assert steps == [["BIND", "SRCH", "BIND", "UNBIND"]] * 4


async def test_two_entries_of_one_name_are_nobody(server: Slapd) -> None:
    """A person whose name fits two entries does not log in, whatever password both have."""
    async with factor(server.address(), user_filter="(mail={user})") as checker:
        outcome = await check(checker, "twins@example.org", "same")
    assert outcome == PasswordWrong("more than one entry matches user_filter")


async def test_groups_come_from_the_entry(server: Slapd) -> None:
    """A rule may name a group by its short name or its whole one, as the person's entry lists it."""
    async with factor(server.address(), group_attribute="memberOf") as checker:
        outcome = await check(checker, "alice", "wonderland")
        assert await check(checker, "x*", "star") == PasswordRight()
    assert isinstance(outcome, PasswordRight)
    assert outcome.groups == {"vpn", f"cn=vpn,{GROUPS}", "Ops, night", f"cn=Ops\\, night,{GROUPS}"}


async def test_groups_come_from_a_search(server: Slapd) -> None:
    """A rule may hang on groups that only the search account may read."""
    async with factor(server.address(), group_filter="(member={dn})", group_base_dn=GROUPS) as checker:
        assert await check(checker, "alice", "wonderland") == PasswordRight(frozenset({"vpn", f"cn=vpn,{GROUPS}"}))
        assert await check(checker, "accent", ACCENT) == PasswordRight()


async def test_a_certificate_of_another_authority_is_refused(server: Slapd, private_folder: Path) -> None:
    """An attacker who answers with a certificate of his own gets no password, by LDAPS and by StartTLS."""
    foreign = CertificationAuthority(private_folder / "foreign", "foreign CA")
    for ldaps in (True, False):
        async with factor(server.address(ldaps=ldaps, ca=foreign)) as checker:
            outcome = await check(checker, "alice", "wonderland")
        assert isinstance(outcome, Failed)
        assert (outcome.kind, outcome.asked) == (FailureKind.CONFIG, False)
        assert "certificate" in outcome.detail
    assert set(server.kinds()) <= {"EXT", "UNBIND"}


async def test_a_certificate_for_another_name_is_refused(server: Slapd) -> None:
    """An attacker who holds a good certificate for another host gets no password."""
    async with factor(server.address(host="localhost")) as checker:
        outcome = await check(checker, "alice", "wonderland")
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.CONFIG
    assert "ismatch" in outcome.detail
    assert "BIND" not in server.kinds()


async def test_starttls_that_the_server_refuses_sends_nothing(server: Slapd) -> None:
    """An attacker on the way who strips StartTLS learns no password: there is no going on without it."""
    # An extended operation that no server knows takes the place of StartTLS.
    with between(server.port, lambda said: said.replace(b"1.3.6.1.4.1.1466.20037", b"1.3.6.1.4.1.1466.20099")) as port:
        async with factor(Address("127.0.0.1", port, False, server.address().tls)) as checker:
            outcome = await check(checker, "alice", "wonderland")
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.UNAVAILABLE
    assert set(server.kinds()) <= {"EXT", "UNBIND"}


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"bind_password": Secret(b"changed last week")}, "bind of bind_dn: code 49"),
        ({"bind_dn": f"cn=gone,{BASE}"}, "bind of bind_dn: code 49"),
        ({"base_dn": "dc=elsewhere"}, "search below base_dn: code 32"),
    ],
)
async def test_a_wrong_configuration_says_so_and_asks_one_server(
    server: Slapd, changes: dict[str, Any], detail: str
) -> None:
    """An administrator whose search account does not work reads that, and it is not tried at every server."""
    async with factor(server.address(), server.address(), **changes) as checker:
        outcome = await check(checker, "alice", "wonderland")
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.CONFIG, False)
    assert outcome.detail.startswith(detail)
    server.settle()
    assert server.kinds().count("UNBIND") == 1


async def test_a_dead_server_is_passed_over(server: Slapd) -> None:
    """A person logs in while the first directory server is down, and the next login does not wait for it again."""
    dead = Address("127.0.0.1", free_port(), True, server.address().tls)
    async with factor(dead, server.address()) as checker:
        with structlog.testing.capture_logs() as logs:
            assert await check(checker, "alice", "wonderland") == PasswordRight()
            assert await check(checker, "alice", "wonderland") == PasswordRight()
    assert [entry["server"] for entry in logs if entry["event"] == "first_factor_server_failed"] == [dead.name]


async def test_all_servers_dead_is_no_answer(server: Slapd) -> None:
    """A login while no directory server is up fails, and says that nobody was asked."""
    dead = Address("127.0.0.1", free_port(), True, server.address().tls)
    async with factor(dead) as checker:
        outcome = await check(checker, "alice", "wonderland")
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, False)


async def test_a_server_that_hangs_is_left_in_time(server: Slapd) -> None:
    """A person logs in although the first server takes connections and says nothing; threads do not pile up."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = Address("127.0.0.1", silent.getsockname()[1], True, server.address().tls)
        async with factor(hanging, server.address(), timeout=0.5) as checker:
            before = CLOCK.now()
            assert await check(checker, "alice", "wonderland") == PasswordRight()
            assert CLOCK.now() - before < 3
            # The thread that was left in the middle of a TLS handshake is cut off, not waited for.
            left = CLOCK.now()
            await until(lambda: not busy_threads(checker))
            assert CLOCK.now() - left < 0.3


async def test_a_server_that_stops_while_it_is_asked_is_left_at_the_deadline(private_folder: Path) -> None:
    """A login ends at its deadline when the directory server freezes, and works again when it goes on."""
    with slapd(private_folder, person("alice", b"wonderland")) as own:
        async with factor(own.address(), timeout=1.0) as checker:
            assert await check(checker, "alice", "wonderland") == PasswordRight()
            own.pause(signal.SIGSTOP)
            outcome = await check(checker, "alice", "wonderland", seconds=0.5)
            assert isinstance(outcome, Failed)
            assert outcome.kind is FailureKind.UNAVAILABLE
            own.pause(signal.SIGCONT)
            assert await check(checker, "alice", "wonderland") == PasswordRight()


async def test_a_password_goes_to_one_server_only(server: Slapd) -> None:
    """A server that vanishes with the password in its hands ends the login: at the next it would count twice."""
    with between(server.port, lambda said: None if b"wonderland" in said else said) as port:
        async with factor(Address("127.0.0.1", port, False, None), server.plain_address()) as checker:
            outcome = await check(checker, "alice", "wonderland")
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.UNAVAILABLE
    server.settle()
    assert not [line for line in server.operations() if "uid=alice,ou=people" in line]


async def test_no_password_in_logs_and_texts(server: Slapd) -> None:
    """An administrator can give away logs: neither the person's nor the search account's password is in any."""
    said = ""
    with structlog.testing.capture_logs() as logs:
        dead = Address("127.0.0.1", free_port(), True, server.address().tls)
        for address in (dead, server.address()):
            async with factor(address) as checker:
                said += repr(await check(checker, "alice", "wonderland!")) + repr(vars(checker))
    assert "wonderland!" not in said + repr(logs)
    assert SEARCHER_PASSWORD not in said + repr(logs)


@contextmanager
def between(port: int, change: Callable[[bytes], bytes | None]) -> Iterator[int]:
    """Stand between client and server, and change what the client says; None cuts both off."""

    def serve(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client, socket.create_connection(("127.0.0.1", port)) as upstream:
            while ready := select.select([client, upstream], [], [], 10)[0]:
                said = ready[0].recv(65536)
                passed = change(said) if ready[0] is client else said
                if not passed:
                    return
                (upstream if ready[0] is client else client).sendall(passed)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)
        assert not thread.is_alive()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    give_up = CLOCK.now() + 5
    while not condition():
        assert CLOCK.now() < give_up
        await CLOCK.sleep(0.02)


def busy_threads(checker: LdapFirstFactor) -> int:
    """Count the calls that hold a place."""
    free = 0
    while checker.servers.threads.places.acquire(blocking=False):
        free += 1
    for _ in range(free):
        checker.servers.threads.places.release()
    return 2 * 17 - free
