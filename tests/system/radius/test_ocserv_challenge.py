"""The real ocserv, with the real openconnect on another machine, where the gate asks a person back."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.daemons import Program
from tests.support.netns import NAS, SERVER, Machines
from tests.support.ocserv import TUNNEL_IS_UP, ocserv, openconnect_dialogue
from tests.support.radius_gate import RadiusGate
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.system, pytest.mark.root]

PASSWORD, SECOND, THIRD = "Password:", "Password1:", "Password2:"
"""The prompts of ocserv's forms, in the order in which a login shows them."""
QUESTION = "Approve on your device, then press Enter, or type a code"
LOGGED_IN = "COOKIE="
REFUSED = "401 Authentication failed"
"""All that ocserv says about a rejection behind a challenge; the text of one before is shown."""


@dataclass(frozen=True)
class Appliance:
    """One ocserv between the person and the gate."""

    gate: RadiusGate
    machines: Machines
    folder: Path
    port: int
    inside: str
    program: Program

    def login(self, user: str, *, tunnel: bool = False) -> AbstractContextManager[Terminal]:
        """Start openconnect on the person's machine."""
        return openconnect_dialogue(self.folder, self.machines, user, port=self.port, tunnel=tunnel)


@pytest.fixture(scope="module")
def gate(module_folder: Path, machines: Machines) -> Iterator[RadiusGate]:
    """A gate that knows two ocservs of one machine by their NAS-Identifier."""
    folder = module_folder / "gate"
    folder.mkdir(mode=0o700)
    by_factor = [
        {"factors": ["push", "push+number"], "add": {"Class": "staff"}},
        {"factors": ["code"], "add": {"Class": "without-phone"}},
    ]
    appliance = {"address": NAS, "preset": "ocserv", "nas_timeout": 3}
    with RadiusGate(
        folder,
        appliance | {"name": "hybrid", "nas_identifier": "hybrid"},
        appliance | {"name": "challenge", "nas_identifier": "challenge", "mode": "challenge"},
        machine=machines.server,
        listen=f"{SERVER}:1812",
        timeout=20,
        reply_attributes=by_factor,
    ) as running:
        yield running


@pytest.fixture(scope="module")
def hybrid(gate: RadiusGate, machines: Machines, module_folder: Path) -> Iterator[Appliance]:
    """An ocserv whose people are asked back when 1.5 s have passed."""
    folder = module_folder / "hybrid"
    folder.mkdir()
    with ocserv(folder, machines, gate.secret.decode(), name="hybrid") as program:
        yield Appliance(gate, machines, folder, 443, "198.18.0.1", program)


@pytest.fixture(scope="module")
def challenge(gate: RadiusGate, machines: Machines, module_folder: Path) -> Iterator[Appliance]:
    """An ocserv whose people are asked back at once."""
    folder = module_folder / "challenge"
    folder.mkdir()
    secret = gate.secret.decode()
    with ocserv(folder, machines, secret, name="challenge", port=8443, network="198.18.3.0") as program:
        yield Appliance(gate, machines, folder, 8443, "198.18.3.1", program)


def test_approved_before_enter(gate: RadiusGate, hybrid: Appliance) -> None:
    """A person who is slow is shown what to do, approves, presses Enter and is in, by one question."""
    person = gate.person("anna")
    with hybrid.login("anna") as login:
        login.shows(PASSWORD)
        login.types("push")
        question = person.question()
        login.shows(QUESTION)
        login.shows(SECOND)
        person.answer(question, "approved")
        login.types("")
        assert login.ends() == 0
    assert LOGGED_IN in login.output
    assert [record["reason"] for record in gate.records_of("anna")] == ["approved"]


def test_a_wrong_code_then_a_right_one(gate: RadiusGate, hybrid: Appliance, machines: Machines) -> None:
    """A person without the phone mistypes a code, is told, is in by the second, and is in the group for such people."""
    person = gate.person("berta")
    code = gate.bypass_code("berta")
    with hybrid.login("berta", tunnel=True) as login:
        login.shows(PASSWORD)
        login.types("push")
        question = person.question()
        login.shows(QUESTION)
        login.shows(SECOND)
        login.types("000000000")
        login.shows("Wrong code. " + QUESTION)
        login.shows(THIRD)
        login.types(code)
        login.shows(TUNNEL_IS_UP)
        assert "1 received" in machines.person.run("ping", "-c", "1", "-w", "5", hybrid.inside)
        hybrid.program.says("berta is of the group without-phone")
    assert person.state(question) == "cancelled"
    assert gate.records_of("berta")[0]["factor"] == "code"


def test_denied_between_two_rounds(gate: RadiusGate, hybrid: Appliance) -> None:
    """A person who is asked back and denies on the device is refused at the next Enter."""
    person = gate.person("carla")
    with hybrid.login("carla") as login:
        login.shows(PASSWORD)
        login.types("push")
        question = person.question()
        login.shows(QUESTION)
        login.shows(SECOND)
        person.answer(question, "denied")
        login.types("")
        login.shows(REFUSED)
    assert LOGGED_IN not in login.output
    assert [record["reason"] for record in gate.records_of("carla")] == ["denied"]


def test_the_number_on_the_screen(gate: RadiusGate, challenge: Appliance, machines: Machines) -> None:
    """A person types on the device the number that openconnect shows, presses Enter, and is in the group for pushes."""
    person = gate.person("dora")
    with challenge.login("dora", tunnel=True) as login:
        login.shows(PASSWORD)
        login.types("push")
        login.shows("Type ")
        number = login.shows(" on your device to approve, then press Enter")
        login.shows(SECOND)
        person.answer(person.question(), "approved", number)
        login.types("")
        login.shows(TUNNEL_IS_UP)
        assert "1 received" in machines.person.run("ping", "-c", "1", "-w", "5", challenge.inside)
        challenge.program.says("dora is of the group staff")
    assert gate.records_of("dora")[0]["factor"] == "push+number"


def test_a_person_who_thinks_holds_up_nobody(gate: RadiusGate, challenge: Appliance) -> None:
    """A second person logs in while the first one has not yet answered, though ocserv asks for one at a time."""
    slow, quick = gate.people(["elsa", "frida"])
    with challenge.login("elsa") as first, challenge.login("frida") as second:
        first.shows(PASSWORD)
        first.types("push")
        first.shows("on your device")
        second.shows(PASSWORD)
        second.types("push")
        second.shows("Type ", within=2)
        number = second.shows(" on your device")
        second.shows(SECOND)
        quick.answer(quick.question(), "approved", number)
        second.types("")
        assert second.ends(2) == 0
        assert LOGGED_IN in second.output
        assert len(slow.pending()) == 1


def test_cancelled(gate: RadiusGate, challenge: Appliance) -> None:
    """A person who types cancel is refused, and the question leaves the device."""
    person = gate.person("greta")
    with challenge.login("greta") as login:
        login.shows(PASSWORD)
        login.types("push")
        question = person.question()
        login.shows("on your device")
        login.shows(SECOND)
        login.types("cancel")
        login.shows(REFUSED)
    assert LOGGED_IN not in login.output
    assert person.state(question) == "cancelled"
