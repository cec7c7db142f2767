"""Passwords checked by real PAM stacks."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

from pushgate.build_firstfactor import build_first_factor
from pushgate.clock import SystemClock
from pushgate.errors import ConfigurationError
from pushgate.firstfactor.base import Checked, PasswordRight, PasswordWrong
from pushgate.firstfactor.pam import PamFirstFactor, worker_command
from pushgate.firstfactor.pam_pool import PamPool
from pushgate.login import Login, Secret
from pushgate.outcome import Failed, FailureKind
from pushgate.sections import firstfactor as sections
from tests.support.pam import module_line, pam_service
from tests.support.processes import descendants, wait_until
from tests.support.users import User, temporary_user

pytestmark = [pytest.mark.system, pytest.mark.root]

CLOCK = SystemClock()
PASSWORD = b"a-canary-password"
UNIX = "auth required pam_unix.so nodelay"
UNIX_ACCOUNT = "account required pam_unix.so"

CRASH = """\
#include <stdio.h>
#include <string.h>
#include <security/pam_modules.h>
int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv) {
  const char *user = NULL;
  pam_get_user(pamh, &user, NULL);
  /* What a daemon that read standard output would take for "ready" and "success". */
  fwrite("\\0\\0\\0\\4\\0\\0\\0\\0", 1, 8, stdout);
  fflush(stdout);
  if (user && strcmp(user, "crash") == 0) *(volatile int *)0 = 1;
  return PAM_AUTH_ERR;
}
int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv) { return PAM_SUCCESS; }
"""


@pytest.fixture(scope="module")
def user() -> Iterator[User]:
    """An account with a password."""
    with temporary_user() as account:
        subprocess.run(["chpasswd"], input=f"{account.name}:{PASSWORD.decode()}", text=True, check=True)
        yield account


@asynccontextmanager
async def factor(service: str, *, workers: int = 2, timeout: float = 5.0) -> AsyncIterator[PamFirstFactor]:
    """A first factor that is closed at the end."""
    checker = PamFirstFactor(PamPool(worker_command(service), workers, CLOCK), CLOCK, timeout=timeout)
    try:
        yield checker
    finally:
        await checker.close()


async def check(checker: PamFirstFactor, user: str, password: bytes = PASSWORD) -> Checked:
    """Check a password."""
    return await checker.check(Login(user, "vpn", "gateway"), Secret(password), CLOCK.now() + 20)


async def test_the_password_of_the_system_counts(user: User) -> None:
    """A person logs in by the password of this machine; a wrong one and an unknown user are refused alike."""
    with pam_service(UNIX, UNIX_ACCOUNT) as service:
        async with factor(service) as checker:
            right, wrong, unknown = await asyncio.gather(
                check(checker, user.name), check(checker, user.name, b"wrong"), check(checker, "pushgate-nobody")
            )
    assert right == PasswordRight()
    assert wrong == PasswordWrong("wrong password")
    assert unknown == PasswordWrong("unknown user")


@pytest.mark.parametrize(
    ("expiry", "detail"),
    [(("--expiredate", "1"), "the account has expired"), (("--lastday", "0"), "the password has expired")],
)
async def test_an_expired_account_is_refused(user: User, expiry: tuple[str, str], detail: str) -> None:
    """A person whose account or password has expired is refused, although the password is right."""
    with pam_service(UNIX, UNIX_ACCOUNT) as service:
        async with factor(service, workers=1) as checker:
            subprocess.run(["chage", *expiry, user.name], check=True)
            try:
                assert await check(checker, user.name) == PasswordWrong(detail)
            finally:
                subprocess.run(["chage", "--expiredate", "-1", "--lastday", "2020-01-01", user.name], check=True)
            assert await check(checker, user.name) == PasswordRight()


async def test_many_logins_do_not_mix(user: User) -> None:
    """A person never gets the answer to another's password, however many log in at the same moment."""
    with pam_service(UNIX, UNIX_ACCOUNT) as service:
        async with factor(service) as checker:
            outcomes = await asyncio.gather(*(check(checker, user.name, PASSWORD[: 16 + n % 2]) for n in range(20)))
            assert len(checker.pool.idle) <= 2
    assert [isinstance(outcome, PasswordRight) for outcome in outcomes] == [False, True] * 10


async def test_a_hung_stack_is_killed_and_replaced(user: User) -> None:
    """A stack that hangs in a program costs one login its time; worker and program are gone, the next login works."""
    script = Path("/run") / f"pushgate-test-{os.getpid()}.sh"
    script.write_text(f'#!/bin/sh\n[ "$PAM_USER" = {user.name} ] || exec sleep 61.3\n')
    script.chmod(0o755)
    try:
        with pam_service(f"auth required pam_exec.so quiet {script}", UNIX) as service:
            async with factor(service, workers=1, timeout=1.0) as checker:
                assert await check(checker, user.name) == PasswordRight()
                worker = checker.pool.idle[0].process.pid
                with structlog.testing.capture_logs() as logs:
                    hanging = asyncio.ensure_future(check(checker, "somebody"))
                    await asyncio.to_thread(wait_until, lambda: bool(descendants(worker)), 5, "the hanging program")
                    family = [worker, *descendants(worker)]
                    seen = said_by_processes()
                    outcome = await hanging
                assert isinstance(outcome, Failed)
                assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, False)
                await asyncio.to_thread(wait_until, lambda: not any(map(runs, family)), 5, "their end")
                assert await check(checker, user.name) == PasswordRight()
    finally:
        script.unlink()
    assert [entry["event"] for entry in logs] == ["pam_worker_killed"]
    assert PASSWORD not in seen


async def test_a_module_that_crashes_lets_nobody_in(private_folder: Path) -> None:
    """A PAM module that prints "success" and crashes its process fails that login, and the next one is checked."""
    source, module = private_folder / "crash.c", private_folder / "pam_crash.so"
    source.write_text(CRASH)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", module, source, "-lpam"], check=True)
    with pam_service(f"auth required {module}") as service:
        async with factor(service, workers=1) as checker:
            assert await check(checker, "somebody") == PasswordWrong("wrong password")
            first = checker.pool.idle[0].process.pid
            outcome = await check(checker, "crash")
            assert isinstance(outcome, Failed)
            assert (outcome.kind, outcome.asked) == (FailureKind.CONFIG, False)
            assert await check(checker, "somebody") == PasswordWrong("wrong password")
            assert checker.pool.idle[0].process.pid != first


async def test_a_stack_with_our_own_module_is_refused(private_folder: Path) -> None:
    """An administrator who names a stack that asks us again is told so at the start."""
    with pam_service(module_line(private_folder / "pam.sock"), UNIX) as service:
        settings = sections.PamFirstFactor(type="pam", service=service)
        with pytest.raises(ConfigurationError, match="a login would wait for itself"):
            build_first_factor(settings, CLOCK)


def said_by_processes() -> bytes:
    """Everything that a process list shows."""
    shown = b""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            for name in ("cmdline", "environ"):
                try:
                    shown += (entry / name).read_bytes()
                except OSError:
                    continue
    return shown


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
