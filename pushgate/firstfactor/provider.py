"""First factor ``provider``: the provider that asks the person also checks the password, if it can."""

from typing import Protocol, TypeGuard

from typing_extensions import override

from pushgate.firstfactor.base import Checked, FirstFactor
from pushgate.firstfactor.passwords import refusal
from pushgate.login import Login, Secret


class PasswordProvider(Protocol):
    """What a provider has beside ``Provider`` if it can check passwords."""

    async def check_password(self, login: Login, password: Secret, deadline: float) -> Checked:
        """Check the password of ``login.user`` and ask nobody; as ``FirstFactor.check``.

        What ``begin`` needs of it is the ``handle`` of ``PasswordRight``; a login that gets no further cancels it.
        """


def can_check_passwords(provider: object) -> TypeGuard[PasswordProvider]:
    """Whether a provider, or a class of providers, has such a check."""
    return callable(getattr(provider, "check_password", None))


class ProviderFirstFactor(FirstFactor):
    """Hands the password to the provider."""

    name = "provider"

    def __init__(self, provider: PasswordProvider) -> None:
        self.provider = provider

    @override
    async def check(self, login: Login, password: Secret, deadline: float) -> Checked:
        return refusal(password) or await self.provider.check_password(login, password, deadline)

    @override
    async def close(self) -> None:
        return  # the provider is closed by whoever built it
