"""The configuration's ``providers``, ``providers_for`` and ``fallback`` become the route of each login."""

from collections.abc import Iterator, Set
from typing import Any

from pushgate.build_provider import checks_passwords
from pushgate.build_radius import first_factor_of, known_names
from pushgate.errors import PushgateError
from pushgate.offline.spelling import Kind
from pushgate.providers.routes import Route, RouteRule, Routes
from pushgate.sections.radius_client import ClientBehaviour
from pushgate.sections.routing import Routed
from pushgate.settings import Settings


def build_routes(settings: Settings) -> Routes:
    """Return the rungs of every login; a configuration without providers has none."""
    default = settings.default_order
    services: dict[str, Routed] = dict(settings.pam.services) if settings.pam else {}
    if settings.radius is not None:
        services |= {client.name: client for client in settings.radius.everybody()}
    routes = {name: build_route(service, default) for name, service in services.items()}
    return Routes(default, routes)


def build_route(service: Routed, default: tuple[str, ...]) -> Route:
    """Return the rungs of one service; one prompt serves both sorts of offline codes."""
    codes = offline_rung({Kind(code) for code in service.fallback})

    def names(users: list[str]) -> frozenset[str]:
        return known_names(service, users) if isinstance(service, ClientBehaviour) else frozenset(users)

    rules = tuple(
        RouteRule(names(rule.users), frozenset(rule.groups), (*rule.providers, *codes))
        for rule in service.providers_for
    )
    return Route((*(service.providers or default), *codes), rules)


def offline_rung(kinds: Set[Kind]) -> tuple[str, ...]:
    """Name the rung that takes these sorts of codes, whatever their order; none for no sort."""
    return ("+".join(kind.value for kind in Kind if kind in kinds),) if kinds else ()


def shown_routes(routes: Routes) -> list[dict[str, Any]]:
    """Return who is asked at each service, for people and programs: first those of a rule, then everybody else."""
    return [
        {"service": service, "users": sorted(rule.users), "groups": sorted(rule.groups), "order": list(rule.order)}
        for service, route in sorted(routes.services.items())
        for rule in (*route.rules, RouteRule(frozenset(), frozenset(), route.order))
    ]


def password_faults(settings: Settings, routes: Routes) -> Iterator[PushgateError]:
    """Yield each client whose passwords a provider is to check that cannot do it, whoever's they are."""
    if settings.radius is None:
        return
    for client in settings.radius.everybody():
        if first_factor_of(client, settings.radius) != "provider":
            continue
        firsts = dict.fromkeys(order[0] for order in routes.services[client.name].orders())
        for name in firsts:
            if not checks_passwords(settings.all_providers[name]):
                message = f"radius client {client.name!r}: first_factor: provider: {name} checks no passwords"
                yield PushgateError(message, "name none, pam, ldap or radius, or another first provider")
