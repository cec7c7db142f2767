"""The section of the provider onelogin becomes the provider."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from pushgate.build import check_files
from pushgate.build_onelogin import build_onelogin, onelogin_secret
from pushgate.build_provider import build_provider, class_of, provider_faults
from pushgate.cli.main import cli
from pushgate.clock import FakeClock
from pushgate.errors import ConfigurationError
from pushgate.providers.onelogin import OneLogin
from pushgate.sections.onelogin import OneLoginSettings
from pushgate.settings import Settings, load_settings
from tests.support.gate import write_private
from tests.support.project import ROOT


def section(folder: Path, **changes: Any) -> dict[str, Any]:
    """Write the secret; return a section that names it."""
    write_private(folder / "onelogin.secret", b"s3cret\n")
    secret = str(folder / "onelogin.secret")
    return {"type": "onelogin", "subdomain": "acme", "client_id": "id", "client_secret_file": secret, **changes}


def settings_of(folder: Path, **changes: Any) -> OneLoginSettings:
    """Return a section whose secret is there."""
    return OneLoginSettings.model_validate(section(folder, **changes))


async def test_the_provider_is_built_from_its_section(private_folder: Path) -> None:
    """A daemon connects to the address, as the credential, and with the rules that the section names."""
    options = {"send_ip": True, "allow_no_mfa": True, "user_attribute": "email", "calls_per_hour": 100}
    settings = settings_of(private_folder, **options)
    provider = build_provider(settings, FakeClock(), "cloud")
    assert isinstance(provider, OneLogin)
    assert isinstance(provider, class_of(settings))
    assert provider.name == "cloud"
    passwords, verifications = provider.passwords, provider.verifications
    assert (passwords.subdomain, passwords.send_ip, passwords.allow_no_mfa) == ("acme", True, True)
    assert (verifications.attribute, provider.server.budget.limit) == ("email", 100)
    assert provider.server.token.headers == {"Authorization": "Basic aWQ6czNjcmV0"}
    await provider.close()


@pytest.mark.parametrize("mistake", ["mode", "missing", "ca"])
async def test_a_file_that_cannot_be_used_is_named(private_folder: Path, mistake: str) -> None:
    """An administrator whose secret others can read, or whose CA is none, is told at the check."""
    settings = settings_of(private_folder, ca_file=str(private_folder / "ca.pem") if mistake == "ca" else None)
    if mistake == "mode":
        settings.client_secret_file.chmod(0o644)
    if mistake == "missing":
        settings.client_secret_file.unlink()
    with pytest.raises(ConfigurationError) as caught:
        onelogin_secret(settings)
    with pytest.raises(ConfigurationError):
        build_onelogin(settings, FakeClock(), "cloud")
    assert [each.message for each in provider_faults(settings)] == [each.message for each in caught.value.problems]


def test_it_may_check_the_passwords_of_radius(private_folder: Path) -> None:
    """An administrator can let OneLogin check passwords and ask in one login."""
    write_private(private_folder / "nas.secret", b"nas-secret-of-sixteen-characters\n")
    client = {"name": "vpn", "address": "192.0.2.1", "secret_file": str(private_folder / "nas.secret")}
    radius = {
        "listen": ["127.0.0.1:0"],
        "first_factor": "provider",
        "state_folder": str(private_folder),
        "clients": [client],
    }
    whole = {"provider": section(private_folder), "radius": radius}
    path = private_folder / "pushgate.yaml"
    write_private(path, yaml.safe_dump(whole).encode())
    settings = load_settings(path)
    assert isinstance(settings, Settings)
    assert check_files(settings, FakeClock()) == []


def test_a_mistake_names_its_key(private_folder: Path) -> None:
    """An administrator who mistypes a key of the section is shown that key alone."""
    path = private_folder / "pushgate.yaml"
    write_private(path, yaml.safe_dump({"provider": section(private_folder, sendip=True)}).encode())
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path)
    assert any(": provider.sendip: unknown key" in problem.message for problem in caught.value.problems)


def test_the_example_of_the_page_can_be_used(private_folder: Path) -> None:
    """An administrator who copies the example of docs/providers/onelogin.md gets one that pushgate check accepts."""
    page = (ROOT / "docs" / "providers" / "onelogin.md").read_text()
    [example] = re.findall(r"^```yaml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    for folder in ("/etc/pushgate", "/var/lib/pushgate", "/var/log/pushgate", "/run/pushgate"):
        example = example.replace(folder, str(private_folder))
    for secret in ("onelogin.secret", "vpn.secret"):
        write_private(private_folder / secret, b"a1b2c3d4e5f60718293a4b5c6d7e8f90\n")
    path = private_folder / "pushgate.yaml"
    write_private(path, example.encode())
    result = CliRunner().invoke(cli, ["check", "--config", str(path)], catch_exceptions=False)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
