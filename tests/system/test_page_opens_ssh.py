"""A press on a button in a real browser decides a waiting login of the real sshd."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.browser import ApprovalPage, approve_next, enrolled_page, running_browser
from tests.support.gate import Gate
from tests.support.pam import module_line, pam_service
from tests.support.ssh import PrivateSshd, authorize, make_key
from tests.support.users import User, temporary_user

pytestmark = [pytest.mark.system, pytest.mark.root]


@dataclass
class Person:
    """A user who logs in by ssh, and the page on which the same person answers."""

    gate: Gate
    sshd: PrivateSshd
    user: User
    key: Path
    page: ApprovalPage

    def start(self) -> subprocess.Popen[bytes]:
        """Start the ssh client."""
        return self.sshd.start(self.user.name, self.key, "id", "-un")


@asynccontextmanager
async def person_at_the_page(folder: Path) -> AsyncIterator[Person]:
    """Run gate, sshd and browser, and link the browser to a new user."""
    gate_folder, sshd_folder, key = folder / "gate", folder / "sshd", folder / "key"
    gate_folder.mkdir(mode=0o700)
    sshd_folder.mkdir(mode=0o700)
    make_key(key)
    with (
        pam_service(module_line(gate_folder / "pam.sock")) as service,
        Gate(gate_folder, services=(service,)) as gate,
        temporary_user() as user,
    ):
        authorize(user, key)
        code = gate.activation_code(user.name)
        with PrivateSshd(sshd_folder, service) as sshd:
            async with running_browser() as browser, enrolled_page(browser, gate.page, code) as page:
                yield Person(gate, sshd, user, key, page)


async def test_approve_opens_the_waiting_ssh_login(private_folder: Path) -> None:
    """A person who presses Approve opens the waiting ssh login, and has seen who, where and from where."""
    async with person_at_the_page(private_folder) as person:
        client = person.start()
        shown = await approve_next(person.page)
        output, errors = await asyncio.to_thread(client.communicate, timeout=30)
        assert (client.returncode, output) == (0, person.user.name.encode() + b"\n"), errors
        records = person.gate.records()
    assert (shown["user"], shown["ip"], shown["origin_kind"]) == (person.user.name, "127.0.0.1", "pam")
    assert shown["service"] == person.sshd.program.name
    assert [record["reason"] for record in records] == ["approved"]


async def test_deny_refuses_the_waiting_ssh_login(private_folder: Path) -> None:
    """A person who presses Deny has the ssh login refused, and is not asked again."""
    async with person_at_the_page(private_folder) as person:
        client = person.start()
        await person.page.wait_for_request()
        await person.page.press("Deny")
        await person.page.wait_for_text("The login is refused.")
        await asyncio.to_thread(client.communicate, timeout=30)
        assert client.returncode == 255
        await person.page.press("Done")
        await person.page.wait_for_text("Nothing is waiting for you.")
        assert "approved" not in {record["reason"] for record in person.gate.records()}


async def test_ssh_login_that_is_given_up_leaves_the_page(private_folder: Path) -> None:
    """A login whose client goes away is shown as cancelled, and there is nothing left to press."""
    async with person_at_the_page(private_folder) as person:
        client = person.start()
        await person.page.wait_for_request()
        session = await person.page.sheet.get_attribute("data-session")
        assert session is not None
        for pid in reversed(person.sshd.login_processes()):
            subprocess.run(["kill", "-KILL", str(pid)], check=False)
        await person.page.wait_for_outcome(session, "cancelled")
        await asyncio.to_thread(client.communicate, timeout=30)
        assert client.returncode == 255
