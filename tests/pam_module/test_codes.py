import pytest

from pam_module.codes import PamCode, code_for
from pushgate.decision import Decision, Reason
from pushgate.verdict import ACCEPTING

LOCAL_AND_REMOTE = {
    Reason.DENIED: (7, 7),
    Reason.EXPIRED: (7, 7),
    Reason.WITHDRAWN: (7, 7),
    Reason.BAD_SECRET: (7, 7),
    Reason.BAD_NAME: (10, 7),
    Reason.UNKNOWN_USER: (10, 7),
    Reason.NOT_PERMITTED: (7, 7),
    Reason.BARRED: (7, 7),
    Reason.OVERLOADED: (3, 3),
    Reason.INTERNAL: (3, 3),
    Reason.BAD_PASSWORD: (7, 7),
    Reason.BAD_CODE: (7, 7),
    Reason.FIRST_FACTOR_FAILED: (3, 3),
    Reason.NUMBER_NEEDED: (7, 7),
    Reason.FACTOR_NEEDED: (7, 7),
    Reason.GIVEN_UP: (7, 7),
    Reason.CODE_SENT: (7, 7),
    Reason.CANCELLED: (7, 7),
    Reason.NOT_ENROLLED: (7, 7),
    Reason.LOCKED: (7, 7),
    Reason.DOWNGRADED: (7, 7),
    Reason.RATE_LIMITED: (7, 7),
    Reason.CONFIG: (3, 3),
    Reason.PROTOCOL: (3, 3),
    Reason.UNAVAILABLE: (9, 9),
}


@pytest.mark.parametrize("reason", set(Reason) - ACCEPTING)
def test_every_rejection_has_its_code(reason: Reason) -> None:
    """A rejection gives the documented code; only a local caller learns that an account does not exist."""
    decision = Decision(False, reason, "audit")
    assert (code_for(decision, local=True), code_for(decision, local=False)) == LOCAL_AND_REMOTE[reason]


@pytest.mark.parametrize("reason", Reason)
def test_only_accept_succeeds(reason: Reason) -> None:
    """Success follows ``accept`` alone, whatever the reason says."""
    assert code_for(Decision(True, reason, "audit"), local=False) is PamCode.SUCCESS
    assert code_for(Decision(False, reason, "audit"), local=False) is not PamCode.SUCCESS


@pytest.mark.parametrize("code", [PamCode.AUTH_ERR, PamCode.ABORT, PamCode.MAXTRIES])
def test_a_denial_has_the_code_that_was_chosen(code: PamCode) -> None:
    """An administrator chooses what a denial becomes; every other rejection keeps its own code."""
    denied = Decision(False, Reason.DENIED, "audit")
    assert code_for(denied, local=True, denied=code) is code
    assert code_for(Decision(False, Reason.EXPIRED, "audit"), local=True, denied=code) is PamCode.AUTH_ERR


@pytest.mark.parametrize("code", [PamCode.SUCCESS, PamCode.IGNORE])
def test_an_exemption_has_the_code_that_was_chosen(code: PamCode) -> None:
    """An administrator chooses whether an exemption succeeds or leaves the login to the other modules."""
    assert code_for(Decision(True, Reason.EXEMPT, "audit"), local=False, exempt=code) is code
    assert code_for(Decision(True, Reason.APPROVED, "audit"), local=False, exempt=code) is PamCode.SUCCESS
    assert code_for(Decision(False, Reason.EXEMPT, "audit"), local=False, exempt=code) is PamCode.AUTH_ERR
