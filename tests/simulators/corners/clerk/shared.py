"""What the corner cases of Clerk share."""

import pytest

from pushgate.login import Code, Login, Secret
from pushgate.outcome import Failed
from pushgate.policy import Rule, may_fail_open
from tests.simulators.clerk_rig import ClerkEnrolledRig, ClerkRig, ClerkTicketRig

DEADLINE = 2000.0

OPEN = Rule(accept_if_unreachable=True)

MODES = pytest.mark.parametrize("kind", [ClerkRig, ClerkTicketRig, ClerkEnrolledRig], ids=lambda kind: kind.name)


def typed(code: str, user: str = "alice") -> Login:
    """Make a login in which a code was typed."""
    return Login(user, "sshd", "web1", factor=Code(Secret(code.encode())))


def fails_open(outcome: object) -> bool:
    """Whether a service that fails open would be opened by this."""
    return isinstance(outcome, Failed) and may_fail_open(OPEN, outcome)
