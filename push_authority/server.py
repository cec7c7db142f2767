"""The running authority: its folder, its store, and two planes of HTTP."""

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import structlog
from aiohttp import web

from push_authority import activation, codes, people, sessions
from push_authority.api.bypasscodes import BypassCalls
from push_authority.api.device import DeviceCalls, Identity
from push_authority.api.events import EventCalls
from push_authority.api.integration import build_integration_plane
from push_authority.api.logintc import SessionCalls
from push_authority.api.pages import Pages
from push_authority.api.publicplane import build_public_plane
from push_authority.api.tokens import TokenCalls
from push_authority.api.totp import DeviceTotpCalls, Seeds, TotpCalls
from push_authority.api.users import UserCalls
from push_authority.apikeys import DEFAULT_KEY_NAME, Keyring, all_keys, store_key
from push_authority.asking import Desk
from push_authority.clock import Clock, SystemClock
from push_authority.connections import affordable, bounded, http_log
from push_authority.folder import load_api_key, load_domain_id, load_secret, prepare_folder
from push_authority.keeper import SWEEP_SECONDS, SessionKeeper
from push_authority.listeners import BACKLOG, open_loopback, open_page, open_unix
from push_authority.sealing import Sealer
from push_authority.store.base import Store, Transaction
from push_authority.store.sqlite import SqliteStore

log = structlog.get_logger()

KEEPALIVE_SECONDS = 10
"""Also ends connections that send nothing, or half a request."""

LINGER_SECONDS = 2
SHUTDOWN_SECONDS = 1
MAX_CALLERS = 20_000
"""Connections to the integration plane: each long poll of a host holds one."""
MAX_VISITORS = 4096
"""Connections to the public plane; a browser has two or three."""
WEB_FOLDER = Path(__file__).parent / "web"


@dataclass(frozen=True, slots=True)
class AuthorityOptions:
    """What the administrator decides."""

    folder: Path
    """Made (0700) if it is missing; holds the database and the keys."""
    socket: Path | None
    """The integration plane as a unix socket (0600)."""
    listen: tuple[str, int] | None
    """The integration plane on loopback TCP; port 0 picks one."""
    page: tuple[str, int]
    """The public plane on loopback TCP; port 0 picks one."""
    organization: str
    domain: str
    """Display name of the domain that is made at the first start."""
    request_timeout: int
    """Seconds that a session may stay pending."""


class Authority:
    """A running authority; make it with ``start``."""

    def __init__(self, store: Store, keeper: SessionKeeper, keyring: Keyring) -> None:
        self.store = store
        self.keeper = keeper
        self.keyring = keyring
        self.page_url = ""
        self.listen_port: int | None = None
        self.unix_socket: Path | None = None
        self.runners: list[web.AppRunner] = []
        self.listeners: list[asyncio.Server] = []
        self.sweeper: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, options: AuthorityOptions, clock: Clock | None = None) -> "Authority":
        """Open the folder and both planes.

        Raises:
            AuthorityError: something about folder, files, database or addresses has to be put right first.
        """
        clock = clock or SystemClock()
        prepare_folder(options.folder)
        api_key, sealer = load_api_key(options.folder), Sealer(load_secret(options.folder))
        domain = people.Domain(load_domain_id(options.folder), options.domain)
        store = await SqliteStore.open(options.folder / "authority.db")
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(store.close)
            now, wall, longest = clock.now(), clock.wall(), options.request_timeout
            await store.transact(lambda tx: limit_lifetimes(tx, now, wall, longest))
            keyring = await store.transact(lambda tx: store_basics(tx, domain, api_key))
            pages = open_page(options.page)
            for page in pages:
                undo.callback(page.close)
            host = f"localhost:{pages[0].getsockname()[1]}"
            keeper = SessionKeeper(store, clock, options.request_timeout, Desk(host, sealer))
            await keeper.sweep()
            authority = cls(store, keeper, keyring)
            undo.push_async_callback(authority.close_planes)
            await authority.open_integration_plane(options, sealer)
            identity = Identity(authority=host, name=options.organization)
            await authority.open_public_plane(pages, identity, sealer)
            undo.pop_all()
        authority.sweeper = asyncio.create_task(authority.sweep_on())
        log.info("authority_started", page=authority.page_url, socket=str(options.socket), port=authority.listen_port)
        return authority

    async def open_integration_plane(self, options: AuthorityOptions, sealer: Sealer) -> None:
        """Listen where the options say."""
        keeper, seeds = self.keeper, Seeds(self.keeper, sealer, options.organization)
        calls = SessionCalls(keeper, options.organization), UserCalls(keeper), TokenCalls(keeper, sealer)
        codes = BypassCalls(keeper, sealer), TotpCalls(seeds)
        runner = await self.add_runner(build_integration_plane(self.keyring, *calls, *codes))
        if options.socket:
            await self.listen(runner, await open_unix(options.socket), affordable(MAX_CALLERS, part=2))
            self.unix_socket = options.socket
        if options.listen:
            listener = open_loopback(options.listen, "listen")
            self.listen_port = listener.getsockname()[1]
            await self.listen(runner, listener, affordable(MAX_CALLERS, part=2))

    async def open_public_plane(self, pages: list[socket.socket], identity: Identity, sealer: Sealer) -> None:
        """Serve page and device API on open listeners of one port."""
        port = pages[0].getsockname()[1]
        hosts = {f"{name}:{port}" for name in ("localhost", "127.0.0.1", "[::1]")}
        seeds = DeviceTotpCalls(Seeds(self.keeper, sealer, identity.name))
        calls = DeviceCalls(self.keeper, sealer, identity), EventCalls(self.keeper), seeds
        runner = await self.add_runner(build_public_plane(hosts, Pages(WEB_FOLDER), *calls))
        for page in pages:
            await self.listen(runner, page, affordable(MAX_VISITORS, part=4))
        self.page_url = f"http://localhost:{port}"

    async def add_runner(self, application: web.Application) -> web.AppRunner:
        """Prepare to serve an application with the time-outs of this module."""
        runner = web.AppRunner(
            application,
            handle_signals=False,
            access_log=None,
            keepalive_timeout=KEEPALIVE_SECONDS,
            lingering_time=LINGER_SECONDS,
            shutdown_timeout=SHUTDOWN_SECONDS,
            auto_decompress=False,
            logger=http_log,
        )
        await runner.setup()
        self.runners.append(runner)
        return runner

    async def listen(self, runner: web.AppRunner, listener: socket.socket, limit: int) -> None:
        """Serve what comes in through an open listener."""
        connect = bounded(cast(web.Server, runner.server), limit, str(listener.getsockname()))
        server = await asyncio.get_running_loop().create_server(connect, sock=listener, backlog=BACKLOG)
        self.listeners.append(server)

    async def sweep_on(self) -> None:
        """Expire and forget sessions once a second, whatever happens."""
        while True:
            await self.keeper.clock.sleep(SWEEP_SECONDS)
            try:
                await self.keeper.sweep()
            except Exception as error:  # noqa: BLE001 - without sweeps the counts only grow, until nobody is asked
                log.error("sweep_failed", error=type(error).__name__, reason=str(error))

    async def stop(self) -> None:
        """Close both planes, then the store."""
        if self.sweeper:
            self.sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.sweeper
        self.keeper.end_waits()
        await self.close_planes()
        await self.store.close()
        log.info("authority_stopped")

    async def close_planes(self) -> None:
        """Stop listening and end what is open."""
        for listener in self.listeners:
            listener.close()
        for runner in self.runners:
            await runner.cleanup()
        if self.unix_socket:
            # Nobody else can have taken the name: we still hold the lock on the database.
            self.unix_socket.unlink(missing_ok=True)


def limit_lifetimes(tx: Transaction, now: float, wall: float, longest: float) -> None:
    """Bring what is stored into the time of this run, which the machine's clock at its start has set."""
    sessions.limit_lifetimes(tx, now, longest)
    activation.limit_lifetimes(tx, now)
    codes.limit_lifetimes(tx, now, wall)


def store_basics(tx: Transaction, domain: people.Domain, api_key: str) -> Keyring:
    """Make the store agree with the folder's files, and return every API key."""
    people.store_domain(tx, domain)
    store_key(tx, DEFAULT_KEY_NAME, api_key)
    return Keyring(all_keys(tx))
