"""The tested stacks, and which of them a person asks for."""

from dataclasses import dataclass
from pathlib import Path

from pushgate.errors import PushgateError

SERVICES = ("sshd", "sudo", "su")
FOLDERS = (Path(__file__).parent / "stacks", Path(__file__).parents[2] / "config" / "pam.d")
"""Where the stacks are in an installed package, and in the source tree."""
GOES_WITH = {"sudo-i": "sudo", "su-l": "su"}
"""Services that are changed together with another one."""
COMMON_AUTH = "@include common-auth"
PACKAGED_MODULE = "/usr/lib/pushgate/pam_pushgate.so"

NEVER = {
    "common-auth": "every program reads it: cron and display managers would ask, too",
    "login": "the console is the way in that is left when nobody can be asked",
    "cron": "it runs without a person",
    "passwd": "it changes passwords and lets nobody in",
    "polkit-1": "it asks on behalf of other programs, and is not tested",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """One tested stack."""

    name: str
    service: str
    files: tuple[str, ...]
    """What is edited in ``/etc/pam.d``; of several the first has to be there."""
    callers: tuple[str, ...]
    """Names under which programs come to the daemon."""
    keeps_password: bool
    """The module stands behind ``@include common-auth``; otherwise in its place."""
    needs_rootok: bool
    line: str
    """What loads the module."""

    @property
    def methods(self) -> str:
        """What sshd has to ask for (AuthenticationMethods)."""
        return "keyboard-interactive" if self.keeps_password else "publickey,keyboard-interactive"

    def module_line(self, module: Path, options: tuple[str, ...]) -> str:
        """Write the line for a module at some place, with options."""
        return " ".join((self.line.replace(PACKAGED_MODULE, str(module)), *options))


def choose(service: str, *, factor: str = "key", without_password: bool = False) -> Recipe:
    """Find the stack for a service.

    Raises:
        PushgateError: pushgate is not put in front of that service.
    """
    service = the_service(service)
    if without_password and service != "sudo":
        raise PushgateError("--without-password is for sudo alone", "for sshd there is --factor key")
    if service == "sshd":
        return read_recipe(f"sshd-{factor}")
    return read_recipe("sudo-push" if without_password else service)


def the_service(name: str) -> str:
    """Name the service to which a name belongs, and refuse what pushgate must not stand in front of.

    Raises:
        PushgateError: with the reason.
    """
    service = GOES_WITH.get(name, name)
    if service not in SERVICES:
        reason = NEVER.get(service, "it is not one of the tested stacks")
        raise PushgateError(f"{service}: not installed there, because {reason}", f"choose {', '.join(SERVICES)}")
    return service


def read_recipe(name: str) -> Recipe:
    """Read a stack by its file's name."""
    path = next(folder / name for folder in FOLDERS if (folder / name).is_file())
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    service = name.partition("-")[0]
    return Recipe(
        name,
        service,
        files=("sudo", "sudo-i") if service == "sudo" else (service,),
        callers={"sudo": ("sudo", "sudo-i"), "su": ("su", "su-l")}.get(service, (service,)),
        keeps_password=COMMON_AUTH in lines,
        needs_rootok=any("pam_rootok" in line for line in lines),
        line=lines[-1],
    )
