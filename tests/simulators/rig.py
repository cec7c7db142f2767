"""What the contract suite needs of each provider: the provider itself, its simulator, and the person's hand."""

from abc import ABC, abstractmethod
from typing import ClassVar

from pushgate.clock import Clock
from pushgate.login import Login
from pushgate.outcome import Handle
from pushgate.providers.base import Provider
from tests.simulators.base import Simulator


class Rig(ABC):
    """One provider, connected to its simulator over real HTTP, and a person called alice who is enrolled there.

    The clock is the real one unless the suite hands in another; provider and simulator share it.
    """

    name: ClassVar[str]
    """As in test ids: ``onelogin-v1``."""
    rings: ClassVar[bool]
    """Whether ``begin(Push)`` rings a device: ``Pending``. If not, it is ``NeedsCode``."""
    checks_codes: ClassVar[bool]
    """Whether ``begin(Code)`` works with nothing sent before."""

    simulator: Simulator
    provider: Provider
    clock: Clock

    @abstractmethod
    async def login(self, user: str = "alice") -> Login:
        """Return a login as far as the core has brought it before ``begin``: with ``checked``, where it is needed."""

    @abstractmethod
    def approve(self, handle: Handle) -> None:
        """Let the person approve the question on the device; only where ``rings``."""

    @abstractmethod
    def deny(self, handle: Handle) -> None:
        """Let the person refuse it; only where ``rings``."""

    @abstractmethod
    def expire(self, handle: Handle) -> None:
        """Let the question be forgotten at the provider."""

    @abstractmethod
    def right_code(self, handle: Handle | None = None) -> str:
        """Return the code that is right now: for this question, or with nothing sent before."""

    @abstractmethod
    def leftovers(self) -> int:
        """How many questions are still open at the provider that could yet be answered."""

    @abstractmethod
    def provider_at(self, url: str, key: str | None = None) -> Provider:
        """Build the same provider for another address, or with another secret; the caller closes it."""
