"""What the corner cases of ThreatWinds share."""

from pushgate.outcome import NeedsCode
from tests.simulators.base import Recorded
from tests.simulators.threatwinds_rig import ThreatWindsRig


def is_check(request: Recorded) -> bool:
    """Whether a request asks whether the session is verified."""
    return request.method == "GET" and request.path.endswith("/session")


def is_code(request: Recorded) -> bool:
    """Whether a request hands a code in."""
    return request.path.endswith("/verification")


async def begun(made: ThreatWindsRig, user: str = "alice") -> NeedsCode:
    """Have a code mailed."""
    outcome = await made.provider.begin(await made.login(user), made.clock.now() + 60)
    assert isinstance(outcome, NeedsCode), outcome
    return outcome
