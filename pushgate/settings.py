"""The configuration: one pydantic model; every fault at once, each with file, line and key."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

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
from pushgate.sections.routing import (
    MAX_PROVIDERS,
    SHORT_FORM,
    ProviderName,
    RoutedPlace,
    default_order,
    refuse,
    routing_faults,
)
from pushgate.sections.texts import TextSettings
from pushgate.yamlfile import KeyPath, load_with_lines


class Settings(Section):
    """All of it. A part that is not named does not run."""

    login: LoginSettings = LoginSettings()
    provider: ProviderSettings | None = None
    providers: dict[ProviderName, ProviderSettings] = Field(default_factory=dict, max_length=MAX_PROVIDERS)
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
        if (self.radius or self.pam) and not self.all_providers:
            raise ValueError("provider is missing: radius and pam need one that asks the person")
        clients = {client.name for client in self.radius.everybody()} if self.radius else set()
        services = set(self.pam.services) if self.pam else set()
        if UNLOCK_SERVICE in {name.casefold() for name in clients | services}:
            # A person who is asked about ``unlock`` must not have to wonder whose question it is.
            raise ValueError(f"no RADIUS client and no PAM service may be called {UNLOCK_SERVICE}: we use that name")
        if clients & services:
            shared = ", ".join(sorted(clients & services))
            raise ValueError(f"a RADIUS client and a PAM service share the name {shared}")
        has_offline = self.offline is not None
        named = self.login.providers
        refuse("Settings", routing_faults(named, self.all_providers, self.routed(), has_offline=has_offline))
        return self

    @property
    def all_providers(self) -> Mapping[str, ProviderSettings]:
        """Return the section of each provider by its name; the short form is called ``provider``."""
        return ({SHORT_FORM: self.provider} if self.provider else {}) | self.providers

    @property
    def default_order(self) -> tuple[str, ...]:
        """Return who is asked where a service says nothing."""
        return default_order(self.login.providers, self.all_providers)

    def routed(self) -> Iterator[RoutedPlace]:
        """Yield each service that may say who is asked at it, with its place in the file."""
        for name, service in self.pam.services.items() if self.pam else ():
            yield RoutedPlace(("pam", "services", name), service)
        if self.radius is None:
            return
        radsec = self.radius.radsec.clients if self.radius.radsec else ()
        for place, clients in ((("radius", "clients"), self.radius.clients), (("radius", "radsec", "clients"), radsec)):
            for index, client in enumerate(clients):
                first_factor = client.first_factor or self.radius.first_factor
                word = first_factor if isinstance(first_factor, str) else first_factor.type
                yield RoutedPlace((*place, index), client, word)


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
    kind, place = fault["type"], tuple(fault["loc"])
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        place = (*place, "type")
    missing = kind in ("missing", "union_tag_not_found")
    location = location_of(lines, place, missing=missing)
    key = ".".join(str(part) for part in location) or "(top level)"
    if kind == "extra_forbidden":
        message, hint = "unknown key", "remove it, or look for a spelling mistake"
    elif missing:
        message, hint = "required key is missing", "add it; config/pushgate.yaml shows every key"
    elif kind == "union_tag_invalid":
        message, hint = "there is no such type", f"the types are {fault['ctx']['expected_tags']}".replace("'", "")
    elif kind == "string_type":
        message, hint = str(fault["msg"]), "put the value in quotes"
    else:
        message = str(fault["msg"]).removeprefix("Value error, ")
        hint = str(fault.get("ctx", {}).get("hint", "config/pushgate.yaml shows every key"))
    return PushgateError(f"{path}:{line_of(lines, location)}: {key}: {message[:1].lower()}{message[1:]}", hint)
