"""Whose people ``pushgate user`` manages, where the configuration has several providers."""

from pathlib import Path
from typing import TypeGuard

from pushgate.errors import PushgateError
from pushgate.sections.provider import LoginTcSettings, ProviderSettings
from pushgate.settings import Settings
from pushgate.text import clean


def provider_of_people(config: Path, settings: Settings, name: str | None) -> LoginTcSettings:
    """Return the provider whose people are meant.

    Raises:
        PushgateError: there is none, or the provider of that name has people of its own.
    """
    providers = settings.all_providers
    if not providers:
        raise PushgateError(f"{config}: provider is missing", "name the authority's url and api_key_file there")
    # In the order in which they are asked, then those that only some services name.
    ordered = dict.fromkeys((*settings.default_order, *providers))
    managed = {each: section for each in ordered if has_people(section := providers[each])}
    hint = (
        f"of these: {', '.join(managed)}" if managed else "pushgate user manages people of LoginTC and of our authority"
    )
    if name is None:
        ours = [section for section in managed.values() if is_ours(section, settings)]
        found = next(iter((*ours, *managed.values())), None)
        if found is None:
            raise PushgateError("the people of these providers are managed in their own consoles", hint)
        return found
    if name not in providers:
        raise PushgateError(f"{config}: no provider is called {clean(name, 64)}", f"it has: {', '.join(providers)}")
    if name not in managed:
        raise PushgateError(f"people of {name} are managed in its own console", hint)
    return managed[name]


def is_ours(provider: LoginTcSettings, settings: Settings) -> bool:
    """Whether a provider is the authority that this configuration runs."""
    section = settings.authority
    if section is None:
        return False
    places = {f"unix:{section.socket}"}
    if section.listen is not None:
        host = section.listen.host
        places.add(f"http://{f'[{host}]' if ':' in host else host}:{section.listen.port}")
    return provider.url.rstrip("/") in places


def has_people(section: ProviderSettings) -> TypeGuard[LoginTcSettings]:
    """Whether people of this provider can be added and removed from here."""
    return section.type == "logintc"
