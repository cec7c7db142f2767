"""What holds for every login and for the daemon itself."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from .common import AbsolutePath, Seconds, Section
from .routing import Order


class LoginSettings(Section):
    """What holds for every login."""

    timeout: Seconds = Field(60, ge=1, le=300, description="Seconds that a person has to answer.")
    providers: Order = Field(
        default_factory=list, description="Who is asked where a service says nothing, in this order."
    )
    max_pending: int = Field(5000, ge=1, le=100_000, description="Logins that may wait at the same time.")
    max_unapproved_pushes: int = Field(
        5,
        ge=1,
        le=100,
        description="Pushes of one user from one address in five minutes that nobody approves; four times in all.",
    )
    max_pending_per_user: int = Field(
        20, ge=1, le=1000, description="The same of one user, so that none fills it all; half of them from one address."
    )


class ControlSettings(Section):
    """The daemon's own socket, for ``pushgate reload``, ``status`` and ``unlock``."""

    socket: AbsolutePath = Path("/run/pushgate/control.sock")


class AuditSettings(Section):
    """Where the record of each decision goes."""

    file: AbsolutePath | None = Field(None, description="JSON lines; without it they go to standard output.")


class LogSettings(Section):
    """What the daemon says on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"
