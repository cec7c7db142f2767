"""The real strongSwan as the appliance, and another one as the client on another machine, in front of the gate."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.netns import NAS, PERSON, SERVER, Machines
from tests.support.radius_gate import RadiusGate
from tests.support.strongswan import ESTABLISHED, IKEV1, INSIDE, ipsec_appliance, ipsec_client

pytestmark = [pytest.mark.system, pytest.mark.root]

TIMEOUT = 5


@pytest.fixture(scope="module")
def gate(module_folder: Path, machines: Machines) -> Iterator[RadiusGate]:
    """A gate behind a strongSwan, for all logins here; each test has its own user."""
    for name in ("gate", "appliance"):
        (module_folder / name).mkdir(mode=0o700)
    client = {"name": "strongswan", "address": NAS}
    with (
        RadiusGate(
            module_folder / "gate", client, machine=machines.server, listen=f"{SERVER}:1812", timeout=TIMEOUT
        ) as running,
        ipsec_appliance(module_folder / "appliance", machines, running.secret.decode()),
    ):
        yield running


@pytest.fixture
def certificates(module_folder: Path) -> Path:
    """Where the appliance's certificates are."""
    return module_folder / "appliance" / "ca"


def test_eap_is_refused_at_once(gate: RadiusGate, machines: Machines, private_folder: Path, certificates: Path) -> None:
    """An IKEv2 client gets EAP-Failure at once, and nobody is asked."""
    person = gate.person("anna")
    start = time.monotonic()
    with ipsec_client(private_folder, machines, certificates, "anna") as login:
        assert login.ends() != 0
    assert time.monotonic() - start < 2
    assert "received EAP_FAILURE" in login.output
    assert person.pending() == []


def test_an_approved_xauth_login_opens_the_tunnel(
    gate: RadiusGate, machines: Machines, private_folder: Path, certificates: Path
) -> None:
    """A person who approves an IKEv1 login gets a tunnel that carries packets, and has seen her machine's address."""
    person = gate.person("berta")
    with ipsec_client(private_folder, machines, certificates, "berta", login=IKEV1) as login:
        context = person.approve().context
        login.says(ESTABLISHED)
        machines.person.run("ping", "-c", "1", "-w", "5", INSIDE)
    assert (context["ip"], context["origin_kind"], context["service"]) == (PERSON, "nas", "strongswan")


def test_a_denied_xauth_login(gate: RadiusGate, machines: Machines, private_folder: Path, certificates: Path) -> None:
    """A person who denies an IKEv1 login is refused before the deadline, and only once asked."""
    person = gate.person("carla")
    start = time.monotonic()
    with ipsec_client(private_folder, machines, certificates, "carla", login=IKEV1) as login:
        person.deny()
        assert login.ends() != 0
    assert time.monotonic() - start < TIMEOUT
    assert ESTABLISHED not in login.output
    assert [record["reason"] for record in gate.records_of("carla")] == ["denied"]
    assert person.pending() == []


def test_an_ignored_xauth_login(gate: RadiusGate, machines: Machines, private_folder: Path, certificates: Path) -> None:
    """A person who ignores an IKEv1 login is refused at the deadline, and the question is withdrawn."""
    person = gate.person("dora")
    with ipsec_client(private_folder, machines, certificates, "dora", login=IKEV1) as login:
        question = person.question()
        assert login.ends() != 0
    assert ESTABLISHED not in login.output
    assert person.state(question) == "cancelled"
