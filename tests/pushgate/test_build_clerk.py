"""The section of the provider ``clerk`` becomes the provider."""

from pathlib import Path

import pytest

from pushgate.build import check_files
from pushgate.build_clerk import build_clerk, build_enrolment, clerk_secrets
from pushgate.build_firstfactor import build_by_provider
from pushgate.build_provider import build_provider, class_of
from pushgate.clock import FakeClock
from pushgate.errors import ConfigurationError
from pushgate.firstfactor.provider import can_check_passwords
from pushgate.providers.clerk import Clerk
from pushgate.providers.clerk_reverify import ClerkReverify
from pushgate.providers.clerk_sessions import EnrolledSessions, TicketSessions
from pushgate.sections.clerk import ClerkSettings
from pushgate.settings import load_settings
from tests.simulators.clerk import SECRET_KEY
from tests.support.clerk import ENROLLED, write_clerk_config

URL = "http://127.0.0.1:1"
TICKET = "mode: reverify-ticket, frontend_url: {url}"


def section(folder: Path, more: str = "") -> ClerkSettings:
    """Load a section."""
    found = load_settings(write_clerk_config(folder, URL, more)).provider
    assert isinstance(found, ClerkSettings)
    return found


@pytest.mark.parametrize(
    ("more", "kind", "sessions"),
    [
        ("", Clerk, None),
        (TICKET, ClerkReverify, TicketSessions),
        (ENROLLED + ", frontend_url: {url}", ClerkReverify, EnrolledSessions),
    ],
)
async def test_each_mode_is_built(private_folder: Path, more: str, kind: type, sessions: type | None) -> None:
    """A daemon runs the mode that the section names, and it checks passwords."""
    settings = section(private_folder, more)
    provider = build_provider(settings, FakeClock(), "clerk1")
    assert (type(provider), provider.name) == (kind, "clerk1")
    if isinstance(provider, ClerkReverify):
        assert type(provider.verifier.sessions) is sessions
    assert can_check_passwords(class_of(settings))
    assert build_by_provider(provider).name == "provider"
    await provider.close()


async def test_the_limits_are_those_of_the_section(private_folder: Path, fake_clock: FakeClock) -> None:
    """An administrator sets how often somebody may be wrong."""
    settings = section(private_folder, "max_wrong_codes: 2, max_messages: 3, limit_period: 60")
    provider = build_clerk(settings, fake_clock, "clerk")
    limits = provider.limits
    assert [each.limiter.limit for each in (limits.codes, limits.passwords, limits.messages)] == [2, 2, 3]
    assert limits.codes.limiter.seconds == 60
    await provider.close()


async def test_an_enrolment_is_built(private_folder: Path) -> None:
    """The command line gets what keeps people's sessions."""
    made = build_enrolment(section(private_folder, ENROLLED + ", frontend_url: {url}"), FakeClock())
    assert made.store.everybody() == []
    await made.close()


def test_secrets_are_in_no_repr(private_folder: Path) -> None:
    """A traceback that shows the parts shows no key."""
    assert SECRET_KEY not in repr(clerk_secrets(section(private_folder)))


@pytest.mark.parametrize(
    ("name", "content", "mode", "fault"),
    [
        ("clerk.key", b"pk_test_" + b"k" * 30, 0o600, "no secret key of Clerk's"),
        ("clerk.key", SECRET_KEY.encode() + b"\r\nX: y", 0o600, "no secret key of Clerk's"),
        ("clerk.key", SECRET_KEY.encode(), 0o644, "readable by others"),
        ("sessions.key", b"short", 0o600, "too short"),
        ("sessions.key", b"", 0o600, "is empty"),
        ("ca.pem", b"no certificate", 0o644, "no certificates"),
    ],
)
def test_each_file_is_tried(private_folder: Path, name: str, content: bytes, mode: int, fault: str) -> None:
    """An administrator whose file cannot be used is told by the check, which one and why."""
    path = write_clerk_config(private_folder, URL, ENROLLED + ", frontend_url: {url}, ca_file: {folder}/ca.pem")
    (private_folder / "ca.pem").write_bytes(b"")
    (private_folder / name).write_bytes(content)
    (private_folder / name).chmod(mode)
    problems = check_files(load_settings(path), FakeClock())
    assert any(fault in problem.message and name in problem.message for problem in problems)


@pytest.mark.parametrize("how", ["missing", "open"])
def test_the_folder_is_tried(private_folder: Path, how: str) -> None:
    """An administrator whose folder is missing, or open to others, is told so."""
    settings = section(private_folder, ENROLLED + ", frontend_url: {url}")
    folder = private_folder / "sessions"
    if how == "missing":
        folder.rmdir()
    else:
        folder.chmod(0o777)
    with pytest.raises(ConfigurationError, match=r"sessions: (no such folder|writable by others)"):
        clerk_secrets(settings)
