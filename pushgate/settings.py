"""The configuration: one pydantic model; every fault at once, each with file, line and key."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError, model_validator
from pydantic_core import PydanticCustomError

from pushgate.errors import ConfigurationError, PushgateError
from pushgate.files import read_trusted
from pushgate.policy import UNLOCK_SERVICE
from pushgate.sections.authority import AuthoritySettings
from pushgate.sections.common import Section
from pushgate.sections.daemon import AuditSettings, ControlSettings, LoginSettings, LogSettings
from pushgate.sections.offline import OfflineSettings
from pushgate.sections.pam import PamSettings
from pushgate.sections.provider import ProviderSettings
from pushgate.sections.radius import RadiusSettings
from pushgate.sections.texts import TextSettings
from pushgate.yamlfile import KeyPath, load_with_lines


class Settings(Section):
    """All of it. A part that is not named does not run."""

    login: LoginSettings = LoginSettings()
    provider: ProviderSettings | None = None
    second_provider: ProviderSettings | None = None
    offline: OfflineSettings | None = None
    radius: RadiusSettings | None = None
    pam: PamSettings | None = None
    authority: AuthoritySettings | None = None
    control: ControlSettings | None = None
    texts: TextSettings = TextSettings()
    audit: AuditSettings = AuditSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def check(self) -> "Settings":
        """Check what concerns more than one part."""
        if not (self.radius or self.pam or self.authority):
            raise ValueError("nothing to run: name at least one of radius, pam and authority")
        if (self.radius or self.pam) and not self.provider:
            raise ValueError("provider is missing: radius and pam need one that asks the person")
        clients = {client.name for client in self.radius.everybody()} if self.radius else set()
        services = set(self.pam.services) if self.pam else set()
        if UNLOCK_SERVICE in {name.casefold() for name in clients | services}:
            # A person who is asked about ``unlock`` must not have to wonder whose question it is.
            raise ValueError(f"no RADIUS client and no PAM service may be called {UNLOCK_SERVICE}: we use that name")
        if clients & services:
            shared = ", ".join(sorted(clients & services))
            raise ValueError(f"a RADIUS client and a PAM service share the name {shared}")
        for rung, section in self.missing_sections():
            hint = f"add the section {section} (docs/offline.md), or take {rung} out of fallback"
            message = f"pam.services: a fallback names {rung}, and there is no section {section}"
            raise PydanticCustomError("missing_section", "{problem}", {"problem": message, "hint": hint})
        return self

    def missing_sections(self) -> Iterator[tuple[str, str]]:
        """Yield each rung that a service names and that has no section, with the name of that section."""
        sections = {"second_provider": "second_provider", "offline_totp": "offline", "break_glass": "offline"}
        named = {rung for service in (self.pam.services.values() if self.pam else ()) for rung in service.fallback}
        yield from ((rung, name) for rung, name in sections.items() if rung in named and not getattr(self, name))


def load_settings(path: Path) -> Settings:
    """Read and check the configuration file.

    Raises:
        ConfigurationError: with every fault that was found, each naming file, line and key.
    """
    data, lines = load_with_lines(str(path), read_trusted(path, secret=False, limit=256 * 1024))
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        faults = sorted(error.errors(), key=lambda fault: line_of(lines, fault["loc"]))
        raise ConfigurationError([_problem(path, lines, fault) for fault in faults]) from None


def line_of(lines: dict[KeyPath, int], location: KeyPath) -> int:
    """Return the line of a key; of the section around it if the key is missing."""
    while location and location not in lines:
        location = location[:-1]
    return lines.get(location, 1)


def location_of(lines: dict[KeyPath, int], location: KeyPath, *, missing: bool) -> KeyPath:
    """Return a location as the file has it: without the names of forms, which stand in no file."""
    found: KeyPath = ()
    for place, part in enumerate(location):
        is_last = place == len(location) - 1
        if (*found, part) in lines or (is_last and (missing or found not in lines)):
            found = (*found, part)
    return found


def _problem(path: Path, lines: dict[KeyPath, int], fault: Any) -> PushgateError:
    """Turn one fault of pydantic into an error that names the place in the file; never shows the value."""
    location = location_of(lines, tuple(fault["loc"]), missing=fault["type"] == "missing")
    key = ".".join(str(part) for part in location) or "(top level)"
    if fault["type"] == "extra_forbidden":
        message, hint = "unknown key", "remove it, or look for a spelling mistake"
    elif fault["type"] == "missing":
        message, hint = "required key is missing", "add it; config/pushgate.yaml shows every key"
    else:
        message = str(fault["msg"]).removeprefix("Value error, ")
        hint = str(fault.get("ctx", {}).get("hint", "config/pushgate.yaml shows every key"))
    return PushgateError(f"{path}:{line_of(lines, location)}: {key}: {message[:1].lower()}{message[1:]}", hint)
