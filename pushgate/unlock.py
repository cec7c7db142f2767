"""``pushgate unlock``, the daemon's side: one question to the person, then logins are let in for a while."""

import asyncio
import socket
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import override

from pushgate.audit import new_audit_id
from pushgate.authenticator import Authenticator
from pushgate.control import Report, Unlocking
from pushgate.conversation import CannotAsk, Conversation
from pushgate.decision import Decision, Reason
from pushgate.durations import show_duration
from pushgate.errors import PushgateError
from pushgate.login import Login, Origin, OriginSource
from pushgate.policy import UNLOCK_SERVICE
from pushgate.remembered import Key
from pushgate.sections.common import Duration, IpAddress, Name
from pushgate.tasks import finish
from pushgate.text import clean, is_clean_name

log = structlog.get_logger()

MAX_SHOWN = 512
"""Characters: what every provider shows of a command. What is cut off is not approved."""
ALLOW = "allow it: under pam.services, in the service, unlock: {longest: 1h}"

ANSWERS = {
    Reason.DENIED: ("denied it", "what was remembered of this person is forgotten, too"),
    Reason.EXPIRED: ("did not answer in time", "have the device at hand and try again"),
    Reason.NOT_ENROLLED: (
        "is not known to the provider, or has no device there",
        "pushgate user add makes people known",
    ),
    Reason.RATE_LIMITED: ("has been asked too often without approving", "wait five minutes"),
    Reason.OVERLOADED: ("cannot be asked: too many logins are pending", "pushgate status shows them"),
    Reason.UNAVAILABLE: ("cannot be asked: the provider cannot be reached", "see the daemon's log"),
}


class Wish(BaseModel):
    """What is to be unlocked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str
    seconds: Duration
    services: list[Name] = Field(default_factory=list, max_length=64)
    address: IpAddress | None = None


class Silence(Conversation):
    """There is nobody at the place of this login: only the device can answer. Who asks is root, and may know all."""

    reply_by, ends_by, can_ask, shows_at_once, may_know = None, None, False, False, True

    @override
    async def tell(self, text: str) -> None:
        return

    @override
    async def ask(self, prompt: str, *, echo: bool) -> str:
        raise CannotAsk


class Unlocker(Unlocking):
    """Asks people whether they may be let in without asking, and shows and ends what they have allowed."""

    def __init__(self, authenticator: Authenticator) -> None:
        self.authenticator, self.clock = authenticator, authenticator.clock
        self.remembered, self.audit = authenticator.remembered, authenticator.audit
        self.asking: dict[asyncio.Task[Decision], str] = {}
        """Questions that are out, and whom they are about."""
        self.stopping = False

    @override
    async def unlock(self, asked: Mapping[str, Any]) -> Report:
        wish = read_wish(asked)
        periods = self.periods(wish)
        decision = await self.ask(login_for(wish, periods))
        if decision.reason is not Reason.APPROVED:
            what, hint = ANSWERS.get(decision.reason, (f"could not be asked ({decision.reason})", "see the audit"))
            raise PushgateError(f"{clean(wish.user, 128)} {what}", f"{hint}; audit record {decision.audit_id}")
        for service, seconds in periods.items():
            self.remembered.unlock(wish.user, service, wish.address or "", seconds, decision.audit_id)
        details = {"user": wish.user, "services": shown_periods(periods), "address": wish.address or ""}
        self.audit.note("unlock_granted", decision.audit_id, details)
        log.info("unlocked", audit_id=decision.audit_id, user=clean(wish.user, 128), services=list(periods))
        return {"open": [entry for entry in self.show_open()["open"] if entry["id"] == decision.audit_id]}

    def periods(self, wish: Wish) -> dict[str, float]:
        """Return for how long each service is to be opened: as wished, but no longer than its rule allows.

        Raises:
            PushgateError: a service is named that may not be unlocked, or there is none that may.
        """
        rules = self.authenticator.policy.rules
        longest = {name: rule.unlock_longest for name, rule in rules.items() if rule.unlock_longest}
        for name in wish.services:
            if name not in longest:
                raise PushgateError(f"{name} may not be unlocked", ALLOW)
        if not longest:
            raise PushgateError("no service may be unlocked", ALLOW)
        return {name: min(wish.seconds, longest[name]) for name in dict.fromkeys(wish.services) or sorted(longest)}

    async def ask(self, login: Login) -> Decision:
        """Ask the person; whoever cancels us withdraws the question.

        Raises:
            PushgateError: the daemon stops, or the unlocking was revoked meanwhile.
        """
        if self.stopping:
            raise self.taken_back()
        task = asyncio.create_task(self.authenticator.authenticate(login, Silence()))
        self.asking[task] = login.user
        task.add_done_callback(self.asking.pop)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise self.taken_back() from None
            task.cancel("nobody waits for the unlocking any more")
            await finish(task)
            raise

    def taken_back(self) -> PushgateError:
        """Say why the question was withdrawn, or not put, although somebody waits for its answer."""
        if self.stopping:
            return PushgateError("the daemon stops", "nothing was opened; ask again when it is back")
        return PushgateError("it was revoked meanwhile", "nothing was opened")

    @override
    def lock(self, asked: Mapping[str, Any]) -> Report:
        user = asked.get("user")
        if not isinstance(user, str) or not is_clean_name(user):
            raise PushgateError("no user has such a name", "1 to 128 characters, none hidden")
        forgotten = self.remembered.forget(user)
        for task, asked_about in self.asking.items():
            # Or an approval of what was asked before would open again what is closed now.
            if asked_about.casefold() == user.casefold():
                task.cancel("revoked")
        audit_id = new_audit_id()
        self.audit.note("unlock_revoked", audit_id, {"user": user, "forgotten": forgotten})
        log.info("locked", audit_id=audit_id, user=clean(user, 128), forgotten=forgotten)
        return {"forgotten": forgotten, "id": audit_id}

    @override
    def show_open(self) -> Report:
        running = self.remembered.all_running(self.authenticator.policy.rules)
        return {"open": [self.describe(key, left, audit_id) for key, left, audit_id in running]}

    def describe(self, key: Key, left: float, audit_id: str) -> dict[str, Any]:
        """Say who is let in where, and until when."""
        return {
            "id": audit_id,
            "user": key.user,
            "account": key.account,
            "service": key.service,
            "address": key.address,
            "bound_to": key.bond,
            "until": (self.clock.wall() + timedelta(seconds=left)).isoformat(timespec="seconds"),
            "seconds_left": round(left),
        }

    async def close(self) -> None:
        """Withdraw what is being asked, and ask nobody any more."""
        self.stopping = True
        for task in list(self.asking):
            task.cancel("the daemon stops")
            await finish(task)


def read_wish(asked: Mapping[str, Any]) -> Wish:
    """Read what the command sent.

    Raises:
        PushgateError: it makes no sense.
    """
    try:
        wish = Wish.model_validate(dict(asked))
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(part) for part in fault["loc"])
        message = str(fault["msg"]).removeprefix("Value error, ")
        raise PushgateError(f"{place}: {message}", "pushgate unlock --help") from None
    if not is_clean_name(wish.user):
        raise PushgateError("no user has such a name", "1 to 128 characters, none hidden")
    return wish


def login_for(wish: Wish, periods: Mapping[str, float]) -> Login:
    """Make the login that stands for the question.

    Raises:
        PushgateError: it is more than the person could be shown.
    """
    question = f"let you in without asking: {shown_periods(periods)}; from {wish.address or 'anywhere'}"
    if len(question) > MAX_SHOWN:
        raise PushgateError("these are more services than one question can show", "name fewer, with --service")
    return Login(
        user=wish.user,
        service=UNLOCK_SERVICE,
        host=socket.gethostname(),
        origin=Origin(None, OriginSource.LOCAL),
        command=question,
        ours=True,
    )


def shown_periods(periods: Mapping[str, float]) -> str:
    """Write which service is opened for how long."""
    return ", ".join(f"{service} {show_duration(seconds)}" for service, seconds in periods.items())
