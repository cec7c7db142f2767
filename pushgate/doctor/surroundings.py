"""Checks of what is around PAM: the way in at the console, and what confines programs."""

from collections.abc import Iterator

from pushgate.doctor.findings import Finding, fine, found
from pushgate.doctor.lines import place
from pushgate.doctor.machine import Machine
from pushgate.doctor.survey import Survey

SHADOW = "/etc/shadow"
SELINUX = "/sys/fs/selinux/enforce"
APPARMOR = "/sys/kernel/security/apparmor/profiles"
CONFINED = ("sshd", "sudo", "su")
CONSOLE = "login"


def check_console(seen: Survey, machine: Machine) -> Iterator[Finding]:
    """Check that root can log in at the console without the daemon."""
    if not seen.ways:
        return
    if seen.loads(CONSOLE):
        where = place(seen.ways[CONSOLE].ours[0])
        yield found("console-stack", where, "login asks for an approval", "remove the line: leave one way in without")
    else:
        yield fine("console-stack", f"{machine.pam_folders[0]}/{CONSOLE}", "login does not ask")
    text = machine.read(SHADOW)
    if text is None:
        return
    hashed = next((line.split(":")[1] for line in text.splitlines() if line.startswith("root:")), "")
    # An empty one lets root in without any, but pam_unix takes it only with nullok.
    if hashed.startswith(("!", "*")) or not hashed:
        hint = "give root a password, or keep another way in that does not ask: a rescue console, a key that is exempt"
        yield found("console-root", SHADOW, "root has no password", hint)
    else:
        yield fine("console-root", SHADOW, "root has a password")


def check_confinement(machine: Machine) -> Iterator[Finding]:
    """Say what was not tried."""
    if (machine.read(SELINUX) or "").strip() == "1":
        hint = "try a login with a root shell open, and look for denials: ausearch -m avc"
        yield found("selinux", SELINUX, "SELinux is enforcing", hint)
    for line in (machine.read(APPARMOR) or "").splitlines():
        name, _, mode = line.rpartition(" ")
        if mode == "(enforce)" and name.rpartition("/")[2] in CONFINED:
            hint = "let the profile connect to the daemon's socket"
            yield found("apparmor", APPARMOR, f"{name} is confined", hint)
