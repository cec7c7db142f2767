"""What the PAM front end is told about the services that it serves."""

from dataclasses import dataclass
from typing import Literal

from pam_module.codes import PamCode

PromptStyle = Literal["auto", "silent", "prompt"]
WhoIsAsked = Literal["auto", "caller", "target"]


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """What holds for the logins of one service."""

    prompt: PromptStyle = "auto"
    asked: WhoIsAsked = "auto"
    """Who is asked where somebody becomes somebody else (sudo, su)."""
    allow_root: bool = False
    """Ask about root's logins through sshd. sshd runs PAM for root also where it will refuse root in the end."""
    reads_groups: bool = False
    """The rule of the service speaks of groups, so they have to be looked up."""
    reads_session: bool = False
    """Approvals are remembered for a login session, so it has to be found out."""
    denied: PamCode = PamCode.AUTH_ERR
    """The code for a denial by the person."""
    exempt: PamCode = PamCode.SUCCESS
    """The code for a person who needs no approval."""


NOT_CONFIGURED = ServiceOptions()
