"""A NAS that gives one of our addresses up and asks at the next one, as OpenVPN's plugin and pfSense do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from radius_server.wire import ACCESS_ACCEPT
from tests.support.nas import BlockingNas
from tests.support.processes import wait_until
from tests.support.radius_gate import RadiusGate

pytestmark = pytest.mark.system

FIRST, SECOND = "127.0.0.1", "127.0.0.2"
ACCT_SESSION_ID = 44


@pytest.fixture(scope="module")
def gate(module_folder: Path) -> Iterator[RadiusGate]:
    """A gate that listens on two addresses."""
    with RadiusGate(module_folder, listen=[f"{FIRST}:0", f"{SECOND}:0"], timeout=20) as running:
        yield running


@pytest.fixture
def one(gate: RadiusGate) -> Iterator[BlockingNas]:
    """A socket that asks the first address."""
    with BlockingNas(gate.ready["radius"][0], gate.secret, server=FIRST) as nas:
        yield nas


@pytest.fixture
def two(gate: RadiusGate) -> Iterator[BlockingNas]:
    """A socket that asks the second one."""
    with BlockingNas(gate.ready["radius"][1], gate.secret, server=SECOND) as nas:
        yield nas


def session(name: bytes) -> tuple[tuple[int, bytes], ...]:
    """Return what a NAS calls the login."""
    return ((ACCT_SESSION_ID, name),)


def test_the_same_session_joins(gate: RadiusGate, one: BlockingNas, two: BlockingNas) -> None:
    """A person is asked once about a login that moved to the second address, and the approval opens it there."""
    person = gate.person("anna")
    first = one.send("anna", "push", attributes=session(b"7F3A"))
    question = person.question()
    moved = two.send("anna", "push", attributes=session(b"7F3A"))
    # Each address answers in the order in which it was asked: so the moved login has been seen to.
    assert two.ask("anna", "000000").message == "Wrong code"
    assert [shown.id for shown in person.pending()] == [question.id]
    person.answer(question, "approved")
    assert two.receive(moved).code == ACCESS_ACCEPT
    assert one.receive(first).code == ACCESS_ACCEPT
    assert [record["reason"] for record in gate.records_of("anna")] == ["bad_code", "approved"]


def test_another_session_does_not(gate: RadiusGate, one: BlockingNas, two: BlockingNas) -> None:
    """An attacker who logs in at the second address meanwhile is another login, with a question of its own."""
    person = gate.person("berta")
    first = one.send("berta", "push", attributes=session(b"7F3B"))
    question = person.question()
    two.send("berta", "push", attributes=session(b"FFFF"), origin="198.51.100.66")
    wait_until(lambda: len(person.pending()) == 2, 5, "a second question")
    person.answer(question, "approved")
    assert one.receive(first).code == ACCESS_ACCEPT
    [left] = person.pending()
    person.answer(left, "denied")
