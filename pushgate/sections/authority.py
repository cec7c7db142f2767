"""Our own authority, when this process runs it."""

import ipaddress
from pathlib import Path

from pydantic import Field, model_validator

from .common import AbsolutePath, Address, ListenAddress, Section


class AuthoritySettings(Section):
    """Our own authority, when this process runs it."""

    folder: AbsolutePath = Path("/var/lib/pushgate/authority")
    socket: AbsolutePath | None = Path("/run/pushgate/authority.sock")
    listen: ListenAddress | None = Field(None, description="The LoginTC API over TCP, loopback only.")
    page: ListenAddress = Field(
        default_factory=lambda: Address(host="127.0.0.1", port=8080), description="The approval page, loopback only."
    )
    organization: str = Field("pushgate", min_length=1, max_length=128)
    domain: str = Field("default", min_length=1, max_length=128)
    request_timeout: int = Field(90, ge=5, le=300, description="Seconds that a session may stay pending.")

    @model_validator(mode="after")
    def check(self) -> "AuthoritySettings":
        """Neither plane speaks TLS yet, so neither may leave this machine."""
        for key in ("listen", "page"):
            address: Address | None = getattr(self, key)
            if address is not None and not ipaddress.ip_address(address.host).is_loopback:
                raise ValueError(f"{key} must be a loopback address: TLS is not built in yet")
        return self
