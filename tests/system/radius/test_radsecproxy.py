"""The real radsecproxy in front of the gate, with the real radclient as the NAS."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.radclient import ORIGIN, radclient
from tests.support.radius_gate import RadiusGate
from tests.support.radsecproxy import radsecproxy

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def gate(module_folder: Path) -> Iterator[RadiusGate]:
    """One gate for all logins here; each test has its own user."""
    with RadiusGate(module_folder, timeout=20) as running:
        yield running


def test_approved_by_udp(gate: RadiusGate, private_folder: Path) -> None:
    """A person who approves is let in through the proxy, and has seen the address that the NAS told."""
    person = gate.person("anna")
    secret = gate.secret.decode()
    with (
        radsecproxy(private_folder, gate.radius_port, secret) as proxy,
        radclient(private_folder, proxy.port, secret, "anna") as login,
    ):
        context = person.approve().context
        assert login.ends() == 0
    assert (context["ip"], context["origin_kind"], context["service"]) == (ORIGIN, "nas", "vpn")
    assert "Received Access-Accept" in login.output


def test_denied_by_udp(gate: RadiusGate, private_folder: Path) -> None:
    """A person who denies has the login rejected at once."""
    person = gate.person("berta")
    secret = gate.secret.decode()
    with (
        radsecproxy(private_folder, gate.radius_port, secret) as proxy,
        radclient(private_folder, proxy.port, secret, "berta") as login,
    ):
        person.deny()
        assert login.ends() == 1
    assert "Received Access-Reject" in login.output


def test_repetitions_of_the_proxy_ask_once(gate: RadiusGate, private_folder: Path) -> None:
    """A proxy that sends its request again by itself causes one question, and takes the answer."""
    person = gate.person("carla")
    secret = gate.secret.decode()
    with (
        radsecproxy(private_folder, gate.radius_port, secret, retry_interval=1) as proxy,
        radclient(private_folder, proxy.port, secret, "carla") as login,
    ):
        question = person.question()
        time.sleep(1.5)
        assert [shown.id for shown in person.pending()] == [question.id]
        person.answer(question, "approved")
        assert login.ends() == 0
    assert "Received Access-Accept" in login.output
    assert len(gate.records_of("carla")) == 1
