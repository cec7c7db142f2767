"""The real eapol_test: the 802.1X client of wpa_supplicant, which speaks RADIUS as hostapd does."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.certificates import CertificationAuthority
from tests.support.daemons import Program
from tests.support.eapol import eapol_test
from tests.support.freeradius_proxy import TTLS, FreeRadius, freeradius
from tests.support.radius_gate import RadiusGate

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def gate(module_folder: Path) -> Iterator[RadiusGate]:
    """One gate for all logins here; each test has its own user."""
    with RadiusGate(module_folder, timeout=20) as running:
        yield running


@pytest.mark.parametrize("method", ["MD5", "GTC"])
def test_other_methods_are_refused_at_once(gate: RadiusGate, private_folder: Path, method: str) -> None:
    """A supplicant whose EAP method cannot work here gets EAP-Failure at once, and nobody is asked."""
    person = gate.person(f"refused-{method}")
    start = time.monotonic()
    with eapol_test(private_folder, gate.radius_port, gate.secret.decode(), person.name, f"eap={method}") as login:
        assert login.ends() != 0
    assert time.monotonic() - start < 2
    assert "Received RADIUS message" in login.output
    assert "EAP: Received EAP-Failure" in login.output
    assert "did not have correct Message-Authenticator" not in login.output
    assert person.pending() == []


@contextmanager
def ttls_login(gate: RadiusGate, folder: Path, user: str) -> Iterator[tuple[FreeRadius, Program]]:
    """Log in by TTLS/PAP through FreeRADIUS, which ends the tunnel."""
    authority = CertificationAuthority(folder / "certificates")
    authority.issue("radius", "radius.example.org", server=True)
    method = ("eap=TTLS", 'phase2="auth=PAP"', f'ca_cert="{authority.path}"', 'anonymous_identity="anonymous"')
    secret = gate.secret.decode()
    with (
        freeradius(folder, gate.radius_port, secret, servers=TTLS, certificates=authority.folder) as proxy,
        eapol_test(folder, proxy.port, secret, user, *method, keys=True) as login,
    ):
        yield proxy, login


def test_ttls_approved(gate: RadiusGate, private_folder: Path) -> None:
    """A person who approves is let in by TTLS/PAP, through a FreeRADIUS that ends the tunnel, with keys for Wi-Fi."""
    person = gate.person("anna")
    with ttls_login(gate, private_folder, "anna") as (proxy, login):
        question = person.question()
        assert question.context["user"] == "anna"
        assert question.context["ip"] == ""
        person.answer(question, "approved")
        login.ends()
    assert login.output.splitlines()[-1] == "SUCCESS", proxy.program.output[-4000:]


def test_ttls_denied(gate: RadiusGate, private_folder: Path) -> None:
    """A person who denies is refused by the tunnel's end at once."""
    person = gate.person("berta")
    with ttls_login(gate, private_folder, "berta") as (_, login):
        person.deny()
        assert login.ends(5) != 0
    assert "EAP: Received EAP-Failure" in login.output
    assert [record["reason"] for record in gate.records_of("berta")] == ["denied"]
