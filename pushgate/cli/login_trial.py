"""One login through one provider, with nothing of the daemon's but its configuration."""

import asyncio
import signal
import socket
import sys

from pushgate.asking import WAYS
from pushgate.attempts import CoolDown, Places, PushBudget
from pushgate.authenticator import Authenticator, Guards
from pushgate.build_pam import pam_rules
from pushgate.build_provider import build_provider
from pushgate.build_radius import client_rules
from pushgate.cli.login_output import Steps
from pushgate.cli.login_terminal import TerminalConversation
from pushgate.cli.login_trace import ShownAudit, TracedProvider
from pushgate.clock import Clock
from pushgate.conversation import Conversation
from pushgate.errors import PushgateError
from pushgate.firstfactor.provider import ProviderFirstFactor, can_check_passwords
from pushgate.login import Login, Origin, OriginSource, Secret
from pushgate.observing import observed_by
from pushgate.policy import Policy, Rule
from pushgate.sections.provider import ProviderSettings
from pushgate.settings import Settings

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def make_login(username: str, service: str, field: Secret) -> Login:
    """Say who logs in and what is typed; a device that shows commands shows it as what it is."""
    origin = Origin(None, OriginSource.LOCAL)
    return Login(username, service, socket.gethostname(), origin, command="pushgate login", secret=field)


class Trial:
    """The real core, a provider that is watched, and a person at the terminal."""

    def __init__(self, clock: Clock, settings: Settings, *, as_json: bool) -> None:
        self.clock, self.settings = clock, settings
        self.steps = Steps(clock, as_json=as_json)

    async def run(self, section: ProviderSettings, name: str, login: Login, has_password: bool) -> bool:
        """Let a person log in, and say whether that was approved.

        Args:
            section: The provider's.
            name: What the configuration calls it.
            login: With what stands in its password field.
            has_password: Whether that begins with a password.

        Raises:
            PushgateError: the provider cannot be built, or cannot check passwords.
        """
        with observed_by(self.steps.request):
            provider = build_provider(section, self.clock, name)
        try:
            if has_password and not can_check_passwords(provider):
                hint = "leave --password out; docs/providers/README.md says which types check passwords"
                raise PushgateError(f"{name}: a provider of the type {section.type} checks no passwords", hint)
            terminal = TerminalConversation(self.clock, sys.stdin.fileno(), self.steps.told)
            self.steps.terminal = terminal
            core = self.core(TracedProvider(provider, self.steps, terminal.release), login.service, has_password)
            return await self.decide(core, login, terminal)
        finally:
            await provider.close()

    def core(self, provider: TracedProvider, service: str, has_password: bool) -> Authenticator:
        """Put the core together as the daemon does, around this provider alone."""
        return Authenticator(
            Policy({service: rule_of(self.settings, service)}),
            provider,
            ShownAudit(self.steps, provider.hint),
            self.clock,
            timeout=self.settings.login.timeout,
            guards=Guards(Places(1, 1), PushBudget(self.clock, WAYS), CoolDown(self.clock)),
            first_factors={service: ProviderFirstFactor(provider)} if has_password else {},
            words=self.settings.texts.words(),
        )

    async def decide(self, core: Authenticator, login: Login, conversation: Conversation) -> bool:
        """Let the core decide; a signal withdraws what is open."""
        deciding = asyncio.create_task(core.authenticate(login, conversation))

        def give_up() -> None:
            self.steps.given_up()
            deciding.cancel("given up at the terminal")

        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, give_up)
        await asyncio.wait([deciding])
        return not deciding.cancelled() and deciding.result().accept


def rule_of(settings: Settings, service: str) -> Rule:
    """Return the rule of a service without what lets people in unasked: here the provider is asked, or nobody."""
    rules = dict(pam_rules(settings.pam)) if settings.pam is not None else {}
    if settings.radius is not None:
        rules |= client_rules(settings.radius)
    return Rule(number=rules.get(service, Rule(number="optional")).number)
