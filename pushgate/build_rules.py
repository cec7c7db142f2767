"""What a reload exchanges while logins are pending: clients, secrets, policy, first factors, texts."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from pushgate.build_dead_ends import warn_about_dead_ends
from pushgate.build_firstfactor import build_first_factor
from pushgate.build_pam import pam_rules
from pushgate.build_radius import client_rules, first_factor_of, read_clients, warn_about
from pushgate.build_radsec import build_radsec
from pushgate.build_routes import build_routes, password_faults
from pushgate.clock import Clock
from pushgate.errors import ConfigurationError, PushgateError
from pushgate.firstfactor.base import FirstFactor
from pushgate.policy import Policy
from pushgate.providers.ladder import LadderProvider
from pushgate.providers.routes import Routes
from pushgate.sections.firstfactor import FirstFactorSettings
from pushgate.sections.radius import RadiusSettings
from pushgate.settings import Settings
from pushgate.words import Words
from radius_server.clients import ClientTable
from radius_server.radsec import RadsecRules

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Rules:
    """All of it, checked as a whole."""

    policy: Policy
    words: Words
    clients: ClientTable
    first_factors: Mapping[str, FirstFactor]
    """By service; several services may share one."""
    radsec: RadsecRules | None
    routes: Routes
    """Who is asked, and what stands in; by the names of ``build_ladder``."""

    async def close(self) -> None:
        """Release what the first factors hold."""
        for first_factor in {id(each): each for each in self.first_factors.values()}.values():
            await first_factor.close()


def build_rules(settings: Settings, clock: Clock, provider: object) -> Rules:
    """Build everything that a configuration says about who may log in and how; nothing is connected yet.

    Args:
        settings: The configuration.
        clock: Time.
        provider: The ladder that runs, or its class; the first factor ``provider`` wants it.

    Raises:
        ConfigurationError: with every fault in every file that it names.
    """
    problems: list[PushgateError] = []
    clients, first_factors, radsec = ClientTable(()), dict[str, FirstFactor](), None
    routes = build_routes(settings)
    warn_about_dead_ends(settings, routes)
    if settings.radius is not None:
        warn_about(settings.radius)
        try:
            clients = ClientTable(read_clients(settings.radius))
        except ConfigurationError as error:
            problems.extend(error.problems)
        running = provider.rungs if isinstance(provider, LadderProvider) else {}
        problems.extend(password_faults(settings, routes, running))
        first_factors = build_first_factors(settings.radius, clock, provider, problems)
        try:
            radsec = build_radsec(settings.radius, clock)
        except ConfigurationError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigurationError(problems)
    policy = build_policy(settings, routes)
    return Rules(policy, settings.texts.words(), clients, first_factors, radsec, routes)


def build_first_factors(
    radius: RadiusSettings, clock: Clock, provider: object, problems: list[PushgateError]
) -> dict[str, FirstFactor]:
    """Build who checks the passwords of each client's people; equal sections are one; faults go to ``problems``."""
    built: list[tuple[FirstFactorSettings, FirstFactor]] = []
    by_service: dict[str, FirstFactor] = {}
    for client in radius.everybody():
        settings = first_factor_of(client, radius)
        known = next((factor for section, factor in built if section == settings), None)
        if known is None and settings != "none":
            try:
                known = build_first_factor(settings, clock, provider)
            except ConfigurationError as error:
                # Once, although several clients may share the section.
                problems.extend(problem for problem in error.problems if str(problem) not in map(str, problems))
                continue
            built.append((settings, known))
        if known is not None:
            by_service[client.name] = known
    return by_service


def build_policy(settings: Settings, routes: Routes) -> Policy:
    """Collect the rule of each service that the configuration names."""
    stepping = [name for name, route in routes.services.items() if any(len(order) > 1 for order in route.orders())]
    rules = dict(pam_rules(settings.pam, stepping)) if settings.pam is not None else {}
    if settings.radius is not None:
        rules |= client_rules(settings.radius, stepping)
    for name, rule in rules.items():
        if rule.accept_if_unreachable:
            log.warning("fails_open", service=name, hint="people get in while the provider cannot be reached")
    return Policy(rules)
