"""The RADIUS section becomes clients and rules: secrets are read, reply attributes compiled, weak spots named."""

import os
from collections.abc import Collection, Iterable
from dataclasses import replace

import structlog

from pushgate.errors import ConfigurationError, PushgateError
from pushgate.files import SAMPLE_SECRETS, read_secret
from pushgate.policy import Rule
from pushgate.sections.firstfactor import FirstFactorSettings
from pushgate.sections.radius import RadiusSettings
from pushgate.sections.radius_client import ClientBehaviour, RadiusClient, ReplyRuleSettings
from radius_server.clients import Client, NameRules, Network
from radius_server.presets import PRESETS
from radius_server.reply_rules import ReplyRule, compile_rule

log = structlog.get_logger()

SHORT_SECRET = 12
"""Octets; a secret of no more can be guessed from one packet (draft-ietf-radext-deprecating-radius section 6.1)."""

SHORT_WINDOW = 10.0
"""Seconds in which few people find their phone."""


def read_clients(radius: RadiusSettings) -> list[Client]:
    """Make the clients, one for each network; reads the shared secrets.

    Raises:
        ConfigurationError: naming every secret and every reply attribute that cannot be used.
    """
    problems: list[PushgateError] = []
    ready: list[Client] = []
    general = compile_rules("radius", radius.reply_attributes, problems)
    for client in radius.clients:
        own = compile_rules(f"radius client {client.name!r}", client.reply_attributes, problems)
        secret = read_client_secret(client, problems)
        if secret:
            ready.extend(make_clients(client, first_factor_of(client, radius), secret, general + own))
    if problems:
        raise ConfigurationError(problems)
    return ready


def first_factor_of(client: ClientBehaviour, radius: RadiusSettings) -> FirstFactorSettings:
    """Return who checks the passwords of a client's people."""
    return client.first_factor or radius.first_factor


def make_clients(
    client: RadiusClient, first_factor: FirstFactorSettings, secret: bytes, rules: tuple[ReplyRule, ...]
) -> list[Client]:
    """Make one client of the front end for each network."""
    return [
        replace(
            behaving(client, network, first_factor, rules),
            secret=secret,
            nas_identifier=client.nas_identifier or "",
            message_authenticator=client.message_authenticator,
            limit_proxy_state=client.limit_proxy_state,
            abandon=client.abandon_after == "learned",
        )
        for network in client.address
    ]


def behaving(
    client: ClientBehaviour, network: Network, first_factor: FirstFactorSettings, rules: tuple[ReplyRule, ...]
) -> Client:
    """Make a client that behaves as configured, and has no secret yet."""
    preset = PRESETS[client.preset]
    return Client(
        name=client.name,
        network=network,
        secret=b"",
        group=client.group or "",
        status_server=client.status_server is not False,
        reflects_backend=client.status_server == "reflect_backend",
        preset=preset,
        mode=client.mode or ("hybrid" if preset.challenges else "direct"),
        window=client.window,
        has_password=first_factor != "none",
        join_by_origin=client.join == "origin",
        names=NameRules(client.strip_domain, client.strip_realm, client.fold_case),
        password_encoding=client.password_encoding,
        strip_nul=client.strip_nul,
        probe_users=known_names(client, client.probe_users),
        eap_gtc=preset.eap_gtc if client.eap_gtc is None else client.eap_gtc,
        reply_rules=rules,
    )


def known_names(client: ClientBehaviour, names: Iterable[str]) -> frozenset[str]:
    """Return names as the front end hands them on: without regard to case where the client is so."""
    return frozenset(name.casefold() if client.fold_case else name for name in names)


def read_client_secret(client: RadiusClient, problems: list[PushgateError]) -> bytes:
    """Read a client's shared secret; empty if it cannot be used, and ``problems`` says why."""
    if client.secret_file is not None:
        place = str(client.secret_file)
        try:
            secret = read_secret(client.secret_file)
        except ConfigurationError as error:
            problems.extend(error.problems)
            return b""
    else:
        place = f"radius client {client.name!r}: environment variable {client.secret_env}"
        secret = os.environb.get(str(client.secret_env).encode(), b"")
        if not secret:
            problems.append(PushgateError(f"{place}: is empty or not set", "set it where the daemon is started"))
            return b""
    if secret in SAMPLE_SECRETS:
        problems.append(PushgateError(f"{place}: holds a secret out of a manual", "openssl rand -hex 32 makes one"))
        return b""
    if len(secret) <= SHORT_SECRET:
        log.warning("short_secret", client=client.name, hint="use 16 characters or more")
    return secret


def compile_rules(
    where: str, rules: Iterable[ReplyRuleSettings], problems: list[PushgateError]
) -> tuple[ReplyRule, ...]:
    """Compile rules for reply attributes; what is wrong goes to ``problems``."""
    compiled = []
    for index, rule in enumerate(rules):
        try:
            compiled.append(compile_rule(f"{where}: reply_attributes.{index}.add", rule.add, rule.groups, rule.factors))
        except ConfigurationError as error:
            problems.extend(error.problems)
    return tuple(compiled)


def client_rules(radius: RadiusSettings, stepping: Collection[str] = ()) -> dict[str, Rule]:
    """Return what policy says about each client, which is a service to the core.

    Args:
        radius: The section.
        stepping: The clients at which something stands in in an outage.
    """
    return {
        client.name: Rule(
            accept_if_unreachable=client.fails_open,
            has_fallback=client.name in stepping,
            exempt_users=known_names(client, client.exempt_users),
            exempt_groups=frozenset(client.exempt_groups),
            append_separator=client.append_separator,
            password_may_contain_separator=client.password_may_contain_separator,
            number=client.number,
            two_attempts=client.two_attempts,
        )
        for client in radius.everybody()
    }


def warn_about(radius: RadiusSettings) -> None:
    """Log what is permitted and probably not meant."""
    learning = [client.name for client in radius.clients if client.message_authenticator == "auto"]
    if learning and radius.state_folder is None:
        log.warning(
            "signers_not_kept",
            clients=len(learning),
            hint="name radius.state_folder: after a restart these may leave Message-Authenticator out again",
        )
    for client in radius.everybody():
        _warn_about_timing(client)
        _warn_about_people(client, radius)
        if client.eap_gtc and not PRESETS[client.preset].eap_gtc:
            log.warning(
                "gtc_unprotected",
                client=client.name,
                hint="EAP-GTC shows the password to whoever listens between the person and this client",
            )


def _warn_about_timing(client: ClientBehaviour) -> None:
    preset = PRESETS[client.preset]
    window = preset.window if client.window is None else client.window
    if client.mode in ("hybrid", "challenge"):
        if preset.challenges is False:
            log.warning(
                "challenge_not_shown",
                client=client.name,
                hint=f"{preset.name} takes a challenge for a rejection: mode: direct",
            )
    elif window is not None and window < SHORT_WINDOW and not (client.mode is None and preset.challenges):
        log.warning(
            "short_window",
            client=client.name,
            seconds=window,
            hint="let the appliance wait 60 s, and say so in nas_timeout",
        )


def _warn_about_people(client: ClientBehaviour, radius: RadiusSettings) -> None:
    if first_factor_of(client, radius) != "none":
        return
    if client.exempt_users:
        log.warning(
            "exempt_without_password",
            client=client.name,
            hint="whoever knows the name of an exempt user gets in, unless the appliance checks a password",
        )
    rules = (*radius.reply_attributes, *client.reply_attributes)
    if client.exempt_groups or any(rule.groups for rule in rules):
        log.warning(
            "groups_unknown", client=client.name, hint="first_factor: none finds no groups, so these rules never hold"
        )
