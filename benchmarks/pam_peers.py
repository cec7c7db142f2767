"""What other PAM modules that Debian ships cost, and what the module in Python costs in a whole ssh login."""

import base64
import os
import secrets
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyotp

from benchmarks.duo_service import duo_service
from benchmarks.figure import Figure, WrongAnswerError
from benchmarks.pam_daemon import Daemon
from benchmarks.pam_host import OURS, PERMIT, PERMIT_LINE, REMOTE, USER, Host, overhead
from benchmarks.radius_peers import freeradius
from tests.support.pam import hook_line, module_line, pam_service
from tests.support.ssh import PrivateSshd, authorize, make_key
from tests.support.users import temporary_user

ROUNDS, DUO_ROUNDS, SSH_ROUNDS = 200, 20, 10
RADIUS, GOOGLE, DUO = "bench-radius", "bench-google", "bench-duo"
RADIUS_USER = "exempt"
"""Whom that FreeRADIUS accepts."""
NOT_ROOT = "needs root: not measured"


def other_modules(folder: Path, rounds: int = ROUNDS, duo_rounds: int = DUO_ROUNDS) -> list[Figure]:
    """Log in through each module in turn with pam_permit and ours; each has a service or secret of this run's own."""
    host = Host(folder)
    figures = []
    with Daemon(folder, OURS, "instant"), freeradius(folder, "files", secret := secrets.token_hex(16)) as server:
        config = private_file(folder / "pam_radius.conf", f"127.0.0.1:{server.port} {secret} 3\n")
        host.stack(RADIUS, f"auth required pam_radius_auth.so conf={config}")
        logins = host.log_in(REMOTE, rounds, RADIUS, PERMIT, typed="secret", user=RADIUS_USER)
        figures.append(overhead("pam_radius_auth with FreeRADIUS", logins, RADIUS))

        key = base64.b32encode(secrets.token_bytes(20)).decode()
        # Without DISALLOW_REUSE, so that one code serves the whole run.
        config = private_file(folder / "google_authenticator", f'{key}\n" WINDOW_SIZE 17\n" TOTP_AUTH\n')
        host.stack(GOOGLE, f"auth required pam_google_authenticator.so secret={config} user={USER}")
        logins = host.log_in(REMOTE, rounds, GOOGLE, PERMIT, OURS, typed=pyotp.TOTP(key).now())
        figures.append(overhead("pam_google_authenticator", logins, GOOGLE))

        with duo_service(folder) as config:
            host.stack(DUO, f"auth required pam_duo.so conf={config}")
            logins = host.log_in(REMOTE, duo_rounds, DUO, PERMIT, OURS)
            figures.append(overhead("pam_duo 1.11.3 with a stand-in of its service", logins, DUO))
    return figures


def private_file(path: Path, text: str) -> Path:
    """Write a file that nobody else can read."""
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def python_hook(folder: Path, rounds: int = SSH_ROUNDS) -> list[Figure]:
    """Log in by ssh through pam_permit, the C module and the module in Python, in turn; only sshd may load the last."""
    names = ("the C module", "the Python hook")
    if os.geteuid() != 0:
        return [Figure(f"ssh login over pam_permit, {name}", float("nan"), "ms", beside=NOT_ROOT) for name in names]
    socket = folder / "pam.sock"
    with three_servers(folder, PERMIT_LINE, module_line(socket), hook_line(socket)) as (servers, log_in):
        services = ",".join(server.program.name for server in servers)
        with Daemon(folder, services, "instant") as daemon:
            seconds = [[log_in(server) for server in servers] for _ in range(rounds + 1)][1:]
        daemon.expect_approved(2 * (rounds + 1))
    whole = [statistics.median(each) * 1000 for each in zip(*seconds, strict=True)]
    figures = []
    for number, name in enumerate(names, start=1):
        value = statistics.median(each[number] - each[0] for each in seconds) * 1000
        beside = f"{whole[number]:.0f} ms in all, {whole[0]:.0f} ms with pam_permit"
        figures.append(Figure(f"ssh login over pam_permit, {name}", value, "ms", beside=beside))
    reason = "; an interpreter starts twice a login, so the C module is the default"
    return [figures[0], Figure(figures[1].name, figures[1].value, "ms", beside=figures[1].beside + reason)]


@contextmanager
def three_servers(folder: Path, *auth_lines: str) -> Iterator[tuple[list[PrivateSshd], "LogIn"]]:
    """Run an sshd for each stack, and make a user with a key; gives the servers and a way to log in."""
    key = folder / "key"
    make_key(key)
    with temporary_user() as user, ExitStack() as parts:
        authorize(user, key)
        servers = []
        for number, line in enumerate(auth_lines):
            place = folder / f"sshd-{number}"
            place.mkdir()
            service = parts.enter_context(pam_service(line))
            servers.append(parts.enter_context(PrivateSshd(place, service, extra="MaxStartups 100:30:300")))
        yield servers, LogIn(user.name, key)


class LogIn:
    """A user's ssh client."""

    def __init__(self, user: str, key: Path) -> None:
        self.user, self.key = user, key

    def __call__(self, server: PrivateSshd) -> float:
        """Log in and run a command; seconds that it took."""
        start = time.perf_counter()
        client = server.start(self.user, self.key, "id -un")
        output, errors = client.communicate(timeout=30)
        if client.returncode != 0 or output.decode().strip() != self.user:
            raise WrongAnswerError(f"no ssh login through {server.program.name}: {errors.decode()[-200:]}")
        return time.perf_counter() - start
