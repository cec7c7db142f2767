"""What holds of LoginTC: the same logins against its simulator and against our own authority, over real HTTP."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from pushgate.login import Code, Login, Secret
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, Pending
from tests.simulators import authority_rig, logintc_rig
from tests.simulators.base import Answer, until

Rig = logintc_rig.LoginTcRig | authority_rig.AuthorityRig


@pytest.fixture(params=["logintc", "authority"])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    """Alice at one of the two."""
    make = {"logintc": logintc_rig.rig, "authority": authority_rig.rig}[request.param]
    async with make() as made:
        yield made


async def begin(rig: Rig, login: Login | None = None) -> Handle:
    """Ask alice."""
    outcome = await rig.provider.begin(login or await rig.login(), rig.clock.now() + 20)
    assert isinstance(outcome, Pending), outcome
    return outcome.handle


async def answer_of(rig: Rig, handle: Handle, seconds: float = 10) -> Approved | Denied | Failed:
    """Wait for alice."""
    return await rig.provider.wait(handle, rig.clock.now() + seconds)


def counts(rig: Rig) -> dict[str, int]:
    """What the provider did, but for polls."""
    return {word: count for word, count in rig.simulator.ledger.counts.items() if count and word != "polls"}


async def test_an_approval_opens(rig: Rig) -> None:
    """Alice approves on her device, and is let in by one create and one push; nothing stays open."""
    handle = await begin(rig)
    rig.approve(handle)
    assert isinstance(await answer_of(rig, handle), Approved)
    assert (counts(rig), rig.leftovers()) == ({"creates": 1, "pushes": 1}, 0)


async def test_a_denial_ends(rig: Rig) -> None:
    """Alice denies on her device, and the login is denied."""
    handle = await begin(rig)
    rig.deny(handle)
    assert isinstance(await answer_of(rig, handle), Denied)
    assert rig.leftovers() == 0


async def test_an_ignored_push_expires_and_is_taken_back(rig: Rig) -> None:
    """Alice does not answer; at the deadline the login has expired, and after the withdrawal nothing is open."""
    handle = await begin(rig)
    result = await answer_of(rig, handle, 0.2)
    assert isinstance(result, Failed)
    assert (result.kind, result.asked, rig.leftovers()) == (FailureKind.EXPIRED, True, 1)
    await rig.provider.cancel(handle)
    await rig.provider.cancel(handle)
    assert rig.leftovers() == 0


async def test_a_forgotten_session_has_expired(rig: Rig) -> None:
    """A server that no longer knows a session ends the wait at once."""
    handle = await begin(rig)
    rig.expire(handle)
    result = await answer_of(rig, handle)
    assert isinstance(result, Failed)
    assert (result.kind, result.status) == (FailureKind.EXPIRED, 404)


async def test_two_logins_are_approved_apart(rig: Rig) -> None:
    """Alice logs in twice at once and approves the first; the second one stays closed."""
    first, second = await begin(rig), await begin(rig)
    rig.approve(first)
    outcomes = await asyncio.gather(answer_of(rig, first), answer_of(rig, second, 0.3))
    assert isinstance(outcomes[0], Approved)
    assert isinstance(outcomes[1], Failed)
    assert rig.simulator.ledger.counts["pushes"] == 2


async def test_a_right_code_opens_and_a_wrong_one_does_not(rig: Rig) -> None:
    """Alice types a code behind her password; nobody is asked."""
    login, right = await rig.login(), rig.right_code()
    wrong = ("1" if right[0] == "0" else "0") + right[1:]
    for code, expected in ((right, Approved("code")), (wrong, FailureKind.BAD_CODE)):
        typed = replace(login, factor=Code(Secret(code.encode())))
        outcome = await rig.provider.begin(typed, rig.clock.now() + 10)
        assert (outcome.kind if isinstance(outcome, Failed) else outcome) == expected
    assert counts(rig) == {"creates": 2, "submits": 2}


async def test_a_code_opens_while_the_push_is_out(rig: Rig) -> None:
    """Alice types a code while her phone rings: a wrong one ends nothing, a right one opens."""
    handle = await begin(rig)
    wrong = await rig.provider.submit(handle, "000000", rig.clock.now() + 10)
    assert isinstance(wrong, Failed)
    assert (wrong.kind, wrong.asked) == (FailureKind.BAD_CODE, True)
    right = await rig.provider.submit(handle, rig.right_code(handle), rig.clock.now() + 10)
    assert right == Approved("code")
    await rig.provider.cancel(handle)
    assert rig.leftovers() == 0


async def test_nobody_of_that_name_is_asked(rig: Rig) -> None:
    """A person whom the server does not know is not enrolled, and nobody is asked."""
    outcome = await rig.provider.begin(await rig.login("nobody"), rig.clock.now() + 10)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked, outcome.status) == (FailureKind.NOT_ENROLLED, False, 404)
    assert outcome.hint


async def test_a_wrong_key_is_a_fault_of_the_configuration(rig: Rig) -> None:
    """An administrator with a wrong key is told so, and nobody is asked."""
    provider = rig.provider_at(rig.simulator.url, "w" * 64)
    outcome = await provider.begin(await rig.login(), rig.clock.now() + 10)
    await provider.close()
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked, outcome.status) == (FailureKind.CONFIG, False, 401)
    assert (outcome.hint, counts(rig)) == ("the API key is refused: check api_key_file", {})


async def test_a_connection_that_breaks_after_the_create_is_not_used_again(rig: Rig) -> None:
    """A create whose answer got lost is not repeated: alice is asked once, and nothing fails open."""
    await rig.provider.reach(rig.clock.now() + 5)
    rig.simulator.knobs.only = lambda request: request.method == "POST"
    rig.simulator.knobs.drop_next(served=True)
    outcome = await rig.provider.begin(await rig.login(), rig.clock.now() + 10)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, True)
    assert rig.simulator.ledger.counts["pushes"] == 1


async def test_an_outage_while_waiting_passes(rig: Rig) -> None:
    """Alice approves although the server fails for two questions in between."""
    handle = await begin(rig)
    rig.simulator.knobs.only = lambda request: request.method == "GET"
    rig.simulator.knobs.status_next(502)
    rig.simulator.knobs.drop_next()
    rig.approve(handle)
    assert isinstance(await answer_of(rig, handle), Approved)


async def test_a_compressed_answer_is_read(rig: Rig) -> None:
    """A server that compresses its answers is understood."""
    handle = await begin(rig)
    rig.approve(handle)
    await until(lambda: rig.leftovers() == 0)
    rig.simulator.knobs.only = lambda request: "/sessions/" in request.path and request.method == "GET"
    body = gzip.compress(f'{{"id":"{handle.id}","state":"approved"}}'.encode())
    rig.simulator.knobs.faults.append(Answer(200, body, {"Content-Encoding": "gzip"}))
    assert isinstance(await answer_of(rig, handle), Approved)
