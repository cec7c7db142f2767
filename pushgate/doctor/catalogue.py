"""Everything that the doctor can find: how grave it is, and why it matters."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How grave a finding is."""

    ERROR = "error"
    """Somebody gets in without an approval, or nobody gets in."""
    WARNING = "warning"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of finding."""

    level: Level
    why: str


def error(why: str) -> Entry:
    """Describe what has to be put right."""
    return Entry(Level.ERROR, why)


def warning(why: str) -> Entry:
    """Describe what an administrator should know."""
    return Entry(Level.WARNING, why)


MACHINE = {
    "not-root": warning("What only root can read was not looked at, so more may be wrong."),
    "selinux": warning("pushgate was not tried under an enforcing SELinux, which may keep sshd from the socket."),
    "apparmor": warning("pushgate was not tried with a confined sshd, sudo or su, which may be kept from the socket."),
    "console-stack": error("While the daemon is down nobody could log in at the console to repair it."),
    "console-root": warning("While the daemon is down root's password is the way in at the console."),
}

STACKS = {
    "pam-folder": error("Whoever can write a stack decides who gets in."),
    "stack-unreadable": error("libpam refuses every login of a service whose stack it cannot read."),
    "stack-unread": warning("libpam refuses every login of it, and what else it may hold was not looked at."),
    "stack-none": warning("Nobody is asked for anything."),
    "stack-line": warning("A line that libpam cannot read stays in the stack and fails."),
    "stack-opens": error("A denial, Ctrl-C or a stopped daemon would let people in."),
    "stack-ignore": warning("An account that the daemon exempts would get in without any proof at all."),
    "stack-bypass": error("Whoever satisfies that line gets in and is never asked."),
    "stack-rootok": error("The program is root itself when it asks PAM, so pam_rootok lets everybody in."),
    "stack-exempt": warning("Some people get in without an approval."),
    "stack-unreached": error("The module stands in the stack and is never called."),
    "stack-closed": error("Not even an approval lets anybody in."),
    "stack-wrong-password": error("After a wrong password an approval alone lets people in."),
    "stack-asks-early": warning("Whoever knows a name can send its owner pushes without a password."),
    "stack-common": error("Every program that includes this file would ask, cron and display managers too."),
    "stack-jobs": error("Jobs have nobody who could approve, so they would not run."),
    "stack-untried": warning("pushgate was not tried with this program."),
    "python-hook": error("Whoever starts a setuid program can influence a Python interpreter inside it."),
    "module-option": error("With an option that it does not know the module refuses every login."),
    "module-daemon-uid": error("The module would take the word of a daemon that is not root's; this is for tests."),
    "module-missing": error("libpam cannot load the module, so it refuses every login of this service."),
    "module-file": error("Whoever can write the module's file decides who gets in."),
}

SSHD = {
    "sshd-config": error("What sshd would do could not be found out."),
    "sshd-use-pam": error("sshd would not ask PAM, and so nobody for an approval."),
    "sshd-keyboard-interactive": error("sshd would never call the module."),
    "sshd-bypass": error("Whoever has this gets in and is never asked."),
    "sshd-approval-alone": error("Whoever knows a name needs nothing but one careless approval."),
    "sshd-password-method": warning("Within this method sshd shows no text and asks nothing but the password."),
    "sshd-root": warning("Whoever gets one approval is root at once."),
    "sshd-grace-time": error("sshd would end the login while the person still has time to answer."),
    "sshd-max-startups": warning("Each login that waits counts, so sshd would soon drop others."),
    "sshd-per-source": warning("One address can take all the places of logins that wait."),
    "sshd-match": warning("These lines may change for some people what was found for everybody."),
    "sshd-text": Entry(Level.OK, "OpenSSH up to 10.2 shows a text only together with the next prompt."),
}

SUDO = {
    "sudoers": warning("Rules that skip PAM could not be looked for."),
    "sudo-nopasswd-all": error("Every command runs as another user, and nobody is asked."),
    "sudo-nopasswd": warning("These commands run as another user, and nobody is asked."),
    "sudo-not-asked": error("sudo does not ask PAM here, and so nobody for an approval."),
    "sudo-service": error("sudo asks another PAM service here, and that one does not ask for an approval."),
    "sudo-timestamp": warning("One approval holds for every use of sudo in that terminal until the time is over."),
}

DAEMON = {
    "configuration": error("The daemon would not start with it, and while it is down it denies every login."),
    "configuration-files": error("The daemon would not start, or could not ask, and would deny every login."),
    "configuration-folder": warning("Other users can see which files the configuration has."),
    "service-unnamed": error("The daemon denies every login of a service that it does not know."),
    "service-unused": warning("The daemon expects logins that never ask it."),
    "service-opens": warning("While the provider cannot be reached people get in unasked."),
    "peer-uids": warning("Users beside root may ask the daemon for logins; this is for tests."),
    "login-timeout": warning("The module gives up first, so an approval in the last seconds is lost."),
    "socket-missing": error("While no daemon listens every login is denied."),
    "socket-path": error("The module asks where the daemon does not listen, and refuses everybody."),
    "socket-mode": error("Whoever can connect could ask in the name of others, and whoever can swap it could approve."),
    "socket-peer": error("The module refuses a daemon that is not root's."),
    "control-socket": error("Whoever can connect can reload the daemon and read its counters."),
    "status": error("The daemon does not answer its own command, so it may not answer logins either."),
}

CATALOGUE: Mapping[str, Entry] = {**MACHINE, **STACKS, **SSHD, **SUDO, **DAEMON}
