"""Settings become running parts, in the order that they need each other, and stop in the reverse order."""

import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog

from pam_module.listener import PamListener, PamOptions
from push_authority.errors import AuthorityError
from push_authority.server import Authority, AuthorityOptions
from pushgate.attempts import CoolDown, Places, PushBudget
from pushgate.audit import JsonLinesAudit
from pushgate.authenticator import Authenticator, Guards
from pushgate.build_radius import build_rules, read_clients, warn_about
from pushgate.clock import Clock
from pushgate.errors import ConfigurationError, PushgateError
from pushgate.files import check_socket_folder, read_secret, read_trusted
from pushgate.http import JsonClient
from pushgate.policy import Policy, Rule
from pushgate.providers.base import Provider
from pushgate.providers.logintc import LoginTc
from pushgate.sections.authority import AuthoritySettings
from pushgate.sections.pam import PamSettings
from pushgate.sections.provider import LoginTcSettings
from pushgate.sections.radius import RadiusSettings
from pushgate.settings import Settings
from radius_server.clients import ClientTable
from radius_server.desk import DeskOptions
from radius_server.server import RadiusOptions, RadiusServer

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs; a part that the configuration does not name is None."""

    authority: Authority | None
    radius: RadiusServer | None
    pam: PamListener | None


async def start_parts(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Parts:
    """Start every part that the configuration names; the stack stops them in the reverse order.

    Raises:
        PushgateError: if a part cannot start; those before it are stopped by the stack.
    """
    authority = radius = pam = None
    if settings.authority is not None:
        # First, because it makes the key and domain files that the provider reads.
        authority = await start_authority(settings.authority)
        stack.push_async_callback(authority.stop)
    if settings.provider is None:
        return Parts(authority, None, None)

    provider = build_provider(settings.provider, clock)
    stack.push_async_callback(provider.close)
    audit = JsonLinesAudit(clock, settings.audit.file)
    stack.callback(audit.close)
    authenticator = Authenticator(
        build_policy(settings),
        provider,
        audit,
        clock,
        timeout=settings.login.timeout,
        guards=Guards(
            Places(settings.login.max_pending, settings.login.max_pending_per_user),
            PushBudget(clock, settings.login.max_unapproved_pushes),
            CoolDown(clock),
        ),
    )
    if settings.pam is not None:
        pam = build_pam(settings.pam, settings, authenticator, clock)
        await begin(stack, pam.start, pam.stop)
    if settings.radius is not None:
        radius = build_radius(settings.radius, settings, authenticator, clock)
        await begin(stack, radius.start, radius.stop)
    return Parts(authority, radius, pam)


async def begin(
    stack: AsyncExitStack, start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]
) -> None:
    """Start one part and note how it stops; also after a start that went half way."""
    stack.push_async_callback(stop)
    await start()


async def start_authority(settings: AuthoritySettings) -> Authority:
    """Start our own authority in this process.

    Raises:
        PushgateError: something about its folder, database or addresses has to be put right first.
    """
    options = AuthorityOptions(
        folder=settings.folder,
        socket=settings.socket,
        listen=(settings.listen.host, settings.listen.port) if settings.listen else None,
        page=(settings.page.host, settings.page.port),
        organization=settings.organization,
        domain=settings.domain,
        request_timeout=settings.request_timeout,
    )
    try:
        return await Authority.start(options)
    except AuthorityError as error:
        raise PushgateError(error.message, error.hint) from None


def build_provider(settings: LoginTcSettings, clock: Clock) -> Provider:
    """Build the provider that asks the person; reads its key.

    Raises:
        ConfigurationError: if the key or domain file cannot be used.
    """
    key, domain = provider_credentials(settings)
    transport = JsonClient(settings.url, clock, {"Authorization": f'LoginTC key="{key}"'}, settings.ca_file)
    return LoginTc(transport, domain, clock, send_command=settings.send_command)


def provider_credentials(settings: LoginTcSettings) -> tuple[str, str]:
    """Read the API key and the domain id; check the CA's file and the socket's folder.

    Raises:
        ConfigurationError: naming every file that cannot be used.
    """
    problems: list[PushgateError] = []
    key = read_word(settings.api_key_file, problems)
    domain = settings.domain_id or read_word(settings.domain_id_file, problems)
    if settings.ca_file is not None:
        check_ca_file(settings.ca_file, problems)
    if settings.url.startswith("unix:"):
        try:
            check_socket_folder(Path(settings.url.removeprefix("unix:")))
        except ConfigurationError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigurationError(problems)
    return key, domain


def read_word(path: Path | None, problems: list[PushgateError]) -> str:
    """Read a secret of ASCII letters and digits; what is wrong goes to ``problems``."""
    if path is None:
        return ""
    try:
        word = read_secret(path)
    except ConfigurationError as error:
        problems.extend(error.problems)
        return ""
    if not word.isalnum():
        problems.append(PushgateError(f"{path}: holds other characters than letters and digits", "write it anew"))
        return ""
    return word.decode("ascii")


def check_ca_file(path: Path, problems: list[PushgateError]) -> None:
    """Check that nobody else chooses whom we trust, and that the file holds certificates."""
    try:
        certificates = read_trusted(path, secret=False, limit=1024 * 1024).decode("ascii")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificates)
    except ConfigurationError as error:
        problems.extend(error.problems)
    except (ssl.SSLError, ValueError):
        problems.append(PushgateError(f"{path}: holds no certificates in PEM form", "give the CA's certificate"))


def build_policy(settings: Settings) -> Policy:
    """Collect the rule of each service that the configuration names."""
    named = dict(settings.pam.services) if settings.pam else {}
    rules = {name: Rule(service.if_unreachable == "accept") for name, service in named.items()}
    if settings.radius is not None:
        rules |= build_rules(settings.radius)
    for name, rule in rules.items():
        if rule.accept_if_unreachable:
            log.warning("fails_open", service=name, hint="people get in while the provider cannot be reached")
    return Policy(rules)


def build_pam(pam: PamSettings, settings: Settings, authenticator: Authenticator, clock: Clock) -> PamListener:
    """Build the PAM front end."""
    options = PamOptions(
        socket=pam.socket,
        allowed_peer_uids=frozenset(pam.allowed_peer_uids),
        services=frozenset(pam.services),
        timeout=settings.login.timeout,
        max_pending=settings.login.max_pending,
    )
    return PamListener(options, authenticator.authenticate, clock)


def build_radius(
    radius: RadiusSettings, settings: Settings, authenticator: Authenticator, clock: Clock
) -> RadiusServer:
    """Build the RADIUS front end; reads the shared secrets."""
    warn_about(radius)
    options = RadiusOptions(
        listen=[(address.host, address.port) for address in radius.listen],
        receive_buffer=radius.receive_buffer,
        desk=DeskOptions(
            answer_within=radius.answer_within,
            login_timeout=settings.login.timeout,
            max_pending=settings.login.max_pending,
            max_pending_per_client=radius.max_pending_per_client,
        ),
    )
    return RadiusServer(options, read_clients(radius), authenticator, clock)


def check_files(settings: Settings) -> list[PushgateError]:
    """Try every file that the parts will read; returns what is wrong.

    The authority's own key and domain files may be missing: it makes them at its first start.
    """
    problems: list[PushgateError] = []
    if settings.radius is not None:
        try:
            warn_about(settings.radius)
            ClientTable(read_clients(settings.radius))
        except ConfigurationError as error:
            problems.extend(error.problems)
    if settings.provider is not None:
        made_later = settings.authority is not None and not settings.provider.api_key_file.exists()
        try:
            if not made_later:
                provider_credentials(settings.provider)
        except ConfigurationError as error:
            problems.extend(error.problems)
    return problems
