"""Logins by the real sshd, sudo and radclient through the running daemon, to a provider of codes over HTTP and back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.simulators import clerk_rig, onelogin_rig, threatwinds_rig
from tests.simulators.clerk import SECRET_KEY
from tests.simulators.onelogin import CLIENT_ID, CLIENT_SECRET, SUBDOMAIN
from tests.simulators.threatwinds import Account
from tests.simulators.threatwinds_rig import ThreatWindsRig
from tests.support.gate import start_daemon, stop_daemon, write_private
from tests.support.pam import module_line, pam_service
from tests.support.radclient import radclient
from tests.support.ssh import PrivateSshd, authorize, make_key
from tests.support.sudo import sudo_user
from tests.support.terminal import terminal
from tests.support.users import temporary_user

pytestmark = pytest.mark.system

SECRET = "correct-horse-battery-staple"

CONFIG = """\
login: {{timeout: 20}}
provider:
{provider}
pam:
  socket: {folder}/pam.sock
  services: {{{service}: {{number: off}}}}
radius:
  listen: ["127.0.0.1:0"]
  first_factor: {first_factor}
  clients:
    - {{name: vpn, address: 127.0.0.0/8, secret_file: {folder}/radius.secret, {client}}}
audit: {{file: {folder}/audit.jsonl}}
log: {{level: debug, format: json}}
"""

THREATWINDS = '  type: threatwinds\n  url: {url}\n  address: {{template: "{{user}}@example.com"}}'
ONELOGIN = (
    "  type: onelogin\n  subdomain: " + SUBDOMAIN + "\n  url: {url}\n"
    "  client_id: " + CLIENT_ID + "\n  client_secret_file: {folder}/key"
)
CLERK = "  type: clerk\n  api_url: {url}/v1\n  secret_key_file: {folder}/key"


@dataclass
class RunningGate:
    """A daemon that asks a simulator."""

    folder: Path
    log: Path
    radius_port: int

    async def login(self, user: str, password: str, *, state: str = "") -> str:
        """Log in, or answer a challenge, by radclient; return what it wrote."""
        attributes, port = f", State = {state}" if state else "", self.radius_port

        def ask() -> str:
            with radclient(self.folder, port, SECRET, user, password=password, attributes=attributes) as program:
                program.ends(25)
                return program.output

        return await asyncio.to_thread(ask)


@asynccontextmanager
async def daemon(folder: Path, provider: str, url: str, **changes: str) -> AsyncIterator[RunningGate]:
    """Run the daemon in a process of its own."""
    values = {"service": "sshd", "first_factor": "none", "client": "mode: direct", "key": ""} | changes
    write_private(folder / "radius.secret", SECRET.encode())
    write_private(folder / "key", values["key"].encode())
    config = folder / "pushgate.yaml"
    section = provider.format(url=url, folder=folder)
    write_private(config, CONFIG.format(folder=folder, provider=section, **values).encode())
    process, ready = await asyncio.to_thread(start_daemon, config, folder / "daemon.log")
    try:
        yield RunningGate(folder, folder / "daemon.log", int(ready["radius"][0]))
    finally:
        await asyncio.to_thread(stop_daemon, process)


def received(output: str, name: str) -> list[str]:
    """Return the values of an attribute in what radclient has received."""
    answer = output.rpartition("Received Access-")[2]
    return [line.partition(" = ")[2] for line in answer.splitlines() if line.strip().startswith(f"{name} = ")]


@pytest.fixture
async def mailing() -> AsyncIterator[ThreatWindsRig]:
    """ThreatWinds, on the machine's clock."""
    async with threatwinds_rig.rig() as rig:
        yield rig


def enrol(mailing: ThreatWindsRig, user: str) -> None:
    """Give somebody an account at ThreatWinds."""
    mailing.simulator.accounts[f"{user}@example.com"] = Account(f"{user}@example.com")


@pytest.mark.root
async def test_a_mailed_code_at_the_prompt_of_ssh(private_folder: Path, mailing: ThreatWindsRig) -> None:
    """A person with a key types the code out of the mail at sshd's prompt and is in; no session is left open."""
    gate_folder, sshd_folder, key = private_folder / "gate", private_folder / "sshd", private_folder / "key"
    gate_folder.mkdir(mode=0o700)
    sshd_folder.mkdir(mode=0o700)
    make_key(key)
    with pam_service(module_line(gate_folder / "pam.sock")) as service, temporary_user() as user:
        authorize(user, key)
        enrol(mailing, user.name)
        async with daemon(gate_folder, THREATWINDS, mailing.simulator.url, service=service):

            def log_in() -> tuple[int, str]:
                with (
                    PrivateSshd(sshd_folder, service) as sshd,
                    terminal(sshd.command(user.name, key, "id", "-un"), sshd.folder) as screen,
                ):
                    screen.shows(f"Code sent to {user.name[0]}***@example.com. Other ways: resend")
                    screen.types("000000")
                    screen.shows("Wrong code. Code sent to")
                    screen.types(mailing.simulator.mails[-1].code)
                    return screen.ends(), screen.output

            status, output = await asyncio.to_thread(log_in)
    assert (status, output.splitlines()[-1]) == (0, user.name)
    assert [mail.address for mail in mailing.simulator.mails] == [f"{user.name}@example.com"]
    assert mailing.leftovers() == 0


@pytest.mark.root
async def test_a_mailed_code_at_sudo_without_a_password(private_folder: Path, mailing: ThreatWindsRig) -> None:
    """A person who runs sudo types the code out of the mail at its prompt, and the command runs."""
    with pam_service(module_line(private_folder / "pam.sock")) as service, sudo_user(service) as sudoer:
        enrol(mailing, sudoer.account.name)
        async with daemon(private_folder, THREATWINDS, mailing.simulator.url, service=service):

            def run() -> tuple[int | None, str]:
                shell = sudoer.sudo("id", "-un")
                shell.expect_exact("Code sent to")
                shell.expect_exact(":")
                shell.sendline(mailing.simulator.mails[-1].code)
                output = shell.read()
                shell.close()
                return shell.exitstatus, output

            status, output = await asyncio.to_thread(run)
    assert status == 0, output
    assert output.split()[-1] == "root"
    assert mailing.leftovers() == 0


async def test_two_attempts_by_radclient(private_folder: Path, mailing: ThreatWindsRig) -> None:
    """A person at an appliance without challenges gets the code at the first attempt and in at the second."""
    client = "mode: direct, two_attempts: 60s"
    async with daemon(private_folder, THREATWINDS, mailing.simulator.url, client=client) as gate:
        first = await gate.login("alice", "push")
        assert "Received Access-Reject" in first
        assert "A code was sent. Log in again with the code in place of the password" in first
        code = mailing.simulator.mails[-1].code
        assert "Received Access-Accept" in await gate.login("alice", code)
        assert "Received Access-Accept" not in await gate.login("alice", code)
    assert [mail.address for mail in mailing.simulator.mails] == ["alice@example.com"]
    assert mailing.leftovers() == 0


async def test_a_password_and_a_code_of_onelogin_over_a_challenge(private_folder: Path) -> None:
    """A person whose password OneLogin checks is texted a code, types it at the challenge, and is in."""
    async with onelogin_rig.rig_v1() as rig:
        changes = {"first_factor": "provider", "client": "mode: challenge", "key": CLIENT_SECRET}
        async with daemon(private_folder, ONELOGIN, rig.simulator.url, **changes) as gate:
            assert "Received Access-Reject" in await gate.login("alice", "wrong")
            challenge = await gate.login("alice", "wonderland,sms")
            assert "Received Access-Challenge" in challenge
            [state] = received(challenge, "State")
            [asked] = [each for each in rig.simulator.asked.values() if each.sent]
            [texted] = asked.sent.values()
            accepted = await gate.login("alice", texted, state=state)
            assert "Received Access-Accept" in accepted, accepted
        assert rig.simulator.ledger.counts["pushes"] == 0


async def test_a_password_and_a_code_of_clerk_in_one_field(private_folder: Path) -> None:
    """A person types Clerk's password and an app's code in one field, and is in without being asked."""
    async with clerk_rig.clerk_rig(clerk_rig.ClerkRig) as rig:
        changes = {"first_factor": "provider", "key": SECRET_KEY}
        async with daemon(private_folder, CLERK, rig.simulator.url, **changes) as gate:
            wrong = await gate.login("alice", "correct horse,000000")
            assert "Received Access-Reject" in wrong
            assert received(wrong, "Reply-Message") == ['"Wrong code"']
            code = rig.right_code()
            right = await gate.login("alice", f"correct horse,{code}")
            assert "Received Access-Accept" in right
