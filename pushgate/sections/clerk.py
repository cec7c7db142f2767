"""The provider ``clerk``: Clerk's user management."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from .common import AbsolutePath, Duration, Section, form

API_URL = "https://api.clerk.com/v1"


class ClerkSettings(Section):
    """The provider ``clerk``."""

    type: Literal["clerk"]
    mode: Literal["bapi", "reverify-ticket", "reverify-enrolled"] = "bapi"
    secret_key_file: AbsolutePath
    api_url: str = Field(API_URL, description="The Backend API, with its version.")
    frontend_url: str | None = Field(None, description="The instance's Frontend API; for the modes that reverify.")
    api_version: Annotated[str, form(r"\d{4}-\d{2}-\d{2}", "must be a date: 2025-04-10")] = "2025-04-10"
    ca_file: AbsolutePath | None = None
    user_attribute: Literal["username", "email_address"] = "username"
    mail_domain: Annotated[str, form(r"[A-Za-z0-9.-]{1,253}", "must be a domain: example.com")] | None = None
    level: Literal["second_factor", "multi_factor"] = "second_factor"
    prove_by_token: bool = False
    session_folder: AbsolutePath | None = None
    session_key_file: AbsolutePath | None = None
    max_wrong_codes: int = Field(5, ge=1, le=9)
    max_messages: int = Field(5, ge=1, le=100)
    limit_period: Duration = Field(900.0, ge=60)

    @model_validator(mode="after")
    def check(self) -> "ClerkSettings":
        """Require what the mode needs, and addresses that a secret may be sent to."""
        check_address("api_url", self.api_url, path="/v1")
        if self.mode == "bapi":
            named = [key for key in ("frontend_url", "session_folder", "session_key_file") if getattr(self, key)]
            if named:
                raise ValueError(f"{named[0]} is of no use with mode: bapi")
        elif self.frontend_url is None:
            raise ValueError(f"mode: {self.mode} needs frontend_url")
        else:
            check_address("frontend_url", self.frontend_url)
        enrolled = self.mode == "reverify-enrolled"
        if enrolled and not (self.session_folder and self.session_key_file):
            raise ValueError("mode: reverify-enrolled needs session_folder and session_key_file")
        if self.mail_domain is not None and self.user_attribute != "email_address":
            raise ValueError("mail_domain needs user_attribute: email_address")
        return self


def check_address(key: str, url: str, path: str = "") -> None:
    """Refuse what is no ``https://host:port`` with this path, and plain HTTP to another machine.

    Raises:
        ValueError: naming what is wrong.
    """
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if not (parts.scheme == "https" and parts.hostname) and not local:
        raise ValueError(f"{key} must start with https:// (http:// only to this machine)")
    if "@" in parts.netloc or parts.path.rstrip("/") != path or parts.query or parts.fragment:
        raise ValueError(f"{key} must end with {path or 'the host or its port'}: secrets have their own files")
    if parts.port == 0:
        raise ValueError(f"{key} must have a port from 1 to 65535")
