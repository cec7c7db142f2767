"""The real pam_radius_auth (libpam-radius-auth), driven by pamtester, with a configuration of the test's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.daemons import Program, running
from tests.support.gate import write_private
from tests.support.pam import PAM_WRAPPER, pam_service
from tests.support.radius_gate import RadiusGate
from tests.support.terminal import Terminal, terminal

RHOST = "203.0.113.7"
"""Where the person is, by what PAM is told."""


@contextmanager
def pam_login(
    gate: RadiusGate, folder: Path, user: str, *options: str, seconds: int = 20, typed: str = ""
) -> Iterator[Program]:
    """Log in by pamtester, with what is typed written in advance.

    Args:
        gate: The server.
        folder: For the PAM service and the module's configuration.
        user: Who.
        options: Of the module.
        seconds: How long the module waits for one answer.
        typed: The password, if one is asked for.
    """
    with (
        _pamtester(gate, folder, user, *options, seconds=seconds) as (command, environment),
        running(command, folder / "pamtester.log", typed=typed, environment=environment) as program,
    ):
        yield program


@contextmanager
def pam_dialogue(gate: RadiusGate, folder: Path, user: str, *options: str, source: str) -> Iterator[Terminal]:
    """Log in by pamtester at a terminal, where somebody reads before typing.

    Args:
        gate: The server.
        folder: As above.
        user: Who.
        options: Of the module.
        source: The address of loopback from which the module asks, which tells the gate's clients apart.
    """
    with (
        _pamtester(gate, folder, user, *options, source=source) as (command, environment),
        terminal(command, folder, environment=environment) as shown,
    ):
        yield shown


@contextmanager
def _pamtester(
    gate: RadiusGate, folder: Path, user: str, *options: str, seconds: int = 20, source: str = ""
) -> Iterator[tuple[list[str], dict[str, str]]]:
    config = folder / "pam_radius.conf"
    write_private(config, f"127.0.0.1:{gate.radius_port} {gate.secret.decode()} {seconds} {source}\n".encode())
    line = " ".join(("auth required pam_radius_auth.so", f"conf={config}", *options))
    wrapper = {"LD_PRELOAD": PAM_WRAPPER, "PAM_WRAPPER": "1", "PAM_WRAPPER_SERVICE_DIR": str(folder)}
    with pam_service(line, folder=folder) as service:
        yield ["pamtester", "-I", f"rhost={RHOST}", service, user, "authenticate"], wrapper
