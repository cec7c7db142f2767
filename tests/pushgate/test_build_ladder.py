"""The configuration becomes a ladder; a file that cannot be used is a fault, at once."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from pushgate.build import check_files, start_parts, status_of
from pushgate.build_ladder import check_offline, require_rungs
from pushgate.clock import FakeClock, SystemClock
from pushgate.errors import ConfigurationError, PushgateError
from pushgate.offline.database import make_database
from pushgate.policy import Rule
from pushgate.providers.ladder import LadderProvider
from pushgate.providers.logintc import LoginTc
from pushgate.providers.offline import OfflineProvider
from pushgate.providers.routes import Route, RouteRule, Routes
from pushgate.settings import Settings, load_settings
from tests.support.config import PROVIDER, named, write_config
from tests.support.core import ScriptedProvider
from tests.support.settings import GOOD, faults

AUDIT = "audit: {{file: {folder}/audit.jsonl}}\n"
SECOND = named("second", PROVIDER)
OFFLINE = "offline: {{file: {folder}/offline.db}}\n"
PAM = """\
pam:
  socket: {folder}/pam.sock
  services:
    sshd: {{providers: [provider, second], fallback: [break_glass, offline_totp], if_unreachable: accept}}
    sudo: {{fallback: [break_glass]}}
    su: {{providers: [provider, second], if_unreachable: accept}}
    login:
"""


def settings_of(folder: Path, *parts: str) -> Settings:
    """Write and load a configuration."""
    return load_settings(write_config(folder, *parts))


async def test_each_service_has_its_rungs_in_order(private_folder: Path) -> None:
    """An administrator names rungs per service; both sorts of codes share one prompt, and codes never fail open."""
    async with AsyncExitStack() as stack:
        settings = settings_of(private_folder, PROVIDER, SECOND, OFFLINE, PAM, AUDIT)
        parts = await start_parts(settings, SystemClock(), stack)
        ladder = parts.ladder
        assert ladder is not None
        assert parts.authenticator is not None
        assert parts.authenticator.provider is ladder
        assert {name: route.order for name, route in ladder.routes.services.items()} == {
            "sshd": ("provider", "second", "offline_totp+break_glass"),
            "sudo": ("provider", "break_glass"),
            "su": ("provider", "second"),
            "login": ("provider",),
        }
        kinds = {name: type(rung) for name, rung in ladder.rungs.items()}
        offline = ("offline_totp", "break_glass", "offline_totp+break_glass")
        assert kinds == {"provider": LoginTc, "second": LoginTc, **dict.fromkeys(offline, OfflineProvider)}
        assert [ladder.rungs[name].name for name in ("provider", "second")] == ["provider", "second"]
        rules = parts.authenticator.policy.rules
        assert {name for name, rule in rules.items() if rule.accept_if_unreachable} == {"su"}
        assert {name for name, rule in rules.items() if rule.has_fallback} == {"sshd", "sudo", "su"}
        assert rules["login"] == Rule(number="optional")
        ladder.steps["break_glass"] += 2
        assert status_of(parts)["ladder"] == {"stepped_down_to": {"break_glass": 2}}


async def test_the_daemon_makes_the_file_and_refuses_one_that_lies_open(private_folder: Path) -> None:
    """A daemon that starts before anybody prepared codes makes the file, and does not start on one others can read."""
    settings = settings_of(private_folder, PROVIDER, SECOND, OFFLINE, PAM, AUDIT)
    async with AsyncExitStack() as stack:
        await start_parts(settings, SystemClock(), stack)
    file = private_folder / "offline.db"
    assert check_files(settings, FakeClock()) == []
    file.chmod(0o644)
    [problem] = check_files(settings, FakeClock())
    assert problem.hint == f"chmod 600 {file}"
    async with AsyncExitStack() as stack:
        with pytest.raises(PushgateError, match="readable by others"):
            await start_parts(settings, SystemClock(), stack)


def test_a_check_makes_no_file(private_folder: Path) -> None:
    """An administrator who only checks finds no new file, and hears of a missing folder or key."""
    settings = settings_of(private_folder, PROVIDER, SECOND, OFFLINE, PAM)
    assert check_files(settings, FakeClock()) == []
    assert not (private_folder / "offline.db").exists()
    missing = SECOND.replace("{folder}/api.key", "{folder}/none.key") + OFFLINE.replace("{folder}", "{folder}/none")
    problems = check_files(settings_of(private_folder, PROVIDER, missing, PAM), FakeClock())
    assert [str(problem.message).partition(": ")[2] for problem in problems] == [
        "cannot be read (no such file or directory)",
        "no such folder",
    ]


def test_a_link_or_an_open_folder_is_a_fault(private_folder: Path) -> None:
    """A path at which somebody else could put the file is refused before it is there."""
    make_database(private_folder / "real.db")
    link = private_folder / "offline.db"
    link.symlink_to(private_folder / "real.db")
    with pytest.raises(PushgateError, match="symbolic"):
        check_offline(link)
    link.unlink()
    private_folder.chmod(0o777)
    with pytest.raises(PushgateError, match="writable by others"):
        check_offline(link)
    private_folder.chmod(0o700)


@pytest.mark.parametrize("rung", ["offline_totp", "break_glass"])
def test_a_rung_without_its_section_is_a_fault(private_folder: Path, rung: str) -> None:
    """An administrator who names codes and no file for them does not start, and reads which section is missing."""
    text = GOOD.replace("{if_unreachable: accept}", f"{{fallback: [{rung}]}}")
    [fault] = faults(private_folder, text)
    expected = f"pam.services.sudo.fallback.0: names {rung}, and there is no section offline"
    assert fault == f"pushgate.yaml:14: {expected}"
    with pytest.raises(ConfigurationError) as caught:
        load_settings(private_folder / "pushgate.yaml")
    assert caught.value.hint.startswith("add the section offline")


def test_a_reload_does_not_leave_a_rung_out() -> None:
    """An administrator whose reload names what began to run with no start is told to restart."""
    clock = FakeClock()
    rungs = {"phones": ScriptedProvider(clock), "break_glass": ScriptedProvider(clock)}
    ladder = LadderProvider(rungs, Routes(("phones",)), clock)
    require_rungs(ladder, Routes(("phones",), {"sshd": Route(("phones", "break_glass"))}))
    rule = RouteRule(frozenset({"root"}), frozenset(), ("other",))
    with pytest.raises(ConfigurationError) as caught:
        require_rungs(ladder, Routes(("cloud",), {"sudo": Route(("phones", "other", "break_glass"), (rule,))}))
    problems = [problem.message for problem in caught.value.problems]
    assert problems == ["login: cloud does not run yet", "sudo: other does not run yet"]
    assert "restart" in caught.value.hint
