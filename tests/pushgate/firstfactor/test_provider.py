"""The provider's own password check."""

from pushgate.firstfactor.base import Checked, PasswordRight, PasswordWrong
from pushgate.firstfactor.provider import ProviderFirstFactor, can_check_passwords
from pushgate.login import Login, Secret
from pushgate.providers.logintc import LoginTc


class Recording:
    """A provider that takes every password and notes it."""

    def __init__(self) -> None:
        self.checked: list[tuple[str, bytes, float]] = []

    async def check_password(self, login: Login, password: Secret, deadline: float) -> Checked:
        """Note and take it."""
        self.checked.append((login.user, password.value, deadline))
        return PasswordRight(frozenset({"vpn"}))


async def test_the_provider_is_asked() -> None:
    """A person's password goes to the provider with the login's deadline, and its answer counts."""
    provider = Recording()
    factor = ProviderFirstFactor(provider)
    outcome = await factor.check(Login("alice", "vpn", "gateway"), Secret(b"caf\xe9"), 7.0)
    assert outcome == PasswordRight(frozenset({"vpn"}))
    assert provider.checked == [("alice", b"caf\xe9", 7.0)]
    await factor.close()


async def test_an_empty_password_goes_nowhere() -> None:
    """An attacker who leaves the password empty is refused whatever the provider would say."""
    provider = Recording()
    outcome = await ProviderFirstFactor(provider).check(Login("alice", "vpn", "gateway"), Secret(b""), 7.0)
    assert isinstance(outcome, PasswordWrong)
    assert provider.checked == []


def test_who_can_check_passwords() -> None:
    """A provider says by having the check that it can; LoginTC cannot."""
    assert can_check_passwords(Recording())
    assert can_check_passwords(Recording)
    assert not can_check_passwords(LoginTc)
    assert not can_check_passwords(None)
