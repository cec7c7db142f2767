"""The section of threatwinds becomes the provider; every file that cannot be used is named."""

from pathlib import Path
from typing import Any

import pytest

from pushgate.build_provider import build_provider, class_of, provider_faults
from pushgate.build_threatwinds import build_threatwinds, read_map, threatwinds_faults
from pushgate.clock import FakeClock
from pushgate.errors import ConfigurationError, PushgateError
from pushgate.providers.threatwinds import ThreatWinds
from pushgate.providers.threatwinds_addresses import AddressMap, DirectoryAddresses, Template
from pushgate.sections.threatwinds import ThreatWindsSettings
from tests.support.gate import write_private

LDAP = {
    "servers": ["ldaps://ldap.example.org"],
    "bind_dn": "cn=search,dc=example",
    "base_dn": "dc=example",
    "user_filter": "(uid={user})",
}


def section(**changes: Any) -> ThreatWindsSettings:
    """Make a section."""
    values = {
        "type": "threatwinds",
        "url": "https://api.threatwinds.com",
        "address": {"template": "{user}@example.com"},
    }
    return ThreatWindsSettings.model_validate(values | changes)


async def test_a_section_becomes_the_provider(fake_clock: FakeClock) -> None:
    """A daemon builds the provider with the limits of its section, and connects to nothing."""
    settings = section(mails_per_user=2, mails_within="10m", code_ttl="2m", kind="standard")
    provider = build_provider(settings, fake_clock, "mail")
    assert isinstance(provider, ThreatWinds)
    assert class_of(settings) is ThreatWinds
    limit = provider.mailing.limit
    assert (provider.name, limit.limit, limit.seconds) == ("mail", 2, 600)
    assert (provider.mailing.code_ttl, provider.mailing.kind) == (120, "standard")
    assert isinstance(provider.addresses.look_up, Template)
    assert not provider.addresses.allow_addresses
    await provider.close()


async def test_each_way_to_an_address_is_built(private_folder: Path, fake_clock: FakeClock) -> None:
    """A daemon looks addresses up as its section says."""
    write_private(private_folder / "people.yaml", b"alice: a@example.org\n")
    write_private(private_folder / "password", b"secret\n")
    by_map = section(address={"map_file": str(private_folder / "people.yaml"), "allow_addresses": True})
    ldap = LDAP | {"bind_password_file": str(private_folder / "password"), "attribute": "email"}
    by_directory = section(address={"ldap": ldap})
    for settings, way in ((by_map, AddressMap), (by_directory, DirectoryAddresses)):
        provider = build_threatwinds(settings, fake_clock, "mail")
        assert isinstance(provider, ThreatWinds)
        assert isinstance(provider.addresses.look_up, way)
        if isinstance(provider.addresses.look_up, DirectoryAddresses):
            assert provider.addresses.look_up.directory.attribute == "email"
        await provider.close()
        assert threatwinds_faults(settings) == []


def test_every_file_that_cannot_be_used_is_named(private_folder: Path) -> None:
    """An administrator learns from one check of a missing map, password, filter and CA."""
    write_private(private_folder / "ca.pem", b"no certificate")
    ca = {"ca_file": str(private_folder / "ca.pem")}
    missing = str(private_folder / "missing")
    by_map = provider_faults(section(address={"map_file": missing}, **ca))
    assert [problem.message.partition(": ")[2][:12] for problem in by_map] == ["holds no cer", "cannot be re"]
    ldap = LDAP | {"bind_password_file": missing, "user_filter": "uid={user}"}
    by_directory = threatwinds_faults(section(address={"ldap": ldap}))
    assert [problem.message.split(" ")[0] for problem in by_directory] == [f"{missing}:", "user_filter"]


async def test_a_provider_with_faults_is_not_built(private_folder: Path, fake_clock: FakeClock) -> None:
    """A daemon whose map others could have written does not start."""
    path = private_folder / "people.yaml"
    write_private(path, b"alice: eve@evil.example\n")
    path.chmod(0o622)
    with pytest.raises(ConfigurationError, match="writable by others"):
        build_threatwinds(section(address={"map_file": str(path)}), fake_clock, "mail")


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (b"alice: a@example.org\n'EXAMPLE\\bob': b@example.org\n", []),
        (b"", []),
        (b"alice: a@example.org\nalice: b@example.org\n", [":2: alice: duplicate key"]),
        (b"alice: nobody\n", [":1: alice: has no e-mail address"]),
        (b"alice: [a@example.org]\n", [":1: alice: has no e-mail address"]),
        (b"alice: 5\nbob:\n", [":1: alice: has no e-mail", ":2: bob: has no e-mail"]),
        (b"' alice': a@example.org\n", [":1:  alice: is no user name"]),
        (b"- a@example.org\n", [": is no list of users and addresses"]),
        (b"alice a@example.org\n", [": is no list of users and addresses"]),
        (b"alice: 'a@example.org\n", [":"]),
    ],
)
def test_each_mistake_in_a_map_is_named(private_folder: Path, text: bytes, faults: list[str]) -> None:
    """An administrator who makes a mistake in the map is shown its line."""
    path = private_folder / "people.yaml"
    write_private(path, text)
    problems = list[PushgateError]()
    read_map(path, problems)
    assert len(problems) == len(faults)
    for problem, fault in zip(problems, faults, strict=True):
        assert problem.message.removeprefix(str(path)).startswith(fault)
