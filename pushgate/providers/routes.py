"""Which rungs a login has, in their order: by its service, and there by the person and the person's groups."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pushgate.login import Login

Order = tuple[str, ...]
"""Names of rungs, the one that is asked first in front."""


@dataclass(frozen=True, slots=True)
class RouteRule:
    """Other rungs for some of the people."""

    users: frozenset[str]
    groups: frozenset[str]
    order: Order

    def fits(self, login: Login) -> bool:
        """Whether it speaks of this person."""
        return login.user in self.users or not self.groups.isdisjoint(login.groups)


@dataclass(frozen=True, slots=True)
class Route:
    """The rungs of one service."""

    order: Order
    rules: tuple[RouteRule, ...] = ()

    def order_for(self, login: Login) -> Order:
        """Return the rungs of the first rule that fits, or those of everybody."""
        return next((rule.order for rule in self.rules if rule.fits(login)), self.order)

    def orders(self) -> Iterator[Order]:
        """Yield every order that somebody may have here."""
        yield self.order
        yield from (rule.order for rule in self.rules)


@dataclass(frozen=True, slots=True)
class Routes:
    """The rungs of every login."""

    default: Order
    """For services that are not named, and for what the daemon asks by itself."""
    services: Mapping[str, Route] = field(default_factory=dict)

    def order_for(self, login: Login) -> Order:
        """Return the rungs of a login."""
        # A question of ours is no login of a service that happens to have its name.
        route = None if login.ours else self.services.get(login.service)
        return route.order_for(login) if route else self.default

    def firsts(self) -> frozenset[str]:
        """Return every rung that somebody is asked by first."""
        orders = [self.default, *(order for route in self.services.values() for order in route.orders())]
        return frozenset(order[0] for order in orders)
