"""One attribute of a person's entry; a real server is in tests/system/test_ldap_lookup.py."""

import socket

import pytest

from pushgate.clock import FakeClock, SystemClock
from pushgate.firstfactor.ldap_lookup import LdapLookUp, Search
from pushgate.firstfactor.ldap_session import Address, Directory
from pushgate.login import Secret
from pushgate.outcome import Failed, FailureKind
from tests.support.scripted_ldap import bound, found, scripted_ldap

DIRECTORY = Directory("cn=search,dc=example", Secret(b"s"), "dc=example", "(uid={user})")


@pytest.mark.parametrize(
    "answer", [found(), found("uid=alice,dc=example"), found("uid=a,dc=example", "uid=b,dc=example"), found("")]
)
def test_no_one_value_is_none(answer: list[tuple[int, bytes]]) -> None:
    """A person without an entry, with two of them, or whose entry lacks the attribute has no address."""
    with scripted_ldap(bound(), answer) as server:
        search = Search(Address("127.0.0.1", server.port, False, None), DIRECTORY, "alice", "mail", 2.0)
        assert search.run() == ""
    assert (search.started, search.final) == (True, False)
    assert server.bind_names() == ["cn=search,dc=example"]


def test_a_search_account_that_is_refused_is_a_fault_of_the_configuration() -> None:
    """An administrator whose search account is refused reads it, and no other server is asked."""
    with scripted_ldap(bound(49)) as server:
        search = Search(Address("127.0.0.1", server.port, False, None), DIRECTORY, "alice", "mail", 2.0)
        refused = search.run()
    assert isinstance(refused, Failed)
    assert (refused.kind, search.final) == (FailureKind.CONFIG, True)


async def test_a_silent_server_is_given_up(capsys: pytest.CaptureFixture[str]) -> None:
    """A directory that says nothing costs a login its share of time, and a line in the log."""
    clock = SystemClock()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = Address("127.0.0.1", silent.getsockname()[1], False, None)
        look_up = LdapLookUp([address], DIRECTORY, "mail", clock, timeout=0.2, threads=1)
        failed = await look_up.find("alice", clock.now() + 5)
        look_up.close()
    assert failed == Failed(FailureKind.UNAVAILABLE, asked=False, detail="no answer within 0.2 s")
    assert "".join(capsys.readouterr()).count("look_up_failed") == 1


async def test_no_time_left_asks_nobody(fake_clock: FakeClock) -> None:
    """A login whose deadline has passed ends without a connection."""
    look_up = LdapLookUp([], DIRECTORY, "mail", fake_clock, timeout=5, threads=1)
    assert isinstance(await look_up.find("alice", fake_clock.now()), Failed)
    look_up.close()
