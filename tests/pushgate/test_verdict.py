"""From what a provider said to a verdict."""

import pytest

from pushgate.decision import Reason
from pushgate.login import Code, Factor, Method, Push, Secret
from pushgate.outcome import (
    NOBODY_ASKED,
    TYPED_CODE,
    Approved,
    Denied,
    Failed,
    FailureKind,
    Handle,
    NeedsCode,
    Outcome,
    Pending,
)
from pushgate.policy import Rule
from pushgate.verdict import Verdict, binds_place, describe_factor, judge
from tests.support.core import make_login

CODE = Code(Secret(b"123456"))
CHOSEN, DRAWN = Push(Secret(b"57")), Push(draw_number=True)


def test_only_an_approval_is_accepted() -> None:
    """A provider's word other than approved rejects under the default rule, unfinished ones included."""
    outcomes: list[Outcome] = [Denied(), Pending(Handle("s")), NeedsCode(Handle("s"), "Code: ")]
    outcomes += [Failed(kind, asked) for kind in FailureKind for asked in (True, False)]
    assert not any(judge(make_login(), outcome, Rule()).accept for outcome in outcomes)
    assert judge(make_login(), Approved(), Rule()).reason is Reason.APPROVED


def test_which_reasons_accept() -> None:
    """Of all reasons only an approval, one that still holds, an exemption and the configured fail-open accept."""
    accepting = {reason for reason in Reason if Verdict(reason).accept}
    assert accepting == {Reason.APPROVED, Reason.REMEMBERED, Reason.UNLOCKED, Reason.EXEMPT, Reason.FAIL_OPEN}


@pytest.mark.parametrize("kind", list(FailureKind))
@pytest.mark.parametrize("asked", [True, False])
def test_fail_open(kind: FailureKind, asked: bool) -> None:
    """A service that fails open does so while the provider is unreachable and surely asked nobody."""
    verdict = judge(make_login(), Failed(kind, asked), Rule(accept_if_unreachable=True))
    opens = kind is FailureKind.UNAVAILABLE and not asked
    assert (verdict.accept, verdict.factor) == (opens, "fail_open" if opens else "")


@pytest.mark.parametrize("kind", sorted(NOBODY_ASKED))
def test_codes_of_people_without_codes(kind: FailureKind) -> None:
    """A stranger who types a code for somebody without codes reads what a wrong code of anybody gets."""
    assert judge(make_login(factor=CODE), Failed(kind, asked=False), Rule()).reason is Reason.BAD_CODE
    assert judge(make_login(), Failed(kind, asked=False), Rule()).reason.value == kind.value


@pytest.mark.parametrize(
    ("factor", "device", "name"),
    [
        (Push(), "phone", "push"),
        (CHOSEN, "phone", "push+number"),
        (DRAWN, "", "push+number"),
        (CODE, "", "code"),
        (Push(), TYPED_CODE, "code"),
        (DRAWN, TYPED_CODE, "code"),
        (Method("phone"), "", "push"),
    ],
)
def test_what_opened_the_door(factor: Factor, device: str, name: str) -> None:
    """The audit and the rules for reply attributes learn what opened the door."""
    assert describe_factor(make_login(factor=factor), Approved(device)) == name


def test_what_ties_a_person_to_the_place() -> None:
    """A number or a typed code ties the person to the place of the login; a plain push or a call does not."""
    assert [binds_place(factor) for factor in (CHOSEN, DRAWN, CODE)] == [True, True, True]
    assert [binds_place(factor) for factor in (Push(), Method("phone"), Method("2"))] == [False, False, False]


@pytest.mark.parametrize("who", ["known", "permitted"])
def test_nobody_gets_in_under_a_name_that_must_not(who: str) -> None:
    """A login of a name that this machine does not know, or bars, is let in by no approval and by no outage."""
    stranger, outage = make_login(**{who: False}), Failed(FailureKind.UNAVAILABLE, asked=False)
    assert judge(stranger, Approved("phone"), Rule()).reason is Reason.BAD_CODE
    assert judge(stranger, outage, Rule(accept_if_unreachable=True)).reason is Reason.UNAVAILABLE
    assert judge(make_login(), outage, Rule(accept_if_unreachable=True)).accept


def test_what_stood_in_for_the_provider_is_named() -> None:
    """An administrator reads in the audit which code opened, and what is to be known beside it."""
    verdict = judge(make_login(), Approved(TYPED_CODE, "break_glass", "3 left"), Rule())
    assert (verdict.factor, verdict.detail) == ("break_glass", "3 left")
