"""A decision as the PAM code that the module returns."""

from enum import IntEnum

from pushgate.decision import Decision, Reason


class PamCode(IntEnum):
    """The codes that the module accepts; it turns any other byte into SERVICE_ERR."""

    SUCCESS = 0
    SERVICE_ERR = 3
    AUTH_ERR = 7
    AUTHINFO_UNAVAIL = 9
    USER_UNKNOWN = 10
    MAXTRIES = 11
    IGNORE = 25
    ABORT = 26


OUR_FAULT = {Reason.INTERNAL, Reason.CONFIG, Reason.PROTOCOL, Reason.OVERLOADED, Reason.FIRST_FACTOR_FAILED}
"""Nobody was refused: the login could not be dealt with. sudo does not repeat a call that ends in SERVICE_ERR."""

NO_SUCH_USER = {Reason.UNKNOWN_USER, Reason.BAD_NAME}


def code_for(
    decision: Decision,
    *,
    local: bool,
    denied: PamCode = PamCode.AUTH_ERR,
    exempt: PamCode = PamCode.SUCCESS,
) -> PamCode:
    """Choose the code.

    Args:
        decision: What the core decided.
        local: The caller already has an account here (sudo, su), so it may learn that another one does not exist.
            sshd must not tell: there an unknown user ends like any other refused one.
        denied: What a denial by the person becomes.
        exempt: What an exemption becomes: SUCCESS or IGNORE.
    """
    if decision.accept:
        return exempt if decision.reason is Reason.EXEMPT else PamCode.SUCCESS
    if decision.reason is Reason.DENIED:
        return denied
    if decision.reason is Reason.UNAVAILABLE:
        return PamCode.AUTHINFO_UNAVAIL
    if decision.reason in OUR_FAULT:
        return PamCode.SERVICE_ERR
    if decision.reason in NO_SUCH_USER and local:
        return PamCode.USER_UNKNOWN
    return PamCode.AUTH_ERR
