"""A changed configuration file, taken over while the daemon runs."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pushgate.build import start_parts
from pushgate.clock import FakeClock, SystemClock
from pushgate.errors import ConfigurationError
from pushgate.reload import RESTART_ONLY, WHOLE_SECTIONS, Reloader, needs_restart
from pushgate.sections.daemon import LoginSettings
from pushgate.sections.pam import PamSettings
from pushgate.sections.radius import RadiusSettings
from pushgate.settings import Settings, load_settings
from radius_server.clients import plain_address
from tests.support.config import AUTHORITY, PROVIDER, RADIUS, named, write_config
from tests.support.radsec import Certificates

AUDIT = "audit: {{file: {folder}/audit.jsonl}}\n"
SECOND = "    - {{name: second, address: 192.0.2.1, secret_file: {folder}/radius.secret}}\n"


async def reloader(path: Path, stack: AsyncExitStack) -> Reloader:
    """Start what the file names, ready for a reload."""
    settings = load_settings(path)
    parts = await start_parts(settings, SystemClock(), stack)
    made = Reloader(path, settings, parts, FakeClock())
    stack.push_async_callback(made.close)
    return made


async def test_clients_rules_and_texts_are_taken_over(private_folder: Path) -> None:
    """An administrator who adds a client and changes a text needs no restart."""
    async with AsyncExitStack() as stack:
        running = await reloader(write_config(private_folder, PROVIDER, RADIUS, AUDIT), stack)
        write_config(private_folder, PROVIDER, RADIUS + SECOND, AUDIT, "texts: {{denied: Refused}}\n")
        assert await running.reload() == {"needs_restart": []}
        radius, authenticator = running.parts.radius, running.parts.authenticator
        assert radius is not None
        assert authenticator is not None
        found = radius.clients.find(plain_address("192.0.2.1"))
        assert found is not None
        assert found.name == "second"
        assert set(authenticator.policy.rules) == {"vpn", "second"}
        assert authenticator.words.denied == "Refused"


async def test_routes_are_taken_over_and_their_sections_need_a_restart(private_folder: Path) -> None:
    """An administrator who routes to what runs needs no restart; to what does not run yet changes nothing."""
    pam = "pam: {{socket: {folder}/pam.sock, services: {{sshd: {{providers: [%s], fallback: [%s]}}}}}}\n"
    offline = "offline: {{file: {folder}/offline.db}}\n"
    second = named("second", PROVIDER)
    async with AsyncExitStack() as stack:
        running = await reloader(write_config(private_folder, PROVIDER, offline, pam % ("", ""), AUDIT), stack)
        ladder = running.parts.ladder
        assert ladder is not None
        assert ladder.routes.services["sshd"].order == ("provider",)
        write_config(private_folder, PROVIDER, offline, pam % ("provider", "break_glass"), AUDIT)
        assert await running.reload() == {"needs_restart": []}
        assert ladder.routes.services["sshd"].order == ("provider", "break_glass")
        write_config(private_folder, PROVIDER, second, offline, pam % ("provider", "break_glass"), AUDIT)
        assert await running.reload() == {"needs_restart": ["providers"]}
        write_config(private_folder, PROVIDER, second, offline, pam % ("second", "break_glass"), AUDIT)
        with pytest.raises(ConfigurationError, match="sshd: second does not run yet"):
            await running.reload()
        assert ladder.routes.services["sshd"].order == ("provider", "break_glass")


async def test_a_changed_secret_is_taken_over(private_folder: Path) -> None:
    """An administrator who changes a shared secret needs no restart."""
    async with AsyncExitStack() as stack:
        running = await reloader(write_config(private_folder, PROVIDER, RADIUS, AUDIT), stack)
        write_config(private_folder, PROVIDER, RADIUS, AUDIT, radius_secret="s" * 32)
        await running.reload()
        assert running.parts.radius is not None
        client = running.parts.radius.clients.find(plain_address("127.0.0.1"))
        assert client is not None
        assert client.secret == b"s" * 32


@pytest.mark.parametrize("broken", ["radius: [", "radius: {{}}\n", RADIUS.replace("radius.secret", "no.secret")])
async def test_a_broken_file_changes_nothing(private_folder: Path, broken: str) -> None:
    """An administrator with a broken file is told why, and the daemon goes on as it was."""
    async with AsyncExitStack() as stack:
        running = await reloader(write_config(private_folder, PROVIDER, RADIUS, AUDIT), stack)
        assert running.parts.radius is not None
        clients, rules = running.parts.radius.clients, running.rules
        write_config(private_folder, PROVIDER, broken, AUDIT)
        with capture_logs() as logs, pytest.raises(ConfigurationError):
            await running.reload()
        assert "reload_refused" in {line["event"] for line in logs}
        assert running.parts.radius.clients is clients
        assert running.rules is rules


async def test_a_signal_with_a_broken_file_is_survived(private_folder: Path) -> None:
    """An administrator who sends SIGHUP with a broken file finds the faults in the log, and nothing has ended."""
    async with AsyncExitStack() as stack:
        running = await reloader(write_config(private_folder, PROVIDER, RADIUS, AUDIT), stack)
        write_config(private_folder, "radius: [")
        with capture_logs() as logs:
            running.reload_in_background()
            await asyncio.gather(*running.running)
        assert [line["event"] for line in logs] == ["reload_refused"]


async def test_old_first_factors_live_as_long_as_a_login(private_folder: Path) -> None:
    """A login that is pending can still use the first factor that it began with."""
    async with AsyncExitStack() as stack:
        running = await reloader(write_config(private_folder, PROVIDER, RADIUS, AUDIT), stack)
        clock = running.clock
        assert isinstance(clock, FakeClock)
        await running.reload()
        await clock.advance(59)
        assert len(running.running) == 1
        await clock.advance(2)
        assert running.running == set()


def test_what_needs_a_restart_is_named(private_folder: Path) -> None:
    """An administrator who changes where the daemon listens is told that this holds only after a restart."""
    old = load_settings(write_config(private_folder, PROVIDER, RADIUS, AUDIT))
    moved = RADIUS.replace("127.0.0.1:0", "127.0.0.2:0")
    new = load_settings(write_config(private_folder, PROVIDER, moved, AUTHORITY, "log: {{level: debug}}\n"))
    assert list(needs_restart(old, new)) == ["authority", "audit", "log", "radius.listen"]
    assert list(needs_restart(old, old)) == []
    pam = load_settings(write_config(private_folder, PROVIDER, "pam: {{services: {{sshd: }}}}\n", AUDIT))
    assert list(needs_restart(old, pam)) == ["radius", "pam"]


def test_a_shared_key_that_changes_needs_a_restart(private_folder: Path) -> None:
    """An administrator who exchanges the key of several daemons is told that this one goes on with the old one."""
    old = load_settings(write_config(private_folder, PROVIDER, RADIUS))
    new = load_settings(write_config(private_folder, PROVIDER, RADIUS + "  join_key_file: {folder}/join.key\n"))
    assert list(needs_restart(old, new)) == ["radius.join_key_file"]


async def test_a_default_order_is_taken_over(private_folder: Path) -> None:
    """An administrator who names another provider for everybody needs no restart; a longer time-out needs one."""
    providers = named("phones", PROVIDER) + named("cloud", PROVIDER).removeprefix("providers:\n")
    login = "login: {{providers: [%s], timeout: %d}}\n"
    async with AsyncExitStack() as stack:
        running = await reloader(write_config(private_folder, login % ("phones", 60), providers, RADIUS, AUDIT), stack)
        write_config(private_folder, login % ("cloud, phones", 61), providers, RADIUS, AUDIT)
        assert await running.reload() == {"needs_restart": ["login.timeout"]}
        assert running.parts.ladder is not None
        assert running.parts.ladder.routes.default == ("cloud", "phones")
        assert running.parts.ladder.routes.services["vpn"].order == ("cloud", "phones")


TAKEN_OVER = {"first_factor", "reply_attributes", "clients", "radsec"}
"""Keys of the RADIUS section that a reload exchanges; of ``radsec`` all but where it listens."""


def test_no_key_is_forgotten() -> None:
    """An administrator learns of every key of the RADIUS section whether a reload has taken it over."""
    named = {key.partition(".")[0] for key in RESTART_ONLY["radius"]}
    assert named | TAKEN_OVER == set(RadiusSettings.model_fields)
    assert set(RESTART_ONLY["pam"]) | {"services"} == set(PamSettings.model_fields)
    assert set(RESTART_ONLY["login"]) | {"providers"} == set(LoginSettings.model_fields)
    assert {*WHOLE_SECTIONS, *RESTART_ONLY, "texts"} == set(Settings.model_fields)


async def test_a_new_pam_service_is_known_to_the_front_end(private_folder: Path) -> None:
    """An administrator who adds a service is not told afterwards that its logins belong nowhere."""
    socket = "pam: {{socket: {folder}/pam.sock, services: {{sshd: {{}}, sudo: {{}}}}}}\n"
    async with AsyncExitStack() as stack:
        running = await reloader(
            write_config(private_folder, PROVIDER, socket.replace(", sudo: {{}}", ""), AUDIT), stack
        )
        write_config(private_folder, PROVIDER, socket, AUDIT)
        assert await running.reload() == {"needs_restart": []}
        assert running.parts.pam is not None
        assert running.parts.pam.options.services.keys() == {"sshd", "sudo"}


RADSEC = """\
  radsec:
    listen: ["127.0.0.1:{port}"]
    certificate_file: {folder}/radius.pem
    key_file: {folder}/{key}.key
    client_ca_file: {folder}/ca.pem
    clients: [{{name: {name}, certificate_name: branch.example.org}}]
"""


def write_radsec(folder: Path, *, port: int = 0, key: str = "radius", name: str = "branch") -> Path:
    """Write a configuration with RadSec; certificates must be in the folder."""
    filled = RADSEC.format(folder="{folder}", port=port, key=key, name=name).replace("[{", "[{{").replace("}]", "}}]")
    return write_config(folder, PROVIDER, RADIUS + filled, AUDIT)


async def test_radsec_is_taken_over(private_folder: Path) -> None:
    """An administrator who renews a certificate or renames a client needs no restart; another port needs one."""
    certificates = Certificates(private_folder)
    async with AsyncExitStack() as stack:
        running = await reloader(write_radsec(private_folder), stack)
        radsec = running.parts.radsec
        assert radsec is not None
        before = radsec.rules
        certificates.ca.issue("radius", "radius.example.org", server=True, days=30)
        write_radsec(private_folder, name="renamed")
        assert await running.reload() == {"needs_restart": []}
        assert radsec.rules.tls.context is not before.tls.context
        assert {known.client.name for known in radsec.rules.certificates.by_mark.values()} == {"renamed"}
        write_radsec(private_folder, port=1)
        assert await running.reload() == {"needs_restart": ["radius.radsec.listen"]}


async def test_a_broken_certificate_changes_nothing(private_folder: Path) -> None:
    """An administrator who mixes up two keys is told so, and everything goes on as it was."""
    Certificates(private_folder)
    async with AsyncExitStack() as stack:
        running = await reloader(write_radsec(private_folder), stack)
        radsec, radius = running.parts.radsec, running.parts.radius
        assert radsec is not None
        assert radius is not None
        before, clients = radsec.rules, radius.clients
        write_radsec(private_folder, key="branch")
        with capture_logs() as logs, pytest.raises(ConfigurationError, match="is not the key"):
            await running.reload()
        assert "reload_refused" in {line["event"] for line in logs}
        assert radsec.rules is before
        assert radius.clients is clients


async def test_radsec_that_is_taken_out_needs_a_restart(private_folder: Path) -> None:
    """An administrator who removes RadSec is told that it ends with the next restart."""
    Certificates(private_folder)
    async with AsyncExitStack() as stack:
        running = await reloader(write_radsec(private_folder), stack)
        write_config(private_folder, PROVIDER, RADIUS, AUDIT)
        assert await running.reload() == {"needs_restart": ["radius.radsec.listen"]}
