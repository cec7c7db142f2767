"""Which challenge a State belongs to."""

import pytest

from radius_server.states import GRACE, PREFIX, Asker, StateTable

ALICE = Asker("vpn", "alice", "203.0.113.7")


def table(capacity: int = 10, per_group: int = 10) -> StateTable[str]:
    """Return an empty table."""
    return StateTable(capacity, per_group)


def put(states: StateTable[str], asker: Asker = ALICE, now: float = 0.0) -> bytes:
    """Open a challenge of sixty seconds."""
    state = states.put(asker, "holder", now, 60.0)
    assert state is not None
    return state


def test_form() -> None:
    """A State is printable text that no client takes for a number, and no two are equal."""
    states = table(1000, 1000)
    found = {put(states) for _ in range(1000)}
    assert len(found) == 1000
    for state in found:
        assert state.startswith(PREFIX)
        assert len(state) == 28
        assert state.decode("ascii").isprintable()
        assert not state.decode().startswith("0x")


def test_once() -> None:
    """A State is good for one answer."""
    states = table()
    state = put(states)
    assert [states.take(state, ALICE, 1.0), states.take(state, ALICE, 1.0)] == ["holder", None]
    assert states.of_group["vpn"] == 0


@pytest.mark.parametrize(
    "other",
    [Asker("ssh", "alice", "203.0.113.7"), Asker("vpn", "bob", "203.0.113.7"), Asker("vpn", "alice", "203.0.113.8")],
)
def test_wrong_hands(other: Asker) -> None:
    """A State in wrong hands is good for nothing, and stays good for its owner."""
    states = table()
    state = put(states)
    assert states.take(state, other, 1.0) is None
    assert states.take(state, ALICE, 1.0) == "holder"


def test_an_answer_without_an_address() -> None:
    """A NAS may leave the person's address out of the answer, but not put one in that was unknown before."""
    states = table()
    assert states.take(put(states), Asker("vpn", "alice", None), 1.0) == "holder"
    unknown = put(states, Asker("vpn", "alice", None))
    assert states.take(unknown, ALICE, 1.0) is None


@pytest.mark.parametrize(("now", "found"), [(60.0 + GRACE - 0.1, "holder"), (60.0 + GRACE, None), (1000.0, None)])
def test_expiry(now: float, found: str | None) -> None:
    """A State is good for as long as the NAS was told, and a little longer."""
    states = table()
    assert states.take(put(states), ALICE, now) == found


@pytest.mark.parametrize("state", [b"", b"pg1.", b"pg1." + bytes(24), b"x" * 253])
def test_unknown_states(state: bytes) -> None:
    """A State that was never given out is nobody's."""
    states = table()
    put(states)
    assert states.take(state, ALICE, 1.0) is None


def test_drop() -> None:
    """A challenge that nobody waits for any more can be closed, also twice."""
    states = table()
    state = put(states)
    states.drop(state)
    states.drop(state)
    assert (states.take(state, ALICE, 1.0), states.of_group["vpn"]) == (None, 0)


def test_bounds() -> None:
    """A table is bounded in all and for each group; what has expired makes room."""
    states = table(capacity=3, per_group=2)
    put(states), put(states)
    assert states.put(ALICE, "holder", 1.0, 60.0) is None
    put(states, Asker("ssh", "alice", None))
    assert states.put(Asker("sudo", "alice", None), "holder", 1.0, 60.0) is None
    assert len(states.open) == 3
    put(states, now=60.0 + GRACE)
    assert (len(states.open), states.of_group["vpn"], states.of_group["ssh"]) == (1, 1, 0)
