"""The real FreeRADIUS as a proxy in front of the gate, with the real radclient as the NAS."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.freeradius_proxy import READY, freeradius
from tests.support.radclient import ORIGIN, radclient, received
from tests.support.radius_gate import LOOPBACK, RadiusGate

pytestmark = pytest.mark.system

WINDOW = 2
"""Seconds after which FreeRADIUS gives an answer up; 20 by default, as short here as makes a quick test."""


@pytest.fixture(scope="module")
def gate(module_folder: Path) -> Iterator[RadiusGate]:
    """One gate for all logins here, which asks people at one NAS back; each test has its own users."""
    asking = LOOPBACK | {"name": "asking", "nas_identifier": "asking", "mode": "challenge"}
    with RadiusGate(module_folder, LOOPBACK, asking, timeout=20) as running:
        yield running


def test_approved(gate: RadiusGate, private_folder: Path) -> None:
    """A person who approves is let in through the proxy, and has seen the address that the NAS told."""
    person = gate.person("anna")
    with (
        freeradius(private_folder, gate.radius_port, gate.secret.decode()) as proxy,
        radclient(private_folder, proxy.port, gate.secret.decode(), "anna") as login,
    ):
        context = person.approve().context
        assert login.ends() == 0
    assert (context["ip"], context["origin_kind"], context["service"]) == (ORIGIN, "nas", "vpn")
    assert "Received Access-Accept" in login.output


def test_denied(gate: RadiusGate, private_folder: Path) -> None:
    """A person who denies has the login rejected at once, with the words for him."""
    person = gate.person("berta")
    with (
        freeradius(private_folder, gate.radius_port, gate.secret.decode()) as proxy,
        radclient(private_folder, proxy.port, gate.secret.decode(), "berta") as login,
    ):
        person.deny()
        assert login.ends() == 1
    assert "Received Access-Reject" in login.output
    assert "Reply-Message" in login.output


def test_retransmissions_through_the_proxy_ask_once(gate: RadiusGate, private_folder: Path) -> None:
    """A NAS that sends four times causes one question, because FreeRADIUS sends the gate the same packet again."""
    person = gate.person("carla")
    with (
        freeradius(private_folder, gate.radius_port, gate.secret.decode()) as proxy,
        radclient(private_folder, proxy.port, gate.secret.decode(), "carla", "-r", "6", seconds=1) as login,
    ):
        question = person.question()
        proxy.program.says("Sending duplicate proxied request")
        assert [shown.id for shown in person.pending()] == [question.id]
        person.answer(question, "approved")
        login.ends()
    assert "Received Access-Accept" in login.output
    assert len(gate.records_of("carla")) == 1


def test_a_challenge_passes_the_proxy(gate: RadiusGate, private_folder: Path) -> None:
    """A person is shown the number through the proxy, types it on the device, and the answer finds back to the login."""
    person = gate.person("ida")
    secret, nas = gate.secret.decode(), ', NAS-Identifier = "asking"'
    with freeradius(private_folder, gate.radius_port, secret) as proxy:
        with radclient(private_folder, proxy.port, secret, "ida", attributes=nas) as login:
            login.ends()
            assert "Received Access-Challenge" in login.output
        [text], [state] = received(login, "Reply-Message"), received(login, "State")
        assert received(login, "Prompt") == ["Echo"]
        [number] = re.findall(r"Type ([0-9]{2}) on your device", text)
        person.answer(person.question(), "approved", number)
        answer = f"{nas}, State = {state}"
        with radclient(private_folder, proxy.port, secret, "ida", password="ok", attributes=answer) as login:
            assert login.ends() == 0
    assert "Received Access-Accept" in login.output
    assert [record["factor"] for record in gate.records_of("ida")] == ["push+number"]


def test_a_slow_person_does_not_shut_out_the_others(gate: RadiusGate, private_folder: Path) -> None:
    """A push longer than response_window is rejected and makes a zombie of the gate, until it answers Status-Server.

    While that push is still pending, other people log in.
    """
    slow, quick = gate.person("dora"), gate.person("elsa")
    secret = gate.secret.decode()
    with freeradius(private_folder, gate.radius_port, secret, response_window=WINDOW) as proxy:
        start = time.monotonic()
        with radclient(private_folder, proxy.port, secret, "dora") as login:
            question = slow.question()
            login.ends()
            assert WINDOW - 0.5 < time.monotonic() - start < WINDOW + 1.5
            assert "Received Access-Reject" in login.output
        proxy.program.says("as zombie")
        proxy.program.says("Received response to status check")
        assert f"port {gate.radius_port} alive" in proxy.program.output.partition("as zombie")[2]
        with radclient(private_folder, proxy.port, secret, "elsa") as login:
            quick.approve()
            login.ends()
            assert "Received Access-Accept" in login.output
        assert slow.state(question) == "pending"
        assert "dead" not in proxy.program.output.partition(READY)[2]


def test_without_status_checks_two_slow_people_shut_everybody_out(gate: RadiusGate, private_folder: Path) -> None:
    """A proxy that may not ask with Status-Server takes the gate for dead: why the documents demand it."""
    secret = gate.secret.decode()
    unsafe = {"status_check": "none", "response_window": WINDOW, "zombie_period": WINDOW}
    bystander = gate.person("frida")
    with freeradius(private_folder, gate.radius_port, secret, **unsafe) as proxy:  # type: ignore[arg-type]
        for user in ("greta", "hanna"):
            person = gate.person(user)
            with radclient(private_folder, proxy.port, secret, user) as login:
                person.question()
                login.ends()
        proxy.program.says("as dead")
        with radclient(private_folder, proxy.port, secret, "frida") as login:
            login.ends(2)
        assert "Received Access-Reject" in login.output
    assert bystander.pending() == []
