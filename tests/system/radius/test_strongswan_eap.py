"""The real strongSwan as the appliance and as the client, by IKEv2 with EAP-GTC, which ends in the gate."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.netns import NAS, PERSON, SERVER, Machines
from tests.support.processes import wait_until
from tests.support.radius_gate import RadiusGate
from tests.support.strongswan import ESTABLISHED, INSIDE, ipsec_appliance, ipsec_client, type_from_now_on

pytestmark = [pytest.mark.system, pytest.mark.root]

NAS_TIMEOUT = 4
"""Seconds; after half of it the gate asks back in a second EAP-GTC round."""


@pytest.fixture(scope="module")
def gate(module_folder: Path, machines: Machines) -> Iterator[RadiusGate]:
    """A gate behind a strongSwan, for all logins here; each test has its own user."""
    for name in ("gate", "appliance"):
        (module_folder / name).mkdir(mode=0o700)
    client = {
        "name": "strongswan",
        "address": NAS,
        "preset": "strongswan",
        "mode": "hybrid",
        "nas_timeout": NAS_TIMEOUT,
        "message_authenticator": "required",
    }
    with (
        RadiusGate(
            module_folder / "gate", client, machine=machines.server, listen=f"{SERVER}:1812", timeout=20
        ) as running,
        ipsec_appliance(module_folder / "appliance", machines, running.secret.decode()),
    ):
        yield running


@pytest.fixture
def certificates(module_folder: Path) -> Path:
    """Where the appliance's certificates are."""
    return module_folder / "appliance" / "ca"


def rounds(folder: Path) -> int:
    """Count how often a client has been asked by EAP-GTC; swanctl itself says so only at the end."""
    return (folder / "charon.log").read_text().count("[ EAP/REQ/GTC ]")


def test_an_approved_login_opens_the_tunnel(
    gate: RadiusGate, machines: Machines, private_folder: Path, certificates: Path
) -> None:
    """A person who approves gets a tunnel that carries packets, and has seen her own machine's address."""
    person = gate.person("anna")
    with ipsec_client(private_folder, machines, certificates, "anna") as login:
        context = person.approve().context
        login.says(ESTABLISHED)
        assert rounds(private_folder) == 1
        assert "1 received" in machines.person.run("ping", "-c", "1", "-w", "5", INSIDE)
    assert (context["ip"], context["origin_kind"], context["service"]) == (PERSON, "nas", "strongswan")
    assert [record["reason"] for record in gate.records_of("anna")] == ["approved"]


def test_denied(gate: RadiusGate, machines: Machines, private_folder: Path, certificates: Path) -> None:
    """A person who denies is refused by an EAP-Failure at once."""
    person = gate.person("berta")
    with ipsec_client(private_folder, machines, certificates, "berta") as login:
        question = person.question()
        start = time.monotonic()
        person.answer(question, "denied")
        assert login.ends() != 0
    assert time.monotonic() - start < 1
    assert "received EAP_FAILURE" in login.output
    assert [record["reason"] for record in gate.records_of("berta")] == ["denied"]


def test_a_second_round(gate: RadiusGate, machines: Machines, private_folder: Path, certificates: Path) -> None:
    """A person who is slow is asked again within the same EAP conversation, and gets the tunnel by the one question."""
    person = gate.person("carla")
    with ipsec_client(private_folder, machines, certificates, "carla") as login:
        question = person.question()
        # The client answers each round by the word push, which goes on waiting.
        wait_until(lambda: rounds(private_folder) == 2, NAS_TIMEOUT, "the second round")
        person.answer(question, "approved")
        login.says(ESTABLISHED)
    assert len(gate.records_of("carla")) == 1


def test_a_code_in_the_second_round(
    gate: RadiusGate, machines: Machines, private_folder: Path, certificates: Path
) -> None:
    """A person whose phone is elsewhere types a code in the second round, and gets the tunnel."""
    person = gate.person("dora")
    code = gate.bypass_code("dora")
    with ipsec_client(private_folder, machines, certificates, "dora") as login:
        question = person.question()
        type_from_now_on(private_folder, machines, "dora", code)
        login.says(ESTABLISHED)
    assert person.state(question) == "cancelled"
    assert [(record["reason"], record["factor"]) for record in gate.records_of("dora")] == [("approved", "code")]
