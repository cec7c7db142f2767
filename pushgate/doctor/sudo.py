"""Checks of sudo, where its stack loads pushgate."""

from collections.abc import Iterator

from pushgate.doctor.findings import Finding, fine, found
from pushgate.doctor.machine import Machine
from pushgate.doctor.sudoers import Sudoers, read_sudoers
from pushgate.doctor.survey import Survey
from pushgate.errors import PushgateError

SERVICES = ("sudo", "sudo-i")
DEFAULT_MINUTES = 15.0
SERVICE_SETTINGS = ("pam_service", "pam_login_service", "pam_askpass_service")


def check_sudo(seen: Survey, machine: Machine) -> Iterator[Finding]:
    """Check what sudo does before it asks PAM, and which service it asks."""
    loading = [service for service in SERVICES if seen.loads(service)]
    if not loading:
        return
    for service in SERVICES:
        if service in seen.stacks and service not in loading:
            hint = f"add the line of {loading[0]} to {service}"
            yield found("sudo-service", f"{machine.pam_folders[0]}/{service}", f"{service} does not ask", hint)
    try:
        rules = read_sudoers(machine)
    except PushgateError as fault:
        yield found("sudoers", machine.sudoers, fault.message, fault.hint)
        return
    faults = [*unasked(rules), *services(rules, seen)]
    yield from faults
    if not faults:
        yield fine("sudo-not-asked", machine.sudoers, "no rule skips PAM")
    yield from timestamp(rules)


def unasked(rules: Sudoers) -> Iterator[Finding]:
    """Find who is not asked."""
    for rule in rules.unasked:
        where = rules.where("NOPASSWD", rule.who.partition(",")[0])
        what = "every command" if rule.everything else ", ".join(rule.commands)
        identity = "sudo-nopasswd-all" if rule.everything else "sudo-nopasswd"
        yield found(identity, where, f"{rule.who} runs {what} with NOPASSWD", "remove NOPASSWD, or the rule")
    if False in rules.values("authenticate"):
        yield found("sudo-not-asked", rules.where("Defaults", "!authenticate"), "!authenticate", "remove it")
    for group in rules.values("exempt_group"):
        if group is not False:
            where = rules.where("Defaults", "exempt_group")
            yield found("sudo-not-asked", where, f"exempt_group: {group} is not asked", "remove it")


def services(rules: Sudoers, seen: Survey) -> Iterator[Finding]:
    """Find settings that send sudo to another stack."""
    for setting in SERVICE_SETTINGS:
        for service in rules.values(setting):
            if isinstance(service, str) and not seen.loads(service):
                where = rules.where("Defaults", setting)
                yield found("sudo-service", where, f"{setting}={service}", f"load the module in {service} too")


def timestamp(rules: Sudoers) -> Iterator[Finding]:
    """Say how long one approval holds."""
    told = [minutes(value) for value in rules.values("timestamp_timeout")] or [DEFAULT_MINUTES]
    if any(told) and "global" in rules.values("timestamp_type"):
        line = rules.where("Defaults", "timestamp_type")
        yield found("sudo-timestamp", line, "one approval holds in all sessions of the person", "remove timestamp_type")
    where = rules.where("Defaults", "timestamp_timeout")
    for value in told:
        hint = "Defaults timestamp_timeout=0 asks at each use"
        if value < 0 or value > DEFAULT_MINUTES:
            told_value = "for ever" if value < 0 else f"for {value:g} minutes"
            yield found("sudo-timestamp", where, f"one approval holds {told_value}", hint)
        elif value:
            yield fine("sudo-timestamp", where, f"one approval holds for {value:g} minutes in a terminal; {hint}")
        else:
            yield fine("sudo-timestamp", where, "each use asks")


def minutes(value: str | bool) -> float:
    """Read ``timestamp_timeout``; ``!timestamp_timeout`` is 0."""
    try:
        return float(value)
    except ValueError:
        return DEFAULT_MINUTES
