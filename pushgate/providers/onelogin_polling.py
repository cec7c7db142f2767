"""Looking for a person's answer at OneLogin until it is there or the deadline has come; and what the two ways share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pushgate.clock import Clock
from pushgate.http import Reply
from pushgate.outcome import Approved, Denied, Failed, FailureKind
from pushgate.providers.onelogin_budget import CallBudget
from pushgate.providers.onelogin_devices import Device, Kind
from pushgate.providers.onelogin_token import CallFailedError

MAX_TRIES = 3
"""Wrong codes of one question: OneLogin locks people out after more of them."""
NO_ANSWER = Failed(FailureKind.EXPIRED, asked=True, detail="no answer by the deadline")
OVER = Failed(FailureKind.CANCELLED, asked=True, detail="this question is over")
TOO_MANY = Failed(FailureKind.BAD_CODE, asked=True, detail="three wrong codes")
NO_CODE = Failed(FailureKind.BAD_CODE, asked=False, detail="this can be no code")
RETRIED = (FailureKind.UNAVAILABLE, FailureKind.RATE_LIMITED)
PROMPTS = {
    Kind.SMS: "Type the code that was sent by SMS",
    Kind.EMAIL: "Type the code that was sent by email",
    Kind.CODE: "Type the code of your authenticator",
}
ANY_CODE = "Type a code"


@dataclass(slots=True, eq=False)
class Life:
    """What changes in the life of a question; OneLogin has no call that takes one back, so we remember that it is."""

    ended: bool = False
    wrong_codes: int = 0

    def is_over(self) -> bool:
        """Whether nothing that is answered now counts."""
        return self.ended


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look has shown; no outcome: nobody has answered yet."""

    outcome: Approved | Denied | Failed | None = None
    again: bool = False
    """The failure may pass: look again."""
    pause: float = field(default=0.0)
    """Seconds for which OneLogin wants to be left alone."""


def seen_reply(reply: Reply, outcome: Approved | Denied | Failed | None) -> Seen:
    """Say whether a reply's failure may pass: an outage or a limit may, an answer that we do not know may not."""
    again = isinstance(outcome, Failed) and outcome.kind in RETRIED
    return Seen(outcome, again, reply.retry_after or 0.0)


def seen_failure(error: CallFailedError) -> Seen:
    """Say whether what is no reply may pass: an unreadable one may be a proxy's hiccup."""
    problem = told(error.problem, "wait", asked=True)
    unreadable = problem.kind is FailureKind.PROTOCOL and error.sent
    return Seen(problem, unreadable or problem.kind in RETRIED)


def told(problem: Failed, step: str, *, asked: bool) -> Failed:
    """Return a failure with its step, and whether somebody may have been asked by then."""
    detail = f"{step}: {problem.detail}"
    return Failed(problem.kind, asked, detail, problem.status, problem.trace, problem.hint)


async def poll(
    look: Callable[[float], Awaitable[Seen]],
    is_over: Callable[[], bool],
    clock: Clock,
    budget: CallBudget,
    deadline: float,
) -> Approved | Denied | Failed:
    """Look until somebody has answered; the last look is at the deadline."""
    started, heard, asked_for = clock.now(), False, 0.0
    while True:
        now = clock.now()
        pause = max(budget.pause(now - started), asked_for)
        await clock.sleep(max(0.0, min(pause, deadline - now)))
        if is_over():
            return OVER
        looked_at = clock.now()
        # Past the deadline this is the last look: the caller bounds it.
        seen = await look(max(deadline, looked_at + 1.0))
        if seen.outcome is not None and not seen.again:
            return OVER if is_over() else seen.outcome
        heard, asked_for = heard or seen.outcome is None, seen.pause
        if looked_at >= deadline:
            # Who was heard waiting once, and then went away, has asked a person who did not answer in time.
            return NO_ANSWER if heard or not isinstance(seen.outcome, Failed) else seen.outcome


def prompt_for(device: Device) -> str:
    """Return what a person is asked for."""
    return PROMPTS.get(device.kind, ANY_CODE)


def count_wrong(outcome: Approved | Failed, life: Life) -> Approved | Failed:
    """Count wrong codes of a question; after three it takes no more."""
    if isinstance(outcome, Failed) and outcome.kind is FailureKind.BAD_CODE:
        life.wrong_codes += 1
    return outcome
