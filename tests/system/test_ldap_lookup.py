"""A person's address in a real OpenLDAP server."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pushgate.clock import SystemClock
from pushgate.firstfactor.ldap_lookup import LdapLookUp
from pushgate.firstfactor.ldap_session import Address, Directory
from pushgate.login import Secret
from pushgate.outcome import Failed, FailureKind
from tests.support.slapd import BASE, SEARCHER, SEARCHER_PASSWORD, Slapd, person, slapd

pytestmark = pytest.mark.system

DIRECTORY = Directory(SEARCHER, Secret(SEARCHER_PASSWORD.encode()), BASE, "(uid={user})")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """A server that no test changes."""
    with slapd(
        tmp_path_factory.mktemp("slapd"),
        person("alice", b"wonderland", mail="alice@example.org"),
        person("bob", b"x"),
        person("two", b"x", mail="a@example.org\nmail: b@example.org"),
        person("same1", b"x", mail="same@example.org"),
        person("same2", b"x", mail="same@example.org"),
    ) as running:
        yield running


async def find(address: Address, user: str, directory: Directory = DIRECTORY) -> str | Failed:
    """Look an address up."""
    clock = SystemClock()
    look_up = LdapLookUp([address], directory, "mail", clock, timeout=5, threads=1)
    try:
        return await look_up.find(user, clock.now() + 10)
    finally:
        look_up.close()


@pytest.mark.parametrize("way", ["ldaps", "starttls"])
@pytest.mark.parametrize(
    ("user", "address"),
    [("alice", "alice@example.org"), ("bob", ""), ("two", ""), ("mallory", ""), ("*", ""), ("alice)(uid=*", "")],
)
async def test_a_person_has_the_address_of_the_entry(server: Slapd, way: str, user: str, address: str) -> None:
    """A person gets the one address of the entry; who has none or two, or types a piece of a filter, gets none."""
    assert await find(server.address(ldaps=way == "ldaps"), user) == address


async def test_two_entries_are_nobody(server: Slapd) -> None:
    """A filter that fits two people finds neither: the code of one must not go to the other."""
    assert await find(server.address(), "same@example.org", replace(DIRECTORY, user_filter="(mail={user})")) == ""
    assert await find(server.address(), "alice@example.org", replace(DIRECTORY, user_filter="(mail={user})"))


async def test_a_wrong_password_of_the_search_account_is_a_fault(server: Slapd) -> None:
    """An administrator who has written a wrong password reads that it is the configuration."""
    failed = await find(server.address(), "alice", replace(DIRECTORY, bind_password=Secret(b"wrong")))
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.CONFIG
