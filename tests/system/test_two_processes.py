"""The daemon and the authority as two processes, as the two systemd units run them."""

import asyncio
import json
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pushgate.cli.device_api import TerminalDevice
from radius_server.nas import verify_reply
from tests.support.config import AUTHORITY, RADIUS
from tests.support.gate import PUSHGATE, start_daemon, stop_daemon, wait_for_question, write_private
from tests.support.radius import SECRET, RadiusSender, access_request

pytestmark = pytest.mark.system

PROVIDER = """\
login: {{timeout: 30}}
provider:
  type: logintc
  url: unix:{folder}/authority.sock
  api_key_file: {folder}/authority/api.key
  domain_id_file: {folder}/authority/domain.id
audit: {{file: {folder}/audit.jsonl}}
"""
LOG = "log: {{level: info, format: json}}\n"


class TwoProcesses:
    """Both, and a way to kill the authority and start it again."""

    def __init__(self, folder: Path, processes: ExitStack) -> None:
        self.folder, self.processes = folder, processes
        write_private(folder / "radius.secret", SECRET)
        self.configs = {"authority": AUTHORITY + LOG, "daemon": PROVIDER + RADIUS + LOG}
        for name, text in self.configs.items():
            write_private(folder / f"{name}.yaml", text.format(folder=folder).encode())

    def start(self, name: str) -> tuple["subprocess.Popen[bytes]", dict[str, Any]]:
        """Start one of the two; it ends with the test."""
        process, ready = start_daemon(self.folder / f"{name}.yaml", self.folder / f"{name}.log")
        self.processes.callback(stop_daemon, process)
        return process, ready

    def enroll(self, user: str, page: str) -> TerminalDevice:
        """Add a user with a device, by the daemon's configuration."""
        added = subprocess.run(
            [PUSHGATE, "user", "add", user, "--json", "--config", self.folder / "daemon.yaml"],
            capture_output=True,
            check=True,
        )
        return TerminalDevice.enroll(page, json.loads(added.stdout)["code"])


def moved(device: TerminalDevice, page: str) -> TerminalDevice:
    """The same device at the authority's new port."""
    return TerminalDevice(page, device.device_id, device.user, device.domain, device.label, device.key, device.clock)


async def test_a_pending_login_outlives_the_authority(private_folder: Path) -> None:
    """A person whose authority is killed and started again while a login is pending can still approve it."""
    with ExitStack() as processes:
        both = TwoProcesses(private_folder, processes)
        authority, ready = await asyncio.to_thread(both.start, "authority")
        _, daemon = await asyncio.to_thread(both.start, "daemon")
        device = await asyncio.to_thread(both.enroll, "alice", ready["page"])
        with RadiusSender(daemon["radius"][0]) as nas:
            packet = access_request("alice")
            nas.send(packet)
            question = await asyncio.to_thread(wait_for_question, device)
            authority.kill()
            authority.wait()
            _, ready = await asyncio.to_thread(both.start, "authority")
            device = moved(device, ready["page"])
            assert (await asyncio.to_thread(wait_for_question, device)).ctx == question.ctx
            await asyncio.to_thread(device.decide, question, "approved")
            assert verify_reply(packet, await nas.receive(), SECRET) == 2


async def test_without_the_authority_nobody_gets_in(private_folder: Path) -> None:
    """A daemon whose authority is away rejects, and accepts again by itself once the authority is back."""
    with ExitStack() as processes:
        both = TwoProcesses(private_folder, processes)
        authority, ready = await asyncio.to_thread(both.start, "authority")
        _, daemon = await asyncio.to_thread(both.start, "daemon")
        device = await asyncio.to_thread(both.enroll, "alice", ready["page"])
        authority.kill()
        authority.wait()
        with RadiusSender(daemon["radius"][0]) as nas:
            assert await nas.ask(access_request("alice", identifier=1)) == 3
            _, ready = await asyncio.to_thread(both.start, "authority")
            device = moved(device, ready["page"])
            packet = access_request("alice", identifier=2)
            nas.send(packet)
            question = await asyncio.to_thread(wait_for_question, device)
            await asyncio.to_thread(device.decide, question, "approved")
            assert verify_reply(packet, await nas.receive(), SECRET) == 2
    records = [json.loads(line) for line in (private_folder / "audit.jsonl").read_text().splitlines()]
    assert [record["reason"] for record in records] == ["unavailable", "approved"]
