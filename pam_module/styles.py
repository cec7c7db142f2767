"""How a login program can be used to talk."""

import enum

from pam_module.openssh import OpenSshVersions
from pam_module.requests import Host, Identified
from pam_module.sshd import monitor_of


class Style(enum.Enum):
    """How a login program can be used to talk."""

    TEXT = "text"
    """Shows a line at once; prompts only where a code is the only way in."""
    ASIDE = "aside"
    """The same, but standard output is for the command that follows: sudo and su show what is no error there."""
    PROMPT = "prompt"
    """Shows text only in a prompt: the device rings, and one prompt waits for Enter or a code."""
    SILENT = "silent"
    """Shows nothing, asks nothing."""


def is_silent(found: Identified) -> bool:
    """Whether the person's logins come without a terminal, as the configuration says."""
    options, login = found.options, found.login
    return login.user in options.silent_users or not options.silent_groups.isdisjoint(login.groups)


def style_of(found: Identified, openssh: OpenSshVersions) -> Style:
    """Choose how to talk through the program that a login comes from."""
    wanted = found.options.prompt
    if wanted == "silent" or is_silent(found):
        return Style.SILENT
    if found.host is not Host.SSHD:
        return Style.PROMPT if wanted == "prompt" else Style.ASIDE if found.host.local else Style.TEXT
    if monitor_of(found.process) is None:
        # The method password: a prompt ends the login, or is answered with the login password.
        return Style.SILENT
    at_once = wanted == "auto" and openssh.shows_at_once(f"/proc/{found.process.pid}/exe")
    return Style.TEXT if at_once else Style.PROMPT
