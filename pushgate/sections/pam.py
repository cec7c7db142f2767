"""The PAM front end."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from .common import AbsolutePath, Name, Section, yaml_word
from .remember import RememberSettings, UnlockSettings, check_bonds
from .routing import Routed

Account = Annotated[str, Field(min_length=1, max_length=128)]


class PamService(Routed):
    """What holds for one PAM service."""

    prompt: Literal["auto", "silent", "prompt"] = Field(
        "auto",
        description="auto: sshd up to OpenSSH 10.2 prompts, everything else shows a line; silent: for tools without "
        "a terminal; prompt: ask for Enter or a code everywhere.",
    )
    silent_users: list[Account] = Field(
        default_factory=list, max_length=1000, description="Whose logins come without a terminal."
    )
    silent_groups: list[Account] = Field(default_factory=list, max_length=100)
    number: Annotated[Literal["off", "optional", "required"], BeforeValidator(yaml_word)] = Field(
        "optional", description="The number that the device asks for stands beside the question."
    )
    asked: Literal["auto", "caller", "target"] = Field(
        "auto", description="auto: sudo asks its caller; su asks its caller about root, else the target."
    )
    allow_root: bool = Field(False, description="Ask about root's logins through sshd.")
    exempt_users: list[Account] = Field(default_factory=list, max_length=1000)
    exempt_groups: list[Account] = Field(
        default_factory=list, max_length=100, description="Groups of this machine, also those of a directory."
    )
    exempt_result: Literal["success", "ignore"] = Field(
        "success", description="ignore: leave the login to the other modules of the stack."
    )
    denied_result: Literal["auth_err", "maxtries", "abort"] = Field(
        "auth_err", description="abort: sudo asks for nothing more after a denial."
    )
    remember: RememberSettings | None = None
    unlock: UnlockSettings | None = None

    @model_validator(mode="after")
    def number_can_be_shown(self) -> "PamService":
        """Refuse a number that nobody would see."""
        if self.number == "required" and self.prompt == "silent":
            raise ValueError("number: required needs a place for the number; prompt: silent shows nothing")
        return self

    @model_validator(mode="after")
    def codes_can_be_typed(self) -> "PamService":
        """Refuse to ask for a code where nobody could type it."""
        if self.prompt == "silent" and self.fallback:
            raise ValueError("fallback: codes need a place to be typed; prompt: silent asks for nothing")
        return self


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
