"""Logins with a first factor: what a right, a wrong and an unchecked password lead to."""

import pytest

from pushgate.decision import Reason
from pushgate.firstfactor.base import Checked, FirstFactor, PasswordRight, PasswordWrong
from pushgate.login import Login, Secret
from pushgate.outcome import Approved, Failed, FailureKind, Outcome
from pushgate.policy import Policy, Rule
from tests.support.core import Core, make_login

RIGHT = PasswordRight()
PLAIN = Rule()


class Passwords(FirstFactor):
    """Knows one password, and remembers what was tried."""

    name = "passwords"

    def __init__(self, answer: Checked) -> None:
        self.answer = answer
        self.tried: list[bytes] = []

    async def check(self, login: Login, password: Secret, deadline: float) -> Checked:
        """Know one password."""
        self.tried.append(password.value)
        if isinstance(self.answer, Failed) or password.value == b"wonderland":
            return self.answer
        return PasswordWrong("no")

    async def close(self) -> None:
        """Have nothing to close."""


def with_passwords(core: Core, rule: Rule = PLAIN, answer: Checked = RIGHT) -> Passwords:
    """Let VPN logins have passwords."""
    passwords = Passwords(answer)
    core.authenticator.replace_rules(Policy({"vpn": rule}), {"vpn": passwords}, core.authenticator.words)
    return passwords


def vpn(typed: bytes, **changes: object) -> Login:
    """Return a VPN login with this in its password field."""
    return make_login(service="vpn", secret=Secret(typed), **changes)


@pytest.mark.parametrize("typed", [b"wonderland", b"wonderland,push"])
async def test_a_right_password_asks_the_person(typed: bytes) -> None:
    """A person with the right password is asked on the device; its groups stand in the decision."""
    core = Core(Approved("phone"))
    passwords = with_passwords(core, answer=PasswordRight(frozenset({"staff"}), ((11, b"x"),)))
    decision = await core.start(vpn(typed))
    assert (decision.accept, decision.factor, decision.groups) == (True, "push", {"staff"})
    assert decision.attributes == ((11, b"x"),)
    assert passwords.tried == [b"wonderland"]


@pytest.mark.parametrize("typed", [b"", b"wrong", b"wrong,push", b"wrong,123456", b"push", b"wonderland,57"])
async def test_a_wrong_password_asks_nobody(typed: bytes) -> None:
    """A guesser of passwords causes no push and checks no code."""
    core = Core(Approved())
    passwords = with_passwords(core)
    decision = await core.start(vpn(typed))
    assert (decision.accept, decision.reason) == (False, Reason.BAD_PASSWORD)
    assert (core.provider.calls, len(passwords.tried)) == ([], 1)


@pytest.mark.parametrize("kind", list(FailureKind))
@pytest.mark.parametrize("asked", [True, False])
async def test_a_failing_first_factor_never_fails_open(kind: FailureKind, asked: bool) -> None:
    """A password that nobody could check lets nobody in, whatever the service does about providers."""
    core = Core(Approved())
    with_passwords(core, Rule(accept_if_unreachable=True, exempt_users=frozenset({"alice"})), Failed(kind, asked))
    decision = await core.start(vpn(b"wonderland"))
    assert (decision.accept, decision.reason) == (False, Reason.FIRST_FACTOR_FAILED)
    assert core.provider.calls == []


@pytest.mark.parametrize(("seconds", "opens"), [(59.5, False), (57.0, True)])
async def test_a_provider_without_time_to_answer_is_not_down(seconds: float, opens: bool) -> None:
    """Who can make the check of passwords slow until hardly any time is left gets in by no outage."""
    core = Core()
    passwords = with_passwords(core, Rule(accept_if_unreachable=True))

    async def check(login: Login, password: Secret, deadline: float) -> Checked:
        await core.clock.sleep(seconds)
        return RIGHT

    async def begin(login: Login, deadline: float) -> Outcome:
        try:
            async with core.clock.timeout_at(deadline):
                await core.clock.sleep(100)
        except TimeoutError:
            pass
        return Failed(FailureKind.UNAVAILABLE, asked=False)

    passwords.check, core.provider.begin = check, begin  # type: ignore[method-assign]
    deciding = core.start(vpn(b"wonderland"))
    await core.clock.advance(61)
    decision = await deciding
    assert (decision.accept, decision.reason) == (opens, Reason.FAIL_OPEN if opens else Reason.UNAVAILABLE)


async def test_a_password_that_holds_a_separator() -> None:
    """A password that ends like a factor is tried whole where so configured, and then never with a push."""
    core = Core(Approved())
    passwords = with_passwords(core, Rule(password_may_contain_separator=True))

    async def check(login: Login, password: Secret, deadline: float) -> Checked:
        passwords.tried.append(password.value)
        return PasswordRight() if password.value == b"won,123456" else PasswordWrong()

    passwords.check = check  # type: ignore[method-assign]
    assert (await core.start(vpn(b"won,123456"))).reason is Reason.FACTOR_NEEDED
    assert core.provider.calls == []
    assert (await core.start(vpn(b"won,123456,push"))).accept
    assert passwords.tried == [b"won", b"won,123456", b"won,123456"]


async def test_exemptions_need_the_password() -> None:
    """An exempt person, or one of an exempt group, gets in with the password alone, and with the wrong one not."""
    core = Core()
    rule = Rule(exempt_users=frozenset({"probe"}), exempt_groups=frozenset({"robots"}))
    with_passwords(core, rule, PasswordRight(frozenset({"robots"})))
    for user in ("probe", "r2d2"):
        decision = await core.start(vpn(b"wonderland", user=user))
        assert (decision.accept, decision.reason, decision.factor) == (True, Reason.EXEMPT, "exempt")
        assert core.authenticator.decide_at_once(vpn(b"wrong", user=user)) is None
        assert (await core.start(vpn(b"wrong", user=user))).reason is Reason.BAD_PASSWORD
    assert core.provider.calls == []


async def test_exemptions_without_a_password_are_decided_at_once() -> None:
    """A probe of a service without passwords needs no wait."""
    core = Core()
    core.authenticator.policy = Policy({"vpn": Rule(exempt_users=frozenset({"probe"}))})
    decision = core.authenticator.decide_at_once(vpn(b"", user="probe"))
    assert decision is not None
    assert decision.accept
    assert core.authenticator.decide_at_once(vpn(b"")) is None


async def test_a_reload_in_mid_login_does_not_take_the_password_check_away() -> None:
    """A person whose client loses its first factor while the login is under way must still know the password."""
    core = Core(Approved("phone"))
    passwords = with_passwords(core, Rule(number="optional"))

    async def features(login: Login, deadline: float) -> frozenset[str]:
        core.authenticator.replace_rules(Policy({"vpn": PLAIN}), {}, core.authenticator.words)
        return frozenset()

    core.provider.features = features  # type: ignore[method-assign]
    decision = await core.start(vpn(b"guess,push"))
    assert (decision.accept, decision.reason) == (False, Reason.BAD_PASSWORD)
    assert (passwords.tried, core.provider.begun()) == ([b"guess"], 0)
