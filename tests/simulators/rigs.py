"""Every rig, and the courses that a login can take on it: one column of the table of failures each."""

import enum
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial

from pushgate.clock import Clock
from tests.simulators import authority_rig, clerk_rig, logintc_rig, onelogin_rig, threatwinds_rig
from tests.simulators.rig import Rig

MakeRig = Callable[[Clock | None], AbstractAsyncContextManager[Rig]]


class Way(enum.StrEnum):
    """How the person proves to be there."""

    RUNG = "push"
    """``begin(Push)`` rings a device."""
    RINGING = "code while it rings"
    """``begin(Push)`` rings a device that nobody looks at; ``submit`` checks what is typed meanwhile."""
    ASKED = "prompt"
    """``begin(Push)`` says which code to type; ``submit`` checks it."""
    TYPED = "typed code"
    """``begin(Code)`` checks what was typed behind the password."""


@dataclass(frozen=True)
class Entry:
    """One rig."""

    kind: type[Rig]
    make: MakeRig
    keyless: bool = False
    """The provider asks for no key of ours."""
    withdraws: bool = True
    """The provider has a call that takes a question back."""
    closes: bool = False
    """The provider has something to close at the end of each answer, which a lasting fault keeps it from."""
    insists: bool = False
    """It tries again for long enough to close it when the fault is over."""
    codes: bool = True
    """False: codes are left out, as another rig shows the same provider with them."""

    @property
    def ways(self) -> tuple[Way, ...]:
        """In which ways a login can go."""
        if not self.kind.checks_codes or not self.codes:
            return (Way.RUNG,) if self.kind.rings else (Way.ASKED,)
        return (Way.RUNG, Way.RINGING, Way.TYPED) if self.kind.rings else (Way.ASKED, Way.TYPED)


@dataclass(frozen=True)
class Course:
    """One rig, used in one way."""

    rig: str
    way: Way
    entry: Entry

    @property
    def name(self) -> str:
        """As in test ids and in the heads of the table."""
        return f"{self.rig}, {self.way}"


def clerk(kind: type[clerk_rig.ClerkRig]) -> MakeRig:
    """Return how to make a rig of one of Clerk's modes."""
    return partial(clerk_rig.clerk_rig, kind)


RIGS = (
    Entry(logintc_rig.LoginTcRig, logintc_rig.rig),
    Entry(authority_rig.AuthorityRig, authority_rig.rig, codes=False),
    Entry(onelogin_rig.OneLoginPasswordRig, onelogin_rig.rig_v1, withdraws=False),
    Entry(onelogin_rig.OneLoginRig, onelogin_rig.rig, withdraws=False),
    Entry(clerk_rig.ClerkRig, clerk(clerk_rig.ClerkRig), withdraws=False),
    Entry(clerk_rig.ClerkTicketRig, clerk(clerk_rig.ClerkTicketRig), closes=True),
    Entry(clerk_rig.ClerkEnrolledRig, clerk(clerk_rig.ClerkEnrolledRig), withdraws=False),
    Entry(threatwinds_rig.ThreatWindsRig, threatwinds_rig.rig, keyless=True, closes=True, insists=True),
)
COURSES = tuple(Course(each.kind.name, way, each) for each in RIGS for way in each.ways)
