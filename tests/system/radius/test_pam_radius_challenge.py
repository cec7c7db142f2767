"""The real pam_radius_auth, driven by pamtester, where the gate asks a person back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pam import ACCEPTED
from tests.support.pam_radius import pam_dialogue
from tests.support.radius_gate import RadiusGate
from tests.support.upstream import SECRET as UPSTREAM_SECRET
from tests.support.upstream import freeradius

pytestmark = pytest.mark.system

HYBRID, CHALLENGE, WITH_PASSWORD = "127.0.1.1", "127.0.2.1", "127.0.3.1"
REFUSED = "pamtester: Authentication failure"
QUESTION = "Approve on your device, then press Enter, or type a code"
EMPTY = "skip_passwd"
"""Option of the module: it sends an empty password instead of asking for one."""


@pytest.fixture(scope="module")
def gate(module_folder: Path) -> Iterator[RadiusGate]:
    """A gate that asks back after 1.5 s, or at once, or when a FreeRADIUS has found the password right."""
    gate_folder, upstream_folder = module_folder / "gate", module_folder / "upstream"
    for folder in (gate_folder, upstream_folder):
        folder.mkdir(mode=0o700)
    with freeradius(upstream_folder) as upstream:
        secret_file = upstream_folder / "shared"
        secret_file.touch(mode=0o600)
        secret_file.write_text(UPSTREAM_SECRET)
        passwords = {
            "type": "radius",
            "servers": [{"host": "127.0.0.1", "port": upstream.port, "secret_file": str(secret_file)}],
        }
        module = {"preset": "pam-radius", "nas_timeout": 3}
        clients = (
            {"name": "hybrid", "address": HYBRID, **module},
            {"name": "challenge", "address": CHALLENGE, "mode": "challenge", **module},
            {"name": "password", "address": WITH_PASSWORD, "first_factor": passwords, **module},
        )
        with RadiusGate(gate_folder, *clients, listen="0.0.0.0:0", timeout=20) as running:
            yield running


def test_approved_before_enter(gate: RadiusGate, private_folder: Path) -> None:
    """A person who is slow is shown what to do, approves, presses Enter and is in, by one question."""
    person = gate.person("anna")
    with pam_dialogue(gate, private_folder, "anna", EMPTY, source=HYBRID) as login:
        question = person.question()
        login.shows(QUESTION)
        person.answer(question, "approved")
        login.types("")
        login.shows(ACCEPTED)
        assert login.ends() == 0
    assert [(record["reason"], record["factor"]) for record in gate.records_of("anna")] == [("approved", "push")]


def test_a_wrong_code_then_a_right_one(gate: RadiusGate, private_folder: Path) -> None:
    """A person without the phone mistypes a code, is told and asked again, and is in by the second; nobody is asked."""
    person = gate.person("berta")
    code = gate.bypass_code("berta")
    with pam_dialogue(gate, private_folder, "berta", EMPTY, source=HYBRID) as login:
        question = person.question()
        login.shows(QUESTION)
        login.types("000000000")
        login.shows("Wrong code. " + QUESTION)
        assert person.state(question) == "pending"
        login.types(code)
        login.shows(ACCEPTED)
    assert person.state(question) == "cancelled"
    assert [(record["reason"], record["factor"]) for record in gate.records_of("berta")] == [("approved", "code")]


def test_enter_goes_on_waiting(gate: RadiusGate, private_folder: Path) -> None:
    """A person who presses Enter too soon is asked again when the module has waited, and denies; that ends it."""
    person = gate.person("carla")
    with pam_dialogue(gate, private_folder, "carla", EMPTY, source=HYBRID) as login:
        question = person.question()
        login.shows(QUESTION)
        login.types("")
        login.shows(QUESTION)
        person.answer(question, "denied")
        login.types("")
        login.shows(REFUSED)
    assert [record["reason"] for record in gate.records_of("carla")] == ["denied"]


def test_cancelled(gate: RadiusGate, private_folder: Path) -> None:
    """A person who types cancel is refused, and the question leaves the device."""
    person = gate.person("dora")
    with pam_dialogue(gate, private_folder, "dora", EMPTY, source=HYBRID) as login:
        question = person.question()
        login.shows(QUESTION)
        login.types("cancel")
        login.shows(REFUSED)
    assert person.state(question) == "cancelled"


def test_a_number_in_the_question(gate: RadiusGate, private_folder: Path) -> None:
    """A person types on the device the number that stands in the question, and presses Enter."""
    person = gate.person("elsa")
    with pam_dialogue(gate, private_folder, "elsa", EMPTY, source=CHALLENGE) as login:
        question = person.question()
        login.shows("Type ")
        number = login.shows(" on your device to approve, then press Enter")
        person.answer(question, "approved", number)
        login.types("")
        login.shows(ACCEPTED)
    assert gate.records_of("elsa")[0]["factor"] == "push+number"


def test_the_answer_is_shown_while_it_is_typed(gate: RadiusGate, private_folder: Path) -> None:
    """A module that heeds Prompt shows the code as it is typed, and hides the password before."""
    gate.person("frida")
    with pam_dialogue(gate, private_folder, "frida", "prompt_attribute", source=HYBRID) as login:
        login.shows("Password: ")
        login.types("push")
        assert "push" not in login.shows(QUESTION)
        login.types("000000000")
        assert "000000000" in login.shows("Wrong code")


def test_a_password_and_a_code_in_one_field(gate: RadiusGate, private_folder: Path) -> None:
    """A person types the password, a comma and a code at one prompt, and is in without a further one."""
    person = gate.person("alice")
    code = gate.bypass_code("alice")
    with pam_dialogue(gate, private_folder, "alice", source=WITH_PASSWORD) as login:
        login.shows("Password: ")
        login.types(f"wonderland,{code}")
        login.shows(ACCEPTED)
        assert QUESTION not in login.output
    assert person.pending() == []
    assert gate.records_of("alice")[0]["factor"] == "code"


def test_a_right_code_behind_a_wrong_password(gate: RadiusGate, private_folder: Path) -> None:
    """An attacker with a code and a wrong password is refused, and the code still opens for its owner."""
    person = gate.person("latin")
    code = gate.bypass_code("latin")
    with pam_dialogue(gate, private_folder, "latin", source=WITH_PASSWORD) as login:
        login.shows("Password: ")
        login.types(f"guessed,{code}")
        login.shows(REFUSED)
    assert person.pending() == []
    assert gate.records_of("latin")[0]["reason"] == "bad_password"
    with pam_dialogue(gate, private_folder, "latin", source=HYBRID) as login:
        login.shows("Password: ")
        login.types(code)
        login.shows(ACCEPTED)
