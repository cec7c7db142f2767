"""What the log says of a provider that gave no answer: in one place, whichever provider and whichever call."""

from dataclasses import replace
from typing import Any

import structlog

from pushgate.outcome import Failed, FailureKind
from pushgate.text import clean

log = structlog.get_logger()

PEOPLE = frozenset(
    {
        FailureKind.BAD_CODE,
        FailureKind.BAD_PASSWORD,
        FailureKind.EXPIRED,
        FailureKind.CANCELLED,
        FailureKind.GIVEN_UP,
    }
)
"""What people do, or leave: no failure of the provider."""
LOGGED_BY_CORE = frozenset({FailureKind.NOT_ENROLLED, FailureKind.LOCKED})
"""Of a question that could not be asked the core says so itself (``nobody_asked``)."""
HINTS = {
    FailureKind.NOT_ENROLLED: "has the person an account of this name there, and a device or codes to answer with?",
    FailureKind.LOCKED: "unlock the person at the provider",
    FailureKind.DOWNGRADED: "has the person a second factor there? number: required needs a provider that binds one",
}
"""What to do where the provider's part of the program knows nothing better."""


def is_failure(failed: Failed) -> bool:
    """Whether the provider failed, and not a person."""
    return failed.kind not in PEOPLE


def facts_of(failed: Failed) -> dict[str, Any]:
    """Return what the log has about a failure beside its kind, made harmless."""
    return {
        "provider": failed.provider,
        "status": failed.status,
        "trace": clean(failed.trace, 128),
        "detail": clean(failed.detail, 256),
        "hint": clean(failed.hint or HINTS.get(failed.kind, ""), 256),
    }


def log_failure(provider: str, call: str, failed: Failed) -> None:
    """Say which provider failed at what, with what its support and the administrator need.

    Args:
        provider: As the configuration names it.
        call: The call of the port.
        failed: What went wrong.
    """
    facts = facts_of(replace(failed, provider=provider)) | {"call": call, "kind": failed.kind.value}
    match failed.kind:
        case FailureKind.CONFIG:
            log.error("provider_failed", **facts)
        case FailureKind.UNAVAILABLE | FailureKind.PROTOCOL | FailureKind.DOWNGRADED:
            log.warning("provider_failed", **facts)
        case FailureKind.NOT_ENROLLED | FailureKind.LOCKED | FailureKind.RATE_LIMITED:
            # Each depends on who logs in, so strangers can make as many as they like.
            log.info("provider_failed", **facts)
