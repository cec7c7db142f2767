"""Who is asked at a service, in which order, and what stands in while nobody of them can be reached."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from .common import IfUnreachable, Name, Section

SHORT_FORM = "provider"
"""What the provider of the section ``provider`` is called."""
MAX_PROVIDERS = 16

FIND_GROUPS = frozenset({"", "ldap"})
"""First factors that find groups; at PAM, which has none here, they are those of this machine."""

Code = Literal["offline_totp", "break_glass"]
TAKEN_NAMES = frozenset({SHORT_FORM, "offline_totp", "break_glass", "push"})

Person = Annotated[str, Field(min_length=1, max_length=128)]
Group = Annotated[str, Field(min_length=1, max_length=253)]
Place = tuple[str | int, ...]
"""Where something stands in the file."""


def free_name(name: str) -> str:
    """Refuse a name that means something else wherever providers are named."""
    if name in TAKEN_NAMES:
        raise ValueError(f"a provider cannot be called {name}: the name has a meaning of its own")
    return name


def each_once(names: list[str]) -> list[str]:
    """Refuse a list that names something twice."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"names the same twice: {', '.join(twice)}")
    return names


ProviderName = Annotated[Name, AfterValidator(free_name)]
Order = Annotated[list[Name], Field(max_length=MAX_PROVIDERS), AfterValidator(each_once)]
"""Names of providers, the one that is asked first in front."""


class ProviderRule(Section):
    """Other providers for some of the people."""

    users: list[Person] = Field(default_factory=list, max_length=1000)
    groups: list[Group] = Field(default_factory=list, max_length=1000)
    providers: Order = Field(min_length=1)

    @model_validator(mode="after")
    def somebody(self) -> "ProviderRule":
        """Refuse a rule for nobody."""
        if not (self.users or self.groups):
            raise ValueError("needs users, groups or both: a rule for nobody is a mistake")
        return self


class Routed(Section):
    """What a service says about who is asked."""

    if_unreachable: IfUnreachable = "deny"
    providers: Order = Field(default_factory=list, description="In this order; without it login.providers.")
    providers_for: list[ProviderRule] = Field(
        default_factory=list, max_length=100, description="The first rule that fits decides, before providers."
    )
    fallback: list[Code] = Field(
        default_factory=list, description="Codes that open while none of the providers can be reached."
    )

    @model_validator(mode="after")
    def codes_once(self) -> "Routed":
        """Refuse the same code twice."""
        if len(set(self.fallback)) < len(self.fallback):
            raise ValueError("fallback names the same twice")
        return self

    @property
    def fails_open(self) -> bool:
        """Whether people get in while nobody can be asked; never where a code is asked for in that case."""
        return self.if_unreachable == "accept" and not self.fallback

    @property
    def routes_by_groups(self) -> bool:
        """Whether the groups of a person decide who is asked."""
        return any(rule.groups for rule in self.providers_for)


@dataclass(frozen=True, slots=True)
class RoutedPlace:
    """A service, and where it stands in the file."""

    place: Place
    service: Routed
    first_factor: str = ""
    """Who checks the password of a RADIUS client's people; at PAM groups are known without."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A mistake in how logins are routed."""

    place: Place
    problem: str
    hint: str


def default_order(named: list[str], providers: Collection[str]) -> tuple[str, ...]:
    """Return who is asked where a service says nothing; nothing if that is not clear."""
    if named:
        return tuple(named)
    if len(providers) == 1:
        return tuple(providers)
    return (SHORT_FORM,) if SHORT_FORM in providers else ()


def routing_faults(
    named: list[str], providers: Collection[str], places: Iterable[RoutedPlace], *, has_offline: bool
) -> Iterator[Fault]:
    """Yield what is wrong with the names of providers and codes, wherever they stand.

    Args:
        named: ``login.providers``.
        providers: The names of all providers.
        places: The services.
        has_offline: Whether there is a section ``offline``.
    """
    if providers and not default_order(named, providers):
        hint = f"name the order in which they are asked, such as [{', '.join(providers)}]"
        yield Fault(("login",), "login.providers is missing: several providers have a name of their own", hint)
    yield from unknown_names(("login", "providers"), named, providers)
    for each in places:
        yield from service_faults(each, providers, has_offline=has_offline)


def service_faults(each: RoutedPlace, providers: Collection[str], *, has_offline: bool) -> Iterator[Fault]:
    """Yield what is wrong at one service."""
    yield from unknown_names((*each.place, "providers"), each.service.providers, providers)
    for index, rule in enumerate(each.service.providers_for):
        place = (*each.place, "providers_for", index)
        yield from unknown_names((*place, "providers"), rule.providers, providers)
        if rule.groups and each.first_factor not in FIND_GROUPS:
            hint = "name users, or let a directory check the password (type: ldap)"
            problem = f"first_factor: {each.first_factor} finds no groups before somebody is asked"
            yield Fault((*place, "groups"), problem, hint)
    for index, rung in enumerate(() if has_offline else each.service.fallback):
        hint = f"add the section offline (docs/offline.md), or take {rung} out of fallback"
        yield Fault((*each.place, "fallback", index), f"names {rung}, and there is no section offline", hint)


def unknown_names(place: Place, named: list[str], providers: Collection[str]) -> Iterator[Fault]:
    """Yield each name that no provider has."""
    known = f"the providers are {', '.join(providers)}" if providers else "add the section providers"
    for index, name in enumerate(named):
        if name not in providers:
            yield Fault((*place, index), f"no provider is called {name}", known)


def refuse(title: str, faults: Iterable[Fault]) -> None:
    """Refuse a configuration with faults, each at its own place.

    Raises:
        ValidationError: unless there are none.
    """
    details = [
        InitErrorDetails(
            type=PydanticCustomError("routing", "{problem}", {"problem": fault.problem, "hint": fault.hint}),
            loc=fault.place,
            input=None,
        )
        for fault in faults
    ]
    if details:
        raise ValidationError.from_exception_data(title, details)
