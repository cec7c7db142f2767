"""Outcomes."""

from pushgate.authenticator import judge
from pushgate.decision import Reason
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome, Pending
from pushgate.policy import Rule
from tests.support.core import make_login


def test_only_an_approval_is_accepted() -> None:
    """A provider's word other than approved rejects under the default rule, unfinished ones included."""
    outcomes: list[Outcome] = [Denied(), Pending(Handle("s")), NeedsCode(Handle("s"), "Code: ")]
    outcomes += [Failed(kind, asked) for kind in FailureKind for asked in (True, False)]
    assert not any(judge(make_login(), outcome, Rule()).accept for outcome in outcomes)
    assert judge(make_login(), Approved(), Rule()).reason is Reason.APPROVED
