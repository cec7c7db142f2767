"""The real OpenVPN with openvpn-auth-radius, and OpenVPN's client on another machine, in front of the gate."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.netns import NAS, PERSON, SERVER, Machines
from tests.support.openvpn import INSIDE, TUNNEL_IS_UP, openvpn_appliance, openvpn_client
from tests.support.radius_gate import RadiusGate

pytestmark = [pytest.mark.system, pytest.mark.root]

TIMEOUT = 5
"""Seconds. In the middle of two sends of the plugin, which hears an answer only at the port of its latest one."""
REFUSED = "AUTH_FAILED"


@pytest.fixture(scope="module")
def gate(module_folder: Path, machines: Machines) -> Iterator[RadiusGate]:
    """A gate behind an OpenVPN, for all logins here; each test has its own user."""
    folder = module_folder / "gate"
    folder.mkdir(mode=0o700)
    client = {"name": "openvpn", "address": NAS}
    with (
        RadiusGate(
            folder,
            client,
            machine=machines.server,
            listen=f"{SERVER}:1812",
            timeout=TIMEOUT,
            # The plugin lets nobody in whose accounting nobody acknowledges.
            accounting_listen=[f"{SERVER}:1813"],
        ) as running,
        openvpn_appliance(module_folder, machines, running.secret.decode()),
    ):
        yield running


def test_an_approved_login_opens_the_tunnel(gate: RadiusGate, machines: Machines, module_folder: Path) -> None:
    """A person who approves gets a tunnel that carries packets, and has seen her own machine's address."""
    person = gate.person("anna")
    with openvpn_client(module_folder, machines, "anna") as client:
        context = person.approve().context
        client.says(TUNNEL_IS_UP)
        machines.person.run("ping", "-c", "1", "-w", "5", INSIDE)
    assert (context["ip"], context["origin_kind"], context["service"]) == (PERSON, "nas", "openvpn")


def test_denied(gate: RadiusGate, machines: Machines, module_folder: Path) -> None:
    """A person who denies is refused before the deadline, and only once asked."""
    person = gate.person("berta")
    start = time.monotonic()
    with openvpn_client(module_folder, machines, "berta") as client:
        person.deny()
        client.says(REFUSED)
    assert time.monotonic() - start < TIMEOUT
    assert TUNNEL_IS_UP not in client.output
    assert [record["reason"] for record in gate.records_of("berta")] == ["denied"]


def test_ignored(gate: RadiusGate, machines: Machines, module_folder: Path) -> None:
    """A person who does nothing is refused at the deadline, and the question is withdrawn."""
    person = gate.person("carla")
    with openvpn_client(module_folder, machines, "carla") as client:
        question = person.question()
        client.says(REFUSED)
    assert TUNNEL_IS_UP not in client.output
    assert person.state(question) == "cancelled"


def test_retransmissions_ask_once(gate: RadiusGate, machines: Machines, module_folder: Path) -> None:
    """A plugin that sends its request again each second causes one question, and takes the answer."""
    person = gate.person("dora")
    with openvpn_client(module_folder, machines, "dora") as client:
        question = person.question()
        time.sleep(2.4)
        assert [shown.id for shown in person.pending()] == [question.id]
        person.answer(question, "approved")
        client.says(TUNNEL_IS_UP)
    # Each packet came from a new port under another authenticator: only what it says shows that it is the same login.
    assert [record["reason"] for record in gate.records_of("dora")] == ["approved"]
    assert person.pending() == []
