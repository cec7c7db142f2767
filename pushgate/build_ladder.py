"""The providers, and what stands in while they cannot be reached, become one ladder."""

from contextlib import AsyncExitStack
from pathlib import Path

from pushgate.build_provider import build_provider
from pushgate.build_routes import build_routes, offline_rung
from pushgate.clock import Clock
from pushgate.errors import ConfigurationError, PushgateError
from pushgate.files import check_folders
from pushgate.offline.database import StoreError, database, make_database
from pushgate.offline.spelling import Kind
from pushgate.providers.base import Provider
from pushgate.providers.ladder import LadderProvider
from pushgate.providers.offline import OfflineProvider
from pushgate.providers.routes import Routes
from pushgate.settings import Settings
from pushgate.threads import Threads

THREADS = 2
"""Checks of offline codes at the same time: each takes 16 MiB and a processor for some 50 ms."""


def build_ladder(settings: Settings, clock: Clock, stack: AsyncExitStack) -> LadderProvider:
    """Build every rung that the configuration has a section for; the stack closes them.

    Raises:
        PushgateError: a key or the file of offline codes cannot be used.
    """
    rungs: dict[str, Provider] = {}
    for provider, section in settings.all_providers.items():
        rungs[provider] = build_provider(section, clock, provider)
        stack.push_async_callback(rungs[provider].close)
    if settings.offline is not None:
        path = settings.offline.file
        make_database(path)
        with database(path):
            threads = Threads("offline", THREADS, clock)
            stack.callback(threads.close)
        for kinds in ({Kind.TOTP}, {Kind.BREAK_GLASS}, set(Kind)):
            [name] = offline_rung(kinds)
            rungs[name] = OfflineProvider(path, kinds, threads, clock)
    return LadderProvider(rungs, build_routes(settings), clock)


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


def require_rungs(ladder: LadderProvider, routes: Routes) -> None:
    """Refuse rungs that are not running: a reload must not leave one out in silence.

    Raises:
        ConfigurationError: naming each service and rung.
    """
    named = [("login", routes.default)]
    named += [(service, order) for service, route in routes.services.items() for order in route.orders()]
    missing = dict.fromkeys((place, rung) for place, order in named for rung in order if rung not in ladder.rungs)
    if missing:
        hint = "restart the daemon: providers and offline begin to run at a start"
        raise ConfigurationError([PushgateError(f"{place}: {rung} does not run yet", hint) for place, rung in missing])
