"""The second factor: other ways, passwords that the provider has checked, and two attempts for one login."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from pushgate.decision import Decision, Reason
from pushgate.firstfactor.base import Checked, FirstFactor, PasswordRight, PasswordWrong
from pushgate.login import Code, Login, Method, Push, Secret
from pushgate.outcome import Approved, Failed, FailureKind, Handle, NeedsCode, Outcome, Pending
from pushgate.policy import Policy, Rule
from tests.support.core import Core, RecordingConversation, make_login

CODE = NeedsCode(Handle("s1"), "Code sent")
WRONG = Failed(FailureKind.BAD_CODE, asked=True)


class Passwords(FirstFactor):
    """Knows one password, as a provider does that goes on with it."""

    name = "provider"

    def __init__(self) -> None:
        self.checks = 0
        self.groups: frozenset[str] = frozenset()

    @override
    async def check(self, login: Login, password: Secret, deadline: float) -> Checked:
        self.checks += 1
        if password.value != b"hunter2":
            return PasswordWrong()
        return PasswordRight(self.groups, handle=Handle(f"checked{self.checks}"))

    @override
    async def close(self) -> None:
        return


def gate(begin: Outcome | Callable[[Login], Outcome] | None = None, **rule: object) -> tuple[Core, Passwords]:
    """A core whose service vpn has the provider check passwords and knows two attempts."""
    core, passwords = Core(begin), Passwords()
    vpn = Rule(**({"two_attempts": 120.0} | rule))  # type: ignore[arg-type]
    core.authenticator.policy = Policy({"vpn": vpn})
    core.authenticator.first_factors = {"vpn": passwords}
    return core, passwords


def vpn(field: str, **changes: object) -> Login:
    """A login at an appliance with this in its password field."""
    return make_login(service="vpn", secret=Secret(field.encode()), **changes)


async def tried(core: Core, *fields: str) -> list[Decision]:
    """What comes of one attempt after the other."""
    return [await core.start(vpn(field)) for field in fields]


async def test_two_attempts() -> None:
    """A person at an appliance without challenges gets the code at the first attempt and in at the second."""
    core, passwords = gate(CODE)
    core.provider.code_answers = [Approved()]
    first, second = await tried(core, "hunter2", "hunter2,123456")
    assert (first.accept, first.reason) == (False, Reason.CODE_SENT)
    assert first.message == "A code was sent. Log in again: password, comma, code"
    assert (second.accept, second.reason, second.factor) == (True, Reason.APPROVED, "code")
    assert passwords.checks == 1
    assert core.provider.calls == ["begin alice", "cancel checked1"]
    assert core.provider.submitted == ["123456"]


async def test_a_first_attempt_that_is_repeated_sends_nothing() -> None:
    """An appliance that asks again, as they do, costs no second code and no second password check."""
    core, passwords = gate(CODE)
    decisions = await tried(core, "hunter2", "hunter2", "hunter2,push")
    assert [decision.reason for decision in decisions] == [Reason.CODE_SENT] * 3
    assert (passwords.checks, core.provider.begun()) == (1, 1)
    await core.authenticator.close()


async def test_three_wrong_codes_of_second_attempts() -> None:
    """A person who brings three wrong codes starts anew, and the question is withdrawn."""
    core, _ = gate(lambda login: WRONG if isinstance(login.factor, Code) else CODE)
    core.provider.code_answers = [WRONG, WRONG, WRONG]
    decisions = await tried(core, "hunter2", *["hunter2,111111"] * 4)
    assert [decision.reason for decision in decisions[1:]] == [Reason.BAD_CODE] * 4
    assert len(core.provider.submitted) == 3
    assert core.provider.calls.count("cancel s1") == 1


async def test_the_time_for_the_second_attempt() -> None:
    """A code that comes too late is refused; question and password of the provider's have been withdrawn."""
    core, passwords = gate(lambda login: WRONG if isinstance(login.factor, Code) else CODE)
    await core.start(vpn("hunter2"))
    await core.clock.advance(121)
    assert core.provider.calls == ["begin alice", "cancel s1", "cancel checked1"]
    assert (await core.start(vpn("hunter2,123456"))).reason is Reason.BAD_CODE
    assert passwords.checks == 2
    assert core.provider.submitted == []


async def test_the_provider_may_shorten_the_time() -> None:
    """A code that the provider says is good for ten seconds is not kept longer."""
    core, _ = gate(lambda login: replace(CODE, expires_at=core_clock.now() + 10))
    core_clock = core.clock
    await core.start(vpn("hunter2"))
    await core.clock.advance(11)
    assert core.provider.calls[-2:] == ["cancel s1", "cancel checked1"]


async def test_a_wrong_password_at_the_second_attempt() -> None:
    """Who has the code alone is refused by the password, and the code stays unused."""
    core, _ = gate(CODE)
    _, second = await tried(core, "hunter2", "hunter3,123456")
    assert second.reason is Reason.BAD_PASSWORD
    assert core.provider.submitted == []
    await core.authenticator.close()


async def test_one_code_opens_one_door() -> None:
    """Of two second attempts at the same moment with the right code, one gets in."""
    core, _ = gate(lambda login: WRONG if isinstance(login.factor, Code) else CODE)
    await core.start(vpn("hunter2"))
    core.provider.code_answers = [Approved(), Approved()]
    pair = [core.start(vpn("hunter2,123456")), core.start(vpn("hunter2,123456"))]
    assert sorted(decision.accept for decision in await asyncio.gather(*pair)) == [False, True]
    assert core.provider.submitted == ["123456"]


async def test_second_attempts_that_are_broken_off_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who breaks each second attempt off, once its code is on the way, has three codes and no more."""
    core, _ = gate(CODE)
    await core.start(vpn("hunter2"))
    tried = list[str]()

    async def submit(handle: Handle, code: str, deadline: float) -> Approved | Failed:
        tried.append(code)
        await core.clock.sleep(5)
        return WRONG

    monkeypatch.setattr(core.provider, "submit", submit)
    for code in range(5):
        attempt = core.start(vpn(f"hunter2,00000{code}"))
        await core.clock.advance(1)
        attempt.cancel()
        await asyncio.wait([attempt])
    assert tried == ["000000", "000001", "000002"]
    await core.authenticator.close()


@pytest.mark.parametrize("kind", [FailureKind.EXPIRED, FailureKind.PROTOCOL, FailureKind.CONFIG])
async def test_a_question_that_has_ended_is_not_kept(kind: FailureKind) -> None:
    """A person whose question has ended at the provider gets a new code at the next attempt."""
    core, _ = gate(CODE)
    core.provider.code_answers = [Failed(kind, asked=True)]
    decisions = await tried(core, "hunter2", "hunter2,123456", "hunter2")
    assert [decision.reason.value for decision in decisions] == ["code_sent", kind.value, "code_sent"]
    assert core.provider.calls.count("begin alice") == 2
    await core.authenticator.close()


async def test_an_outage_at_the_second_attempt_never_fails_open() -> None:
    """A provider that is gone when the code comes opens nothing, and the code may be tried again."""
    core, _ = gate(CODE, accept_if_unreachable=True)
    core.provider.code_answers = [Failed(FailureKind.UNAVAILABLE, asked=False), Approved()]
    decisions = await tried(core, "hunter2", "hunter2,123456", "hunter2,123456")
    assert [decision.reason for decision in decisions[1:]] == [Reason.UNAVAILABLE, Reason.APPROVED]


async def test_another_way_replaces_the_code_that_was_sent() -> None:
    """A person who asks for an SMS in place of the mail has one code that counts."""
    core, passwords = gate(lambda login: NeedsCode(Handle("sms" if login.factor == Method("sms") else "s1"), "Code"))
    await tried(core, "hunter2", "hunter2,sms")
    assert core.provider.calls == ["begin alice", "begin alice", "cancel s1", "cancel checked1"]
    assert passwords.checks == 2
    await core.authenticator.close()
    assert core.provider.calls[-2:] == ["cancel sms", "cancel checked2"]


async def test_a_mail_too_many_leaves_the_code_of_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person who asks for a mail too often is told that one was sent, and gets in by the last that was."""
    limited = Failed(FailureKind.RATE_LIMITED, asked=False)
    core, _ = gate(lambda login: limited if core.provider.begun() > 1 else CODE)
    core.provider.code_answers = [Approved()]

    async def pretend(login: Login, deadline: float) -> Outcome:
        return NeedsCode(Handle("pretended"), "Code sent")

    monkeypatch.setattr(core.provider, "pretend", pretend)
    decisions = await tried(core, "hunter2,email", "hunter2,email", "hunter2,123456")
    assert [decision.reason for decision in decisions] == [Reason.CODE_SENT, Reason.CODE_SENT, Reason.APPROVED]


async def test_without_two_attempts_a_code_that_cannot_be_asked_for_is_withdrawn() -> None:
    """An appliance that shows nothing and knows no second attempt is refused at once."""
    core, _ = gate(CODE, two_attempts=None)
    [decision] = await tried(core, "hunter2")
    assert decision.reason is Reason.PROTOCOL
    assert core.provider.calls == ["begin alice", "cancel s1", "cancel checked1"]


async def test_an_appliance_with_challenges_needs_no_second_attempt() -> None:
    """A person who can be asked is asked, also where two attempts are configured."""
    core, _ = gate(CODE)
    core.provider.code_answers = [Approved()]
    decision = await core.start(vpn("hunter2"), RecordingConversation(typed=["123456"], can_ask=True))
    assert decision.accept


async def test_the_end_of_the_daemon_withdraws() -> None:
    """A daemon that stops between two attempts takes the question back."""
    core, _ = gate(CODE)
    await core.start(vpn("hunter2"))
    await core.authenticator.close()
    assert core.provider.calls == ["begin alice", "cancel s1", "cancel checked1"]


async def test_the_provider_goes_on_with_the_password_it_has_checked() -> None:
    """A provider that has checked the password gets its own handle back, and lets go of it at the end."""
    core, _ = gate(lambda login: Approved(detail=repr(login.checked == Handle("checked1"))))
    await core.start(vpn("hunter2"))
    assert core.audit.records[0][2] == "True"
    assert core.provider.calls == ["begin alice", "cancel checked1"]


async def test_an_exempt_person_leaves_no_password_behind() -> None:
    """A person who needs no second factor has the provider let go of the password that it has checked."""
    core, passwords = gate(exempt_groups=frozenset({"staff"}))
    passwords.groups = frozenset({"staff"})
    [decision] = await tried(core, "hunter2")
    assert decision.reason is Reason.EXEMPT
    assert core.provider.calls == ["cancel checked1"]


async def test_a_cancelled_login_lets_go_of_the_password() -> None:
    """An appliance that goes away while the device rings leaves neither question nor password behind."""
    core, _ = gate()
    login = core.start(vpn("hunter2"))
    await core.settle()
    login.cancel()
    await core.settle()
    assert login.cancelled()
    assert core.provider.calls[-2:] == ["cancel s1", "cancel checked1"]


async def test_a_login_cancelled_behind_the_password_lets_go_of_it() -> None:
    """An appliance that goes away while it is looked up who can ask leaves nothing of the password at the provider."""
    core, _ = gate()
    looked: list[str] = []

    async def features(login: Login, deadline: float) -> frozenset[str]:
        looked.append(login.user)
        if login.checked is not None:
            await core.clock.sleep(5.0)
        return frozenset()

    core.provider.features = features  # type: ignore[method-assign]
    login = core.start(vpn("hunter2"))
    await core.settle()
    assert looked == ["alice", "alice"]
    login.cancel()
    await core.settle()
    assert login.cancelled()
    assert core.provider.calls == ["cancel checked1"]


async def test_groups_that_the_password_has_shown_choose_the_provider() -> None:
    """A provider is asked with the groups that the first factor found."""
    core, passwords = gate(lambda login: Approved(detail=" ".join(login.groups)))
    passwords.groups = frozenset({"admins"})
    await core.start(vpn("hunter2"))
    assert core.audit.records[0][2] == "admins"


async def test_another_way_while_the_device_rings() -> None:
    """A person who types the name of another way has the push withdrawn and types the code that comes."""
    ways: list[object] = []

    def begin(login: Login) -> Outcome:
        ways.append(login.factor)
        return Pending(Handle("s1")) if login.factor == Push() else NeedsCode(Handle("s2"), "Code sent")

    core = Core(begin)
    core.provider.can = frozenset({"email", "code"})
    core.provider.code_answers = [Approved()]
    conversation = RecordingConversation(core.clock.now() + 1, ["email", "123456"], can_ask=True)
    login = core.start(make_login(), conversation)
    await core.clock.advance(2)
    decision = await login
    assert (decision.accept, decision.factor) == (True, "code")
    assert ways == [Push(), Method("email")]
    assert core.provider.calls == ["begin alice", "wait s1", "cancel s1", "begin alice"]
    assert conversation.asked == [
        "Approve on your device, then press Enter, or type a code. Other ways: email",
        "Code sent. Other ways: email",
    ]


async def test_ways_have_an_end() -> None:
    """A person who changes the way for ever is rejected after four."""
    core = Core(NeedsCode(Handle("s1"), "Code"))
    core.provider.can = frozenset({"sms"})
    decision = await core.start(make_login(), RecordingConversation(typed=["sms"] * 20, can_ask=True))
    assert decision.reason is Reason.PROTOCOL
    assert core.provider.begun() == 4


@pytest.mark.parametrize("number", ["off", "optional"])
async def test_ways_are_known_whatever_the_number(number: str) -> None:
    """A service without numbers offers other ways as well."""
    core = Core(NeedsCode(Handle("s1"), "Code"))
    core.authenticator.policy = Policy({"sshd": Rule(number=number)})  # type: ignore[arg-type]
    core.provider.can = frozenset({"sms"})
    conversation = RecordingConversation(typed=["cancel"], can_ask=True)
    await core.start(make_login(), conversation)
    assert conversation.asked == ["Code. Other ways: sms"]


async def test_a_person_without_a_device_may_choose_another_way() -> None:
    """Sudo's caller whom no device can ask gets a code in the way that there is."""

    def begin(login: Login) -> Outcome:
        if login.factor == Push():
            return Failed(FailureKind.NOT_ENROLLED, asked=False)
        return NeedsCode(Handle("s2"), "Code sent")

    core = Core(begin)
    core.provider.can = frozenset({"email"})
    core.provider.code_answers = [Approved()]
    conversation = RecordingConversation(typed=["email", "123456"], can_ask=True, may_know=True)
    decision = await core.start(make_login(service="sudo"), conversation)
    assert decision.accept
    assert conversation.asked[0] == "No device can be asked. Type a code. Other ways: email"


@pytest.mark.parametrize("kind", [FailureKind.NOT_ENROLLED, FailureKind.LOCKED, FailureKind.RATE_LIMITED])
async def test_somebody_whom_a_provider_of_codes_cannot_ask_sees_a_question(kind: FailureKind) -> None:
    """A name that has nothing at a provider of codes gets the question that others get, and no code is right."""
    core = Core(Failed(kind, asked=False, detail="nothing there"))
    core.provider.pretend_with = CODE
    core.provider.code_answers = [Approved(), NeedsCode(Handle("s1"), "Code sent", resent=True), Approved(), Approved()]
    conversation = RecordingConversation(typed=["111111", "resend", "222222", "333333"], can_ask=True)
    decision = await core.start(make_login(), conversation)
    assert (decision.accept, decision.reason, decision.message) == (False, Reason.BAD_CODE, "Wrong code")
    assert conversation.asked == ["Code sent", "Wrong code. Code sent", "Code sent", "Wrong code. Code sent"]
    assert core.audit.records[0][2].startswith(f"{kind}: nothing there")


async def test_too_many_pushes_close_no_door_to_codes() -> None:
    """A person who was asked too often and has codes at the provider gets in by one, whatever the provider pretends."""
    core = Core(
        lambda login: Approved() if isinstance(login.factor, Code) else Failed(FailureKind.RATE_LIMITED, asked=False)
    )
    core.provider.pretend_with = CODE
    core.provider.can = frozenset({"code"})
    conversation = RecordingConversation(core.clock.now() + 1, ["123456"], can_ask=True)
    login = core.start(make_login(), conversation)
    await core.clock.advance(2)
    assert (await login).accept


async def test_a_first_attempt_of_nobody() -> None:
    """At an appliance without challenges a name that has nothing is told that a code was sent, and none is right."""
    core, _ = gate(Failed(FailureKind.NOT_ENROLLED, asked=False))
    core.provider.pretend_with = CODE
    core.provider.code_answers = [Approved()]
    first, second = await tried(core, "hunter2", "hunter2,123456")
    assert (first.reason, second.reason) == (Reason.CODE_SENT, Reason.BAD_CODE)
    await core.authenticator.close()


@pytest.mark.parametrize("barred", [{"known": False}, {"permitted": False}, {"user": "nobody"}])
async def test_a_stopwatch_does_not_tell_who_is_enrolled(barred: dict[str, object]) -> None:
    """Who times the question for a code finds it as slow for a name that nobody has as for one that has a mailbox."""
    core = Core(lambda login: CODE if login.user == "alice" else Failed(FailureKind.NOT_ENROLLED, asked=False))

    async def pretend(login: Login, deadline: float) -> Outcome:
        await core.clock.sleep(0.1)
        return CODE

    core.provider.pretend = pretend  # type: ignore[method-assign]

    async def seconds(**changes: object) -> float:
        person = RecordingConversation(typed=["cancel"], can_ask=True)
        login = core.start(make_login(**changes), person)
        began = core.clock.now()
        while not person.asked:
            await core.clock.advance(0.1)
        await login
        return round(core.clock.now() - began, 1)

    core.provider.begin_seconds = 0.7
    slow = await seconds()
    core.provider.begin_seconds = 0.3
    assert slow == await seconds(**barred) == 0.7


@pytest.mark.parametrize("pretended", [None, CODE])
async def test_the_log_says_why_nobody_was_asked(pretended: Outcome | None) -> None:
    """An operator reads who could not be asked by which provider, its name of the request, and what to do."""
    failed = Failed(
        FailureKind.NOT_ENROLLED, asked=False, detail="no such user", status=404, trace="r-7", hint="add it"
    )
    core = Core(replace(failed, provider="phones"))
    core.provider.pretend_with = pretended
    with capture_logs() as logs:
        login = core.start(make_login(), RecordingConversation(core.clock.now() + 1, ["cancel"], can_ask=True))
        await core.clock.advance(2)
        await login
    [line] = [line for line in logs if line["event"] == "nobody_asked"]
    facts = {"provider": "phones", "status": 404, "trace": "r-7", "detail": "no such user", "hint": "add it"}
    assert line.items() >= (facts | {"user": "alice", "reason": "not_enrolled"}).items()


@pytest.mark.parametrize(
    "outcome", [Approved(provider="phones"), Failed(FailureKind.CONFIG, asked=False, provider="phones")]
)
async def test_the_record_names_the_provider_that_has_answered(outcome: Outcome) -> None:
    """An auditor reads which of several providers has let a person in, or has not."""
    core = Core(outcome)
    await core.start(make_login())
    assert core.audit.records[0][1].provider == "phones"


async def test_a_first_attempt_without_a_password() -> None:
    """A person at an appliance that checks no password is told to type the code alone."""
    core, _ = gate(CODE)
    core.authenticator.first_factors = {}
    decision = await core.start(vpn(""))
    assert decision.message == "A code was sent. Log in again with the code in place of the password"
    await core.authenticator.close()
