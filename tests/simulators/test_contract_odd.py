"""What the provider port promises about odd calls: handles, codes, methods and numbers of nobody, and strangers."""

from dataclasses import replace

import pytest

from pushgate.login import Code, Method, Push, Secret
from pushgate.outcome import Approved, Failed, FailureKind, Handle, NeedsCode, Pending
from tests.simulators.on_rig import EACH_RIG, answer, asked, begin, on_rig, open_questions
from tests.simulators.person import TIMEOUT
from tests.simulators.rig import Rig
from tests.simulators.rigs import MakeRig


@EACH_RIG
def test_a_question_of_nobody_is_a_failure(make: MakeRig) -> None:
    """A handle that the provider has not made opens nothing and raises nothing."""

    async def play(rig: Rig) -> None:
        deadline = rig.clock.now() + 5
        for outcome in (
            await rig.provider.wait(Handle("../../etc?x=%00"), deadline),
            await rig.provider.submit(Handle("nobody-knows"), "123456", deadline),
        ):
            assert isinstance(outcome, Failed), outcome

    on_rig(make, play)


ODD = ["", " ", "1", "x" * 100_000, "١٢٣٤٥٦", "12345.6", "{}", "\x00" * 6, "00000000000000"]


@EACH_RIG
@pytest.mark.parametrize("code", ODD, ids=ascii)
def test_odd_codes_are_wrong(make: MakeRig, code: str) -> None:
    """What is no code opens nothing and raises nothing, typed at the prompt or behind the password."""

    async def play(rig: Rig) -> None:
        begun = await begin(rig)
        assert not isinstance(await answer(rig, begun, code or " "), Approved)
        await rig.provider.cancel(begun.handle)
        typed = replace(await rig.login(), factor=Code(Secret(code.encode())))
        outcome = await rig.provider.begin(typed, rig.clock.now() + TIMEOUT)
        assert isinstance(outcome, Failed), outcome

    on_rig(make, play)


@EACH_RIG
@pytest.mark.parametrize("gap", [" ", "-"])
def test_a_code_may_be_typed_as_it_is_read_out(make: MakeRig, gap: str) -> None:
    """A person who types the digits in two groups is let in."""

    async def play(rig: Rig) -> None:
        begun = await begin(rig)
        if rig.rings and not rig.checks_codes:
            return await rig.provider.cancel(begun.handle)
        code = rig.right_code(begun.handle)
        outcome = await answer(rig, begun, f"{code[:3]}{gap}{code[3:]}")
        assert isinstance(outcome, Approved), outcome
        await rig.provider.cancel(begun.handle)
        return None

    on_rig(make, play)


@EACH_RIG
def test_unknown_methods_ask_nobody(make: MakeRig) -> None:
    """A person who asks for a way that the provider does not know is refused, and nobody is asked."""

    async def play(rig: Rig) -> None:
        before = asked(rig)
        login = replace(await rig.login(), factor=Method("pigeon\n" * 50))
        outcome = await rig.provider.begin(login, rig.clock.now() + TIMEOUT)
        assert isinstance(outcome, Failed), outcome
        assert (outcome.kind, outcome.asked) == (FailureKind.PROTOCOL, False)
        assert outcome.detail.isprintable()
        assert len(outcome.detail) < 200
        assert asked(rig) == before

    on_rig(make, play)


@EACH_RIG
@pytest.mark.parametrize("push", [Push(draw_number=True), Push(Secret(b"42"))], ids=["drawn", "typed"])
def test_a_number_that_cannot_be_bound_asks_nobody(make: MakeRig, push: Push) -> None:
    """A login that needs a number is refused by a provider without numbers before anybody is asked."""

    async def play(rig: Rig) -> None:
        login = await rig.login()
        if "number" in await rig.provider.features(login, rig.clock.now() + TIMEOUT):
            assert isinstance(await rig.provider.begin(replace(login, factor=push), rig.clock.now() + 9), Pending)
            return
        before = asked(rig)
        outcome = await rig.provider.begin(replace(login, factor=push), rig.clock.now() + TIMEOUT)
        assert isinstance(outcome, Failed), outcome
        assert (outcome.kind, outcome.asked) == (FailureKind.DOWNGRADED, False)
        assert asked(rig) == before

    on_rig(make, play)


@EACH_RIG
def test_a_stranger_asks_nobody(make: MakeRig) -> None:
    """A login that must not be accepted asks nobody, and no code is right for it."""

    async def play(rig: Rig) -> None:
        login = replace(await rig.login(), known=False)
        before = asked(rig)
        outcome = await rig.provider.pretend(login, rig.clock.now() + TIMEOUT)
        assert not isinstance(outcome, Approved)
        if isinstance(outcome, Pending | NeedsCode):
            for code in (rig.right_code() if rig.checks_codes else "654321", "123456"):
                assert not isinstance(await answer(rig, outcome, code), Approved)
            await rig.provider.cancel(outcome.handle)
        assert asked(rig) == before
        assert open_questions(rig) == 0

    on_rig(make, play)
