"""The real hostapd as a switch, and wpa_supplicant at its cable: wired 802.1X with EAP-GTC, which ends in the gate."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemons import Program
from tests.support.hostapd import PORT_OPEN, hostapd, wpa_supplicant
from tests.support.netns import NAS, SERVER, Machines
from tests.support.radius_gate import RadiusGate

pytestmark = [pytest.mark.system, pytest.mark.root]

LOGGED_IN, REFUSED = "CTRL-EVENT-EAP-SUCCESS", "CTRL-EVENT-EAP-FAILURE"


@pytest.fixture(scope="module")
def gate(module_folder: Path, machines: Machines) -> Iterator[RadiusGate]:
    """A gate that knows a switch; each test has its own user."""
    folder = module_folder / "gate"
    folder.mkdir(mode=0o700)
    client = {"name": "switch", "address": NAS, "preset": "wired-8021x", "message_authenticator": "required"}
    with RadiusGate(folder, client, machine=machines.server, listen=f"{SERVER}:1812", timeout=20) as running:
        yield running


@pytest.fixture
def switch(gate: RadiusGate, machines: Machines, private_folder: Path) -> Iterator[Program]:
    """A switch whose port is closed."""
    with hostapd(private_folder, machines, gate.secret.decode()) as program:
        yield program


def test_approved(gate: RadiusGate, machines: Machines, switch: Program, private_folder: Path) -> None:
    """A person who approves opens the port; the hardware address that the switch tells is not shown as an address."""
    person = gate.person("anna")
    with wpa_supplicant(private_folder, machines, "anna") as supplicant:
        question = person.question()
        assert (question.context["ip"], question.context["service"]) == ("", "switch")
        assert PORT_OPEN not in switch.output
        person.answer(question, "approved")
        supplicant.says(LOGGED_IN)
        switch.says(PORT_OPEN)


def test_denied(gate: RadiusGate, machines: Machines, switch: Program, private_folder: Path) -> None:
    """A person who denies leaves the port closed, and is asked once."""
    person = gate.person("berta")
    with wpa_supplicant(private_folder, machines, "berta") as supplicant:
        person.deny()
        supplicant.says(REFUSED)
    assert PORT_OPEN not in switch.output
    assert person.pending() == []
    assert [record["reason"] for record in gate.records_of("berta")] == ["denied"]


def test_retransmissions_ask_once(gate: RadiusGate, machines: Machines, switch: Program, private_folder: Path) -> None:
    """A switch that sends its packet again after 3 s causes one question, and takes the answer."""
    person = gate.person("carla")
    with wpa_supplicant(private_folder, machines, "carla") as supplicant:
        question = person.question()
        switch.says("Resending RADIUS message")
        assert [shown.id for shown in person.pending()] == [question.id]
        person.answer(question, "approved")
        supplicant.says(LOGGED_IN)
    assert len(gate.records_of("carla")) == 1


def test_a_code(gate: RadiusGate, machines: Machines, switch: Program, private_folder: Path) -> None:
    """A person who types a code opens the port, and nobody is asked."""
    person = gate.person("dora")
    with wpa_supplicant(private_folder, machines, "dora", password=gate.bypass_code("dora")) as supplicant:
        supplicant.says(LOGGED_IN)
        switch.says(PORT_OPEN)
    assert person.pending() == []
    assert gate.records_of("dora")[0]["factor"] == "code"
