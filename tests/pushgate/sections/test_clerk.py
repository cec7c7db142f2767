"""The section of the provider ``clerk``."""

from typing import Any

import pytest
from pydantic import ValidationError

from pushgate.sections.clerk import ClerkSettings

BAPI: dict[str, Any] = {"type": "clerk", "secret_key_file": "/etc/pushgate/clerk.key"}
TICKET = BAPI | {"mode": "reverify-ticket", "frontend_url": "https://clerk.example.com"}
KEPT = {"session_folder": "/var/lib/pushgate/clerk", "session_key_file": "/etc/pushgate/sessions.key"}


@pytest.mark.parametrize(
    "section",
    [
        BAPI,
        BAPI | {"api_url": "http://127.0.0.1:8080/v1/"},
        TICKET,
        TICKET | {"mode": "reverify-enrolled", **KEPT},
        BAPI | {"user_attribute": "email_address", "mail_domain": "example.com", "limit_period": "15m"},
    ],
)
def test_what_is_right_is_accepted(section: dict[str, Any]) -> None:
    """An administrator may leave out what the mode does not need."""
    assert ClerkSettings.model_validate(section).limit_period == 900


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        (BAPI | {"frontend_url": "https://clerk.example.com"}, "frontend_url is of no use"),
        (BAPI | KEPT, "session_folder is of no use"),
        (TICKET | {"frontend_url": None}, "needs frontend_url"),
        (TICKET | {"frontend_url": "http://clerk.example.com"}, "frontend_url must start with https"),
        (TICKET | {"frontend_url": "https://clerk.example.com/v1"}, "frontend_url must end"),
        (TICKET | {"mode": "reverify-enrolled"}, "needs session_folder"),
        (BAPI | {"api_url": "https://api.clerk.com"}, "must end with /v1"),
        (BAPI | {"api_url": "https://"}, "must start with https"),
        (BAPI | {"api_url": "http://localhost.evil.example/v1"}, "must start with https"),
        (BAPI | {"api_url": "https://user@api.clerk.com/v1"}, "must end with"),
        (BAPI | {"api_url": "https://api.clerk.com/v1?x"}, "must end with"),
        (BAPI | {"api_url": "https://api.clerk.com:0/v1"}, "port from 1"),
        (BAPI | {"mail_domain": "example.com"}, "needs user_attribute"),
        (BAPI | {"api_version": "latest"}, "api_version"),
        (BAPI | {"max_wrong_codes": 10}, "max_wrong_codes"),
        (BAPI | {"limit_period": 5}, "limit_period"),
        (BAPI | {"secret_key_file": "clerk.key"}, "absolute"),
    ],
)
def test_each_mistake_is_named(section: dict[str, Any], fault: str) -> None:
    """An administrator who makes a mistake is told which key it is about."""
    with pytest.raises(ValidationError, match=fault):
        ClerkSettings.model_validate(section)
