"""The provider ``clerk``, mode ``bapi``: passwords and authenticator codes, each checked by one call.

Clerk rings nobody: every factor is a code that is typed. ``clerk_reverify`` has the other modes on top of this.
"""

import secrets
from dataclasses import dataclass, field

from typing_extensions import override

from pushgate.clock import Clock
from pushgate.firstfactor.base import Checked, PasswordRight, PasswordWrong
from pushgate.login import Code, Login, Method, Push, Secret
from pushgate.outcome import NOBODY_ASKED, Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome
from pushgate.providers.base import Provider
from pushgate.providers.clerk_backend import CALL_SECONDS, BackendApi
from pushgate.providers.clerk_limits import USED, Limits, UsedCodes, counts, too_often
from pushgate.providers.clerk_wire import ClerkUser, read_code
from pushgate.providers.looking import SharedLook
from pushgate.text import clean, is_clean_name

APP_PROMPT = "Code of your authenticator app"
TRIES = 3
REACHED_SECONDS = 5.0
"""How long a sign of life counts."""
WRONG = Failed(FailureKind.BAD_CODE, asked=False, detail="a code is 6 digits, a backup code letters and digits")
OVER = Failed(FailureKind.EXPIRED, asked=True, detail="the question is over")


@dataclass(eq=False, slots=True)
class Asking:
    """What a question has come to."""

    tries: int = 0
    over: bool = False


@dataclass(frozen=True, slots=True)
class AppQuestion(Handle):
    """Somebody was asked for a code; with no user: a stranger, of whom no code is right."""

    login: Login = field(repr=False)
    user: ClerkUser | None = field(default=None, repr=False)
    asking: Asking = field(default_factory=Asking, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class CheckedUser(Handle):
    """A password was right; nothing is open at Clerk."""

    name: str = field(repr=False)
    user: ClerkUser = field(repr=False)


class Clerk(Provider):
    """Asks for codes, and has Clerk's Backend API check them and passwords."""

    def __init__(
        self, backend: BackendApi, clock: Clock, limits: Limits, *, mail_domain: str = "", name: str = "clerk"
    ) -> None:
        """Take the parts.

        Args:
            backend: The Backend API.
            clock: Time.
            limits: What one person may cost.
            mail_domain: Makes mail addresses of names; a name that has an ``@`` already is nobody's then.
            name: As the configuration names the provider.
        """
        self.name, self.backend, self.clock, self.limits = name, backend, clock, limits
        self.mail_domain = mail_domain
        self.used = UsedCodes(clock)
        self.usual = 0.0
        """Seconds that the last check took: a stranger's takes as long."""
        self.looking = SharedLook(self.look, clock, "reach")
        self.alive_at: float | None = None

    @override
    async def features(self, login: Login, deadline: float) -> frozenset[str]:
        # Not what this person has: a stranger could tell by it who is enrolled.
        return frozenset() if await self.reach(deadline) is not None else self.words()

    def words(self) -> frozenset[str]:
        """Return what this mode can do for somebody who has everything."""
        return frozenset({"code"})

    @override
    async def reach(self, deadline: float) -> Failed | None:
        if self.alive_at is not None and self.clock.now() - self.alive_at < REACHED_SECONDS:
            return None
        return await self.looking.result(deadline)

    async def look(self) -> Failed | None:
        """Look for a sign of life; only that counts for a while."""
        found = await self.look_for_life(self.clock.now() + CALL_SECONDS)
        self.alive_at = self.clock.now() if found is None else None
        return found

    async def look_for_life(self, deadline: float) -> Failed | None:
        """Ask everything that a login needs whether it is there."""
        return await self.backend.look_for_life(deadline)

    @override
    async def pretend(self, login: Login, deadline: float) -> Outcome:
        unreachable = await self.reach(deadline)
        if unreachable is not None:
            return unreachable
        if isinstance(login.factor, Code):
            return await self.refuse_stranger()
        return NeedsCode(AppQuestion(secrets.token_hex(8), login), APP_PROMPT, asked=False)

    async def pass_time(self, seconds: float) -> None:
        """Let the time go by that a real person's login would take."""
        if seconds > 0:
            await self.clock.sleep(seconds)

    async def refuse_stranger(self) -> Failed:
        """Say that a code is wrong, after the time that a check takes."""
        await self.pass_time(self.usual)
        return Failed(FailureKind.BAD_CODE, asked=False, detail="nobody's code")

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        match login.factor:
            case Push(number, draw_number) if number is not None or draw_number:
                return Failed(FailureKind.DOWNGRADED, asked=False, detail="Clerk binds no number to a question")
            case Code(code):
                return await self.begin_code(login, code.value.decode("utf-8", "replace"), deadline)
            case Push() | Method():
                word = login.factor.word if isinstance(login.factor, Method) else "push"
                return await self.begin_question(login, "" if word == "push" else word, deadline)

    async def begin_code(self, login: Login, typed: str, deadline: float) -> Outcome:
        """Check a code with nothing sent before."""
        code = read_code(typed)
        if code is None:
            return WRONG
        user = await self.find(login, deadline)
        if isinstance(user, Failed):
            return user
        return await self.check_code(login, user, code, deadline)

    async def begin_question(self, login: Login, word: str, deadline: float) -> Outcome:
        """Ask for a code."""
        if word:
            detail = f"no method {clean(word, 32)!r} in this mode"
            return Failed(FailureKind.PROTOCOL, asked=False, detail=detail)
        user = await self.find(login, deadline)
        if isinstance(user, Failed):
            return user
        if not user.totp:
            return Failed(FailureKind.NOT_ENROLLED, asked=False, detail="users: no authenticator app")
        question = AppQuestion(secrets.token_hex(8), login, user)
        return NeedsCode(question, APP_PROMPT, asked=False)

    @override
    async def wait(self, handle: Handle, deadline: float) -> Approved | Denied | Failed:
        return Failed(FailureKind.PROTOCOL, asked=True, detail="Clerk's codes are typed, nobody answers them")

    @override
    async def submit(self, handle: Handle, code: str, deadline: float) -> Approved | Denied | NeedsCode | Failed:
        if not isinstance(handle, AppQuestion):
            return Failed(FailureKind.PROTOCOL, asked=True, detail="not a question of this provider")
        asking = handle.asking
        if asking.over:
            return OVER
        text, outcome = read_code(code), WRONG
        if handle.user is None:
            outcome = await self.refuse_stranger()
        elif text is not None:
            checked = await self.check_code(handle.login, handle.user, text, deadline)
            if isinstance(checked, Approved) or checked.kind is not FailureKind.BAD_CODE:
                asking.over = isinstance(checked, Approved) or checked.kind not in NOBODY_ASKED
                return checked
            outcome = checked
        asking.tries += 1
        if asking.tries < TRIES:
            return NeedsCode(handle, APP_PROMPT, asked=False, detail=outcome.detail)
        asking.over = True
        return outcome

    async def check_code(self, login: Login, user: ClerkUser, code: str, deadline: float) -> Approved | Failed:
        """Check a code, if the person has any tries left."""
        keys = (self.address(login.user), user.id)
        if not self.used.claim(user.id, code):
            return USED
        outcome = await self.check_counted(keys, user, code, deadline)
        if not isinstance(outcome, Approved):
            self.used.free(user.id, code)
        return outcome

    async def check_counted(
        self, keys: tuple[str, str], user: ClerkUser, code: str, deadline: float
    ) -> Approved | Failed:
        """Check a code and count it under the person's names, if it may be a wrong one."""
        if not self.limits.codes.take(*keys):
            return too_often("wrong codes")
        began = self.clock.now()
        outcome = await self.backend.check_code(user, code, deadline)
        self.usual = self.clock.now() - began
        if not counts(outcome):
            self.limits.codes.give_back(*keys)
        return outcome

    async def check_password(self, login: Login, password: Secret, deadline: float) -> Checked:
        """Check a password by the Backend API; a stranger's is wrong after the time that a check takes."""
        try:
            text = password.value.decode("utf-8")
        except UnicodeDecodeError:
            await self.pass_time(self.usual)
            return PasswordWrong("not in UTF-8")
        if self.limits.passwords.is_spent(self.address(login.user)):
            return too_often("wrong passwords")
        user = await self.find(login, deadline)
        if isinstance(user, Failed):
            if user.kind not in (FailureKind.NOT_ENROLLED, FailureKind.LOCKED):
                return user
            await self.pass_time(min(self.usual, deadline - self.clock.now()))
            return PasswordWrong(user.detail) if user.kind is FailureKind.NOT_ENROLLED else user
        keys = (self.address(login.user), user.id)
        if not self.limits.passwords.take(*keys):
            return too_often("wrong passwords")
        began = self.clock.now()
        checked = await self.password_of(login, user, text, deadline)
        self.usual = self.clock.now() - began
        if not isinstance(checked, PasswordWrong):
            self.limits.passwords.give_back(*keys)
        return checked

    async def password_of(self, login: Login, user: ClerkUser, password: str, deadline: float) -> Checked:
        """Check the password of somebody who was found."""
        failed = await self.backend.check_password(user, password, deadline)
        if failed is None:
            return PasswordRight(handle=CheckedUser(secrets.token_hex(8), login.user, user))
        return PasswordWrong(failed.detail) if failed.kind is FailureKind.BAD_PASSWORD else failed

    async def find(self, login: Login, deadline: float) -> ClerkUser | Failed:
        """Look the person up, unless the check of the password has just done so."""
        if isinstance(login.checked, CheckedUser) and login.checked.name == login.user:
            return login.checked.user
        address = self.address(login.user)
        if not address or not is_clean_name(login.user):
            return Failed(FailureKind.NOT_ENROLLED, asked=False, detail="no name that Clerk could know")
        if self.limits.codes.is_spent(address):
            return too_often("wrong codes")
        return await self.backend.find(address, deadline)

    def address(self, user: str) -> str:
        """Return under what Clerk knows a person; empty for somebody whom it cannot know.

        In one spelling, as Clerk ignores case: or each spelling would have tries of its own.
        """
        name = user.casefold()
        if not self.mail_domain:
            return name
        return "" if "@" in name else f"{name}@{self.mail_domain}"

    @override
    async def cancel(self, handle: Handle) -> None:
        if isinstance(handle, AppQuestion):
            handle.asking.over = True

    @override
    async def close(self) -> None:
        await self.looking.close()
        await self.backend.close()
