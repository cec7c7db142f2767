"""The words that a person reads at the place of the login; an administrator may change them."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from pushgate.decision import Reason

MAX_TEXT = 253
"""Octets: what fits one Reply-Message; some appliances show the first one only."""

NUMBER_PLACE = "{number}"
WAYS_PLACE = "{ways}"
WAY_WORDS = frozenset({"email", "resend", "sms", "voice"})
"""What a question names of what may be typed: another way, or once more. ``phone`` is heard as well."""

WAITS_AS_IF_IGNORED = frozenset(
    {Reason.NOT_ENROLLED, Reason.LOCKED, Reason.RATE_LIMITED, Reason.UNKNOWN_USER, Reason.BARRED}
)
"""Rejections that would tell a stranger who is enrolled, if they came sooner or in other words than an ignored push."""


@dataclass(frozen=True, slots=True)
class Words:
    """Every text, with its default.

    ``{number}`` stands for the number that the device will ask for, ``{ways}`` for the words of other ways.
    """

    approved: str = "Approved"
    denied: str = "Denied"
    no_answer: str = "Nobody answered in time"
    rejected: str = "Rejected"
    given_up: str = "Cancelled"
    wrong_code: str = "Wrong code"
    field_form: str = "Leave the password empty or type push"
    password_form: str = "Type your password, a comma and push"  # noqa: S105 - a text, not a secret
    number_form: str = "Add a comma and two digits of your choice; your device will ask for them"
    push_sent: str = "Approval requested. Please answer on your device."
    number_sent: str = "Type {number} on your device to approve."
    code_sent: str = "A code was sent. Log in again: password, comma, code"
    code_sent_alone: str = "A code was sent. Log in again with the code in place of the password"
    other_ways: str = "Other ways: {ways}"
    code_alone: str = "No device can be asked. Type a code"
    push_or_code: str = "Approve on your device, then press Enter, or type a code"
    number_or_code: str = "Type {number} on your device to approve, then press Enter, or type a code"

    def message(self, reason: Reason, *, has_password: bool = True) -> str:
        """Return what the person is told about a decision; most reasons are the administrator's business alone.

        Args:
            reason: Of the decision.
            has_password: Whether a first factor checks a password of this service.
        """
        known: Mapping[Reason, str] = {
            Reason.APPROVED: self.approved,
            Reason.REMEMBERED: self.approved,
            Reason.UNLOCKED: self.approved,
            Reason.EXEMPT: self.approved,
            Reason.FAIL_OPEN: self.approved,
            Reason.DENIED: self.denied,
            Reason.EXPIRED: self.no_answer,
            Reason.GIVEN_UP: self.given_up,
            Reason.CODE_SENT: self.code_sent if has_password else self.code_sent_alone,
            Reason.BAD_CODE: self.wrong_code,
            Reason.NUMBER_NEEDED: self.number_form,
            Reason.BAD_SECRET: self.field_form,
            Reason.FACTOR_NEEDED: self.password_form,
        }
        if reason in WAITS_AS_IF_IGNORED:
            return self.no_answer
        return known.get(reason, self.rejected)

    def announcement(self, number: str) -> str:
        """Return the line that a person sees where the place of the login can show one but asks nothing."""
        return self.number_sent.replace(NUMBER_PLACE, number) if number else self.push_sent

    def question(self, number: str, ways: Set[str] = frozenset()) -> str:
        """Return what a person is asked at the place of the login while the device rings, with the ways to choose."""
        asked = self.number_or_code.replace(NUMBER_PLACE, number) if number else self.push_or_code
        return self.with_ways(asked, ways)

    def code_prompt(self, prompt: str, ways: Set[str] = frozenset()) -> str:
        """Return the question for a code, as the provider words it, with the other ways to choose from."""
        return self.with_ways(prompt, ways)

    def with_ways(self, question: str, ways: Set[str]) -> str:
        """Add the words by which the person may choose another way."""
        words = ", ".join(sorted(ways & WAY_WORDS))
        return f"{question}. {self.other_ways.replace(WAYS_PLACE, words)}" if words else question

    def again(self, question: str) -> str:
        """Return what a person is asked after a wrong code: the same, so that a number stays in sight."""
        return f"{self.wrong_code}. {question}"
