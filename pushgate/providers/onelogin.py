"""The provider ``onelogin``: asks people through OneLogin, with the password (v1) or without one (v2).

A login whose password OneLogin itself has checked goes on by v1, with what that check brought; any other is asked by
v2. OneLogin has no call that takes a question back: one that we have given up stays on the telephone until it runs
out, and what is answered there opens nothing.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from typing_extensions import override

from pushgate.clock import Clock
from pushgate.firstfactor.base import Checked, PasswordWrong
from pushgate.limiter import Limiter
from pushgate.login import Code, Login, Method, Push, Secret
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome
from pushgate.providers.base import Provider
from pushgate.providers.onelogin_devices import SENT, Kind, choose, is_known_word
from pushgate.providers.onelogin_polling import PROMPTS, Life, prompt_for
from pushgate.providers.onelogin_server import SPENT, OneLoginServer
from pushgate.providers.onelogin_v1 import NO_MFA_FACTOR, CheckedPassword, FactorQuestion, PasswordLogin
from pushgate.providers.onelogin_v2 import Person, Verification, Verifications
from pushgate.text import clean, is_clean_name

Answer = TypeVar("Answer", bound=Outcome)

SENDS, SENDS_WITHIN = 5, 15 * 60.0
"""SMS, mails and telephone calls of one person, by whichever name: the key is OneLogin's id."""
WRONG_CODES, WRONG_WITHIN = 5, 15 * 60.0
"""Wrong codes of one person in all logins together: three in each would be as many as one likes."""
WORDS_OF_KIND = {
    Kind.PUSH: ("code",),
    Kind.CODE: ("code",),
    Kind.SMS: ("sms",),
    Kind.EMAIL: ("email",),
    Kind.LINK: ("email",),
    Kind.CALL: ("voice", "phone"),
    Kind.UNSUPPORTED: (),
}
EVERYTHING = frozenset(word for words in WORDS_OF_KIND.values() for word in words)
FOREIGN = Failed(FailureKind.PROTOCOL, asked=True, detail="not a question of this provider")
NO_DEVICE = Failed(FailureKind.NOT_ENROLLED, asked=False, detail="the person has no such device")
TOO_MANY_SENT = Failed(FailureKind.RATE_LIMITED, asked=False, detail="too many codes and calls sent to this person")
TOO_MANY_WRONG = Failed(FailureKind.RATE_LIMITED, asked=False, detail="too many wrong codes of this person")


class OneLogin(Provider):
    """Asks the person, checks a password, or checks a code, through OneLogin."""

    def __init__(
        self,
        server: OneLoginServer,
        passwords: PasswordLogin,
        verifications: Verifications,
        clock: Clock,
        *,
        name: str = "onelogin",
    ) -> None:
        self.name = name
        self.server, self.passwords, self.verifications = server, passwords, verifications
        self.sends = Limiter(clock, SENDS, SENDS_WITHIN)
        self.wrong_codes = Limiter(clock, WRONG_CODES, WRONG_WITHIN)

    @override
    async def features(self, login: Login, deadline: float) -> frozenset[str]:
        checked = self.checked(login)
        if checked is None:
            return EVERYTHING  # whoever it is: asking OneLogin would cost two calls of the hour for each login
        return frozenset(word for device in checked.devices for word in WORDS_OF_KIND[device.kind])

    @override
    async def reach(self, deadline: float) -> Failed | None:
        return await self.server.reach(deadline)

    async def check_password(self, login: Login, password: Secret, deadline: float) -> Checked:
        """Check the password of ``login.user`` at OneLogin, which asks nobody for that."""
        if not is_clean_name(login.user):
            return PasswordWrong("this can be no name")
        return await self.passwords.check(login, password, deadline)

    @override
    async def pretend(self, login: Login, deadline: float) -> Outcome:
        checked = self.checked(login)
        device = choose(checked.devices, login.factor) if checked is not None else None
        if device is None or device.kind not in PROMPTS or isinstance(login.factor, Code):
            return await super().pretend(login, deadline)
        # Who has got so far sees what a real person sees, and no code is right.
        return NeedsCode(Pretence("pretence"), prompt_for(device))

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        refused = self.refusal(login)
        if refused is not None:
            return refused
        checked = self.checked(login)
        if checked is not None and not checked.state_token:
            return let_in_by_password(login)
        if not self.server.budget.allows_new():
            return SPENT
        person = checked or await self.verifications.find(login, deadline)
        if isinstance(person, Failed):
            return person
        device = choose(person.devices, login.factor)
        if device is None:
            return NO_DEVICE
        counts = device.kind in SENT and not isinstance(login.factor, Code)
        if counts and not self.sends.take(person.user_id):
            return TOO_MANY_SENT

        async def ask() -> Outcome:
            if isinstance(person, CheckedPassword):
                return await self.passwords.begin(person, device, login, deadline)
            return await self.verifications.begin(person, device, login, deadline)

        outcome = await (self.counted(person.user_id, ask) if isinstance(login.factor, Code) else ask())
        if counts and isinstance(outcome, Failed) and not outcome.asked:
            self.sends.give_back(person.user_id)
        return outcome

    async def counted(self, user_id: str, check: Callable[[], Awaitable[Answer]]) -> Answer | Failed:
        """Check a code, unless too many of this person were wrong; counted before, as many may come at a moment."""
        if not self.wrong_codes.take(user_id):
            return TOO_MANY_WRONG
        outcome = await check()
        if isinstance(outcome, Approved):
            self.wrong_codes.forget(user_id)
        elif not may_be_wrong(outcome):
            self.wrong_codes.give_back(user_id)
        return outcome

    @staticmethod
    def refusal(login: Login) -> Failed | None:
        """Refuse what OneLogin cannot do, before it is asked."""
        match login.factor:
            case Push(number, draw_number) if number is not None or draw_number:
                return Failed(FailureKind.DOWNGRADED, asked=False, detail="OneLogin binds no number to a question")
            case Method(word) if not is_known_word(word):
                detail = f"no method {clean(word, 32)!r} at this provider"
                return Failed(FailureKind.PROTOCOL, asked=False, detail=detail)
        if not is_clean_name(login.user) or "*" in login.user:
            return Failed(FailureKind.NOT_ENROLLED, asked=False, detail="this can be no name")
        return None

    def checked(self, login: Login) -> CheckedPassword | None:
        """Return what our own check of the password brought; what another system checked is none of ours."""
        checked = login.checked
        return checked if isinstance(checked, CheckedPassword) and checked.owner is self.passwords else None

    @override
    async def wait(self, handle: Handle, deadline: float) -> Approved | Denied | Failed:
        match handle:
            case FactorQuestion():
                return await self.passwords.wait(handle, deadline)
            case Verification() if handle.verification_id:
                return await self.verifications.wait(handle, deadline)
            case _:
                return FOREIGN

    @override
    async def submit(self, handle: Handle, code: str, deadline: float) -> Approved | Denied | NeedsCode | Failed:
        match handle:
            case FactorQuestion(checked=CheckedPassword(user_id=user_id)):
                return await self.counted(user_id, lambda: self.passwords.submit(handle, code, deadline))
            case Verification(person=Person(user_id=user_id)):
                return await self.counted(user_id, lambda: self.verifications.submit(handle, code, deadline))
            case Pretence():
                return Failed(FailureKind.BAD_CODE, asked=True)
            case _:
                return FOREIGN

    @override
    async def cancel(self, handle: Handle) -> None:
        life = life_of(handle)
        if life is not None:
            life.ended = True

    @override
    async def close(self) -> None:
        await self.server.close()


class Pretence(Handle):
    """A question that was never asked."""


def may_be_wrong(outcome: Outcome) -> bool:
    """Whether OneLogin has refused a code, or may have: what it never saw counts for nothing."""
    match outcome:
        case Failed(FailureKind.BAD_CODE):
            return outcome.status is not None
        case Failed(FailureKind.UNAVAILABLE | FailureKind.PROTOCOL):
            return outcome.asked
        case _:
            return False


def life_of(handle: Handle) -> Life | None:
    """Return what remembers the end of a question."""
    match handle:
        case CheckedPassword() | FactorQuestion() | Verification():
            return handle.life
        case _:
            return None


def let_in_by_password(login: Login) -> Approved | Failed:
    """Let a person in whom OneLogin asks for no second factor, where the configuration allows it."""
    if not isinstance(login.factor, Push):
        return replace(NO_DEVICE, detail="OneLogin wants no second factor of this person, and can check none")
    return Approved(factor=NO_MFA_FACTOR, detail="OneLogin wanted no second factor")
