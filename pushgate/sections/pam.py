"""The PAM front end."""

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from .common import AbsolutePath, IfUnreachable, Name, Section
from .remember import RememberSettings, UnlockSettings, check_bonds


class PamService(Section):
    """What holds for one PAM service."""

    if_unreachable: IfUnreachable = "deny"
    remember: RememberSettings | None = None
    unlock: UnlockSettings | None = None


class PamSettings(Section):
    """The PAM front end."""

    socket: AbsolutePath = Path("/run/pushgate/pam.sock")
    allowed_peer_uids: list[int] = Field(
        default_factory=list, max_length=16, description="Beside root; only for tests that are not root."
    )
    services: dict[Name, PamService] = Field(min_length=1, max_length=64)

    @model_validator(mode="before")
    @classmethod
    def empty_service(cls, data: Any) -> Any:
        """Let ``sshd:`` stand alone, without an empty pair of braces."""
        if isinstance(data, dict) and isinstance(data.get("services"), dict):
            data = {**data, "services": {k: {} if v is None else v for k, v in data["services"].items()}}
        return data

    @model_validator(mode="after")
    def check_what_is_remembered(self) -> "PamSettings":
        """Refuse a bond that a program cannot have."""
        check_bonds({name: service.remember for name, service in self.services.items()})
        return self
