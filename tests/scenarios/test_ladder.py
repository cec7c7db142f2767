"""Whole logins through the core while a provider is down: who gets in, by what, and what the audit says of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from typing_extensions import override

from pushgate.authenticator import Authenticator
from pushgate.clock import FakeClock
from pushgate.decision import Decision, Reason
from pushgate.login import Login, Push
from pushgate.offline.checking import Ruling
from pushgate.offline.spelling import Kind
from pushgate.outcome import Approved, Failed, FailureKind, Handle, NeedsCode, Outcome
from pushgate.policy import Policy, Rule
from pushgate.providers.ladder import LadderProvider
from pushgate.providers.offline import PROMPT, OfflineProvider
from pushgate.providers.routes import Route, Routes
from pushgate.threads import Threads
from tests.support.core import RecordingAudit, RecordingConversation, ScriptedProvider, make_guards, make_login
from tests.support.offline import OfflineStore

DOWN = Failed(FailureKind.UNAVAILABLE, asked=False, detail="ping: refused")
STEP = "provider: unavailable: ping: refused; stepped down to offline_totp+break_glass"


class Ladder:
    """An authenticator over a provider and offline codes; ``sshd`` has the rung, ``open`` fails open without one."""

    def __init__(self, folder: Path, clock: FakeClock) -> None:
        self.clock, self.store = clock, OfflineStore(folder)
        self.store.now = clock.wall().timestamp()
        self.threads = Threads("test", 2, clock)
        self.provider = Reachable(clock)
        offline = OfflineProvider(self.store.path, set(Kind), self.threads, clock)
        rungs = {"provider": self.provider, "offline_totp+break_glass": offline}
        # That sshd may fail open is what the rung has to prevent.
        self.ladder = LadderProvider(rungs, Routes(("provider",), {"sshd": Route(tuple(rungs))}), clock)
        opening = Rule(accept_if_unreachable=True)
        policy = Policy({"sshd": opening, "open": opening, "plain": Rule()})
        self.audit = RecordingAudit()
        guards = make_guards(clock, budget=2)
        self.authenticator = Authenticator(policy, self.ladder, self.audit, clock, timeout=60, guards=guards)

    async def log_in(self, *typed: str, **login: object) -> tuple[Decision, RecordingConversation]:
        """Log in and type these lines."""
        conversation = RecordingConversation(typed=[*typed])
        return await self.authenticator.authenticate(make_login(**login), conversation), conversation

    def detail(self) -> str:
        """What the last record says beside the decision."""
        return self.audit.records[-1][2]


class Reachable(ScriptedProvider):
    """A provider that can be down."""

    down: Failed | None = None

    @override
    async def reach(self, deadline: float) -> Failed | None:
        return self.down

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        return self.down or await super().begin(login, deadline)


@pytest_asyncio.fixture
async def gate(private_folder: Path, fake_clock: FakeClock) -> AsyncIterator[Ladder]:
    """A ladder whose provider is up."""
    made = Ladder(private_folder, fake_clock)
    yield made
    made.threads.close()


async def test_a_code_on_paper_opens_once_while_the_provider_is_down(gate: Ladder) -> None:
    """A person gets in by a break-glass code, unseen; the audit names it and the step; the second time it is wrong."""
    [code] = gate.store.codes()
    gate.provider.down = DOWN
    decision, conversation = await gate.log_in(code)
    assert (decision.accept, decision.reason, decision.factor) == (True, Reason.APPROVED, "break_glass")
    assert (conversation.asked, conversation.echoes) == ([PROMPT], [False])
    assert gate.detail().startswith(f"{STEP}; 0 left")
    decision, conversation = await gate.log_in(code, code, code)
    assert (decision.accept, decision.reason, decision.message) == (False, Reason.BAD_CODE, "Wrong code")
    assert conversation.asked == [PROMPT, *[f"Wrong code. {PROMPT}"] * 2]
    assert gate.detail() == f"{STEP}; break_glass: used before"


async def test_an_apps_code_opens_while_the_provider_is_down(gate: Ladder) -> None:
    """A person mistypes the app's code, then types it right."""
    app = gate.store.totp()
    gate.provider.down = DOWN
    decision, _ = await gate.log_in("12345", app(0))
    assert (decision.accept, decision.factor) == (True, "offline_totp")


async def test_two_logins_that_race_with_one_code_open_one_door(gate: Ladder) -> None:
    """Who has copied a code and types it in the same moment as its owner: one of them gets in."""
    [code] = gate.store.codes()
    gate.provider.down = DOWN
    decided = await asyncio.gather(*(gate.log_in(code, "cancel") for _ in range(2)))
    assert sorted(decision.accept for decision, _ in decided) == [False, True]


async def test_offline_codes_are_worth_nothing_while_the_provider_is_up(gate: Ladder) -> None:
    """A person with a stolen code and a stolen password, and a provider that works: the provider decides alone."""
    [code], app = gate.store.codes(), gate.store.totp()
    gate.provider.code_answers = [Failed(FailureKind.BAD_CODE, asked=True)] * 3
    conversation = RecordingConversation(0, [code, app(0), app(0), app(0)], can_ask=True)
    decision = await gate.authenticator.authenticate(make_login(), conversation)
    assert (decision.accept, decision.reason) == (False, Reason.BAD_CODE)
    assert gate.provider.submitted == [app(0)] * 3
    assert gate.ladder.steps == {}
    assert gate.store.ruling("alice", code) is Ruling.RIGHT


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if kind is not FailureKind.UNAVAILABLE])
async def test_what_is_no_outage_offers_no_code(gate: Ladder, kind: FailureKind) -> None:
    """An attacker with a code who makes the provider refuse, or exhausts its limits, reads no prompt."""
    [code] = gate.store.codes()
    gate.provider.down = Failed(kind, asked=False)
    conversation = RecordingConversation(typed=[code])
    deciding = asyncio.create_task(gate.authenticator.authenticate(make_login(), conversation))
    await gate.clock.advance(61)
    decision = await deciding
    assert not decision.accept
    assert conversation.asked == []
    assert gate.ladder.steps == {}


async def test_an_outage_after_the_push_went_out_is_a_denial(gate: Ladder) -> None:
    """A person who is being asked, or may be, is not offered a code when the provider then goes away."""
    [code] = gate.store.codes()
    conversation = RecordingConversation(typed=[code])
    deciding = asyncio.create_task(gate.authenticator.authenticate(make_login(), conversation))
    await gate.clock.settle()
    gate.provider.answer("s1", Failed(FailureKind.UNAVAILABLE, asked=True))
    decision = await deciding
    assert (decision.accept, decision.reason) == (False, Reason.UNAVAILABLE)
    gate.provider.begin_with = Failed(FailureKind.UNAVAILABLE, asked=True)
    decision, conversation = await gate.log_in(code)
    assert (decision.accept, conversation.asked) == (False, [])


async def test_a_store_that_cannot_be_used_opens_nothing(gate: Ladder) -> None:
    """A damaged file denies, also at a service that accepts where nobody can be asked."""
    [code] = gate.store.codes()
    gate.store.path.chmod(0o644)
    gate.provider.down = DOWN
    decision, _ = await gate.log_in(code)
    assert (decision.accept, decision.reason) == (False, Reason.CONFIG)


async def test_nobody_at_the_keyboard_opens_nothing(gate: Ladder) -> None:
    """A service that accepts in an outage does not, once a rung asks for a code that nobody can type."""
    gate.provider.down = DOWN
    decision = await gate.authenticator.authenticate(make_login(), RecordingConversation())
    assert (decision.accept, decision.reason) == (False, Reason.PROTOCOL)
    decision = await gate.authenticator.authenticate(make_login(service="open"), RecordingConversation())
    assert (decision.accept, decision.reason) == (True, Reason.FAIL_OPEN)


async def outcome_for(gate: Ladder, *typed: str, **login: object) -> tuple[object, ...]:
    """What a stranger sees of a login: words, prompts, and how long it took."""
    conversation, began, ended = RecordingConversation(typed=[*typed]), gate.clock.now(), list[float]()
    deciding = asyncio.create_task(gate.authenticator.authenticate(make_login(**login), conversation))
    deciding.add_done_callback(lambda _: ended.append(gate.clock.now() - began))
    if gate.provider.down is None:
        # Nothing here runs in a thread, which would need real time.
        await gate.clock.advance(65)
    decision = await deciding
    return decision.accept, decision.message, conversation.asked, conversation.echoes, ended


@pytest.mark.parametrize("who", [{"user": "nobody", "known": False}, {"known": False}])
@pytest.mark.parametrize("service", ["sshd", "plain"])
@pytest.mark.parametrize(
    "state", [None, DOWN, Failed(FailureKind.CONFIG, asked=False), Failed(FailureKind.PROTOCOL, asked=False)]
)
async def test_strangers_read_what_everybody_reads(
    gate: Ladder, who: dict[str, object], service: str, state: Failed | None
) -> None:
    """A name that this machine does not know ends like a known one without a code, whatever the provider does."""
    gate.store.codes()
    gate.provider.down = state
    gate.authenticator.policy = Policy({"sshd": Rule(), "plain": Rule()})
    typed = ("0000-0000-0000", "000000", "hunter2")
    known = await outcome_for(gate, *typed, service=service)
    assert known == await outcome_for(gate, *typed, service=service, **who)
    assert known[0] is False


async def test_no_code_lets_a_stranger_in(gate: Ladder) -> None:
    """A name that this machine does not know is not let in by its own right code, by no push, and by no outage."""
    [code], app = gate.store.codes(), gate.store.totp()
    gate.provider.down = DOWN
    decision, _ = await gate.log_in(code, app(0), app(0), known=False)
    assert (decision.accept, decision.reason) == (False, Reason.BAD_CODE)
    decision, conversation = await gate.log_in(service="open", known=False)
    assert (decision.accept, decision.reason, conversation.asked) == (False, Reason.UNAVAILABLE, [])
    decision, _ = await gate.log_in(service="open")
    assert (decision.accept, decision.reason) == (True, Reason.FAIL_OPEN)
    assert gate.store.ruling("alice", code) is Ruling.RIGHT
    assert gate.provider.begun() == 0


async def test_a_code_that_the_provider_finds_right_lets_no_stranger_in(gate: Ladder) -> None:
    """A name that this machine does not know and the provider does is refused by a right code like by a wrong one."""

    def begin(login: object) -> Outcome:
        return Approved()

    gate.provider.begin_with = begin
    conversation = RecordingConversation(0, ["123456"] * 3, can_ask=True)
    decision = await gate.authenticator.authenticate(make_login(service="plain", known=False), conversation)
    assert (decision.accept, decision.reason, len(conversation.asked)) == (False, Reason.BAD_CODE, 3)


async def test_a_number_that_is_required_does_not_bar_the_way_down(gate: Ladder) -> None:
    """A service that requires a number offers a code in an outage, and never a plain push to a provider without."""
    [code] = gate.store.codes()
    rules = {"sshd": Rule(number="required", has_fallback=True), "plain": Rule(number="required")}
    gate.authenticator.policy = Policy(rules)

    async def log_in(service: str, *typed: str) -> Decision:
        shown = RecordingConversation(typed=[*typed], shows_at_once=True)
        return await gate.authenticator.authenticate(make_login(service=service), shown)

    numberless = Failed(FailureKind.DOWNGRADED, asked=False)
    gate.provider.begin_with = lambda login: numberless if login.factor == Push(draw_number=True) else Approved()
    assert (await log_in("sshd")).reason is Reason.DOWNGRADED
    gate.provider.down = DOWN
    assert (await log_in("sshd", code)).factor == "break_glass"
    assert (await log_in("plain", code)).reason is Reason.NUMBER_NEEDED


async def test_offline_prompts_cost_no_pushes(gate: Ladder) -> None:
    """A person who gives a prompt up several times in an outage is still asked on the phone when it is over."""
    gate.provider.down = DOWN
    for _ in range(4):
        decision, _ = await gate.log_in("cancel")
        assert decision.reason is Reason.GIVEN_UP
    gate.provider.down = None
    deciding = asyncio.create_task(gate.log_in())
    await gate.clock.settle()
    gate.provider.answer("s1", Approved("phone"))
    assert (await deciding)[0].accept


async def test_a_prompt_of_a_provider_is_asked_as_it_wants(gate: Ladder) -> None:
    """A provider that asks for a secret has it typed unseen, one that asks for a code in sight."""
    gate.provider.code_answers = [Approved(), Approved()]
    for echo in (True, False):
        gate.provider.begin_with = NeedsCode(Handle("c"), "Code: ", echo=echo)
        _, conversation = await gate.log_in("123456", service="plain")
        assert conversation.echoes == [echo]
