"""The section of the provider onelogin: what an administrator may write, and where the secret goes."""

from typing import Any

import pytest
from pydantic import ValidationError

from pushgate.sections.onelogin import OneLoginSettings

GOOD = {
    "type": "onelogin",
    "subdomain": "acme",
    "client_id": "c" * 64,
    "client_secret_file": "/etc/pushgate/onelogin.secret",
}


def test_the_address_follows_the_subdomain() -> None:
    """An administrator who names the subdomain need not name the address; old accounts have another."""
    assert OneLoginSettings.model_validate(GOOD).address == "https://acme.onelogin.com"
    old = OneLoginSettings.model_validate({**GOOD, "url": "https://api.eu.onelogin.com"})
    assert old.address == "https://api.eu.onelogin.com"


def test_defaults_refuse_what_is_weaker() -> None:
    """An administrator who says nothing lets nobody in without a second factor, and sends no address."""
    settings = OneLoginSettings.model_validate(GOOD)
    assert (settings.allow_no_mfa, settings.send_ip, settings.user_attribute) == (False, False, "username")
    assert settings.calls_per_hour < 5000


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("subdomain", "acme.onelogin.com"),
        ("subdomain", "acme/x"),
        ("subdomain", "evil.example#"),
        ("subdomain", ""),
        ("url", "http://acme.onelogin.com"),
        ("url", "https://acme.onelogin.com/api"),
        ("url", "https://user:pw@acme.onelogin.com"),
        ("url", "unix:/run/x"),
        ("client_id", "a b"),
        ("client_id", "a:b"),
        ("client_secret_file", "onelogin.secret"),
        ("user_attribute", "samaccountname"),
        ("calls_per_hour", 0),
        ("calls_per_hour", 10**9),
        ("client_secret", "x"),
    ],
)
def test_each_mistake_is_refused(key: str, value: Any) -> None:
    """An administrator who makes a mistake is told, and no secret goes anywhere else."""
    with pytest.raises(ValidationError):
        OneLoginSettings.model_validate({**GOOD, key: value})
