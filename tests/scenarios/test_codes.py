"""Numbers and codes in the core: where they are required, where they are typed, what an outage does to them."""

import re

import pytest

from pushgate.decision import Reason
from pushgate.login import Code, Factor, Login, Push, Secret
from pushgate.outcome import Approved, Failed, FailureKind, Handle, NeedsCode
from pushgate.policy import Policy, Rule
from tests.support.core import Core, RecordingConversation, make_login


def vpn(typed: bytes, **changes: object) -> Login:
    """Return a VPN login with this in its password field."""
    return make_login(service="vpn", secret=Secret(typed), **changes)


@pytest.mark.parametrize(
    ("typed", "shows", "factor"),
    [
        (b"", False, None),
        (b"push", False, None),
        (b"sms", False, None),
        (b"2", True, None),
        (b"", True, Push(draw_number=True)),
        (b"57", True, Push(Secret(b"57"))),
        (b"57", False, Push(Secret(b"57"))),
        (b"123456", False, Code(Secret(b"123456"))),
    ],
)
async def test_a_required_number(typed: bytes, shows: bool, factor: Factor | None) -> None:
    """Where a number is required nobody is asked without one; a typed code needs none, a phone call does."""
    begun: list[Factor] = []

    def begin(login: Login) -> Approved:
        begun.append(login.factor)
        return Approved()

    core = Core(begin)
    core.provider.can = frozenset({"number"})
    core.authenticator.policy = Policy({"vpn": Rule(number="required")})
    decision = await core.start(vpn(typed), RecordingConversation(shows_at_once=shows))
    assert begun == ([] if factor is None else [factor])
    assert decision.reason is (Reason.NUMBER_NEEDED if factor is None else Reason.APPROVED)


async def test_a_number_that_the_provider_cannot_bind() -> None:
    """A provider without numbers asks nobody where one is required; elsewhere two digits are no factor."""
    core = Core(Approved())
    core.authenticator.policy = Policy({"vpn": Rule(number="required"), "loose": Rule(number="optional")})
    shows = RecordingConversation(shows_at_once=True)
    assert (await core.start(vpn(b"57"), shows)).reason is Reason.BAD_SECRET
    assert (await core.start(vpn(b""), shows)).reason is Reason.NUMBER_NEEDED
    assert (await core.start(make_login(service="loose", secret=Secret(b"57")))).reason is Reason.BAD_SECRET
    assert core.provider.calls == []


async def test_the_question_of_a_person_who_cannot_be_asked_shows_a_number_too() -> None:
    """A stranger who sees the question cannot tell from it who has a device."""
    core = Core(Failed(FailureKind.NOT_ENROLLED, asked=False))
    core.provider.can = frozenset({"number"})
    core.authenticator.policy = Policy({"vpn": Rule(number="optional")})
    conversation = RecordingConversation(core.clock.now(), [], can_ask=True, shows_at_once=True)
    login = core.start(vpn(b""), conversation)
    await core.settle()
    assert re.fullmatch("Type [0-9]{2} on your device .*", conversation.asked[0])
    login.cancel()
    await core.settle()


@pytest.mark.parametrize(
    ("typed", "submitted"), [("é", None), ("\uff11" * 6, "111111"), ("123 456", "123456"), ("recovery-7", "recovery-7")]
)
async def test_odd_codes(typed: str, submitted: str | None) -> None:
    """A person who types what no code can be is rejected like for any wrong code, not by a fault of ours."""
    question = NeedsCode(Handle("s1"), "Code: ")
    core = Core(question)
    core.provider.code_answers = [question] * 3
    decision = await core.start(make_login(), RecordingConversation(typed=[typed] * 3))
    assert decision.reason is Reason.BAD_CODE
    assert core.provider.submitted == ([] if submitted is None else [submitted] * 3)


async def test_cancelling_at_the_code() -> None:
    """A person who writes cancel where a code is wanted gives the login up."""
    core = Core(NeedsCode(Handle("s1"), "Code: "))
    decision = await core.start(make_login(), RecordingConversation(typed=["cancel"]))
    assert (decision.reason, core.provider.submitted) == (Reason.GIVEN_UP, [])
    assert core.provider.calls[-1] == "cancel s1"


async def test_an_outage_at_the_code_does_not_fail_open() -> None:
    """A provider that wanted a code and then went away lets nobody in, also where failing open is configured."""
    core = Core(NeedsCode(Handle("s1"), "Code: "))
    core.provider.code_answers = [Failed(FailureKind.UNAVAILABLE, asked=False)]
    assert not (await core.start(make_login(service="open"), RecordingConversation(typed=["123456"]))).accept


async def test_an_outage_while_the_person_was_asked_does_not_fail_open() -> None:
    """An attacker who makes a code fail while the push is ignored does not get in."""
    core = Core()
    core.provider.code_answers = [Failed(FailureKind.UNAVAILABLE, asked=False)]
    conversation = RecordingConversation(core.clock.now(), ["123456"], can_ask=True)
    assert not (await core.start(make_login(service="open"), conversation)).accept
