"""What the corner cases of OneLogin share."""

from dataclasses import replace
from typing import Any

import pytest

from pushgate.outcome import Approved, Denied, Failed, FailureKind, Pending
from tests.simulators.base import Recorded
from tests.simulators.onelogin_rig import OneLoginRig

BOTH = pytest.mark.parametrize("password", [True, False], ids=["v1", "v2"])


def kind_of(outcome: object) -> FailureKind | None:
    """Return the kind of a failure."""
    return outcome.kind if isinstance(outcome, Failed) else None


def polls(request: Recorded) -> bool:
    """Whether a request looks for an answer."""
    return b'"do_not_notify": true' in request.body or request.method == "GET"


async def pushed(rig: OneLoginRig, **changes: Any) -> Any:
    """Ring alice; return the question."""
    outcome = await rig.provider.begin(replace(await rig.login(), **changes), rig.clock.now() + 60)
    assert isinstance(outcome, Pending)
    return outcome.handle


async def wait(rig: OneLoginRig, handle: Any, seconds: float = 60) -> Approved | Denied | Failed:
    """Wait for the answer."""
    return await rig.provider.wait(handle, rig.clock.now() + seconds)
