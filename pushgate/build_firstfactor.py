"""The configuration of a first factor becomes one that runs: secrets are read, every fault is collected."""

import ssl
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pushgate.clock import Clock
from pushgate.errors import ConfigurationError, PushgateError
from pushgate.files import SAMPLE_SECRETS, read_secret, read_trusted
from pushgate.firstfactor.base import FirstFactor
from pushgate.firstfactor.ldap import LdapFirstFactor
from pushgate.firstfactor.ldap_session import Address, Directory, filter_fault
from pushgate.firstfactor.pam import PamFirstFactor, worker_command
from pushgate.firstfactor.pam_pool import PamPool
from pushgate.firstfactor.pam_stack import stack_faults
from pushgate.firstfactor.provider import ProviderFirstFactor, can_check_passwords
from pushgate.firstfactor.radius import Attribute, RadiusFirstFactor, Upstream
from pushgate.login import Secret
from pushgate.sections import firstfactor as sections
from radius_server.reply_rules import definition_to_send


def build_first_factor(
    settings: Literal["provider"] | sections.PamFirstFactor | sections.LdapFirstFactor | sections.RadiusFirstFactor,
    clock: Clock,
    provider: object = None,
) -> FirstFactor:
    """Build the first factor that a section names; nothing is connected yet. ``none`` has none.

    Args:
        settings: The section.
        clock: Time.
        provider: Who asks the person, or its class; only ``provider`` needs it.

    Raises:
        ConfigurationError: with everything about it that cannot be used.
    """
    match settings:
        case "provider":
            return build_by_provider(provider)
        case sections.PamFirstFactor():
            return build_pam(settings, clock)
        case sections.LdapFirstFactor():
            return build_ldap(settings, clock)
        case sections.RadiusFirstFactor():
            return build_radius(settings, clock)


def build_by_provider(provider: object) -> FirstFactor:
    """Build the first factor ``provider``.

    Raises:
        ConfigurationError: if the provider checks no passwords.
    """
    if not can_check_passwords(provider):
        name = getattr(provider, "name", "this provider")
        fault = PushgateError(f"first_factor: provider: {name} checks no passwords", "name none, pam, ldap or radius")
        raise ConfigurationError([fault])
    return ProviderFirstFactor(provider)


def build_pam(settings: sections.PamFirstFactor, clock: Clock) -> FirstFactor:
    """Build the first factor ``pam``; looks its stack through.

    Raises:
        ConfigurationError: naming what the stack must not hold.
    """
    problems = stack_faults(settings.service)
    if problems:
        raise ConfigurationError(problems)
    pool = PamPool(worker_command(settings.service), settings.workers, clock)
    return PamFirstFactor(pool, clock, timeout=settings.timeout)


def build_ldap(settings: sections.LdapFirstFactor, clock: Clock) -> FirstFactor:
    """Build the first factor ``ldap``; reads its password and certificates.

    Raises:
        ConfigurationError: naming each file and filter that cannot be used.
    """
    problems: list[PushgateError] = []
    addresses, found = read_directory(settings, problems)
    check_filter("group_filter", settings.group_filter, problems)
    if problems:
        raise ConfigurationError(problems)
    directory = replace(
        found,
        group_attribute=settings.group_attribute,
        group_filter=settings.group_filter,
        group_base_dn=settings.group_base_dn,
    )
    return LdapFirstFactor(addresses, directory, clock, timeout=settings.timeout, threads=settings.threads)


def read_directory(settings: sections.LdapSearch, problems: list[PushgateError]) -> tuple[list[Address], Directory]:
    """Read the password and certificates of a directory; what is wrong goes to ``problems``."""
    password = read_into(settings.bind_password_file, problems)
    context = tls_context(settings.ca_file, problems)
    check_filter("user_filter", settings.user_filter, problems)
    addresses = [
        Address(server.host, server.port, server.ldaps, context if server.ldaps or not settings.plaintext else None)
        for server in settings.servers
    ]
    return addresses, Directory(settings.bind_dn, password, settings.base_dn, settings.user_filter)


def check_filter(key: str, text: str | None, problems: list[PushgateError]) -> None:
    """Check the form of a filter; what is wrong goes to ``problems``."""
    fault = filter_fault(text) if text else ""
    if fault:
        problems.append(PushgateError(f"{key} {text!r}: {fault}", "RFC 4515 has the form, as in (uid={user})"))


def build_radius(settings: sections.RadiusFirstFactor, clock: Clock) -> FirstFactor:
    """Build the first factor ``radius``; reads its secrets and looks its attributes up.

    Raises:
        ConfigurationError: naming each file and attribute that cannot be used.
    """
    problems: list[PushgateError] = []
    upstreams = [
        Upstream(
            server.host,
            server.port,
            read_into(server.secret_file, problems),
            require_message_authenticator=server.message_authenticator == "required",
        )
        for server in settings.servers
    ]
    problems += [
        PushgateError(f"{server.secret_file}: holds a secret out of a manual", "openssl rand -hex 32 makes one")
        for server, upstream in zip(settings.servers, upstreams, strict=True)
        if upstream.secret.value in SAMPLE_SECRETS
    ]
    relay = [attribute_of(name, problems) for name in settings.relay]
    if problems:
        raise ConfigurationError(problems)
    return RadiusFirstFactor(
        upstreams,
        clock,
        timeout=settings.timeout,
        tries=settings.tries,
        relay=relay,
        threads=settings.threads,
    )


def attribute_of(name: str, problems: list[PushgateError]) -> Attribute:
    """Look an attribute up that is to be relayed; what is wrong goes to ``problems``."""
    try:
        return definition_to_send(name).key
    except PushgateError as error:
        problems.append(PushgateError(f"relay: {name} {error.message}", error.hint))
        return 0, 0


def read_into(path: Path, problems: list[PushgateError]) -> Secret:
    """Read a secret; what is wrong goes to ``problems``."""
    try:
        return Secret(read_secret(path))
    except ConfigurationError as error:
        problems.extend(error.problems)
        return Secret(b"")


def tls_context(ca_file: Path | None, problems: list[PushgateError]) -> ssl.SSLContext:
    """Trust one CA, or those of the system; certificates and host names are always checked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if ca_file is None:
            context.load_default_certs()
        else:
            # Not create_default_context(cadata=...): of an empty file it makes trust in every CA of the system.
            context.load_verify_locations(cadata=read_trusted(ca_file, secret=False, limit=1024 * 1024).decode("ascii"))
    except ConfigurationError as error:
        problems.extend(error.problems)
    except (ssl.SSLError, ValueError):
        problems.append(PushgateError(f"{ca_file}: holds no certificates in PEM form", "give the CA's certificate"))
    return context
