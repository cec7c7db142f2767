"""The providers that ask the person: one section each, told apart by its ``type``."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from .clerk import ClerkSettings
from .common import AbsolutePath, Section, form, server_url
from .onelogin import OneLoginSettings
from .threatwinds import ThreatWindsSettings


def server_or_socket(url: str) -> str:
    """Refuse an address that no secret may be sent to; a socket is on this machine."""
    return url if url.startswith("unix:/") else server_url(url, "https:// or unix:/")


class LoginTcSettings(Section):
    """The provider ``logintc``: LoginTC's cloud, or our own authority."""

    type: Literal["logintc"]
    url: Annotated[str, AfterValidator(server_or_socket)] = Field(
        description="https://cloud.logintc.com, or unix:/path of the authority's socket."
    )
    api_key_file: AbsolutePath
    domain_id: Annotated[str, form(r"[A-Za-z0-9_-]{1,128}", "is no id of a domain")] | None = None
    domain_id_file: AbsolutePath | None = None
    ca_file: AbsolutePath | None = Field(None, description="Trust only this CA instead of the system's.")
    send_command: bool | None = Field(
        None, description="Show sudo's command on the phone. Default: only with our own authority, it can hold secrets."
    )

    @model_validator(mode="after")
    def check(self) -> "LoginTcSettings":
        """Require one domain."""
        if (self.domain_id is None) == (self.domain_id_file is None):
            raise ValueError("needs exactly one of domain_id and domain_id_file")
        return self


ProviderSettings = Annotated[
    LoginTcSettings | OneLoginSettings | ClerkSettings | ThreatWindsSettings, Field(discriminator="type")
]
"""Any provider; the key ``type`` says which."""
