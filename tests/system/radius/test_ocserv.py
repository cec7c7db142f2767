"""The real ocserv, with the real openconnect on another machine, in front of the gate."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.netns import NAS, PERSON, SERVER, Machines
from tests.support.ocserv import INSIDE, TUNNEL_IS_UP, ocserv, openconnect, openconnect_dialogue
from tests.support.radius_gate import RadiusGate

pytestmark = [pytest.mark.system, pytest.mark.root]

LOGGED_IN = "COOKIE="
TIMEOUT = 5


@pytest.fixture(scope="module")
def gate(module_folder: Path, machines: Machines) -> Iterator[RadiusGate]:
    """A gate behind an ocserv, for all logins here; each test has its own user."""
    gate_folder = module_folder / "gate"
    gate_folder.mkdir(mode=0o700)
    client = {"name": "ocserv", "address": NAS}
    with (
        RadiusGate(gate_folder, client, machine=machines.server, listen=f"{SERVER}:1812", timeout=TIMEOUT) as running,
        ocserv(module_folder, machines, running.secret.decode()),
    ):
        yield running


def test_approved(gate: RadiusGate, machines: Machines, module_folder: Path) -> None:
    """A person who approves is logged in to the VPN, and has seen her own machine's address."""
    person = gate.person("anna")
    with openconnect(module_folder, machines, "anna") as login:
        context = person.approve().context
        assert login.ends() == 0
    assert (context["ip"], context["origin_kind"], context["service"]) == (PERSON, "nas", "ocserv")
    assert LOGGED_IN in login.output


def test_an_approved_login_opens_the_tunnel(gate: RadiusGate, machines: Machines, module_folder: Path) -> None:
    """A person who approves gets a tunnel that carries packets."""
    person = gate.person("berta")
    with openconnect(module_folder, machines, "berta", tunnel=True) as login:
        person.approve()
        login.says(TUNNEL_IS_UP)
        assert "1 received" in machines.person.run("ping", "-c", "1", "-w", "5", INSIDE)


def test_retransmissions_ask_once(gate: RadiusGate, machines: Machines, module_folder: Path) -> None:
    """An ocserv that sends its request again after 2 s causes one question, and takes the answer."""
    person = gate.person("elsa")
    with openconnect(module_folder, machines, "elsa") as login:
        question = person.question()
        time.sleep(2.5)
        assert [shown.id for shown in person.pending()] == [question.id]
        person.answer(question, "approved")
        assert login.ends() == 0
    assert LOGGED_IN in login.output
    assert len(gate.records_of("elsa")) == 1


def test_denied(gate: RadiusGate, machines: Machines, module_folder: Path) -> None:
    """A person who denies is refused at once, and openconnect shows why."""
    person = gate.person("carla")
    start = time.monotonic()
    with openconnect(module_folder, machines, "carla") as login:
        person.deny()
        login.ends()
    assert time.monotonic() - start < TIMEOUT
    assert LOGGED_IN not in login.output
    assert "Denied" in login.output
    assert [record["reason"] for record in gate.records_of("carla")] == ["denied"]


def test_ignored(gate: RadiusGate, machines: Machines, module_folder: Path) -> None:
    """A person who does nothing is refused at the deadline, and the question is withdrawn."""
    person = gate.person("dora")
    with openconnect(module_folder, machines, "dora") as login:
        question = person.question()
        login.ends()
    assert "Nobody answered in time" in login.output
    assert LOGGED_IN not in login.output
    assert person.state(question) == "cancelled"


def test_an_empty_password(gate: RadiusGate, machines: Machines, module_folder: Path) -> None:
    """A person who presses Enter at once is told what to type: radcli sends no octets then, which prove no secret."""
    person = gate.person("frida")
    with openconnect_dialogue(module_folder, machines, "frida") as login:
        login.shows("Password:")
        login.types("")
        login.shows("Type push")
    assert person.pending() == []
