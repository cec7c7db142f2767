"""Corner cases of OneLogin by their number: what happens once, to one login alone, and stays secret."""

import asyncio
from dataclasses import replace

from structlog.testing import capture_logs

from pushgate.login import Login, Method
from pushgate.outcome import Approved, Failed, FailureKind, NeedsCode
from tests.simulators.base import until
from tests.simulators.corners.onelogin.shared import BOTH, kind_of, pushed, wait
from tests.simulators.onelogin_rig import OneLoginRig, play


@BOTH
def test_corner_09_a_minute_of_polls_rings_once(password: bool) -> None:
    """A person who takes a minute is rung once, and looked for about 25 times."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        assert kind_of(await wait(rig, handle)) is FailureKind.EXPIRED
        counts = rig.simulator.ledger.counts
        assert (counts["pushes"], counts["creates"]) == (1, 1)
        assert 20 <= counts["polls"] <= 27

    play(scene, password=password)


@BOTH
def test_corner_10_two_logins_are_approved_apart(password: bool) -> None:
    """Of two logins of one person the one that was approved opens, the other does not."""

    async def scene(rig: OneLoginRig) -> None:
        first, second = await asyncio.gather(pushed(rig), pushed(rig))
        rig.approve(second)
        answers = await asyncio.gather(wait(rig, first, 20), wait(rig, second, 20))
        assert answers[1] == Approved()
        assert kind_of(answers[0]) is FailureKind.EXPIRED
        assert rig.simulator.ledger.counts["pushes"] == 2

    play(scene, password=password)


@BOTH
def test_corner_17_no_secret_in_logs_and_failures(password: bool) -> None:
    """A reader of logs, failures and handles finds no password, secret, token or code."""

    async def scene(rig: OneLoginRig) -> str:
        login: Login = await rig.login()
        said: list[object] = [login]
        handle = await pushed(rig)
        said += [handle, await rig.provider.submit(handle, "424242", rig.clock.now() + 60)]
        rig.simulator.revoke_token()
        said.append(await wait(rig, handle, 5))
        again = await rig.login()
        rig.simulator.knobs.status_next(400, {"message": "s" * 64})
        said.append(await rig.provider.begin(again, rig.clock.now() + 60))
        held = [rig.simulator.token, "s" * 64, "wonderland", "424242"]
        held += [each.id for each in rig.simulator.asked.values()] if password else []
        text = repr(said)
        assert [secret for secret in held if secret in text] == []
        return rig.simulator.token

    with capture_logs() as events:
        token = play(scene, password=password)
    assert token not in repr(events)
    assert [event["event"] for event in events] == ["onelogin_token_renewed"]


@BOTH
def test_corner_20_a_code_is_used_once(password: bool) -> None:
    """A connection that breaks after a code was checked costs one submit, and opens nothing."""

    async def scene(rig: OneLoginRig) -> None:
        outcome = await rig.provider.begin(
            replace(await rig.login("carol"), factor=Method("sms")), rig.clock.now() + 60
        )
        assert isinstance(outcome, NeedsCode)
        rig.simulator.knobs.drop_next(served=True)
        code = rig.right_code(outcome.handle)
        submitted = await rig.provider.submit(outcome.handle, code, rig.clock.now() + 60)
        assert isinstance(submitted, Failed)
        assert (submitted.kind, submitted.asked) == (FailureKind.UNAVAILABLE, True)
        assert (rig.simulator.ledger.counts["submits"], rig.simulator.ledger.counts["mails"]) == (1, 1)

    play(scene, password=password)


@BOTH
def test_corner_20_a_create_that_is_slow_is_not_repeated(password: bool) -> None:
    """A question whose answer does not come in time was asked once, and lets nobody in by an outage."""

    async def scene(rig: OneLoginRig) -> None:
        login = await rig.login()
        ending = "verify_factor" if password else "/verifications"
        rig.simulator.knobs.only = lambda request: request.method == "POST" and request.path.endswith(ending)
        rig.simulator.knobs.latency = 100
        outcome = await rig.provider.begin(login, rig.clock.now() + 60)
        assert isinstance(outcome, Failed)
        assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, True)
        await until(lambda: rig.simulator.ledger.count("POST", ending) == 1)

    play(scene, password=password)
