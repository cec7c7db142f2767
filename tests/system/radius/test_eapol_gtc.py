"""The real eapol_test, whose EAP-GTC ends in the gate: by itself, and inside a tunnel that FreeRADIUS ends."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import CertificationAuthority
from tests.support.eapol import eapol_test
from tests.support.freeradius_proxy import TTLS, freeradius
from tests.support.radius_gate import RadiusGate

pytestmark = pytest.mark.system

GTC = "eap=GTC"
WIRED = {"name": "switch", "address": "127.0.0.0/8", "preset": "wired-8021x", "message_authenticator": "required"}


@pytest.fixture(scope="module")
def gate(module_folder: Path) -> Iterator[RadiusGate]:
    """A gate that knows a switch; each test has its own user."""
    with RadiusGate(module_folder, WIRED, timeout=20) as running:
        yield running


def test_approved(gate: RadiusGate, private_folder: Path) -> None:
    """A person who approves is let in, though the supplicant's hardware address is no address of a person."""
    person = gate.person("anna")
    with eapol_test(private_folder, gate.radius_port, gate.secret.decode(), "anna", GTC) as login:
        context = person.approve().context
        assert login.ends() == 0
    assert (context["ip"], context["service"]) == ("", "switch")
    assert login.output.splitlines()[-1] == "SUCCESS"
    assert "EAP: Received EAP-Success" in login.output


def test_denied(gate: RadiusGate, private_folder: Path) -> None:
    """A person who denies is refused at once by an EAP-Failure."""
    person = gate.person("berta")
    start = time.monotonic()
    with eapol_test(private_folder, gate.radius_port, gate.secret.decode(), "berta", GTC) as login:
        person.deny()
        assert login.ends() != 0
    assert time.monotonic() - start < 2
    assert "EAP: Received EAP-Failure" in login.output
    assert [record["reason"] for record in gate.records_of("berta")] == ["denied"]


def test_retransmissions_ask_once(gate: RadiusGate, private_folder: Path) -> None:
    """A switch that sends its packet again after 3 s causes one question, and takes the answer."""
    person = gate.person("carla")
    with eapol_test(private_folder, gate.radius_port, gate.secret.decode(), "carla", GTC) as login:
        question = person.question()
        login.says("Resending RADIUS message")
        assert [shown.id for shown in person.pending()] == [question.id]
        person.answer(question, "approved")
        assert login.ends() == 0
    assert len(gate.records_of("carla")) == 1


def test_a_code_as_the_answer(gate: RadiusGate, private_folder: Path) -> None:
    """A person who types a code where the password is asked for is let in, once, and nobody is asked."""
    person = gate.person("dora")
    code = gate.bypass_code("dora")
    port, secret = gate.radius_port, gate.secret.decode()
    with eapol_test(private_folder, port, secret, "dora", GTC, password=code) as login:
        assert login.ends() == 0
    with eapol_test(private_folder, port, secret, "dora", GTC, password=code) as login:
        assert login.ends() != 0
    assert "EAP: Received EAP-Failure" in login.output
    assert person.pending() == []
    assert [record["reason"] for record in gate.records_of("dora")] == ["approved", "bad_code"]


def test_another_method_is_offered_gtc_and_refused(gate: RadiusGate, private_folder: Path) -> None:
    """A supplicant that knows only MD5 declines GTC, and gets EAP-Failure; the log says what it lacks."""
    person = gate.person("elsa")
    with eapol_test(private_folder, gate.radius_port, gate.secret.decode(), "elsa", "eap=MD5") as login:
        assert login.ends() != 0
    assert "CTRL-EVENT-EAP-PROPOSED-METHOD vendor=0 method=6 -> NAK" in login.output
    assert "EAP: Received EAP-Failure" in login.output
    assert person.pending() == []
    assert '"reason": "eap_without_gtc"' in gate.log.read_text()


def test_gtc_inside_ttls(gate: RadiusGate, private_folder: Path) -> None:
    """A person who approves is let in by TTLS/GTC: FreeRADIUS ends the tunnel, the gate the GTC inside, with keys."""
    person = gate.person("frida")
    authority = CertificationAuthority(private_folder / "certificates")
    authority.issue("radius", "radius.example.org", server=True)
    method = ("eap=TTLS", 'phase2="autheap=GTC"', f'ca_cert="{authority.path}"', 'anonymous_identity="anonymous"')
    secret = gate.secret.decode()
    with (
        freeradius(private_folder, gate.radius_port, secret, servers=TTLS, certificates=authority.folder) as proxy,
        eapol_test(private_folder, proxy.port, secret, "frida", *method, keys=True) as login,
    ):
        person.approve()
        login.ends()
    assert login.output.splitlines()[-1] == "SUCCESS", proxy.program.output[-4000:]
