"""What the real radclient reads in an Access-Accept, by the factor that opened the door."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemons import Program
from tests.support.radclient import radclient, received
from tests.support.radius_gate import LOOPBACK, RadiusGate

pytestmark = pytest.mark.system

VLAN = {"Tunnel-Type:1": "VLAN", "Tunnel-Medium-Type:1": "IEEE-802", "Tunnel-Private-Group-Id:1": "42"}
RULES = [
    {"add": {"Class": "pg-{audit_id}", "Session-Timeout": 28800, **VLAN}},
    {"factors": ["push"], "add": {"Filter-Id": "staff"}},
    {"factors": ["code"], "add": {"Filter-Id": "without-phone", "Session-Timeout": 900}},
    {
        "factors": ["exempt"],
        "add": {"Filter-Id": "robots", "Cisco-AVPair": ["ip:addr-pool=robots", "shell:priv-lvl=1"]},
    },
]
ALWAYS = {"Tunnel-Type:1": ["VLAN"], "Tunnel-Medium-Type:1": ["IEEE-802"], "Tunnel-Private-Group-Id:1": ['"42"']}


@pytest.fixture(scope="module")
def gate(module_folder: Path) -> Iterator[RadiusGate]:
    """A gate that says by which factor a person was let in."""
    client = LOOPBACK | {"exempt_users": ["robot"]}
    asking = LOOPBACK | {"name": "asking", "nas_identifier": "asking", "mode": "challenge"}
    with RadiusGate(module_folder, client, asking, timeout=20, reply_attributes=RULES) as running:
        yield running


def check_what_everybody_gets(gate: RadiusGate, login: Program, user: str) -> None:
    """Check the attributes of the rule without conditions; Class names the record of this very login."""
    assert login.ends() == 0, login.output
    assert {name: received(login, name) for name in ALWAYS} == ALWAYS
    [record] = gate.records_of(user)
    assert received(login, "Class") == ["0x" + f"pg-{record['id']}".encode().hex()]


def test_push(gate: RadiusGate, private_folder: Path) -> None:
    """A person who approves gets what everybody gets, and what is for pushes."""
    person = gate.person("anna")
    with radclient(private_folder, gate.radius_port, gate.secret.decode(), "anna") as login:
        person.approve()
        check_what_everybody_gets(gate, login, "anna")
    assert received(login, "Filter-Id") == ['"staff"']
    assert received(login, "Session-Timeout") == ["28800"]


def test_code(gate: RadiusGate, private_folder: Path) -> None:
    """A person who types a bypass code gets the same, and what is for codes in the place of what it replaces."""
    gate.person("berta")
    code = gate.bypass_code("berta")
    with radclient(private_folder, gate.radius_port, gate.secret.decode(), "berta", password=code) as login:
        check_what_everybody_gets(gate, login, "berta")
    assert received(login, "Filter-Id") == ['"without-phone"']
    assert received(login, "Session-Timeout") == ["900"]


def test_code_in_a_challenge(gate: RadiusGate, private_folder: Path) -> None:
    """A person who types the code only when asked back gets exactly the same, and nothing of it with the challenge."""
    gate.person("carla")
    code, port, secret, nas = gate.bypass_code("carla"), gate.radius_port, gate.secret.decode(), "asking"
    with radclient(private_folder, port, secret, "carla", attributes=f', NAS-Identifier = "{nas}"') as login:
        login.ends()
        assert "Received Access-Challenge" in login.output
        for name in (*ALWAYS, "Class", "Filter-Id"):
            assert received(login, name) == []
    [state] = received(login, "State")
    answer = f', NAS-Identifier = "{nas}", State = {state}'
    with radclient(private_folder, port, secret, "carla", password=code, attributes=answer) as login:
        check_what_everybody_gets(gate, login, "carla")
    assert received(login, "Filter-Id") == ['"without-phone"']
    assert received(login, "Session-Timeout") == ["900"]


def test_exempt(gate: RadiusGate, private_folder: Path) -> None:
    """A user who needs no second factor gets what everybody gets, and several values of a vendor's attribute."""
    with radclient(private_folder, gate.radius_port, gate.secret.decode(), "robot") as login:
        check_what_everybody_gets(gate, login, "robot")
    assert received(login, "Filter-Id") == ['"robots"']
    assert received(login, "Cisco-AVPair") == ['"ip:addr-pool=robots"', '"shell:priv-lvl=1"']


def test_nothing_with_a_rejection(gate: RadiusGate, private_folder: Path) -> None:
    """A person who denies gives the NAS a reason and nothing for a session."""
    person = gate.person("dora")
    with radclient(private_folder, gate.radius_port, gate.secret.decode(), "dora") as login:
        person.deny()
        login.ends()
    assert received(login, "Reply-Message") == ['"Denied"']
    for name in (*ALWAYS, "Class", "Filter-Id", "Session-Timeout"):
        assert received(login, name) == []
