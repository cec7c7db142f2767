"""The provider section becomes the provider that asks the person: its key is read, its CA checked."""

from pathlib import Path

from pushgate.build_clerk import build_clerk, clerk_secrets
from pushgate.build_onelogin import build_onelogin, onelogin_secret
from pushgate.build_secrets import check_ca_file, read_word
from pushgate.build_threatwinds import build_threatwinds, threatwinds_faults
from pushgate.clock import Clock
from pushgate.errors import ConfigurationError, PushgateError
from pushgate.files import check_socket_folder
from pushgate.firstfactor.provider import can_check_passwords
from pushgate.http import JsonClient
from pushgate.providers.base import Provider
from pushgate.providers.clerk import Clerk
from pushgate.providers.logintc import LoginTc
from pushgate.providers.onelogin import OneLogin
from pushgate.providers.threatwinds import ThreatWinds
from pushgate.sections.clerk import ClerkSettings
from pushgate.sections.onelogin import OneLoginSettings
from pushgate.sections.provider import LoginTcSettings, ProviderSettings
from pushgate.sections.threatwinds import ThreatWindsSettings


def build_provider(settings: ProviderSettings, clock: Clock, name: str = "provider") -> Provider:
    """Build a provider that asks the person; reads its secrets, connects to nothing.

    Args:
        settings: Its section.
        clock: Time.
        name: What the configuration calls it; for the log.

    Raises:
        ConfigurationError: with every file of it that cannot be used.
    """
    match settings:
        case LoginTcSettings():
            return build_logintc(settings, clock, name)
        case OneLoginSettings():
            return build_onelogin(settings, clock, name)
        case ThreatWindsSettings():
            return build_threatwinds(settings, clock, name)
        case ClerkSettings():
            return build_clerk(settings, clock, name)


def class_of(settings: ProviderSettings) -> type[Provider]:
    """Return the class of the provider that a section describes."""
    match settings:
        case LoginTcSettings():
            return LoginTc
        case OneLoginSettings():
            return OneLogin
        case ThreatWindsSettings():
            return ThreatWinds
        case ClerkSettings():
            return Clerk


def checks_passwords(settings: ProviderSettings) -> bool:
    """Whether the provider of a section can check passwords."""
    return can_check_passwords(class_of(settings))


def provider_faults(settings: ProviderSettings, made_later: Path | None = None) -> list[PushgateError]:
    """Try every file of a provider; returns what is wrong.

    Args:
        settings: Its section.
        made_later: The folder of our own authority, which makes its files at its first start.
    """
    try:
        match settings:
            case LoginTcSettings():
                if made_later is None or settings.api_key_file.parent != made_later or settings.api_key_file.exists():
                    provider_credentials(settings)
            case OneLoginSettings():
                onelogin_secret(settings)
            case ThreatWindsSettings():
                return threatwinds_faults(settings)
            case ClerkSettings():
                clerk_secrets(settings)
    except ConfigurationError as error:
        return list(error.problems)
    return []


def build_logintc(settings: LoginTcSettings, clock: Clock, name: str) -> Provider:
    """Build a LoginTC client.

    Raises:
        ConfigurationError: if the key or domain file cannot be used.
    """
    key, domain = provider_credentials(settings)
    transport = JsonClient(settings.url, clock, {"Authorization": f'LoginTC key="{key}"'}, settings.ca_file)
    return LoginTc(transport, domain, clock, send_command=settings.send_command, name=name)


def provider_credentials(settings: LoginTcSettings) -> tuple[str, str]:
    """Read the API key and the domain id; check the CA's file and the socket's folder.

    Raises:
        ConfigurationError: naming every file that cannot be used.
    """
    problems: list[PushgateError] = []
    key = read_word(settings.api_key_file, problems)
    domain = settings.domain_id or read_word(settings.domain_id_file, problems)
    if settings.ca_file is not None:
        check_ca_file(settings.ca_file, problems)
    if settings.url.startswith("unix:"):
        try:
            check_socket_folder(Path(settings.url.removeprefix("unix:")))
        except ConfigurationError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigurationError(problems)
    return key, domain
