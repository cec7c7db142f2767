"""Whole logins from the real radclient to a person's device and back."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from radius_server.nas import build_request, verify_reply
from tests.support.gate import Gate, wait_for_question
from tests.support.processes import wait_until
from tests.support.radius import RadiusSender, access_request

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """One gate for all logins here; each test has its own user."""
    folder = tmp_path_factory.mktemp("gate")
    folder.chmod(0o700)
    short = Path("/tmp") / f"pushgate-{folder.name}-{time.monotonic_ns()}"  # a path short enough for a socket
    short.mkdir(mode=0o700)
    try:
        with Gate(short, timeout=6) as running:
            yield running
    finally:
        subprocess.run(["rm", "-rf", short], check=True)


@contextmanager
def radclient(gate: Gate, user: str, *options: str) -> "Iterator[subprocess.Popen[str]]":
    """Run the real client with the word push as password."""
    process = subprocess.Popen(
        ["radclient", "-x", *options, f"127.0.0.1:{gate.radius_port}", "auth", gate.secret.decode()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    # radclient sends no User-Password at all for an empty one, hence the word.
    request = f'User-Name = "{user}", User-Password = "push", Calling-Station-Id = "203.0.113.7"'
    assert process.stdin is not None
    with process:
        try:
            process.stdin.write(f"{request}, Message-Authenticator = 0x00\n")
            process.stdin.close()
            yield process
        finally:
            process.kill()


def finish(process: "subprocess.Popen[str]") -> str:
    """Wait for the client and return what it printed."""
    assert process.stdout is not None
    return process.stdout.read()


def test_an_approved_login_gets_access_accept(gate: Gate) -> None:
    """A person who approves on the device lets radclient in, and has seen where the login came from."""
    device = gate.enroll("anna")
    with radclient(gate, "anna", "-t", "20", "-r", "1") as client:
        question = wait_for_question(device)
        assert '"ip":"203.0.113.7"' in question.ctx.replace(" ", "")
        assert device.decide(question, "approved") == "approved"
        assert "Received Access-Accept" in finish(client)


def test_a_denied_login_gets_access_reject(gate: Gate) -> None:
    """A person who denies on the device has radclient rejected at once."""
    device = gate.enroll("berta")
    with radclient(gate, "berta", "-t", "20", "-r", "1") as client:
        device.decide(wait_for_question(device), "denied")
        assert "Received Access-Reject" in finish(client)


def test_an_ignored_login_gets_access_reject_and_leaves_the_device(gate: Gate) -> None:
    """A person who does nothing has radclient rejected at the deadline, and the question is cancelled."""
    device = gate.enroll("carla")
    with radclient(gate, "carla", "-t", "20", "-r", "1") as client:
        question = wait_for_question(device)
        assert "Received Access-Reject" in finish(client)
    assert device.state(question.id) == "cancelled"
    assert device.pending() == []


def test_a_user_whom_nobody_enrolled_is_rejected_like_one_who_ignores(gate: Gate) -> None:
    """A stranger with an unknown name waits as long as for an ignored push."""
    start = time.monotonic()
    with radclient(gate, "nobody-here", "-t", "20", "-r", "1") as client:
        assert "Received Access-Reject" in finish(client)
    assert time.monotonic() - start > gate.timeout - 1


def test_retransmissions_of_radclient_ask_once(gate: Gate) -> None:
    """A radclient that sends the same request four times causes one question and gets one answer."""
    device = gate.enroll("dora")
    with radclient(gate, "dora", "-t", "1", "-r", "4") as client:
        question = wait_for_question(device)
        time.sleep(2.2)
        assert [login.id for login in device.pending()] == [question.id]
        device.decide(question, "approved")
        output = finish(client)
    assert "Received Access-Accept" in output
    assert output.count("Sent Access-Request") > 1
    assert len([record for record in gate.records() if record["user"] == "dora"]) == 1


async def test_four_identical_packets_get_identical_replies(gate: Gate) -> None:
    """A raw sender of four identical packets causes one question; each later copy gets the same reply bytes."""
    device = await asyncio.to_thread(gate.enroll, "elsa")
    with RadiusSender(gate.radius_port, secret=gate.secret) as nas:
        packet = access_request("elsa", secret=gate.secret)
        for _ in range(4):
            nas.send(packet)
        question = await asyncio.to_thread(wait_for_question, device)
        await asyncio.to_thread(device.decide, question, "approved")
        first = await nas.receive()
        replies = {first}
        for _ in range(3):
            nas.send(packet)
            replies.add(await nas.receive())
    assert replies == {first}
    assert verify_reply(packet, first, gate.secret) == 2
    assert len([record for record in gate.records() if record["user"] == "elsa"]) == 1


async def test_a_new_identifier_for_the_same_login_joins_its_question(gate: Gate) -> None:
    """A NAS that asks again from another port under a new identifier causes no second question."""
    device = await asyncio.to_thread(gate.enroll, "frida")
    port = (5, (9).to_bytes(4, "big"))
    with (
        RadiusSender(gate.radius_port, secret=gate.secret) as one,
        RadiusSender(gate.radius_port, secret=gate.secret) as two,
    ):
        first = access_request("frida", identifier=1, secret=gate.secret, attributes=(port,))
        second = access_request("frida", identifier=2, secret=gate.secret, attributes=(port,))
        one.send(first)
        question = await asyncio.to_thread(wait_for_question, device)
        two.send(second)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(device.decide, question, "approved")
        assert verify_reply(first, await one.receive(), gate.secret) == 2
        assert verify_reply(second, await two.receive(), gate.secret) == 2


async def test_an_approval_does_not_open_a_login_with_another_origin(gate: Gate) -> None:
    """An attacker who logs in as the same person at the same time does not ride on the approval."""
    device = await asyncio.to_thread(gate.enroll, "greta")
    with RadiusSender(gate.radius_port, secret=gate.secret) as nas:
        own = access_request("greta", identifier=1, secret=gate.secret)
        attack = access_request("greta", identifier=2, origin="198.51.100.66", secret=gate.secret)
        nas.send(own)
        question = await asyncio.to_thread(wait_for_question, device)
        nas.send(attack)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(device.decide, question, "approved")
        assert verify_reply(own, await nas.receive(), gate.secret) == 2
        later = await asyncio.to_thread(wait_for_question, device)
        assert "198.51.100.66" in later.ctx
        await asyncio.to_thread(device.decide, later, "denied.unknown_trigger")
        assert verify_reply(attack, await nas.receive(), gate.secret) == 3


async def test_a_typed_code_is_rejected_without_a_question(gate: Gate) -> None:
    """A user who types something into the password field that nobody checks is rejected and not asked."""
    device = await asyncio.to_thread(gate.enroll, "hanna")
    with RadiusSender(gate.radius_port, secret=gate.secret) as nas:
        assert await nas.ask(build_request("hanna", "123456", gate.secret, 1)) == 3
    assert device.pending() == []


def test_a_daemon_that_stops_takes_its_questions_back(private_folder: Path) -> None:
    """An administrator who stops the daemon leaves no question on the phone, and the NAS gets no answer."""
    with Gate(private_folder) as gate:
        device = gate.enroll("ida")
        with radclient(gate, "ida", "-t", "2", "-r", "1") as client:
            question = wait_for_question(device)
            assert gate.stop() == 0
            assert "No reply" in finish(client)
    with Gate(private_folder) as again:
        moved = type(device)(
            again.page, device.device_id, device.user, device.domain, device.label, device.key, device.clock
        )
        wait_until(lambda: moved.state(question.id) == "cancelled", 5, "the question to be cancelled")
