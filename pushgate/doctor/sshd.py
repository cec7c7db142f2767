"""Checks of sshd, where its stack loads pushgate."""

from collections.abc import Iterator, Sequence

from pushgate.doctor.findings import Finding, fine, found
from pushgate.doctor.lines import place, seconds
from pushgate.doctor.machine import Machine
from pushgate.doctor.sshd_config import Sshd, ask_sshd, version_of
from pushgate.doctor.survey import Survey
from pushgate.doctor.ways import Ways
from pushgate.errors import PushgateError

SPARE_SECONDS = 15
"""Between the end of the module's wait and sshd's own: for the key, the password and the network."""
ADVISED_STARTUPS = (100, 300)
LAST_HOLDING_TEXT = (10, 2)
PAM_METHODS = frozenset(("keyboard-interactive", "password"))
MATCHED = frozenset(
    ("authenticationmethods", "kbdinteractiveauthentication", "passwordauthentication", "pubkeyauthentication")
)


def check_sshd(seen: Survey, machine: Machine, users: Sequence[str], address: str) -> Iterator[Finding]:
    """Check sshd for everybody, and for the users that are named."""
    sshd: Sshd | None = None
    for user in (None, *users) if seen.ways else ():
        try:
            sshd = ask_sshd(machine, user, address)
        except PushgateError as fault:
            yield found("sshd-config", machine.sshd_config, fault.message, fault.hint)
            continue
        if sshd is None or not seen.loads(sshd.service):
            return
        ways = seen.ways[sshd.service]
        yield from check_login(sshd, ways)
        if user is None:
            yield from check_server(sshd, ways, machine)
    if sshd is not None and not users:
        yield from check_blocks(sshd)


def check_login(sshd: Sshd, ways: Ways) -> Iterator[Finding]:
    """Check by what a login gets in."""
    who = f" for {sshd.user}" if sshd.user is not None else ""
    if sshd.get("usepam") != "yes":
        yield found("sshd-use-pam", sshd.where("usepam"), f"UsePAM is no{who}", "UsePAM yes")
        return
    where = sshd.where("authenticationmethods")
    faults = [*check_methods(sshd, who, where), *check_alone(sshd, ways, who, where)]
    yield from faults
    if not faults:
        told = " or ".join(",".join(methods) for methods in sshd.alternatives)
        yield fine("sshd-bypass", where, f"{told}: each asks the module{who}")
    if sshd.get("permitrootlogin") == "yes":
        hint = "PermitRootLogin no"
        yield found("sshd-root", sshd.where("permitrootlogin"), f"PermitRootLogin is yes{who}", hint)
    else:
        value = sshd.get("permitrootlogin")
        # OpenSSH 7.0 and later: any value but yes keeps root from keyboard-interactive.
        yield fine("sshd-root", sshd.where("permitrootlogin"), f"PermitRootLogin {value} bars root from approvals{who}")


def check_methods(sshd: Sshd, who: str, where: str) -> Iterator[Finding]:
    """Check that each way in goes through the module, by a method in which it can speak."""
    advice = "AuthenticationMethods publickey,keyboard-interactive"
    for methods in sshd.alternatives:
        if not PAM_METHODS & set(methods):
            yield found("sshd-bypass", where, f"{','.join(methods)} alone is enough{who}", advice)
        elif "password" in methods:
            hint = "PasswordAuthentication no, and keyboard-interactive in its place"
            line = sshd.where("passwordauthentication")
            yield found("sshd-password-method", line, f"the method password reaches the module{who}", hint)
    asked = any("keyboard-interactive" in methods for methods in sshd.alternatives)
    if sshd.get("kbdinteractiveauthentication") != "yes" and (asked or not sshd_uses_password(sshd)):
        line, hint = sshd.where("kbdinteractiveauthentication"), "KbdInteractiveAuthentication yes"
        yield found("sshd-keyboard-interactive", line, f"KbdInteractiveAuthentication is no{who}", hint)


def sshd_uses_password(sshd: Sshd) -> bool:
    """Say whether the module is reached by the method password."""
    return any("password" in methods for methods in sshd.alternatives)


def check_alone(sshd: Sshd, ways: Ways, who: str, where: str) -> Iterator[Finding]:
    """Check that an approval is never all that is needed."""
    lonely = [methods for methods in sshd.alternatives if set(methods) <= PAM_METHODS]
    if lonely and ways.alone():
        hint = "AuthenticationMethods publickey,keyboard-interactive, or a password before the module"
        yield found("sshd-approval-alone", where, f"{','.join(lonely[0])} needs an approval only{who}", hint)


def check_server(sshd: Sshd, ways: Ways, machine: Machine) -> Iterator[Finding]:
    """Check what holds for every login: times and places."""
    yield from check_grace(sshd, ways)
    yield from check_startups(sshd)
    version = version_of(machine)
    if version is not None and version <= LAST_HOLDING_TEXT:
        told = f"OpenSSH {version[0]}.{version[1]} shows the module's text with the next prompt"
        yield fine("sshd-text", "sshd -V", told)


def check_grace(sshd: Sshd, ways: Ways) -> Iterator[Finding]:
    """Check that the module's wait ends before sshd's."""
    value, where = sshd.get("logingracetime", "120"), sshd.where("logingracetime")
    grace = int(value) if value.isdigit() else 120
    slowest = max(ways.ours, key=seconds)
    window = seconds(slowest)
    # 0 means no limit.
    if grace and window > grace - SPARE_SECONDS:
        hint = f"timeout={max(grace - SPARE_SECONDS, 1)} at {place(slowest)}, or a longer LoginGraceTime"
        yield found("sshd-grace-time", where, f"LoginGraceTime is {grace} s, the module waits {window} s", hint)
    else:
        yield fine("sshd-grace-time", where, f"LoginGraceTime is {grace} s, the module waits {window} s")


def check_startups(sshd: Sshd) -> Iterator[Finding]:
    """Check how many logins may wait."""
    value, where = sshd.get("maxstartups", "10:30:100"), sshd.where("maxstartups")
    parts = [int(part) for part in value.split(":") if part.isdigit()]
    if not parts or parts[0] < ADVISED_STARTUPS[0] or parts[-1] < ADVISED_STARTUPS[1]:
        yield found("sshd-max-startups", where, f"MaxStartups is {value}", "MaxStartups 100:30:300")
    else:
        yield fine("sshd-max-startups", where, f"MaxStartups is {value}")
    per_source = sshd.get("persourcemaxstartups", "none")
    where = sshd.where("persourcemaxstartups")
    if per_source == "none":
        yield found("sshd-per-source", where, "PerSourceMaxStartups is none", "PerSourceMaxStartups 20")
    else:
        yield fine("sshd-per-source", where, f"PerSourceMaxStartups is {per_source}")


def check_blocks(sshd: Sshd) -> Iterator[Finding]:
    """Name the Match blocks that can change what was found for everybody."""
    for line in sshd.lines:
        if line.conditional and line.key in MATCHED:
            hint = "look at it for a person that it matches: pushgate doctor pam --user NAME"
            yield found("sshd-match", line.where, f"{line.key} in a Match block", hint)
