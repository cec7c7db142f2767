"""The login, as the promises of docs/security.md state it."""

import asyncio

import pytest

from pushgate.decision import Reason
from pushgate.login import Code, Origin, OriginSource, Secret
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome, Pending
from pushgate.policy import Policy
from pushgate.words import WAITS_AS_IF_IGNORED
from tests.support.core import Core, RecordingConversation, make_login

ASKED = Pending(Handle("s1"))


async def test_an_explicit_approval_accepts() -> None:
    """A person who approves before the deadline lets the login in, and the push is not withdrawn."""
    core = Core()
    login = core.start(make_login())
    await core.settle()
    core.provider.answer("s1", Approved("phone"))
    decision = await login
    assert (decision.accept, decision.reason) == (True, Reason.APPROVED)
    assert core.provider.calls == ["begin alice", "wait s1"]
    assert core.audit.reasons() == ["approved"]


async def test_a_denial_ends_the_attempt_at_once() -> None:
    """A person who denies ends the login without any further wait or question."""
    core = Core()
    login = core.start(make_login())
    await core.settle()
    before = core.clock.now()
    core.provider.answer("s1", Denied("user"))
    decision = await login
    assert (decision.accept, decision.reason) == (False, Reason.DENIED)
    assert core.clock.now() == before
    assert core.provider.begun() == 1


async def test_an_ignored_push_denies_at_the_deadline_and_is_withdrawn() -> None:
    """A person who does not answer within the time-out is rejected, and the question leaves the phone."""
    core = Core()
    login = core.start(make_login())
    await core.clock.advance(59.9)
    assert not login.done()
    await core.clock.advance(0.7)
    assert (await login).reason is Reason.EXPIRED
    assert core.provider.calls[-1] == "cancel s1"


async def test_reply_by_of_the_front_end_shortens_the_deadline() -> None:
    """A front end that must answer after 28 seconds gets its answer then."""
    core = Core()
    login = core.start(make_login(), RecordingConversation(reply_by=core.clock.now() + 28))
    await core.clock.advance(28.6)
    assert (await login).reason is Reason.EXPIRED


async def test_a_hung_provider_cannot_pass_the_deadline() -> None:
    """A provider that never comes back from its wait is cut off at the deadline, and that denies."""
    core = Core()

    async def hang(handle: Handle, deadline: float) -> Failed:
        await asyncio.Event().wait()
        raise AssertionError

    core.provider.wait = hang  # type: ignore[method-assign]
    login = core.start(make_login())
    await core.clock.advance(61)
    assert (await login).reason is Reason.EXPIRED
    assert core.provider.calls == ["begin alice", "cancel s1"]


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if Reason(kind.value) not in WAITS_AS_IF_IGNORED])
async def test_every_failure_denies_where_nothing_else_is_configured(kind: FailureKind) -> None:
    """A provider that fails in any way lets nobody in by default."""
    core = Core(Failed(kind, asked=False))
    decision = await core.start(make_login())
    assert (decision.accept, decision.reason.value) == (False, kind.value)


@pytest.mark.parametrize("kind", list(FailureKind))
@pytest.mark.parametrize("asked", [True, False])
async def test_only_unavailable_before_anybody_was_asked_fails_open(kind: FailureKind, asked: bool) -> None:
    """A service that is configured to fail open does so for one single combination."""
    core = Core(Failed(kind, asked=asked))
    login = core.start(make_login(service="open"))
    await core.clock.advance(61)
    assert (await login).accept == (kind is FailureKind.UNAVAILABLE and not asked)


async def test_an_outage_after_the_push_denies_even_where_failing_open_is_configured() -> None:
    """A provider that dies while the person looks at the phone opens nothing."""
    core = Core()
    login = core.start(make_login(service="open"))
    await core.settle()
    core.provider.answer("s1", Failed(FailureKind.UNAVAILABLE, asked=True))
    assert not (await login).accept


async def test_a_service_that_no_rule_names_is_denied() -> None:
    """A login of an unknown service is rejected and asks nobody."""
    core = Core()
    decision = await core.start(make_login(service="telnet"))
    assert (decision.accept, decision.reason) == (False, Reason.NOT_PERMITTED)
    assert core.provider.calls == []


@pytest.mark.parametrize("name", ["", " alice", "alice ", "al\nice", "al\x1bice", "\u202ealice", "a" * 129])
async def test_odd_user_names_ask_nobody(name: str) -> None:
    """A user name that no account has is rejected before any provider hears of it."""
    core = Core()
    assert (await core.start(make_login(user=name))).reason is Reason.BAD_NAME
    assert core.provider.calls == []


@pytest.mark.parametrize("typed", [b"", b"push", b"PUSH"])
async def test_an_empty_field_or_the_word_push_asks_the_person(typed: bytes) -> None:
    """A RADIUS user who types nothing or push is asked on the phone."""
    core = Core(Approved())
    assert (await core.start(make_login(service="vpn", secret=Secret(typed)))).accept


@pytest.mark.parametrize("typed", [b"12345", b"57", b"password", b"password,push", b"push ", b"\x00", b"pushpush"])
async def test_anything_else_in_the_password_field_is_rejected(typed: bytes) -> None:
    """A password that nobody checks is not silently ignored: it rejects and asks nobody."""
    core = Core(Approved())
    assert (await core.start(make_login(service="vpn", secret=Secret(typed)))).reason is Reason.BAD_SECRET
    assert core.provider.calls == []


async def test_an_unknown_account_takes_as_long_as_an_ignored_push_and_asks_nobody() -> None:
    """A stranger learns nothing from the time that an unknown account takes."""
    core = Core()
    login = core.start(make_login(known=False))
    await core.clock.advance(59.9)
    assert not login.done()
    await core.clock.advance(0.7)
    assert (await login).reason is Reason.UNKNOWN_USER
    assert core.provider.calls == []


@pytest.mark.parametrize("kind", [FailureKind.NOT_ENROLLED, FailureKind.LOCKED, FailureKind.RATE_LIMITED])
async def test_what_only_enrolled_people_cause_takes_as_long_as_an_ignored_push(kind: FailureKind) -> None:
    """A stranger cannot tell by the time of the rejection who is enrolled."""
    core = Core(Failed(kind, asked=False))
    login = core.start(make_login())
    await core.clock.advance(59.9)
    assert not login.done()
    await core.clock.advance(0.7)
    decision = await login
    assert (decision.reason.value, decision.message) == (kind.value, "Nobody answered in time")


@pytest.mark.parametrize(
    "stranger", [{"known": False}, {"user": "nobody"}], ids=["without an account", "without a device"]
)
async def test_a_stranger_is_told_the_same_as_an_ignored_person(stranger: dict[str, object]) -> None:
    """A stranger cannot tell from the text of the reply who is enrolled."""
    core = Core(lambda login: Failed(FailureKind.NOT_ENROLLED, asked=False) if login.user == "nobody" else ASKED)
    ignored, unknown = core.start(make_login()), core.start(make_login(**stranger))
    await core.clock.advance(61)
    assert (await ignored).reason is Reason.EXPIRED
    assert (await unknown).message == (await ignored).message


@pytest.mark.parametrize("fault", ["hangs", "breaks"])
async def test_a_front_end_that_cannot_be_told_does_not_leave_the_push_behind(fault: str) -> None:
    """A front end that goes away while it is told of the push has the push withdrawn."""
    core = Core()
    conversation = RecordingConversation()

    async def tell(text: str) -> None:
        if fault == "breaks":
            raise ConnectionResetError
        await asyncio.Event().wait()

    conversation.tell = tell  # type: ignore[method-assign]
    login = core.start(make_login(), conversation)
    await core.settle()
    login.cancel()
    await core.settle()
    assert login.done()
    assert [call for call in core.provider.calls if not call.startswith("wait")] == ["begin alice", "cancel s1"]


async def test_a_cancelled_login_withdraws_audits_and_re_raises() -> None:
    """A front end whose peer went away gets its cancellation back once the push is gone and recorded."""
    core = Core()
    login = core.start(make_login())
    await core.settle()
    login.cancel("client gone")
    with pytest.raises(asyncio.CancelledError):
        await login
    assert core.provider.calls == ["begin alice", "wait s1", "cancel s1"]
    assert [(d.reason, detail) for _, d, detail in core.audit.records] == [(Reason.WITHDRAWN, "client gone")]


async def test_a_login_cancelled_while_the_push_is_being_sent_withdraws_it() -> None:
    """A peer that leaves in the middle of the create leaves no dead question on the phone."""
    core = Core()
    core.provider.begin_seconds = 2
    login = core.start(make_login())
    await core.settle()
    login.cancel()
    await core.clock.advance(3)
    with pytest.raises(asyncio.CancelledError):
        await login
    assert core.provider.calls == ["begin alice", "cancel s1"]


async def test_a_second_cancellation_does_not_cut_the_withdrawal_short() -> None:
    """An impatient front end that cancels twice still has its push withdrawn to the end."""
    core = Core()
    core.provider.cancel_seconds = 1
    login = core.start(make_login())
    await core.settle()
    login.cancel()
    await core.settle()
    login.cancel()
    await core.settle()
    assert not login.done()
    await core.clock.advance(1.1)
    with pytest.raises(asyncio.CancelledError):
        await login


async def test_a_late_approval_opens_nothing() -> None:
    """An approval after the deadline changes nothing about the login that was rejected."""
    core = Core()
    login = core.start(make_login())
    await core.clock.advance(61)
    decision = await login
    core.provider.answer("s1", Approved())
    await core.settle()
    assert not decision.accept
    assert core.audit.reasons() == ["expired"]


async def test_an_approval_of_one_login_opens_no_other() -> None:
    """A person who approves the first of two logins lets in the first alone."""
    core = Core()
    first = core.start(make_login())
    second = core.start(make_login(origin=Origin("198.51.100.9", OriginSource.PAM)))
    await core.settle()
    core.provider.answer("s1", Approved())
    assert (await first).accept
    assert not second.done()
    await core.clock.advance(61)
    assert not (await second).accept


async def test_the_same_login_right_after_a_denial_asks_nobody() -> None:
    """An sshd that calls three times after one denial causes one push."""
    core = Core()
    first = core.start(make_login())
    await core.settle()
    core.provider.answer("s1", Denied())
    await first
    again = await core.start(make_login())
    assert (again.reason, core.provider.begun()) == (Reason.DENIED, 1)
    await core.clock.advance(10.1)
    later = core.start(make_login())
    await core.settle()
    assert core.provider.begun() == 2
    later.cancel()


async def test_a_denial_does_not_lock_out_another_address() -> None:
    """A person who denies an attacker can log in at once from where she is."""
    core = Core()
    attacker = core.start(make_login())
    await core.settle()
    core.provider.answer("s1", Denied())
    await attacker
    own = core.start(make_login(origin=Origin("198.51.100.9", OriginSource.PAM)))
    await core.settle()
    core.provider.answer("s2", Approved())
    assert (await own).accept


async def test_more_logins_than_allowed_are_rejected_and_the_rest_go_on() -> None:
    """A flood beyond the configured number is rejected without a push and counted, and room comes back."""
    core = Core(max_pending=2)
    waiting = [core.start(make_login()) for _ in range(2)]
    await core.settle()
    assert (await core.start(make_login())).reason is Reason.OVERLOADED
    core.provider.answer("s1", Approved())
    core.provider.answer("s2", Approved())
    assert [(await login).accept for login in waiting] == [True, True]
    assert core.guards.places.taken == {}
    assert core.authenticator.decided == {"overloaded": 1, "approved": 2}


async def test_one_users_flood_leaves_room_for_others() -> None:
    """A local user who starts many logins is rejected beyond a few, and everybody else can still log in."""
    core = Core(max_pending=10, per_user=4)
    flood = [core.start(make_login()) for _ in range(5)]
    other = core.start(make_login(user="bob"))
    await core.settle()
    assert [(await login).reason for login in flood[2:]] == [Reason.OVERLOADED] * 3
    assert not other.done()
    for login in (*flood[:2], other):
        login.cancel()
    await core.settle()
    assert core.guards.places.taken == {}


async def test_a_fault_of_ours_denies() -> None:
    """An unexpected exception in a provider rejects the login and is recorded without its text."""

    def broken(_login: object) -> Pending:
        raise RuntimeError("hunter2")

    core = Core(broken)
    decision = await core.start(make_login())
    assert (decision.accept, decision.reason) == (False, Reason.INTERNAL)
    assert "hunter2" not in str(core.audit.records)


async def test_a_right_code_accepts_and_is_asked_at_most_three_times() -> None:
    """A person who types two wrong codes and a right one is let in."""
    question = NeedsCode(Handle("s1"), "Code: ")
    core = Core(question)
    core.provider.code_answers = [question, question, Approved()]
    decision = await core.start(make_login(), RecordingConversation(typed=["1", "2", "3"]))
    assert (decision.accept, core.provider.submitted) == (True, ["1", "2", "3"])


async def test_three_wrong_codes_deny_and_withdraw() -> None:
    """A person who types three wrong codes is rejected without a fourth try."""
    question = NeedsCode(Handle("s1"), "Code: ")
    core = Core(question)
    core.provider.code_answers = [question] * 4
    decision = await core.start(make_login(), RecordingConversation(typed=["1", "2", "3", "4"]))
    assert (decision.reason, len(core.provider.submitted)) == (Reason.BAD_CODE, 3)
    assert core.provider.calls[-1] == "cancel s1"


async def test_a_front_end_that_cannot_ask_rejects_a_code_question() -> None:
    """A front end without prompts rejects and withdraws what needs a code."""
    core = Core(NeedsCode(Handle("s1"), "Code: "))
    assert not (await core.start(make_login())).accept
    assert core.provider.calls[-1] == "cancel s1"


async def test_a_person_who_types_no_code_is_rejected_at_the_deadline() -> None:
    """A prompt that stays unanswered ends at the same deadline as a push."""
    core = Core(NeedsCode(Handle("s1"), "Code: "))
    login = core.start(make_login(), RecordingConversation(typed=[]))
    await core.clock.advance(61)
    assert (await login).reason is Reason.EXPIRED


async def test_the_person_is_told_once_the_push_is_out() -> None:
    """A front end that can show text is told that an approval was requested."""
    core = Core()
    conversation = RecordingConversation()
    login = core.start(make_login(), conversation)
    await core.settle()
    assert len(conversation.told) == 1
    login.cancel()


async def test_many_logins_at_once_get_no_more_pushes_than_one_after_the_other() -> None:
    """An attacker who starts all logins at the same moment does not get past the budget of pushes."""
    core = Core(budget=2)
    core.provider.begin_seconds = 1
    logins = [core.start(make_login(user=name)) for name in ("alice", "Alice", "ALICE", "alice", "alicE")]
    await core.clock.advance(2)
    assert core.provider.begun() == 2
    await core.clock.advance(61)
    reasons = [(await login).reason for login in logins]
    assert sorted(reasons) == [Reason.EXPIRED] * 2 + [Reason.RATE_LIMITED] * 3


@pytest.mark.parametrize("outcome", [Failed(FailureKind.UNAVAILABLE, asked=False), Failed(FailureKind.CONFIG, False)])
async def test_an_outage_costs_no_push(outcome: Failed) -> None:
    """A person who tries again and again while the provider is down is asked when it is back."""
    core = Core(outcome, budget=1)
    for _ in range(3):
        await core.start(make_login())
    core.provider.begin_with = Approved()
    assert (await core.start(make_login())).accept


@pytest.mark.parametrize("outcome", [Failed(FailureKind.UNAVAILABLE, asked=True), NeedsCode(Handle("s1"), "Code: ")])
async def test_what_may_have_reached_the_person_counts(outcome: Outcome) -> None:
    """A push that perhaps arrived, and a text message with a code, count like any push that nobody approved."""
    core = Core(outcome, budget=1)
    await core.start(make_login())
    again = core.start(make_login())
    await core.clock.advance(61)
    assert (await again).reason is Reason.RATE_LIMITED
    assert core.provider.begun() == 1


async def test_a_code_still_works_when_the_budget_is_spent() -> None:
    """A person whom an attacker has used up the pushes of gets in by a code."""
    core = Core(lambda login: Approved("code") if isinstance(login.factor, Code) else ASKED, budget=1)
    ignored = core.start(make_login())
    await core.clock.advance(61)
    await ignored
    decision = await core.start(make_login(service="vpn", secret=Secret(b"123456")))
    assert (decision.accept, decision.factor) == (True, "code")


async def test_other_rules_hold_for_new_logins() -> None:
    """A pending login goes on when the rules are exchanged; the next one goes by the new ones."""
    core = Core()
    pending = core.start(make_login())
    await core.settle()
    core.authenticator.replace_rules(Policy({}), {}, core.authenticator.words)
    assert (await core.start(make_login())).reason is Reason.NOT_PERMITTED
    core.provider.answer("s1", Approved())
    assert (await pending).accept
