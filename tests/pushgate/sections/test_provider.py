"""The provider section: where a secret may be sent to."""

from pathlib import Path

import pytest

from pushgate.sections.provider import LoginTcSettings
from tests.support.settings import GOOD, faults, load


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("https://cloud", "http://cloud", "provider.url"),
        ("https://cloud.logintc.com", "unix:relative", "provider.url"),
        ("https://cloud.logintc.com", "https://", "provider.url"),
        ("https://cloud.logintc.com", "https://cloud.logintc.com/api", "provider.url"),
        ("https://cloud.logintc.com", "https://user@cloud.logintc.com", "provider.url"),
        ("https://cloud.logintc.com", "https://cloud.logintc.com:99999", "provider.url"),
        ("https://cloud.logintc.com", "http://127.0.0.1:80@evil.example", "provider.url"),
        ("https://cloud.logintc.com", "http://localhost.evil.example:80", "provider.url"),
        ("/etc/pushgate/api.key", "api.key", "provider.api_key_file"),
        ("  domain_id: 9120580e94f134cb7c9f27cd1e43dbc82980e152\n", "", "provider"),
    ],
)
def test_each_mistake_names_its_key(private_folder: Path, old: str, new: str, fault: str) -> None:
    """An administrator who makes one mistake in the provider section is shown its key."""
    found = faults(private_folder, GOOD.replace(old, new))
    assert fault in [line.split(": ")[1] for line in found]


@pytest.mark.parametrize(
    "url", ["https://[2001:db8::1]:8443", "https://auth.example/", "http://localhost:8080", "unix:/run/a.sock"]
)
def test_the_address_of_a_server_is_accepted(private_folder: Path, url: str) -> None:
    """An administrator may name host and port of a server in every usual form."""
    settings = load(private_folder, GOOD.replace("https://cloud.logintc.com", url))
    assert isinstance(settings.provider, LoginTcSettings)
    assert settings.provider.url == url
