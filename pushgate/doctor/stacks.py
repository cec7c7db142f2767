"""Checks of the stacks that load pushgate."""

from collections.abc import Iterator

from pushgate.doctor.codes import Code
from pushgate.doctor.findings import Finding, fine, found, located
from pushgate.doctor.handlers import Kind
from pushgate.doctor.lines import check_line, place
from pushgate.doctor.machine import Machine, write_fault
from pushgate.doctor.modules import PYTHON_MODULE, Role, is_our_hook, is_ours, role_of
from pushgate.doctor.survey import Survey, is_shared
from pushgate.doctor.walks import Walk
from pushgate.doctor.ways import Ways
from pushgate.errors import PushgateError

TRIED = frozenset(("sshd", "sudo", "sudo-i", "su", "su-l"))
JOBS = frozenset(("at", "atd", "cron", "crond"))
CONSOLE = "login"
CALLERS = frozenset(("su", "su-l", "sudo", "sudo-i"))
"""Programs whose real user is the caller, so that pam_rootok asks about the caller."""
SETUID = CALLERS | {"chfn", "chsh", "login", "newgrp", "passwd", "polkit-1"}

WHAT = {
    Code.ABORT: "Ctrl-C",
    Code.AUTHINFO_UNAVAIL: "a stopped daemon",
    Code.AUTH_ERR: "a denial",
    Code.SERVICE_ERR: "a wrong option",
    Code.MODULE_UNKNOWN: "a missing module",
    Code.MAXTRIES: "too many tries",
    Code.USER_UNKNOWN: "an unknown name",
    Code.CONV_ERR: "a client that shows no text",
    Code.BUF_ERR: "a lack of memory",
}


def check_stacks(seen: Survey, machine: Machine) -> Iterator[Finding]:
    """Check every stack that loads pushgate, and where it may not stand."""
    for service, fault in seen.unreadable.items():
        hint = f"the stack of {service} needs it: put it right"
        identity = "stack-unreadable" if service in TRIED else "stack-unread"
        yield located(identity, PushgateError(fault, hint))
    if not seen.ways:
        yield found("stack-none", machine.pam_folders[0], "no service asks for an approval", "docs/pam.md has stacks")
    for rule in seen.ours:
        yield from check_line(rule, machine)
    yield from check_files(seen)
    yield from check_python(seen)
    for service in seen.stacks:
        if any(is_ours(rule) and rule.path.name == service for rule in seen.rules(service)):
            yield from check_place(service, seen)
    for service, ways in seen.ways.items():
        yield from check_ways(service, ways)


def check_files(seen: Survey) -> Iterator[Finding]:
    """Check who may write the files of the stacks that load pushgate."""
    paths = {handler.rule.path for ways in seen.ways.values() for handler in ways.stack}
    faults = [fault for path in sorted(paths) if (fault := write_fault(path))]
    for fault in faults:
        yield located("pam-folder", fault)
    if paths and not faults:
        yield fine("pam-folder", min(str(path.parent) for path in paths), "only root can write the stacks")


def check_python(seen: Survey) -> Iterator[Finding]:
    """Find the lines that load Python into programs where it may not be."""
    wrong: dict[str, list[str]] = {}
    for service in seen.stacks:
        for rule in seen.rules(service):
            hook_elsewhere = is_our_hook(rule) and service != "sshd"
            if rule.name == PYTHON_MODULE and (hook_elsewhere or service in SETUID):
                wrong.setdefault(place(rule), []).append(service)
    for where, services in wrong.items():
        hint = "load pam_pushgate.so there; pam_python is for sshd only"
        yield found("python-hook", where, f"loads pam_python into {', '.join(sorted(services))}", hint)


def check_place(service: str, seen: Survey) -> Iterator[Finding]:
    """Say what is wrong with a file as a place for the module."""
    where = place(next(rule for rule in seen.rules(service) if is_ours(rule)))
    own = "name the module in the files of single services: sshd, sudo, su"
    if is_shared(service):
        yield found("stack-common", where, f"{service} belongs to many programs", own)
    elif service in JOBS:
        yield found("stack-jobs", where, f"{service} runs jobs", "remove the line")
    elif service not in TRIED and service != CONSOLE:
        yield found("stack-untried", where, f"{service}: try it before you rely on it", own)


def check_ways(service: str, ways: Ways) -> Iterator[Finding]:
    """Say who gets in without an approval, and who is asked for nothing."""
    faults = [*refusals(service, ways), *skips(service, ways), *factors(service, ways)]
    yield from faults
    where = place(ways.ours[0])
    for handler in ways.stack:
        if handler.kind is Kind.BROKEN:
            yield found("stack-line", place(handler.rule), f"{service}: no line of PAM's", "put it right or remove it")
    if not any(fault.id == "stack-opens" for fault in faults):
        yield fine("stack-opens", where, f"{service}: whoever is refused stays out")
    if not any(fault.id in ("stack-bypass", "stack-exempt", "stack-rootok", "stack-unreached") for fault in faults):
        yield fine("stack-bypass", where, f"{service}: nobody gets in unasked")


def refusals(service: str, ways: Ways) -> Iterator[Finding]:
    """Find refusals that let people in."""
    where, opening = place(ways.ours[0]), ways.opening()
    if opening:
        codes = [code for code in WHAT if code in {walk.ours for walk in opening}]
        told = ", ".join(f"{WHAT[code]} ({code.name})" for code in codes)
        hint = "write the control required, and let nothing behind it be sufficient"
        yield found("stack-opens", where, f"{service}: {told} would let people in: {opening[0].told()}", hint)
    ignoring = ways.ignoring()
    if ignoring is not None:
        hint = "let a first factor stand before it, or leave out what lets everybody in behind it"
        yield found("stack-ignore", where, f"{service}: lets exempt accounts in: {ignoring.told()}", hint)
    if not ways.reached():
        hint = "move it before the lines that end the stack, or that jump over it"
        yield found("stack-unreached", where, f"{service}: the module is never called", hint)
    elif not ways.approved():
        yield found("stack-closed", where, f"{service}: nobody gets in", "docs/pam.md has stacks that work")


def skips(service: str, ways: Ways) -> Iterator[Finding]:
    """Find lines that let people in past the module."""
    for walk in ways.skipping():
        assert walk.skipper
        where, name = place(walk.skipper), walk.skipper.name
        if name == "pam_rootok" and service in CALLERS:
            yield fine("stack-rootok", where, f"{service}: root is not asked, which leaves a way in")
        elif name == "pam_rootok":
            yield found("stack-rootok", where, f"{service}: everybody passes pam_rootok", "remove the line")
        elif is_condition(walk):
            yield found("stack-exempt", where, f"{service}: {name} exempts people", "check whom it lets past")
        else:
            hint = f"move the module before {name}, or let {name} not end the stack"
            yield found("stack-bypass", where, f"{service}: lets people in past the module: {walk.told()}", hint)


def is_condition(walk: Walk) -> bool:
    """Say whether it is a rule about people that went past the module, and not what they know."""
    return walk.skipper is not None and role_of(walk.skipper) is Role.CONDITION


def factors(service: str, ways: Ways) -> Iterator[Finding]:
    """Find pushes and approvals without the first factor that the stack has."""
    where = place(ways.ours[0])
    wrong, asked = ways.wrong_factor(), ways.asked_wrong()
    hint = "let a wrong password end the stack before the module, as Debian's common-auth does"
    if wrong is not None:
        yield found("stack-wrong-password", where, f"{service}: {wrong.told()} lets people in", hint)
    elif asked is not None:
        yield found("stack-asks-early", where, f"{service}: asks after a wrong password: {asked.told()}", hint)
    elif ways.asked_early():
        early = "move the module behind the password, unless a key comes before both"
        yield found("stack-asks-early", where, f"{service}: asks before the password", early)
    elif ways.has_first_factor:
        yield fine("stack-asks-early", where, f"{service}: asks only after the first factor was right")
