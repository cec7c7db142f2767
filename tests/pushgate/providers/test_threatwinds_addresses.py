"""Where codes are mailed to: what is configured, and nothing that somebody typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from pushgate.firstfactor.ldap_lookup import LdapLookUp
from pushgate.outcome import Failed, FailureKind
from pushgate.providers.threatwinds_addresses import (
    Addresses,
    AddressMap,
    DirectoryAddresses,
    Template,
    is_address,
    mailbox,
    masked,
)

TEMPLATE = Template("{user}@example.com")


class ScriptedDirectory(LdapLookUp):
    """A directory that answers as told."""

    def __init__(self, answer: str | Failed) -> None:
        self.answer, self.closed = answer, False

    @override
    async def find(self, user: str, deadline: float) -> str | Failed:
        return self.answer

    @override
    def close(self) -> None:
        self.closed = True


async def find(addresses: Addresses, user: str) -> str:
    """Return the address, or the kind of the failure."""
    found = await addresses.find(user, 0.0)
    return found if isinstance(found, str) else found.kind.value


@pytest.mark.parametrize(
    ("user", "address"),
    [
        ("alice", "alice@example.com"),
        ("o'neil", "o'neil@example.com"),
        ("a.b+c", "a.b+c@example.com"),
        ("é", "é@example.com"),
        ("50%&?/x", "50%&?/x@example.com"),
        ("{user}", "{user}@example.com"),
        ("eve@evil.example", "not_enrolled"),
        ("eve@evil.example,bob", "not_enrolled"),
        ("alice ", "not_enrolled"),
        ("EXAMPLE\\alice", "not_enrolled"),
        ('"alice"', "not_enrolled"),
        ("alice\r\nBcc: eve", "not_enrolled"),
        ("alice\x00", "not_enrolled"),
        ("alice\u202e", "not_enrolled"),
        ("a,b", "not_enrolled"),
        ("<alice>", "not_enrolled"),
        ("", "not_enrolled"),
        ("a" * 65, "not_enrolled"),
    ],
)
async def test_a_template_takes_names_and_nothing_else(user: str, address: str) -> None:
    """An attacker whose name holds an @, a comma or a line end has no code mailed to another domain."""
    assert await find(Addresses(TEMPLATE), user) == address


@given(st.text(max_size=80))
async def test_no_name_chooses_the_domain(user: str) -> None:
    """An attacker's name, whatever it holds, leads to one plain address of our domain or to none."""
    found = await Addresses(TEMPLATE).find(user, 0.0)
    assert isinstance(found, Failed) or (found.endswith("@example.com") and found.count("@") == 1)


async def test_a_map_knows_whom_it_names() -> None:
    """A user of the map gets the address that stands there, in exactly that spelling; nobody else has one."""
    known = AddressMap({"alice": "a@example.org", "EXAMPLE\\bob": "b@example.org", "x@y": "x@example.org", "bad": "no"})
    addresses = Addresses(known)
    assert await find(addresses, "alice") == "a@example.org"
    assert await find(addresses, "EXAMPLE\\bob") == "b@example.org"
    assert await find(addresses, "x@y") == "x@example.org"
    assert await find(addresses, "Alice") == "not_enrolled"
    assert await find(addresses, "mallory") == "not_enrolled"
    assert await find(addresses, "bad") == "not_enrolled"
    await known.close()


async def test_an_address_that_was_typed_counts_only_where_it_is_allowed() -> None:
    """A person types an address as user name only where an administrator has allowed it."""
    allowed = Addresses(TEMPLATE, allow_addresses=True)
    assert await find(allowed, "bob@elsewhere.example") == "bob@elsewhere.example"
    assert await find(allowed, "alice") == "alice@example.com"
    assert await find(allowed, "bob@elsewhere.example,eve@evil.example") == "not_enrolled"
    assert await find(allowed, "bob@evil.example\r\nBcc: x") == "not_enrolled"
    assert await find(Addresses(TEMPLATE), "bob@elsewhere.example") == "not_enrolled"


async def test_a_directory_says_the_address() -> None:
    """A user of a directory gets the address of the entry; an entry without one has none."""
    for answer, address in (("a@example.org", "a@example.org"), ("", "not_enrolled"), ("no address", "not_enrolled")):
        look_up = DirectoryAddresses(ScriptedDirectory(answer))
        assert await find(Addresses(look_up), "alice") == address
        await look_up.close()


async def test_a_directory_that_is_down_opens_no_door() -> None:
    """An attacker who brings the directory down lets nobody in: only an outage of the provider itself may do that."""
    down = Failed(FailureKind.UNAVAILABLE, asked=False, detail="no answer within 5 s")
    failed = await Addresses(DirectoryAddresses(ScriptedDirectory(down))).find("alice", 0.0)
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.asked) == (FailureKind.UNAVAILABLE, True)
    assert failed.detail == "directory: no answer within 5 s"


@pytest.mark.parametrize(
    "text",
    [
        "a@b",
        "a@-b.example",
        "a@b-.example",
        "a@b..example",
        "@b.example",
        "a@",
        "a@b@c.example",
        "a@b.example.",
        "a b@c.d",
    ],
)
def test_what_only_looks_like_an_address_is_none(text: str) -> None:
    """A map with a slip of the pen is told apart from one without."""
    assert is_address(text) == (text == "a@b")


def test_an_address_has_a_length() -> None:
    """An address longer than mail allows is none."""
    domain = ".".join(["d" * 60] * 3) + ".example"
    assert is_address(f"{'a' * 60}@{domain}")
    assert not is_address(f"{'a' * 64}@{domain}")


@pytest.mark.parametrize(
    ("address", "shown"),
    [("john@doe.net", "j***@doe.net"), ("j@doe.net", "j***@doe.net"), ("élodie@doe.net", "é***@doe.net")],
)
def test_an_address_is_shown_masked(address: str, shown: str) -> None:
    """A person sees where the code went; who looks over the shoulder does not learn the address."""
    assert masked(address) == shown


def test_a_mailbox_has_one_name() -> None:
    """Case and tags do not make another mailbox."""
    assert mailbox("Alice+tag@Example.COM") == mailbox("alice@example.com") == "alice@example.com"
