"""The provider and what stands in for it while it cannot be reached become one ladder."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from pushgate.build_pam import offline_rung
from pushgate.build_provider import build_provider
from pushgate.clock import Clock
from pushgate.errors import ConfigurationError, PushgateError
from pushgate.files import check_folders
from pushgate.offline.database import StoreError, database, make_database
from pushgate.offline.spelling import Kind
from pushgate.providers.base import Provider
from pushgate.providers.ladder import LadderProvider
from pushgate.providers.offline import OfflineProvider
from pushgate.sections.provider import ProviderSettings
from pushgate.settings import Settings
from pushgate.threads import Threads

SECOND = "second_provider"
THREADS = 2
"""Checks of offline codes at the same time: each takes 16 MiB and a processor for some 50 ms."""


def build_ladder(settings: Settings, first: ProviderSettings, clock: Clock, stack: AsyncExitStack) -> LadderProvider:
    """Build who is asked, and every rung that the configuration has a section for; the stack closes them.

    Raises:
        PushgateError: a key or the file of offline codes cannot be used.
    """
    provider = build_provider(first, clock)
    stack.push_async_callback(provider.close)
    rungs: dict[str, Provider] = {}
    if settings.second_provider is not None:
        rungs[SECOND] = build_provider(settings.second_provider, clock)
        stack.push_async_callback(rungs[SECOND].close)
    if settings.offline is not None:
        path = settings.offline.file
        make_database(path)
        with database(path):
            threads = Threads("offline", THREADS, clock)
            stack.callback(threads.close)
        for kinds in ({Kind.TOTP}, {Kind.BREAK_GLASS}, set(Kind)):
            [name] = offline_rung(kinds)
            rungs[name] = OfflineProvider(path, kinds, threads, clock)
    return LadderProvider(provider, rungs, clock)


def check_offline(path: Path) -> None:
    """Check the file of offline codes, or the folder in which it will be made.

    Raises:
        PushgateError: naming what is wrong.
    """
    if path.exists() or path.is_symlink():
        with database(path):
            return
    if not path.parent.is_dir():
        raise StoreError(f"{path.parent}: no such folder", f"install -d -m 0700 {path.parent}")
    check_folders(path.parent.resolve())


def require_rungs(ladder: LadderProvider, fallbacks: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse rungs that are not running: a reload must not leave one out in silence.

    Raises:
        ConfigurationError: naming each service and rung.
    """
    missing = [(service, rung) for service, rungs in fallbacks.items() for rung in rungs if rung not in ladder.rungs]
    if missing:
        hint = "restart the daemon: second_provider and offline begin to run at a start"
        raise ConfigurationError(
            [
                PushgateError(f"pam.services.{service}.fallback: {rung} does not run yet", hint)
                for service, rung in missing
            ]
        )
