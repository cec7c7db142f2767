"""Whole logins through the core with several providers: who is asked, who checks the password, what an outage does."""

import asyncio

from typing_extensions import override

from pushgate.authenticator import Authenticator
from pushgate.clock import Clock, FakeClock
from pushgate.decision import Decision, Reason
from pushgate.firstfactor.base import Checked, FirstFactor, PasswordRight, PasswordWrong
from pushgate.firstfactor.provider import ProviderFirstFactor
from pushgate.login import Login, Secret
from pushgate.outcome import Approved, Failed, FailureKind, Handle, Outcome
from pushgate.policy import OWN_RULES, UNLOCK_SERVICE, Policy, Rule
from pushgate.providers.ladder import LadderProvider
from pushgate.providers.routes import Route, RouteRule, Routes
from tests.support.core import RecordingAudit, RecordingConversation, ScriptedProvider, make_guards, make_login

DOWN = Failed(FailureKind.UNAVAILABLE, asked=False, detail="refused")


class Approving(ScriptedProvider):
    """A provider whose people approve at once; it checks passwords, of which ``right`` is right."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, Approved("phone"))
        self.down: Failed | None = None
        self.logins: list[Login] = []
        self.passwords = 0

    @override
    async def reach(self, deadline: float) -> Failed | None:
        return self.down

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        self.logins.append(login)
        return self.down or await super().begin(login, deadline)

    async def check_password(self, login: Login, password: Secret, deadline: float) -> Checked:
        """Check a password."""
        self.passwords += 1
        if self.down is not None:
            return self.down
        return PasswordRight(handle=Handle(f"token {login.user}")) if password.value == b"right" else PasswordWrong()


class Directory(FirstFactor):
    """A first factor that finds groups."""

    name = "directory"

    @override
    async def check(self, login: Login, password: Secret, deadline: float) -> Checked:
        return PasswordRight(groups=frozenset({"admins"} if login.user == "carol" else {"staff"}))

    @override
    async def close(self) -> None:
        return


class Gate:
    """Two providers; ``vpn`` lets a directory check passwords, ``portal`` the provider, ``sshd`` nobody."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.phones, self.cloud = Approving(self.clock), Approving(self.clock)
        admins = RouteRule(frozenset({"root"}), frozenset({"admins"}), ("cloud",))
        both = Route(("phones", "cloud"), (admins,))
        routes = Routes(("phones",), {"sshd": both, "vpn": both, "portal": both, UNLOCK_SERVICE: Route(("cloud",))})
        self.ladder = LadderProvider({"phones": self.phones, "cloud": self.cloud}, routes, self.clock)
        self.audit = RecordingAudit()
        opening = Rule(accept_if_unreachable=True, has_fallback=True)
        self.authenticator = Authenticator(
            Policy({"sshd": opening, "vpn": opening, "portal": opening}),
            self.ladder,
            self.audit,
            self.clock,
            timeout=60,
            guards=make_guards(self.clock),
            first_factors={"vpn": Directory(), "portal": ProviderFirstFactor(self.ladder)},
        )

    async def log_in(self, **login: object) -> Decision:
        """Log in."""
        return await self.authenticator.authenticate(make_login(**login), RecordingConversation())

    def asked(self) -> list[int]:
        """How often each provider has asked."""
        return [provider.begun() for provider in (self.phones, self.cloud)]


async def test_a_person_is_asked_by_their_provider() -> None:
    """A person is asked by the provider of their name or group: the machine knows it at PAM, the directory at a VPN."""
    gate = Gate()
    for login, asked in (
        ({}, [1, 0]),
        ({"user": "root"}, [1, 1]),
        ({"groups": frozenset({"admins"})}, [1, 2]),
        ({"service": "vpn", "secret": Secret(b"pw"), "user": "bob"}, [2, 2]),
        ({"service": "vpn", "secret": Secret(b"pw"), "user": "carol"}, [2, 3]),
    ):
        assert (await gate.log_in(**login)).reason is Reason.APPROVED
        assert gate.asked() == asked


async def test_our_own_question_goes_by_the_default() -> None:
    """A person who runs pushgate unlock is asked by the default, not by what a service of that name would say."""
    gate = Gate()
    assert UNLOCK_SERVICE in OWN_RULES
    assert (await gate.log_in(service=UNLOCK_SERVICE, ours=True)).reason is Reason.APPROVED
    assert gate.asked() == [1, 0]


async def test_an_outage_of_a_persons_only_provider_is_no_way_to_another() -> None:
    """An attacker who takes the provider of the admins down is not asked by a weaker one; the service may fail open."""
    gate = Gate()
    gate.cloud.down = DOWN
    assert (await gate.log_in(user="root")).reason is Reason.FAIL_OPEN
    gate.cloud.down = Failed(FailureKind.CONFIG, asked=False)
    assert (await gate.log_in(user="root")).reason is Reason.CONFIG
    assert gate.asked() == [0, 0]


async def test_the_next_provider_stands_in() -> None:
    """A person whose first provider is down is asked by the next; with both down the door opens, where it is set so."""
    gate = Gate()
    gate.phones.down = DOWN
    assert (await gate.log_in()).reason is Reason.APPROVED
    assert gate.audit.records[-1][2].startswith("phones: unavailable: refused; stepped down to cloud")
    gate.cloud.down = DOWN
    assert (await gate.log_in()).reason is Reason.FAIL_OPEN


async def test_an_outage_after_a_question_was_out_opens_nothing() -> None:
    """An attacker who has somebody asked, wants a text message instead and then cuts the provider off gets nowhere."""
    gate = Gate()
    gate.phones.can, gate.phones.begin_with = frozenset({"sms"}), None

    class Cut(RecordingConversation):
        async def ask(self, prompt: str, *, echo: bool) -> str:
            gate.phones.down = gate.cloud.down = DOWN
            return "sms"

    decision = await gate.authenticator.authenticate(make_login(), Cut(0, can_ask=True))
    assert (decision.accept, decision.reason) == (False, Reason.UNAVAILABLE)
    assert [login.asked for login in gate.phones.logins] == [False, True]
    assert gate.cloud.logins == []


async def test_a_checked_password_goes_on_with_its_provider() -> None:
    """A person's provider checks the password, goes on with it, and lets go of it when the login has ended."""
    gate = Gate()
    decision = await gate.log_in(service="portal", secret=Secret(b"right"))
    assert decision.reason is Reason.APPROVED
    [login] = gate.phones.logins
    assert login.checked == Handle("token alice")
    assert gate.phones.calls[-1] == "cancel token alice"
    assert (gate.phones.passwords, gate.cloud.passwords) == (1, 0)


async def test_a_password_that_nobody_can_check_never_opens() -> None:
    """An attacker who cuts the provider off before the password is checked gets in nowhere, and finds no other."""
    gate = Gate()
    gate.phones.down = DOWN
    decision = await gate.log_in(service="portal", secret=Secret(b"right"))
    assert (decision.accept, decision.reason) == (False, Reason.FIRST_FACTOR_FAILED)
    assert (gate.cloud.passwords, gate.asked()) == (0, [0, 0])
    assert (await gate.log_in(service="portal", secret=Secret(b"wrong"), user="root")).reason is Reason.BAD_PASSWORD


async def test_an_outage_behind_a_right_password_steps_down_without_it() -> None:
    """A person whose provider goes away after the password is asked by the next, which sees nothing of the first."""
    gate = Gate()
    gate.phones.begin_with = DOWN
    assert (await gate.log_in(service="portal", secret=Secret(b"right"))).reason is Reason.APPROVED
    assert [login.checked for login in gate.phones.logins + gate.cloud.logins] == [Handle("token alice"), None]
    assert gate.phones.calls[-1] == "cancel token alice"


async def test_a_reload_in_between_asks_by_the_new_route() -> None:
    """A person whose route changes between password and question is asked by the new one, without the old token."""
    gate = Gate()
    checking = asyncio.Event()

    class Slow(Approving):
        async def check_password(self, login: Login, password: Secret, deadline: float) -> Checked:
            await checking.wait()
            return await super().check_password(login, password, deadline)

    slow = Slow(gate.clock)
    gate.ladder.rungs = {"phones": slow, "cloud": gate.cloud}
    deciding = asyncio.create_task(gate.log_in(service="portal", secret=Secret(b"right")))
    await gate.clock.settle()
    gate.ladder.replace_routes(Routes(("cloud",)))
    checking.set()
    assert (await deciding).reason is Reason.APPROVED
    assert [login.checked for login in gate.cloud.logins] == [None]
    assert (slow.logins, slow.calls[-1]) == ([], "cancel token alice")
