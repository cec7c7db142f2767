"""OneLogin's v1 login: the password and the second factor of one login, by the same ``state_token``.

::

    login/auth ── wrong ──────────────> PasswordWrong
       └── right, state_token ──> verify_factor, rings ──> verify_factor with do_not_notify ... success
                              └─> verify_factor with otp_token ─────────────────────────────── success
"""

import secrets
from dataclasses import dataclass, field, replace

from pushgate.clock import Clock
from pushgate.firstfactor.base import Checked, PasswordRight, PasswordWrong
from pushgate.login import Code, Login, Secret
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome, Pending
from pushgate.providers.onelogin_devices import POLLED, Device, Kind, choose
from pushgate.providers.onelogin_polling import (
    MAX_TRIES,
    NO_CODE,
    OVER,
    TOO_MANY,
    Life,
    Seen,
    count_wrong,
    poll,
    prompt_for,
    seen_failure,
    seen_reply,
    told,
)
from pushgate.providers.onelogin_server import ASK_SECONDS, SPENT, OneLoginServer
from pushgate.providers.onelogin_token import CallFailedError
from pushgate.providers.onelogin_v1_wire import (
    AUTH_PATH,
    VERIFY_PATH,
    auth_body,
    read_auth,
    read_verify,
    read_verify_code,
    strange_path,
    verify_body,
    wants_code,
)
from pushgate.providers.onelogin_wire import read_code

STATE_TOKEN_SECONDS = 120.0
"""How long a state_token lives; OneLogin's own client says so of another call."""
NO_MFA_FACTOR = "password"
NO_MFA = Failed(
    FailureKind.DOWNGRADED,
    asked=False,
    detail="login/auth: OneLogin wants no second factor of this person",
    hint="require MFA in the person's OneLogin policy; allow_no_mfa lets people in by the password alone",
)


@dataclass(frozen=True, slots=True)
class CheckedPassword(Handle):
    """A right password, with what asks its person next."""

    owner: object = field(repr=False)
    """Which account of OneLogin said so: its state_token goes nowhere else."""
    user_id: str
    devices: tuple[Device, ...] = ()
    state_token: str = field(default="", repr=False)
    """Empty: OneLogin wants no second factor, and the configuration allows that."""
    expires_at: float = 0.0
    life: Life = field(default_factory=Life, repr=False)
    """Of the login; it goes on where the person chooses another way, and ends all its questions."""


@dataclass(frozen=True, slots=True)
class FactorQuestion(Handle):
    """A second factor that a person has to show."""

    checked: CheckedPassword
    device: Device
    life: Life = field(default_factory=Life, repr=False)

    def is_over(self) -> bool:
        """Whether nothing that is answered now counts."""
        return self.life.is_over() or self.checked.life.is_over()


class PasswordLogin:
    """The v1 login of one account."""

    def __init__(
        self, server: OneLoginServer, clock: Clock, *, subdomain: str, send_ip: bool, allow_no_mfa: bool
    ) -> None:
        self.server, self.clock, self.subdomain = server, clock, subdomain
        self.send_ip, self.allow_no_mfa = send_ip, allow_no_mfa

    async def check(self, login: Login, password: Secret, deadline: float) -> Checked:
        """Check a password once, never a second time: OneLogin counts failures and locks the person."""
        try:
            text = password.value.decode("utf-8")
        except UnicodeDecodeError:
            return PasswordWrong("the password is no text")
        if not self.server.budget.allows_new():
            return SPENT
        body = auth_body(login, text, self.subdomain, send_ip=self.send_ip)
        try:
            reply = await self.server.call("POST", AUTH_PATH, deadline, body=body, limit=ASK_SECONDS)
        except CallFailedError as error:
            return told(error.problem, "login/auth", asked=error.sent)
        right = read_auth(reply)
        if isinstance(right, Failed):
            return PasswordWrong(right.detail) if right.kind is FailureKind.BAD_PASSWORD else right
        if not right.state_token and not self.allow_no_mfa:
            return NO_MFA
        expires_at = self.clock.now() + STATE_TOKEN_SECONDS
        name = secrets.token_hex(8)
        checked = CheckedPassword(name, self, right.user_id, right.devices, right.state_token, expires_at)
        return PasswordRight(handle=checked)

    async def begin(self, checked: CheckedPassword, device: Device, login: Login, deadline: float) -> Outcome:
        """Ask the person by this device, or check the code that was typed."""
        if checked.life.is_over():
            return OVER
        question = FactorQuestion(secrets.token_hex(8), checked, device)
        if isinstance(login.factor, Code):
            typed = login.factor.code.value.decode("utf-8", "replace")
            return await self.submit(question, typed, deadline, asked=False)
        if device.kind is Kind.CODE:
            return self.needs_code(question, asked=False)
        body = verify_body(device, checked.state_token, notify=True)
        try:
            reply = await self.server.call("POST", VERIFY_PATH, deadline, body=body, limit=ASK_SECONDS)
        except CallFailedError as error:
            return told(error.problem, "verify_factor", asked=error.sent)
        if wants_code(reply):
            return self.needs_code(question, asked=False)
        outcome = strange_path(reply, "verify_factor") or read_verify(reply, checked.user_id)
        if outcome is not None:
            return outcome
        return Pending(question) if device.kind in POLLED else self.needs_code(question, asked=True)

    @staticmethod
    def needs_code(question: FactorQuestion, *, asked: bool) -> NeedsCode:
        """Want a code of the person."""
        expires_at = question.checked.expires_at
        return NeedsCode(question, prompt_for(question.device), asked=asked, expires_at=expires_at)

    async def wait(self, question: FactorQuestion, deadline: float) -> Approved | Denied | Failed:
        """Wait for the answer on the device; no look rings it again."""
        checked = question.checked

        async def look(until: float) -> Seen:
            body = verify_body(question.device, checked.state_token)
            try:
                reply = await self.server.call("POST", VERIFY_PATH, until, body=body)
            except CallFailedError as error:
                return seen_failure(error)
            outcome = read_verify(reply, checked.user_id)
            if isinstance(outcome, Failed) and outcome.kind is FailureKind.BAD_CODE:
                # No code was sent: what has failed is the push, and only the person can bring that about.
                return Seen(Denied())
            return seen_reply(reply, outcome)

        return await poll(look, question.is_over, self.clock, self.server.budget, deadline)

    async def submit(
        self, question: FactorQuestion, text: str, deadline: float, *, asked: bool = True
    ) -> Approved | Failed:
        """Check a code with the same state_token; while a push is out, the code of whatever makes some."""
        checked, device = question.checked, question.device
        if question.is_over():
            return OVER
        # Of all questions of this login together: OneLogin counts them per person, too.
        if checked.life.wrong_codes >= MAX_TRIES:
            return TOO_MANY
        if device.kind in POLLED:
            device = choose(checked.devices, Code(Secret(b""))) or device
        code = read_code(text, device)
        if not code:
            return replace(NO_CODE, asked=asked)
        body = verify_body(device, checked.state_token, code=code)
        try:
            reply = await self.server.call("POST", VERIFY_PATH, deadline, body=body, limit=ASK_SECONDS)
        except CallFailedError as error:
            return told(error.problem, "verify_factor", asked=asked or error.sent)
        return count_wrong(read_verify_code(reply, checked.user_id), checked.life)
