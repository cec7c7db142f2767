"""The configuration's ``pam`` becomes what the PAM front end and the core go by."""

from collections.abc import Collection, Iterator, Mapping

from pam_module.codes import PamCode
from pam_module.options import ServiceOptions
from pushgate.policy import Remember, Rule
from pushgate.sections.pam import PamService, PamSettings

DENIED = {"auth_err": PamCode.AUTH_ERR, "maxtries": PamCode.MAXTRIES, "abort": PamCode.ABORT}
EXEMPT = {"success": PamCode.SUCCESS, "ignore": PamCode.IGNORE}


def pam_services(pam: PamSettings) -> Mapping[str, ServiceOptions]:
    """Return what the front end is to know of each service."""
    return {name: service_options(service) for name, service in pam.services.items()}


def service_options(service: PamService) -> ServiceOptions:
    """Return what the front end is to know of one service."""
    return ServiceOptions(
        prompt=service.prompt,
        asked=service.asked,
        allow_root=service.allow_root,
        silent_users=frozenset(service.silent_users),
        silent_groups=frozenset(service.silent_groups),
        reads_groups=bool(service.exempt_groups or service.silent_groups or service.routes_by_groups),
        reads_session=service.remember is not None and service.remember.bound_to == "session+tty",
        denied=DENIED[service.denied_result],
        exempt=EXEMPT[service.exempt_result],
    )


def pam_rules(pam: PamSettings, stepping: Collection[str] = ()) -> Iterator[tuple[str, Rule]]:
    """Yield the rule of each service; ``stepping`` are those at which something stands in in an outage."""
    for name, service in pam.services.items():
        remember, unlock = service.remember, service.unlock
        yield (
            name,
            Rule(
                accept_if_unreachable=service.fails_open,
                has_fallback=name in stepping,
                exempt_users=frozenset(service.exempt_users),
                exempt_groups=frozenset(service.exempt_groups),
                number=service.number,
                remember=Remember(remember.for_, remember.bound_to) if remember else None,
                unlock_longest=unlock.longest if unlock else None,
            ),
        )
