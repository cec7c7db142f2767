"""Approvals that last: off unless a service names them."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from .common import Duration, Section

NO_SESSION_YET = frozenset({"sshd"})
NO_KEY = frozenset({"sudo", "sudo-i", "su", "su-l"})


class RememberSettings(Section):
    """How long an approval also lets in the same login once more, and what makes it the same."""

    for_: Duration = Field(alias="for")
    bound_to: Literal["key+origin", "session+tty"]


class UnlockSettings(Section):
    """How long ``pushgate unlock`` may open a service after one approval."""

    longest: Duration


def check_bonds(remembering: Mapping[str, RememberSettings | None]) -> None:
    """Refuse to bind an approval to what a program never has: it would hold for nothing, or for too much.

    Args:
        remembering: By PAM service.

    Raises:
        ValueError: where that is so.
    """
    for name, remember in remembering.items():
        bond = remember.bound_to if remember else ""
        if bond == "session+tty" and name in NO_SESSION_YET:
            raise ValueError(f"{name} has no session before the login: services.{name}.remember needs key+origin")
        if bond == "key+origin" and name in NO_KEY:
            raise ValueError(f"{name} is told no SSH key: services.{name}.remember needs session+tty")
