"""Whose people are managed."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pushgate.cli.user_provider import is_ours, provider_of_people
from pushgate.errors import PushgateError
from pushgate.sections.provider import LoginTcSettings
from pushgate.settings import Settings

CLOUD = {
    "type": "logintc",
    "url": "https://cloud.logintc.com",
    "api_key_file": "/etc/pushgate/cloud.key",
    "domain_id": "d" * 40,
}
OURS = {**CLOUD, "url": "unix:/run/pushgate/authority.sock"}
PATH = Path("/etc/pushgate/pushgate.yaml")


def settings(**sections: Any) -> Settings:
    """Return a configuration that runs the authority, with these sections."""
    return Settings.model_validate({"authority": {}, **sections})


def with_others(found: Settings, monkeypatch: pytest.MonkeyPatch, *names: str) -> Settings:
    """Put providers of another type, whose people are none of ours, before those of the configuration."""
    sections = {name: SimpleNamespace(type="other") for name in names} | dict(found.all_providers)
    monkeypatch.setattr(Settings, "all_providers", sections)
    monkeypatch.setattr(Settings, "default_order", tuple(sections))
    return found


def test_people_of_our_authority_come_first() -> None:
    """An administrator who names nobody manages those of the own authority, wherever it stands in the order."""
    several = settings(providers={"cloud": CLOUD, "ours": OURS}, login={"providers": ["cloud", "ours"]})
    assert provider_of_people(PATH, several, None) is several.providers["ours"]
    assert provider_of_people(PATH, several, "cloud") is several.providers["cloud"]
    assert provider_of_people(PATH, settings(provider=OURS), "provider").url == OURS["url"]


def test_without_an_authority_the_first_logintc_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """An administrator without an own authority manages the people of the first LoginTC that is asked."""
    providers = {"b": {**CLOUD, "url": "https://b.example"}, "a": {**CLOUD, "url": "https://a.example"}}
    found = settings(providers=providers, login={"providers": ["a", "b"]})
    assert provider_of_people(PATH, found, None).url == "https://a.example"
    with_others(found, monkeypatch, "onelogin")
    assert provider_of_people(PATH, found, None).url == "https://b.example"


def test_people_of_another_system_are_managed_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """An administrator is told where the people of another system are managed, and whose are managed here."""
    found = with_others(settings(provider=CLOUD), monkeypatch, "onelogin")
    with pytest.raises(PushgateError, match=r"^people of onelogin are managed in its own console$") as caught:
        provider_of_people(PATH, found, "onelogin")
    assert caught.value.hint == "of these: provider"


@pytest.mark.parametrize(
    ("prepare", "name", "message"),
    [
        (lambda _: settings(), None, "provider is missing"),
        (lambda _: settings(provider=CLOUD), "pho\x1bnes", r"no provider is called pho\\x1bnes"),
        (lambda patch: with_others(settings(), patch, "a", "b"), None, "managed in their own consoles"),
    ],
)
def test_nobody_s_people(
    prepare: Callable[[pytest.MonkeyPatch], Settings],
    name: str | None,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An administrator without such a provider reads what is wrong, with a hint."""
    found = prepare(monkeypatch)
    with pytest.raises(PushgateError, match=message) as caught:
        provider_of_people(PATH, found, name)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("url", "listen", "ours"),
    [
        ("unix:/run/pushgate/authority.sock", None, True),
        ("unix:/run/other.sock", None, False),
        ("http://127.0.0.1:8443/", "127.0.0.1:8443", True),
        ("http://[::1]:8443", "[::1]:8443", True),
        ("http://127.0.0.1:8444", "127.0.0.1:8443", False),
        ("https://cloud.logintc.com", "127.0.0.1:8443", False),
    ],
)
def test_our_authority_is_known_by_its_address(url: str, listen: str | None, ours: bool) -> None:
    """A provider is our own authority if its address is where that listens."""
    section = {**CLOUD, "url": url}
    found = settings(provider=section, authority={"listen": listen})
    assert isinstance(found.provider, LoginTcSettings)
    assert is_ours(found.provider, found) is ours
    assert not is_ours(
        found.provider, Settings.model_validate({"pam": {"services": {"sshd": {}}}, "provider": section})
    )
