"""The PAM front end."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from .common import AbsolutePath, Duration, IfUnreachable, Name, Section

NO_SESSION_YET = frozenset({"sshd"})
NO_KEY = frozenset({"sudo", "sudo-i", "su", "su-l"})


class RememberSettings(Section):
    """How long an approval also lets in the same login once more, and what makes it the same."""

    for_: Duration = Field(alias="for")
    bound_to: Literal["key+origin", "session+tty"]


class UnlockSettings(Section):
    """How long ``pushgate unlock`` may open a service after one approval."""

    longest: Duration


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
    def check_bonds(self) -> "PamSettings":
        """Refuse to bind an approval to what these programs never have: it would hold for nothing, or for too much."""
        for name, service in self.services.items():
            bond = service.remember.bound_to if service.remember else ""
            if bond == "session+tty" and name in NO_SESSION_YET:
                raise ValueError(f"{name} has no session before the login: services.{name}.remember needs key+origin")
            if bond == "key+origin" and name in NO_KEY:
                raise ValueError(f"{name} is told no SSH key: services.{name}.remember needs session+tty")
        return self
