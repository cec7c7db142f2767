"""Checks of the daemon: its configuration, its sockets, and how they fit the stacks."""

import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pushgate.doctor.findings import Finding, fine, found, located
from pushgate.doctor.lines import place, seconds, socket_of
from pushgate.doctor.sockets import check_control_socket, check_pam_socket
from pushgate.doctor.survey import Survey
from pushgate.errors import ConfigurationError, PushgateError
from pushgate.sections.pam import PamSettings
from pushgate.settings import Settings, load_settings

ANSWER_SECONDS = 5
"""How much earlier than the module the daemon has to give up."""
Ask = Callable[[], object]
FilesCheck = Callable[[Settings], Sequence[PushgateError]]


def check_daemon(seen: Survey, config: Path, check_files: FilesCheck, ask_status: Ask) -> Iterator[Finding]:
    """Check the daemon.

    Args:
        seen: The stacks.
        config: The daemon's configuration file.
        check_files: Tries the files that it names.
        ask_status: Asks the daemon by its control socket; raises ``PushgateError``.
    """
    try:
        settings = load_settings(config)
    except ConfigurationError as faults:
        for fault in faults.problems:
            yield located("configuration", fault)
        return
    yield fine("configuration", config, "can be read")
    problems = check_files(settings)
    for problem in problems:
        yield located("configuration-files", problem)
    if not problems:
        yield fine("configuration-files", config, "the files that it names can be read, and only by root")
    yield from check_folder(config.parent)
    yield from check_pam(seen, config, settings)
    if settings.control is not None:
        yield from check_control_socket(settings.control.socket)
        yield from check_status(ask_status, settings.control.socket)


def check_folder(folder: Path) -> Iterator[Finding]:
    """Check who can look into the configuration's folder."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o027:
        yield found("configuration-folder", folder, f"others may enter it (mode {mode:04o})", f"chmod 750 {folder}")
    else:
        yield fine("configuration-folder", folder, f"mode {mode:04o}")


def check_pam(seen: Survey, config: Path, settings: Settings) -> Iterator[Finding]:
    """Check that daemon and stacks know each other."""
    pam = settings.pam
    if pam is None:
        for rule in seen.ours[:1]:
            hint = "add a section pam, with the services that may ask"
            yield found("socket-missing", config, f"has no section pam, but {place(rule)} asks", hint)
        return
    yield from check_services(seen, config, pam)
    others = ", ".join(str(uid) for uid in pam.allowed_peer_uids if uid != 0)
    if others:
        yield found("peer-uids", config, f"pam.allowed_peer_uids has {others}", "remove it")
    for rule in seen.ours:
        if socket_of(rule) != pam.socket:
            hint = f"socket={pam.socket}"
            yield found("socket-path", place(rule), f"asks {socket_of(rule)}, the daemon listens elsewhere", hint)
        if settings.login.timeout > seconds(rule) - ANSWER_SECONDS:
            told = f"waits {seconds(rule)} s, the daemon {settings.login.timeout:g} s"
            hint = f"login.timeout: {seconds(rule) - ANSWER_SECONDS}, or a longer timeout= for the module"
            yield found("login-timeout", place(rule), told, hint)
    yield from check_pam_socket(pam.socket)


def check_services(seen: Survey, config: Path, pam: PamSettings) -> Iterator[Finding]:
    """Compare the services that the configuration names with those that load the module."""
    unnamed, unused = sorted(set(seen.ways) - set(pam.services)), sorted(set(pam.services) - set(seen.ways))
    for service in unnamed:
        hint = f"add {service} to pam.services in {config}"
        yield found("service-unnamed", place(seen.ways[service].ours[0]), f"pam.services lacks {service}", hint)
    for service in unused:
        hint = f"load the module in the stack of {service}, or remove it from pam.services"
        yield found("service-unused", config, f"no stack of {service} loads the module", hint)
    for service, rules in sorted(pam.services.items()):
        if rules.fails_open and service in seen.ways:
            hint = "if_unreachable: deny, and a way without the provider: docs/offline.md"
            yield found("service-opens", config, f"pam.services.{service}.if_unreachable is accept", hint)
    if seen.ways and not unnamed:
        yield fine("service-unnamed", config, f"knows {', '.join(sorted(seen.ways))}")


def check_status(ask: Ask, control: Path) -> Iterator[Finding]:
    """Ask the daemon how it is."""
    try:
        ask()
    except PushgateError as fault:
        yield found("status", control, fault.message.removeprefix(f"{control}: "), fault.hint)
    else:
        yield fine("status", control, "the daemon answers")
