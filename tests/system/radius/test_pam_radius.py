"""The real pam_radius_auth (libpam-radius-auth), driven by pamtester: for hosts without our own module."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemons import Program
from tests.support.pam import ACCEPTED
from tests.support.pam_radius import RHOST, pam_login
from tests.support.radius_gate import RadiusGate

pytestmark = pytest.mark.system

TIMEOUT = 5
REFUSED = "pamtester: Authentication failure"
UNREACHABLE = "pamtester: Authentication service cannot retrieve authentication info"


@pytest.fixture(scope="module")
def gate(module_folder: Path) -> Iterator[RadiusGate]:
    """One gate for all logins here; each test has its own user."""
    with RadiusGate(module_folder, timeout=TIMEOUT) as running:
        yield running


def verdict(login: Program) -> str:
    """Wait for PAM's verdict, and return it."""
    login.ends()
    return login.output.splitlines()[-1].removeprefix("Password: ")


def test_approved(gate: RadiusGate, private_folder: Path) -> None:
    """A person who approves is let in, with an empty password field, and has seen the address that PAM knows."""
    person = gate.person("anna")
    with pam_login(gate, private_folder, "anna", "skip_passwd") as login:
        question = person.question()
        assert (question.context["ip"], question.context["origin_kind"]) == (RHOST, "nas")
        assert question.context["service"] == "vpn"
        person.answer(question, "approved")
        assert verdict(login) == ACCEPTED
    assert "Password" not in login.output


def test_the_word_push_is_as_good_as_nothing(gate: RadiusGate, private_folder: Path) -> None:
    """A person whom the module asks for a password types push, and approves."""
    person = gate.person("berta")
    with pam_login(gate, private_folder, "berta", typed="push\n") as login:
        person.approve()
        assert verdict(login) == ACCEPTED


def test_denied(gate: RadiusGate, private_folder: Path) -> None:
    """A person who denies has the login refused at once, and only once asked."""
    person = gate.person("carla")
    with pam_login(gate, private_folder, "carla", "skip_passwd") as login:
        person.deny()
        assert verdict(login) == REFUSED
    assert person.pending() == []
    assert [record["reason"] for record in gate.records_of("carla")] == ["denied"]


def test_ignored(gate: RadiusGate, private_folder: Path) -> None:
    """A person who does nothing has the login refused at the deadline, and the question is withdrawn."""
    person = gate.person("dora")
    with pam_login(gate, private_folder, "dora", "skip_passwd") as login:
        start = time.monotonic()
        question = person.question()
        assert verdict(login) == REFUSED
        assert TIMEOUT - 1 < time.monotonic() - start < TIMEOUT + 2
    assert person.state(question) == "cancelled"


def test_a_password_is_refused_without_a_question(gate: RadiusGate, private_folder: Path) -> None:
    """A person who types a password, where nobody checks one, is refused and not asked."""
    person = gate.person("elsa")
    with pam_login(gate, private_folder, "elsa", typed="S3cret-by-mistake\n") as login:
        assert verdict(login) == REFUSED
    assert person.pending() == []
    assert "S3cret" not in gate.log.read_text() + (gate.folder / "audit.jsonl").read_text()


def test_retransmissions_ask_once(gate: RadiusGate, private_folder: Path) -> None:
    """A module that waits 3 s and sends its packet again causes one question, and takes the answer."""
    person = gate.person("frida")
    with pam_login(gate, private_folder, "frida", "skip_passwd", "retry=1", seconds=3) as login:
        question = person.question()
        time.sleep(3.3)
        assert [shown.id for shown in person.pending()] == [question.id]
        person.answer(question, "approved")
        assert verdict(login) == ACCEPTED
    assert len(gate.records_of("frida")) == 1


def test_a_module_that_gives_up_lets_nobody_in(gate: RadiusGate, private_folder: Path) -> None:
    """A module whose time of 3 s is over has failed; who approves afterwards opens nothing."""
    person = gate.person("greta")
    with pam_login(gate, private_folder, "greta", "skip_passwd", seconds=3) as login:
        start = time.monotonic()
        question = person.question()
        assert verdict(login) == UNREACHABLE
        assert 2.5 < time.monotonic() - start < TIMEOUT - 0.5
        person.answer(question, "approved")
