"""Settings become running parts, in the order that they need each other, and stop in the reverse order."""

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import structlog

from pam_module.listener import PamListener, PamOptions
from push_authority.errors import AuthorityError
from push_authority.server import Authority, AuthorityOptions
from pushgate.attempts import CoolDown, Places, PushBudget
from pushgate.audit import JsonLinesAudit
from pushgate.authenticator import Authenticator, Guards
from pushgate.build_ladder import build_ladder, check_offline
from pushgate.build_pam import pam_services
from pushgate.build_provider import class_of, provider_faults
from pushgate.build_rules import Rules, build_rules
from pushgate.clock import Clock
from pushgate.errors import ConfigurationError, PushgateError
from pushgate.files import read_secret
from pushgate.providers.ladder import LadderProvider
from pushgate.sections.authority import AuthoritySettings
from pushgate.sections.pam import PamSettings
from pushgate.sections.radius import RadiusSettings
from pushgate.settings import Settings
from radius_server.desk import DeskOptions
from radius_server.learned import LearnedSigners
from radius_server.radsec import RadsecListener
from radius_server.server import RadiusOptions, RadiusServer

log = structlog.get_logger()

SHORTEST_JOIN_SECRET = 32


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs; a part that the configuration does not name is None."""

    authority: Authority | None = None
    radius: RadiusServer | None = None
    pam: PamListener | None = None
    authenticator: Authenticator | None = None
    radsec: RadsecListener | None = None
    rules: Rules | None = None
    """What the parts began with; a reload exchanges it."""
    ladder: LadderProvider | None = None


async def start_parts(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Parts:
    """Start every part that the configuration names; the stack stops them in the reverse order.

    Raises:
        PushgateError: if a part cannot start; those before it are stopped by the stack.
    """
    authority = radius = radsec = pam = None
    if settings.authority is not None:
        # First, because it makes the key and domain files that the provider reads.
        authority = await start_authority(settings.authority)
        stack.push_async_callback(authority.stop)
    if settings.provider is None:
        return Parts(authority)

    ladder = build_ladder(settings, settings.provider, clock, stack)
    audit = JsonLinesAudit(clock, settings.audit.file)
    stack.callback(audit.close)
    rules = build_rules(settings, clock, ladder.first)
    ladder.replace_fallbacks(rules.fallbacks)
    authenticator = Authenticator(
        rules.policy,
        ladder,
        audit,
        clock,
        timeout=settings.login.timeout,
        guards=Guards(
            Places(settings.login.max_pending, settings.login.max_pending_per_user),
            PushBudget(clock, settings.login.max_unapproved_pushes),
            CoolDown(clock),
        ),
        first_factors=rules.first_factors,
        words=rules.words,
    )
    if settings.pam is not None:
        pam = build_pam(settings.pam, settings, authenticator, clock)
        await begin(stack, pam.start, pam.stop)
    if settings.radius is not None:
        radius = RadiusServer(radius_options(settings.radius, settings), rules.clients, authenticator, clock)
        if settings.radius.radsec is not None and rules.radsec is not None:
            addresses = [(address.host, address.port) for address in settings.radius.radsec.listen]
            radsec = RadsecListener(addresses, rules.radsec, radius)
            radius.radsec.append(radsec)
        await begin(stack, radius.start, radius.stop)
    return Parts(authority, radius, pam, authenticator, radsec, rules, ladder)


async def begin(
    stack: AsyncExitStack, start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]
) -> None:
    """Start one part and note how it stops; also after a start that went half way."""
    stack.push_async_callback(stop)
    await start()


async def start_authority(settings: AuthoritySettings) -> Authority:
    """Start our own authority in this process.

    Raises:
        PushgateError: something about its folder, database or addresses has to be put right first.
    """
    options = AuthorityOptions(
        folder=settings.folder,
        socket=settings.socket,
        listen=(settings.listen.host, settings.listen.port) if settings.listen else None,
        page=(settings.page.host, settings.page.port),
        organization=settings.organization,
        domain=settings.domain,
        request_timeout=settings.request_timeout,
    )
    try:
        return await Authority.start(options)
    except AuthorityError as error:
        raise PushgateError(error.message, error.hint) from None


def build_pam(pam: PamSettings, settings: Settings, authenticator: Authenticator, clock: Clock) -> PamListener:
    """Build the PAM front end."""
    options = PamOptions(
        socket=pam.socket,
        allowed_peer_uids=frozenset(pam.allowed_peer_uids),
        services=pam_services(pam),
        timeout=settings.login.timeout,
        max_pending=settings.login.max_pending,
    )
    return PamListener(options, authenticator.authenticate, clock)


def status_of(parts: Parts) -> dict[str, dict[str, Any]]:
    """Say what runs, what is pending, and what was counted since the start."""
    status: dict[str, dict[str, Any]] = {}
    if parts.authenticator is not None:
        authenticator = parts.authenticator
        running = Counter(key.bond for key, *_ in authenticator.remembered.all_running(authenticator.policy.rules))
        status["logins"] = {
            "pending": authenticator.guards.places.count,
            "decided": dict(authenticator.decided),
            "unlocked": running.pop("unlock", 0),
            "remembered": running.total(),
        }
    if parts.ladder is not None and parts.ladder.rungs:
        status["ladder"] = {"stepped_down_to": dict(parts.ladder.steps)}
    if parts.radius is not None:
        radius = parts.radius
        status["radius"] = {
            "ports": radius.ports,
            "accounting_ports": radius.accounting_ports,
            "pending": len(radius.desk.logins.tasks),
            "open_challenges": len(radius.desk.states.open),
            **radius.counters.report(),
        }
    if parts.radsec is not None:
        status["radsec"] = dict(parts.radsec.report())
    if parts.authority is not None:
        status["authority"] = {"page": parts.authority.page_url, "pending": parts.authority.keeper.pending}
    return status


def radius_options(radius: RadiusSettings, settings: Settings) -> RadiusOptions:
    """Return where the RADIUS front end listens, and how much it bears."""
    return RadiusOptions(
        listen=[(address.host, address.port) for address in radius.listen],
        accounting=[(address.host, address.port) for address in radius.accounting_listen],
        receive_buffer=radius.receive_buffer,
        state_folder=radius.state_folder,
        desk=DeskOptions(
            answer_within=radius.answer_within,
            login_timeout=settings.login.timeout,
            max_pending=settings.login.max_pending,
            max_pending_per_client=radius.max_pending_per_client,
            **join_secret(radius),
        ),
    )


def join_secret(radius: RadiusSettings) -> dict[str, bytes]:
    """Read the secret that several daemons share, if there is one.

    Raises:
        ConfigurationError: it cannot be used, or is so short that others could find logins' passwords by it.
    """
    if radius.join_key_file is None:
        return {}
    secret = read_secret(radius.join_key_file)
    if len(secret) < SHORTEST_JOIN_SECRET:
        fault = PushgateError(f"{radius.join_key_file}: too short", "openssl rand -hex 32 makes one")
        raise ConfigurationError([fault])
    return {"join_secret": secret}


def check_files(settings: Settings, clock: Clock) -> list[PushgateError]:
    """Try every file that the parts will read; returns what is wrong.

    The authority's own key and domain files may be missing: it makes them at its first start.
    """
    problems: list[PushgateError] = []
    try:
        build_rules(settings, clock, class_of(settings.provider) if settings.provider else None)
    except ConfigurationError as error:
        problems.extend(error.problems)
    try:
        if settings.radius is not None:
            join_secret(settings.radius)
            LearnedSigners(settings.radius.state_folder)
    except ConfigurationError as error:
        problems.extend(error.problems)
    for provider in (settings.provider, settings.second_provider):
        if provider is not None:
            problems.extend(provider_faults(provider, made_later=settings.authority is not None))
    try:
        if settings.offline is not None:
            check_offline(settings.offline.file)
    except PushgateError as error:
        problems.append(error)
    return problems
