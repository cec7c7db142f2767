"""Services of a configuration at which nobody can get in: permitted, and surely not meant."""

from collections.abc import Iterator

import structlog

from pushgate.build_radius import mode_of
from pushgate.providers.routes import Routes
from pushgate.sections.pam import PamService
from pushgate.sections.radius_client import ClientBehaviour
from pushgate.settings import Settings

log = structlog.get_logger()

TYPED = frozenset({"clerk", "threatwinds"})
"""Providers that ring nobody: a code has to be typed."""
MAILED = frozenset({"threatwinds"})
"""Providers whose codes cannot stand behind the password, because the login itself has them sent."""
NUMBERLESS = frozenset({"clerk", "onelogin", "threatwinds"})
"""Providers that bind no number to a question."""


def warn_about_dead_ends(settings: Settings, routes: Routes) -> None:
    """Log each service whose first provider can let nobody in there, with what to change."""
    services: dict[str, PamService | ClientBehaviour] = dict(settings.pam.services) if settings.pam else {}
    if settings.radius is not None:
        services |= {client.name: client for client in settings.radius.everybody()}
    for name, service in services.items():
        for first in dict.fromkeys(order[0] for order in routes.services[name].orders()):
            for hint in dead_ends(service, settings.all_providers[first].type):
                log.warning("lets_nobody_in", service=name, provider=first, hint=hint)


def dead_ends(service: PamService | ClientBehaviour, provider: str) -> Iterator[str]:
    """Yield why a provider of this type can let nobody in at a service, as what to do about it."""
    if service.number == "required" and provider in NUMBERLESS:
        yield f"{provider} binds no number to a question, and number is required"
    if isinstance(service, PamService):
        if service.prompt == "silent" and provider in TYPED:
            yield f"with {provider} a code is typed, and prompt: silent asks for none"
    elif mode_of(service) == "direct" and service.two_attempts is None and provider in MAILED:
        yield f"{provider} mails a code, and this client asks for none: mode: challenge, or two_attempts"
