"""What was found about a login, and how it follows from what the provider said."""

from dataclasses import dataclass, field

from pushgate.decision import Reason
from pushgate.firstfactor.base import PasswordRight
from pushgate.login import Code, Factor, Login, Method, Push
from pushgate.outcome import NOBODY_ASKED, TYPED_CODE, Approved, Denied, Failed, Outcome
from pushgate.policy import Rule, may_fail_open

ACCEPTING = frozenset({Reason.APPROVED, Reason.REMEMBERED, Reason.UNLOCKED, Reason.EXEMPT, Reason.FAIL_OPEN})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found about a login, before it becomes a recorded decision."""

    reason: Reason
    detail: str = ""
    factor: str = ""
    """What opened the door."""
    person: PasswordRight = field(default_factory=PasswordRight)
    provider: str = ""
    """Which provider has answered, as the configuration names it."""

    @property
    def accept(self) -> bool:
        """Only an approval, now or a moment ago, an exemption and the configured fail-open accept."""
        return self.reason in ACCEPTING


def judge(login: Login, outcome: Outcome, rule: Rule) -> Verdict:
    """Turn what the provider said into a verdict; whatever is not an approval rejects."""
    match outcome:
        case Approved() if not (login.known and login.permitted):
            # Whoever said so: this machine lets nobody in under that name. In the words of a wrong code.
            return Verdict(Reason.BAD_CODE, "a right code of somebody who must not get in")
        case Approved():
            return Verdict(Reason.APPROVED, outcome.detail or outcome.device, describe_factor(login, outcome))
        case Denied():
            return Verdict(Reason.DENIED, outcome.reason)
        case Failed() if login.known and login.permitted and may_fail_open(rule, outcome):
            return Verdict(Reason.FAIL_OPEN, outcome.detail, "fail_open")
        case Failed() if isinstance(login.factor, Code) and outcome.kind in NOBODY_ASKED:
            # In the same words as a wrong code of somebody who has codes.
            return Verdict(Reason.BAD_CODE, f"{outcome.kind}: {outcome.detail}")
        case Failed():
            return Verdict(Reason(outcome.kind.value), outcome.detail)
        case _:
            return Verdict(Reason.PROTOCOL, "the provider answered neither yes nor no")


def binds_place(factor: Factor) -> bool:
    """Whether a factor ties the person to the place of the login: by a number, or by a code that is typed there."""
    match factor:
        case Push(number, draw_number):
            return number is not None or draw_number
        case Code():
            return True
        case Method():
            return False


def describe_factor(login: Login, approved: Approved) -> str:
    """Name what opened the door, for the audit and for rules about reply attributes."""
    if approved.factor:
        return approved.factor
    if isinstance(login.factor, Code) or approved.device == TYPED_CODE:
        return "code"
    numbered = isinstance(login.factor, Push) and binds_place(login.factor)
    return "push+number" if numbered else "push"
