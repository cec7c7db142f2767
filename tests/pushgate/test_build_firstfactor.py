"""Sections become first factors, or every fault at once."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from pushgate.build_firstfactor import build_first_factor
from pushgate.clock import FakeClock
from pushgate.errors import ConfigurationError
from pushgate.firstfactor.base import Checked, FirstFactor, PasswordRight
from pushgate.firstfactor.ldap import LdapFirstFactor
from pushgate.firstfactor.pam import PamFirstFactor
from pushgate.firstfactor.radius import RadiusFirstFactor, Upstream
from pushgate.login import Login, Secret
from pushgate.providers.logintc import LoginTc
from pushgate.sections.firstfactor import FirstFactorSettings
from tests.support.certificates import CertificationAuthority

ADAPTER: TypeAdapter[Any] = TypeAdapter(FirstFactorSettings)


def build(data: Any) -> FirstFactor:
    """Build what a section describes."""
    return build_first_factor(ADAPTER.validate_python(data), FakeClock())


def faults(data: Any) -> list[str]:
    """The faults of a section that has the right form."""
    with pytest.raises(ConfigurationError) as caught:
        build(data)
    assert all(problem.hint for problem in caught.value.problems)
    return [problem.message for problem in caught.value.problems]


def ldap(folder: Path, **changes: Any) -> dict[str, Any]:
    """A directory whose password file is in a folder."""
    secret = folder / "ldap.secret"
    secret.write_text("the search account's\n")
    secret.chmod(0o600)
    section = {
        "type": "ldap",
        "servers": ["ldaps://dc1.example.org", "ldap://127.0.0.1"],
        "bind_dn": "cn=search,dc=example,dc=org",
        "bind_password_file": str(secret),
        "base_dn": "dc=example,dc=org",
        "user_filter": "(uid={user})",
    }
    return section | changes


async def test_a_directory_is_asked_under_tls(private_folder: Path) -> None:
    """An administrator who says nothing about TLS gets it everywhere, with certificates checked."""
    factor = build(ldap(private_folder))
    assert isinstance(factor, LdapFirstFactor)
    assert factor.directory.bind_password.value == b"the search account's"
    assert [address.ldaps for address in factor.servers.failover.servers] == [True, False]
    for address in factor.servers.failover.servers:
        assert address.tls is not None
        assert address.tls.check_hostname
        assert address.tls.verify_mode is ssl.CERT_REQUIRED
    await factor.close()


async def test_plaintext_is_only_for_ldap(private_folder: Path) -> None:
    """An administrator who allows plaintext on this machine keeps LDAPS where he wrote it."""
    section = ldap(private_folder, servers=["ldaps://127.0.0.1", "ldap://127.0.0.1"], plaintext=True)
    factor = build(section)
    assert isinstance(factor, LdapFirstFactor)
    assert [address.tls is None for address in factor.servers.failover.servers] == [False, True]
    await factor.close()


async def test_a_ca_file_is_all_that_is_trusted(private_folder: Path) -> None:
    """An administrator who names a CA trusts that one, and none of the system's."""
    factor = build(ldap(private_folder, ca_file=str(CertificationAuthority(private_folder).path)))
    assert isinstance(factor, LdapFirstFactor)
    tls = factor.servers.failover.servers[0].tls
    assert tls is not None
    assert tls.cert_store_stats()["x509"] == 1
    await factor.close()


@pytest.mark.parametrize("content", ["", "no certificate\n", "\u00e9"])
def test_a_ca_file_without_certificates_is_a_fault(private_folder: Path, content: str) -> None:
    """An administrator whose CA file is empty does not trust every CA of the system instead."""
    path = private_folder / "ca.pem"
    path.write_text(content)
    assert faults(ldap(private_folder, ca_file=str(path))) == [f"{path}: holds no certificates in PEM form"]


def test_every_fault_of_a_directory_is_named_at_once(private_folder: Path) -> None:
    """An administrator who got several things wrong reads all of them."""
    section = ldap(private_folder, ca_file=str(private_folder / "gone.pem"), user_filter="(uid={user}")
    (private_folder / "ldap.secret").chmod(0o644)
    found = faults(section | {"group_filter": "member={dn}"})
    assert [text.partition(": ")[0].rpartition("/")[2].split()[0] for text in found] == [
        "ldap.secret",
        "gone.pem",
        "user_filter",
        "group_filter",
    ]


def radius(folder: Path, **changes: Any) -> dict[str, Any]:
    """Two upstream servers whose secrets are in a folder."""
    for name in ("one", "two"):
        path = folder / f"{name}.secret"
        path.write_text(f"the secret of server {name}\n")
        path.chmod(0o600)
    servers: list[dict[str, Any]] = [
        {"host": "radius1.example.org", "secret_file": str(folder / "one.secret")},
        {"host": "::1", "port": 1645, "secret_file": str(folder / "two.secret"), "message_authenticator": "auto"},
    ]
    return {"type": "radius", "servers": servers, "relay": ["Class", "Filter-Id", "Cisco-AVPair"]} | changes


async def test_upstream_servers_have_their_secrets(private_folder: Path) -> None:
    """An administrator's servers are asked in order, each under its secret; replies must be signed unless said."""
    factor = build(radius(private_folder))
    assert isinstance(factor, RadiusFirstFactor)
    assert factor.failover.servers == (
        Upstream("radius1.example.org", 1812, Secret(b"the secret of server one"), True),
        Upstream("::1", 1645, Secret(b"the secret of server two"), False),
    )
    assert factor.relay == ((0, 25), (0, 11), (9, 1))
    await factor.close()


def test_every_fault_of_upstream_servers_is_named_at_once(private_folder: Path) -> None:
    """An administrator who got several things wrong reads all of them."""
    section = radius(private_folder, relay=["Filter-Id", "Filter-Ib", "State", "User-Password"])
    (private_folder / "one.secret").write_text("testing123\n")
    (private_folder / "two.secret").unlink()
    assert [fault.replace(f"{private_folder}/", "") for fault in faults(section)] == [
        "two.secret: cannot be read (no such file or directory)",
        "one.secret: holds a secret out of a manual",
        "relay: Filter-Ib is in no dictionary",
        "relay: State has no place in an Access-Accept of ours",
        "relay: User-Password has no place in an Access-Accept of ours",
    ]


def test_a_pam_service_that_is_not_there_is_a_fault() -> None:
    """An administrator who has not written the stack yet is told which file is missing."""
    fault = "/etc/pam.d/pushgate-test-absent: there is no such PAM service"
    assert faults({"type": "pam", "service": "pushgate-test-absent"}) == [fault]


async def test_pam_workers_are_as_configured() -> None:
    """An administrator's service, number and limit reach the workers; none runs before the first login."""
    factor = build({"type": "pam", "service": "other", "workers": 3, "timeout": 4})
    assert isinstance(factor, PamFirstFactor)
    assert factor.timeout == 4
    assert factor.pool.command[-1] == "other"
    assert factor.pool.free._value == 3
    assert factor.pool.idle == []
    await factor.close()


class Knowing:
    """A provider that can check passwords."""

    async def check_password(self, login: Login, password: Secret, deadline: float) -> Checked:
        """Take the password."""
        return PasswordRight()


async def test_a_provider_that_checks_passwords_is_one() -> None:
    """An administrator whose provider knows passwords may let it check them."""
    factor = build_first_factor("provider", FakeClock(), Knowing())
    outcome = await factor.check(Login("alice", "vpn", "gateway"), Secret(b"x"), 0.0)
    assert outcome == PasswordRight()


@pytest.mark.parametrize("provider", [LoginTc, None, object()])
def test_a_provider_without_passwords_is_a_fault(provider: object) -> None:
    """An administrator of LoginTC, which checks no passwords, is told so at the start."""
    with pytest.raises(ConfigurationError, match="checks no passwords") as caught:
        build_first_factor("provider", FakeClock(), provider)
    assert caught.value.hint
