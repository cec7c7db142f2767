"""The section of ``threatwinds`` becomes the provider: the map of addresses and the directory's secrets are read."""

from pathlib import Path

from pushgate.build_firstfactor import read_directory
from pushgate.build_secrets import check_ca_file
from pushgate.clock import Clock, SystemClock
from pushgate.errors import ConfigurationError, PushgateError
from pushgate.files import read_trusted
from pushgate.firstfactor.ldap_lookup import LdapLookUp
from pushgate.http import JsonClient
from pushgate.limiter import Limiter
from pushgate.providers.base import Provider
from pushgate.providers.threatwinds import ThreatWinds
from pushgate.providers.threatwinds_addresses import (
    Addresses,
    AddressMap,
    DirectoryAddresses,
    LookUp,
    Template,
    is_address,
)
from pushgate.sections.threatwinds import AddressSettings, LdapAddressSettings, ThreatWindsSettings
from pushgate.text import clean, is_clean_name
from pushgate.yamlfile import load_with_lines

LARGEST_MAP = 4 * 1024 * 1024


def build_threatwinds(settings: ThreatWindsSettings, clock: Clock, name: str) -> Provider:
    """Build a ThreatWinds client; connects to nothing.

    Raises:
        ConfigurationError: with every file of it that cannot be used.
    """
    problems = list[PushgateError]()
    look_up = read_files(settings, clock, problems)
    if problems:
        raise ConfigurationError(problems)
    return ThreatWinds(
        JsonClient(settings.url, clock, {}, settings.ca_file),
        clock,
        Addresses(look_up, allow_addresses=settings.address.allow_addresses),
        Limiter(clock, settings.mails_per_user, settings.mails_within),
        code_ttl=settings.code_ttl,
        kind=settings.kind,
        name=name,
    )


def threatwinds_faults(settings: ThreatWindsSettings) -> list[PushgateError]:
    """Try every file of the section; returns what is wrong."""
    problems = list[PushgateError]()
    read_files(settings, SystemClock(), problems)
    return problems


def read_files(settings: ThreatWindsSettings, clock: Clock, problems: list[PushgateError]) -> LookUp:
    """Read every file that the section names; what is wrong goes to ``problems``."""
    if settings.ca_file is not None:
        check_ca_file(settings.ca_file, problems)
    return build_look_up(settings.address, clock, problems)


def build_look_up(settings: AddressSettings, clock: Clock, problems: list[PushgateError]) -> LookUp:
    """Build the one way to people's addresses; what is wrong goes to ``problems``."""
    if settings.map_file is not None:
        return AddressMap(read_map(settings.map_file, problems))
    if settings.ldap is not None:
        return build_directory(settings.ldap, clock, problems)
    return Template(settings.template or "")


def build_directory(settings: LdapAddressSettings, clock: Clock, problems: list[PushgateError]) -> LookUp:
    """Build the search of a directory; what is wrong goes to ``problems``."""
    servers, directory = read_directory(settings, problems)
    look_up = LdapLookUp(
        servers, directory, settings.attribute, clock, timeout=settings.timeout, threads=settings.threads
    )
    return DirectoryAddresses(look_up)


def read_map(path: Path, problems: list[PushgateError]) -> dict[str, str]:
    """Read the file with a line ``user: address`` for each user; what is wrong goes to ``problems``.

    Not a secret, but who can write it gets other people's codes.
    """
    try:
        data, lines = load_with_lines(str(path), read_trusted(path, secret=False, limit=LARGEST_MAP))
    except ConfigurationError as error:
        problems.extend(error.problems)
        return {}
    if not isinstance(data, dict):
        problems.append(
            PushgateError(f"{path}: is no list of users and addresses", "write lines as alice: a@example.com")
        )
        return {}
    for user, address in data.items():
        line = f"{path}:{lines[(user,)]}: {clean(user, 64)}"
        if not is_clean_name(user):
            problems.append(PushgateError(f"{line}: is no user name", "1 to 128 characters, no blanks at the ends"))
        if not (isinstance(address, str) and is_address(address)):
            problems.append(PushgateError(f"{line}: has no e-mail address", "write one, as a@example.com"))
    return data
