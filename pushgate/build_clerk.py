"""The section of the provider ``clerk`` becomes the provider: its key is read, its parts are put together."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from pushgate.build_secrets import check_ca_file
from pushgate.clock import Clock
from pushgate.errors import ConfigurationError, PushgateError
from pushgate.files import check_folders, read_secret
from pushgate.http import JsonClient
from pushgate.providers.clerk import Clerk
from pushgate.providers.clerk_backend import BackendApi
from pushgate.providers.clerk_enrolment import Enrolment
from pushgate.providers.clerk_frontend import FrontendApi
from pushgate.providers.clerk_limits import Budget, Limits
from pushgate.providers.clerk_reverify import ClerkReverify
from pushgate.providers.clerk_sessions import EnrolledSessions, Sessions, TicketSessions
from pushgate.providers.clerk_store import SessionStore
from pushgate.providers.clerk_verifying import Verifier
from pushgate.sections.clerk import ClerkSettings

SECRET_KEY = re.compile(rb"sk_(test|live)_[A-Za-z0-9]{8,256}")
SHORTEST_STORE_SECRET = 32


@dataclass(frozen=True, slots=True)
class ClerkSecrets:
    """What the files of the section hold."""

    key: str = field(repr=False)
    store: bytes = field(default=b"", repr=False)
    """The secret that seals enrolled sessions; empty in the other modes."""


def build_clerk(settings: ClerkSettings, clock: Clock, name: str) -> Clerk:
    """Build the provider; connects to nothing.

    Raises:
        ConfigurationError: with every file of it that cannot be used.
    """
    secrets, limits = clerk_secrets(settings), build_limits(settings, clock)
    mail_domain = (settings.mail_domain or "").casefold()
    if settings.mode == "bapi":
        return Clerk(build_backend(settings, secrets, clock), clock, limits, mail_domain=mail_domain, name=name)
    backend, frontend, tickets = build_tickets(settings, secrets, clock)
    sessions: Sessions = tickets
    if settings.mode == "reverify-enrolled":
        sessions = EnrolledSessions(tickets, session_store(settings, secrets), clock)
    verifier = Verifier(frontend, sessions, clock, limits, level=settings.level, prove_by_token=settings.prove_by_token)
    return ClerkReverify(backend, verifier, clock, limits, mail_domain=mail_domain, name=name)


def build_enrolment(settings: ClerkSettings, clock: Clock) -> Enrolment:
    """Build what keeps people's sessions in the mode ``reverify-enrolled``; connects to nothing.

    Raises:
        ConfigurationError: with every file of it that cannot be used.
    """
    secrets = clerk_secrets(settings)
    backend, _, tickets = build_tickets(settings, secrets, clock)
    mail_domain = (settings.mail_domain or "").casefold()
    people = Clerk(backend, clock, build_limits(settings, clock), mail_domain=mail_domain)
    return Enrolment(people, tickets, session_store(settings, secrets), clock)


def build_limits(settings: ClerkSettings, clock: Clock) -> Limits:
    """Build what one person may cost."""
    return Limits(
        codes=Budget(clock, settings.max_wrong_codes, settings.limit_period),
        passwords=Budget(clock, settings.max_wrong_codes, settings.limit_period),
        messages=Budget(clock, settings.max_messages, settings.limit_period),
    )


def build_backend(settings: ClerkSettings, secrets: ClerkSecrets, clock: Clock) -> BackendApi:
    """Build the client of the Backend API, which alone sends the secret key."""
    headers = {"Authorization": f"Bearer {secrets.key}"}
    transport = JsonClient(settings.api_url, clock, headers, settings.ca_file)
    return BackendApi(transport, clock, settings.user_attribute, settings.api_version)


def build_tickets(
    settings: ClerkSettings, secrets: ClerkSecrets, clock: Clock
) -> tuple[BackendApi, FrontendApi, TicketSessions]:
    """Build both clients and what signs people in by them."""
    assert settings.frontend_url is not None
    backend = build_backend(settings, secrets, clock)
    transport = JsonClient(settings.frontend_url, clock, {}, settings.ca_file)
    frontend = FrontendApi(transport, clock, settings.api_version)
    return backend, frontend, TicketSessions(backend, frontend, clock)


def session_store(settings: ClerkSettings, secrets: ClerkSecrets) -> SessionStore:
    """Return where enrolled sessions are kept."""
    assert settings.session_folder is not None
    return SessionStore(settings.session_folder, secrets.store)


def clerk_secrets(settings: ClerkSettings) -> ClerkSecrets:
    """Read the secret key and the secret of the store; check the CA's file and the folder.

    Raises:
        ConfigurationError: naming everything that cannot be used.
    """
    problems: list[PushgateError] = []
    key = read_into(settings.secret_key_file, problems)
    if key and not SECRET_KEY.fullmatch(key):
        hint = "copy it from API keys in Clerk's dashboard: it begins with sk_live_ or sk_test_"
        problems.append(PushgateError(f"{settings.secret_key_file}: holds no secret key of Clerk's", hint))
    store = b""
    if settings.session_key_file is not None:
        store = read_into(settings.session_key_file, problems)
        if 0 < len(store) < SHORTEST_STORE_SECRET:
            problems.append(PushgateError(f"{settings.session_key_file}: too short", "openssl rand -hex 32 makes one"))
    if settings.session_folder is not None:
        check_session_folder(settings.session_folder, problems)
    if settings.ca_file is not None:
        check_ca_file(settings.ca_file, problems)
    if problems:
        raise ConfigurationError(problems)
    return ClerkSecrets(key.decode("ascii"), store)


def read_into(path: Path, problems: list[PushgateError]) -> bytes:
    """Read a secret; what is wrong goes to ``problems``."""
    try:
        return read_secret(path)
    except ConfigurationError as error:
        problems.extend(error.problems)
        return b""


def check_session_folder(folder: Path, problems: list[PushgateError]) -> None:
    """Refuse a folder that is missing, or in which somebody else could put a session."""
    try:
        if not folder.is_dir():
            raise ConfigurationError([PushgateError(f"{folder}: no such folder", f"install -d -m 0700 {folder}")])
        check_folders(folder)
        check_folders(folder.resolve())
    except ConfigurationError as error:
        problems.extend(error.problems)
