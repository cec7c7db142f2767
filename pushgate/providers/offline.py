"""Codes that this machine checks by itself: an authenticator app's, and those on paper; the rung that always answers.

It always asks for a code, of everybody in the same words, and never fails as ``UNAVAILABLE``: a service that names it
can never fail open. A store that cannot be used is a ``CONFIG`` failure.
"""

import secrets
from collections.abc import Set
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog
from typing_extensions import override

from pushgate.clock import Clock
from pushgate.login import Code, Login
from pushgate.offline.checking import Checked, CodeCheck, Ruling
from pushgate.offline.database import StoreError
from pushgate.offline.spelling import Kind, read_code
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome
from pushgate.providers.base import Provider
from pushgate.text import clean
from pushgate.threads import FullError, Threads

log = structlog.get_logger()

PROMPT = "The approval service cannot be reached. Offline code"
WRONG = Failed(FailureKind.BAD_CODE, asked=False)


@dataclass(frozen=True, slots=True)
class OfflineQuestion(Handle):
    """A code that somebody was asked for."""

    login: Login = field(repr=False)


class OfflineProvider(Provider):
    """Asks for a code that was prepared while all was well, and checks it here."""

    name = "offline"

    def __init__(self, path: Path, kinds: Set[Kind], threads: Threads, clock: Clock) -> None:
        """Take the file and where to work on it.

        Args:
            path: The file of offline codes.
            kinds: Which of them open.
            threads: A bounded number: a hash takes 16 MiB.
            clock: Time.
        """
        self.path, self.kinds, self.threads, self.clock = path, kinds, threads, clock

    @override
    async def features(self, login: Login, deadline: float) -> frozenset[str]:
        return frozenset({"code"})

    @override
    async def pretend(self, login: Login, deadline: float) -> Outcome:
        return await self.begin(replace(login, known=False), deadline)

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        if isinstance(login.factor, Code):
            return await self.check(login, login.factor.code.value.decode("utf-8", "replace"), deadline)
        handle = OfflineQuestion(secrets.token_hex(8), login)
        # What stands on paper would stay readable on the screen.
        return NeedsCode(handle, PROMPT, echo=Kind.BREAK_GLASS not in self.kinds, asked=False)

    @override
    async def wait(self, handle: Handle, deadline: float) -> Approved | Denied | Failed:
        return Failed(FailureKind.PROTOCOL, asked=False, detail="offline codes are typed, nobody answers them")

    @override
    async def submit(self, handle: Handle, code: str, deadline: float) -> Approved | Denied | NeedsCode | Failed:
        if not isinstance(handle, OfflineQuestion):
            return Failed(FailureKind.PROTOCOL, asked=False, detail="not a question of this provider")
        return await self.check(handle.login, code, deadline)

    @override
    async def cancel(self, handle: Handle) -> None:
        return  # a question that nobody answers leaves nothing behind

    @override
    async def close(self) -> None:
        self.threads.close()

    async def check(self, login: Login, typed: str, deadline: float) -> Approved | Failed:
        """Check a code; what has the form of none costs nothing and counts as no try."""
        code = read_code(typed)
        if code is None or code.kind not in self.kinds:
            return WRONG
        user = login.user if login.known and login.permitted else None
        check = CodeCheck(self.path, user, code, self.clock.wall().timestamp())
        try:
            checked = await self.threads.run(check, deadline)
        except StoreError as error:
            detail = f"offline codes: {error.message}"
            return Failed(FailureKind.CONFIG, asked=False, detail=detail, hint=error.hint)
        except FullError:
            return Failed(FailureKind.RATE_LIMITED, asked=False, detail="too many offline codes at the same time")
        except TimeoutError:
            return Failed(FailureKind.EXPIRED, asked=True, detail="the offline code was not checked in time")
        return self.rule(login, code.kind, checked)

    def rule(self, login: Login, kind: Kind, checked: Checked) -> Approved | Failed:
        """Turn a ruling into an outcome, with a line in the log for what the administrator has to know."""
        who = {"user": clean(login.user, 128), "service": clean(login.service, 64)}
        if checked.ruling is not Ruling.RIGHT:
            if checked.locks:
                log.warning("offline_codes_locked", **who, kind=kind.value)
            return replace(WRONG, detail=f"{kind}: {checked.ruling.value}")
        if kind is Kind.BREAK_GLASS:
            log.warning("break_glass_used", **who, left=checked.left)
            return Approved(factor=kind.value, detail=f"{checked.left} left")
        return Approved(factor=kind.value)
