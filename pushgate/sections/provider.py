"""The providers that ask the person: one section each, told apart by its ``type``."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from .common import AbsolutePath, Section


class LoginTcSettings(Section):
    """The provider ``logintc``: LoginTC's cloud, or our own authority."""

    type: Literal["logintc"]
    url: str = Field(description="https://cloud.logintc.com, or unix:/path of the authority's socket.")
    api_key_file: AbsolutePath
    domain_id: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,128}$")
    domain_id_file: AbsolutePath | None = None
    ca_file: AbsolutePath | None = Field(None, description="Trust only this CA instead of the system's.")
    send_command: bool | None = Field(
        None, description="Show sudo's command on the phone. Default: only with our own authority, it can hold secrets."
    )

    @model_validator(mode="after")
    def check(self) -> "LoginTcSettings":
        """Require one domain and an address that a secret may be sent to."""
        if (self.domain_id is None) == (self.domain_id_file is None):
            raise ValueError("needs exactly one of domain_id and domain_id_file")
        if not self.url.startswith("unix:/"):
            check_server(self.url)
        return self


def check_server(url: str) -> None:
    """Refuse what is no plain ``scheme://host:port``, and plain HTTP to another machine.

    Raises:
        ValueError: naming what is wrong.
    """
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if not (parts.scheme == "https" and parts.hostname) and not local:
        raise ValueError("url must start with https:// or unix:/ (http:// only to this machine)")
    if "@" in parts.netloc or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("url must end behind the host or its port: the path is added, and the key has its own file")
    if parts.port == 0:
        raise ValueError("url must have a port from 1 to 65535")


ProviderSettings = LoginTcSettings
"""Any provider; the key ``type`` says which."""
