"""Taking a changed configuration over while logins are pending: all of it is checked first, then exchanged at once."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import structlog

from pushgate.build import Parts
from pushgate.build_ladder import require_rungs
from pushgate.build_pam import pam_services
from pushgate.build_rules import Rules, build_rules
from pushgate.clock import Clock
from pushgate.errors import ConfigurationError
from pushgate.sections.common import Section
from pushgate.settings import Settings, load_settings

log = structlog.get_logger()

RESTART_ONLY = {
    "login": ("timeout", "max_pending", "max_unapproved_pushes", "max_pending_per_user"),
    "radius": (
        "listen",
        "accounting_listen",
        "answer_within",
        "max_pending_per_client",
        "receive_buffer",
        "state_folder",
        "join_key_file",
        "radsec.listen",
    ),
    "pam": ("socket", "allowed_peer_uids"),
}
"""Keys that hold only after a restart, in sections whose other keys are exchanged."""
WHOLE_SECTIONS = ("provider", "providers", "offline", "authority", "control", "audit", "log")


class Reloader:
    """Reads the configuration file anew, whenever it is told to."""

    def __init__(self, path: Path, settings: Settings, parts: Parts, clock: Clock) -> None:
        """Take what runs.

        Args:
            path: The configuration file.
            settings: What it said at the start.
            parts: What was built from that.
            clock: Time.
        """
        self.path, self.started_with, self.parts, self.clock = path, settings, parts, clock
        self.rules = parts.rules
        self.running: set[asyncio.Task[None]] = set()

    async def reload(self) -> dict[str, list[str]]:
        """Take the file over: clients, secrets, policy, first factors, texts.

        Logins that are pending go on with what they began with.

        Returns:
            ``needs_restart``: the keys that have changed and hold only after a restart.

        Raises:
            ConfigurationError: with every fault; nothing has changed.
        """
        try:
            settings = load_settings(self.path)
            ladder = self.parts.ladder
            rules = build_rules(settings, self.clock, ladder)
            if ladder is not None:
                require_rungs(ladder, rules.routes)
        except ConfigurationError as error:
            for problem in error.problems:
                log.error("reload_refused", problem=problem.message, hint=problem.hint)
            raise
        self.exchange(rules)
        if self.parts.pam is not None and settings.pam is not None:
            self.parts.pam.replace_services(pam_services(settings.pam))
        later = list(needs_restart(self.started_with, settings))
        log.info("reloaded", needs_restart=later)
        return {"needs_restart": later}

    def reload_in_background(self) -> None:
        """Take the file over for nobody who waits to hear of it; the log has the faults."""
        self.keep(asyncio.create_task(self.reload_quietly()))

    async def reload_quietly(self) -> None:
        """Take the file over; the log has the faults."""
        with contextlib.suppress(ConfigurationError):
            await self.reload()

    def exchange(self, rules: Rules) -> None:
        """Let new logins go by new rules."""
        if self.parts.authenticator is not None:
            self.parts.authenticator.replace_rules(rules.policy, rules.first_factors, rules.words)
        if self.parts.ladder is not None:
            self.parts.ladder.replace_routes(rules.routes)
        if self.parts.radius is not None:
            self.parts.radius.replace_clients(rules.clients)
        if self.parts.radsec is not None and rules.radsec is not None:
            self.parts.radsec.replace_rules(rules.radsec)
        old, self.rules = self.rules, rules
        if old is not None:
            self.keep(asyncio.create_task(self.retire(old)))

    def keep(self, task: asyncio.Task[None]) -> None:
        """Hold on to a task until it ends: the loop alone would let it be collected."""
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    async def retire(self, rules: Rules) -> None:
        """Close old first factors once no login can be using them any more."""
        try:
            await self.clock.sleep(self.started_with.login.timeout)
        finally:
            await rules.close()

    async def close(self) -> None:
        """Close every first factor, old and new."""
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)
        if self.rules is not None:
            await self.rules.close()


def needs_restart(old: Settings, new: Settings) -> Iterator[str]:
    """Yield the keys that differ and that a reload does not take over."""
    for name in WHOLE_SECTIONS:
        if getattr(old, name) != getattr(new, name):
            yield name
    for name, keys in RESTART_ONLY.items():
        before, after = getattr(old, name), getattr(new, name)
        if (before is None) != (after is None):
            yield name
        elif before is not None:
            yield from (f"{name}.{key}" for key in keys if value_of(before, key) != value_of(after, key))


def value_of(section: Section, path: str) -> object:
    """Return the value of a key, which may be one of an inner section; None where that is missing."""
    value: object = section
    for key in path.split("."):
        value = getattr(value, key, None)
    return value
