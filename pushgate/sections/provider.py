"""The providers that ask the person: one section each, told apart by its ``type``."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .clerk import ClerkSettings
from .common import AbsolutePath, Section, check_server
from .onelogin import OneLoginSettings
from .threatwinds import ThreatWindsSettings


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


ProviderSettings = Annotated[
    LoginTcSettings | OneLoginSettings | ClerkSettings | ThreatWindsSettings, Field(discriminator="type")
]
"""Any provider; the key ``type`` says which."""
