"""What the provider port promises beside whole logins: several at once, withdrawal, deadlines, signs of life."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from pushgate.outcome import Approved, Failed, FailureKind, Handle, NeedsCode, Pending
from pushgate.providers.base import WITHDRAW_SECONDS
from tests.simulators.elsewhere import address_of
from tests.simulators.faults import reply, slow, slow_served
from tests.simulators.on_rig import EACH_RIG, LAST_LOOK, MANY, answer, asked, begin, on_rig, open_questions
from tests.simulators.person import wrong
from tests.simulators.rig import Rig
from tests.simulators.rigs import MakeRig
from tests.simulators.situations import Server
from tests.simulators.tap import Spot, Tap


@EACH_RIG
def test_of_two_logins_only_the_approved_one_opens(make: MakeRig) -> None:
    """Alice logs in twice at once and approves the first question: the second one stays shut."""

    async def play(rig: Rig) -> None:
        logins = [replace(await rig.login(), join_key=key) for key in (b"a" * 32, b"b" * 32)]
        # A provider may allow one question at a time: then the second begins when the first is over.
        second_begins = asyncio.create_task(begin(rig, logins[1])) if rig.rings else None
        first = await begin(rig, logins[0])
        if rig.rings:
            assert second_begins is not None
            second = await second_begins
            waits = [asyncio.create_task(answer(rig, each)) for each in (first, second)]
            rig.approve(first.handle)
            assert isinstance(await waits[0], Approved)
            late = await waits[1]
            assert isinstance(late, Failed), late
            assert late.kind is FailureKind.EXPIRED
        else:
            assert isinstance(await answer(rig, first, rig.right_code(first.handle)), Approved)
            second = await begin(rig, logins[1])
        assert first.handle.id != second.handle.id
        await rig.provider.cancel(second.handle)
        assert open_questions(rig) == 0

    on_rig(make, play)


@EACH_RIG
def test_a_code_of_one_login_opens_no_other(make: MakeRig) -> None:
    """A code that was sent for one login is wrong for another one of the same person."""

    async def play(rig: Rig) -> None:
        if rig.rings:
            assert isinstance(await begin(rig), Pending)
            return
        first = await begin(rig)
        other = asyncio.create_task(begin(rig))
        await rig.clock.sleep(5)
        code = rig.right_code(first.handle)
        if other.done():  # else the provider has one question at a time
            second = await other
            if rig.right_code(second.handle) != code:
                assert not isinstance(await answer(rig, second, code), Approved)
        assert isinstance(await answer(rig, first, code), Approved)
        await rig.provider.cancel((await other).handle)
        assert open_questions(rig) == 0

    on_rig(make, play)


@EACH_RIG
def test_a_withdrawal_may_come_twice(make: MakeRig) -> None:
    """A core that withdraws twice, or what was never begun, meets no exception and leaves nothing behind."""

    async def play(rig: Rig) -> None:
        begun = await begin(rig)
        for handle in (begun.handle, begun.handle, Handle("nobody-knows")):
            await rig.provider.cancel(handle)
        assert open_questions(rig) == 0
        assert not isinstance(await answer(rig, begun, wrong(rig.right_code(begun.handle))), Approved)

    on_rig(make, play)


@EACH_RIG
@pytest.mark.parametrize("fault", [slow, slow_served, reply(500), reply(429), reply(200, b"<html>")])
def test_a_withdrawal_ends_in_time(make: MakeRig, fault: Callable[..., Awaitable[object]]) -> None:
    """A provider that is slow or broken holds up no withdrawal for longer than a second."""

    async def play(rig: Rig) -> None:
        begun = await begin(rig)
        tap = Tap(rig.simulator, fault, Spot("cancel", 0))  # type: ignore[arg-type]
        tap.step = "cancel"
        started = rig.clock.now()
        await rig.provider.cancel(begun.handle)
        assert rig.clock.now() - started <= WITHDRAW_SECONDS

    on_rig(make, play)


@EACH_RIG
def test_a_wait_ends_with_its_deadline(make: MakeRig) -> None:
    """A push that nobody answers is given up at the deadline, but for one last look."""

    async def play(rig: Rig) -> None:
        begun = await begin(rig)
        deadline = rig.clock.now() + 10
        outcome = await rig.provider.wait(begun.handle, deadline)
        assert isinstance(outcome, Failed)
        assert rig.clock.now() <= deadline + LAST_LOOK
        await rig.provider.cancel(begun.handle)

    on_rig(make, play)


@EACH_RIG
def test_a_sign_of_life_asks_nobody(make: MakeRig) -> None:
    """Many logins that look for a sign of life at once ask nobody and cost the provider a few requests."""

    async def play(rig: Rig) -> None:
        before = len(rig.simulator.ledger.requests)
        found = await asyncio.gather(*(rig.provider.reach(rig.clock.now() + 5) for _ in range(MANY)))
        assert set(found) == {None}
        assert len(rig.simulator.ledger.requests) - before < MANY / 5
        assert asked(rig) == 0

    on_rig(make, play)


@EACH_RIG
def test_a_sign_of_life_is_missing_where_nobody_listens(make: MakeRig) -> None:
    """A provider that cannot be reached says so without having asked anybody, and has no features."""

    async def play(rig: Rig) -> None:
        login = await rig.login()
        async with address_of(rig, Server.REFUSED) as url:
            provider = rig.provider_at(url)
            found = await provider.reach(rig.clock.now() + 5)
            assert found is None or (found.kind, found.asked) == (FailureKind.UNAVAILABLE, False)
            begun = await provider.begin(login, rig.clock.now() + 5)
            assert isinstance(begun, Failed)
            assert (begun.kind, begun.asked) == (FailureKind.UNAVAILABLE, False)
            assert "number" not in await provider.features(login, rig.clock.now() + 5)
            await provider.close()

    on_rig(make, play)


@EACH_RIG
def test_a_login_without_time_asks_nobody(make: MakeRig) -> None:
    """A login whose deadline has passed before it begins is a failure, and nobody is rung."""

    async def play(rig: Rig) -> None:
        login = await rig.login()
        before = asked(rig)
        outcome = await rig.provider.begin(login, rig.clock.now())
        if isinstance(outcome, NeedsCode):  # what asks nobody needs no time
            assert not outcome.asked
        else:
            assert isinstance(outcome, Failed), outcome
        assert asked(rig) == before

    on_rig(make, play)
