"""First factor ``pam``: a PAM stack of this machine checks password and account, in worker processes.

The core treats every ``Failed`` of a first factor as a rejection; nothing here ever opens a door.
"""

import sys

import structlog
from typing_extensions import override

from pushgate.clock import Clock
from pushgate.firstfactor.base import Checked, FirstFactor, PasswordRight, PasswordWrong
from pushgate.firstfactor.pam_pool import FullError, PamPool
from pushgate.firstfactor.pam_process import WorkerError
from pushgate.firstfactor.passwords import refusal
from pushgate.login import Login, Secret
from pushgate.outcome import Failed, FailureKind

log = structlog.get_logger()

MAX_ANSWER = 511
"""Octets: PAM_MAX_RESP_SIZE with its closing NUL."""
MAX_USER = 256
REFUSAL_STEP = 1.0
"""Seconds; a refusal leaves at the next full one. pam_unix with ``nodelay`` refuses an unknown user in 1 ms and a known
one in 40 ms; without it libpam would hold the worker for two seconds, and two workers are soon all held."""

# Linux-PAM's _pam_types.h.
SUCCESS, AUTHINFO_UNAVAIL = 0, 9
REFUSALS = {
    6: "permission denied",
    7: "wrong password",
    10: "unknown user",
    11: "too many tries",
    12: "the password has expired",
    13: "the account has expired",
    16: "the credentials have expired",
    27: "the password has expired",
}


def worker_command(service: str) -> list[str]:
    """Return the command line of a worker: our interpreter, without the caller's environment and folder."""
    return [sys.executable, "-I", "-m", "pushgate.firstfactor.pam_worker", service]


class PamFirstFactor(FirstFactor):
    """Checks passwords by a pool of PAM workers."""

    name = "pam"

    def __init__(self, pool: PamPool, clock: Clock, *, timeout: float) -> None:
        """Take the workers; each check has ``timeout`` seconds."""
        self.pool, self.clock, self.timeout = pool, clock, timeout

    @override
    async def check(self, login: Login, password: Secret, deadline: float) -> Checked:
        refused = refusal(password, MAX_ANSWER)
        if refused is not None:
            return refused
        began = self.clock.now()
        user = login.user.encode("utf-8", "replace")
        if not user or b"\0" in user or len(user) > MAX_USER:
            outcome: Checked = PasswordWrong("no user name of a PAM service")
        else:
            outcome = await self.ask(user, password, deadline)
        if isinstance(outcome, PasswordWrong):
            now = self.clock.now()
            rest = REFUSAL_STEP - (now - began) % REFUSAL_STEP
            await self.clock.sleep(max(0.0, min(rest, deadline - now)))
        return outcome

    async def ask(self, user: bytes, password: Secret, deadline: float) -> Checked:
        """Ask a worker, and turn what comes into the port's words."""
        try:
            code = await self.pool.ask(user, password.value, seconds=self.timeout, deadline=deadline)
        except FullError:
            return Failed(FailureKind.RATE_LIMITED, asked=False, detail="no worker was free")
        except TimeoutError:
            log.warning("pam_worker_killed", detail=f"no answer within {self.timeout:g} s or the login's deadline")
            return Failed(FailureKind.UNAVAILABLE, asked=False, detail="the PAM stack did not answer in time")
        except WorkerError as error:
            log.error("pam_worker_failed", detail=str(error))
            return Failed(FailureKind.CONFIG, asked=False, detail=f"PAM worker: {error}")
        if code == SUCCESS:
            return PasswordRight()
        if code in REFUSALS:
            return PasswordWrong(REFUSALS[code])
        kind = FailureKind.UNAVAILABLE if code == AUTHINFO_UNAVAIL else FailureKind.CONFIG
        return Failed(kind, asked=False, detail=f"PAM code {code}")

    @override
    async def close(self) -> None:
        await self.pool.close()
