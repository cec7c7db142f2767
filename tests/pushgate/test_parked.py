"""Questions between a first and a second attempt."""

import asyncio

import pytest

from pushgate.firstfactor.base import PasswordRight
from pushgate.login import Login, Origin, Secret
from pushgate.outcome import Handle
from pushgate.parked import Parked, ParkedQuestions
from pushgate.question import Question
from tests.support.core import Core, make_login

PASSWORD = Secret(b"hunter2")


class Lot:
    """Parked questions on a fake clock."""

    def __init__(self) -> None:
        self.core = Core()
        self.parked = ParkedQuestions(self.core.clock)

    async def park(self, login: Login, handle: str = "s1", seconds: float = 60, password: Secret = PASSWORD) -> bool:
        """Park a question."""
        question = Question(self.core.provider, login, Handle(handle))
        until = self.core.clock.now() + seconds
        return await self.parked.park(login, question, PasswordRight(), password, until)

    def find(self, login: Login, password: Secret = PASSWORD) -> Parked | None:
        """Find one."""
        return self.parked.find(login, password)


async def test_the_same_person_at_the_same_place() -> None:
    """A second attempt with the same password finds the question of the first, however the name is spelt."""
    lot = Lot()
    await lot.park(make_login())
    assert lot.find(make_login(user="ALICE")) is not None
    await lot.parked.close()


@pytest.mark.parametrize(
    "change",
    [{"user": "bob"}, {"service": "vpn"}, {"host": "nas2"}, {"origin": Origin("198.51.100.1")}, {"origin": Origin()}],
    ids=lambda change: next(iter(change)),
)
async def test_another_place_or_person_finds_nothing(change: dict[str, object]) -> None:
    """A code of one person, appliance and address opens nothing elsewhere."""
    lot = Lot()
    await lot.park(make_login())
    assert lot.find(make_login(**change)) is None
    await lot.parked.close()


async def test_another_password_finds_nothing() -> None:
    """A second attempt with another password is a new first one."""
    lot = Lot()
    await lot.park(make_login())
    assert lot.find(make_login(), Secret(b"hunter3")) is None
    await lot.parked.close()


async def test_the_end_of_its_time_withdraws() -> None:
    """A question whose code does not come is withdrawn, once."""
    lot = Lot()
    await lot.park(make_login(), seconds=60)
    await lot.core.clock.advance(59)
    assert lot.find(make_login()) is not None
    await lot.core.clock.advance(2)
    assert lot.find(make_login()) is None
    assert lot.core.provider.calls == ["cancel s1"]
    await lot.parked.close()
    assert lot.core.provider.calls == ["cancel s1"]


async def test_a_new_code_takes_the_place_of_the_old() -> None:
    """A person who has a second code sent leaves one question behind, not two."""
    lot = Lot()
    await lot.park(make_login(), "s1")
    await lot.park(make_login(), "s2")
    assert lot.core.provider.calls == ["cancel s1"]
    found = lot.find(make_login())
    assert found is not None
    assert found.question.handle == Handle("s2")
    await lot.parked.close()
    assert lot.core.provider.calls == ["cancel s1", "cancel s2"]


async def test_what_is_redeemed_is_not_withdrawn() -> None:
    """A code that has opened the door leaves nothing to take back."""
    lot = Lot()
    await lot.park(make_login())
    found = lot.find(make_login())
    assert found is not None
    await lot.parked.redeemed(make_login(), found)
    assert not lot.parked.holds(make_login(), found)
    await lot.core.clock.advance(100)
    assert lot.core.provider.calls == []


async def test_the_table_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of first attempts keeps no more questions than there are places."""
    lot = Lot()
    monkeypatch.setattr(ParkedQuestions, "LIMIT", 2)
    assert [await lot.park(make_login(user=name)) for name in ("a", "b", "c", "a")] == [True, True, False, True]
    await lot.parked.close()


async def test_first_attempts_at_the_same_moment_leave_one_question() -> None:
    """An attacker who has codes sent at the same moment, while an older one is withdrawn, leaves no session open."""
    lot = Lot()
    lot.core.provider.cancel_seconds = 1
    await lot.park(make_login(), "s1")
    racing = [asyncio.create_task(lot.park(make_login(), handle)) for handle in ("s2", "s3", "s4")]
    await lot.core.clock.advance(10)
    assert [task.result() for task in racing] == [True] * 3
    found = lot.find(make_login())
    assert found is not None
    kept = found.question.handle
    await lot.core.clock.advance(60)
    assert sorted(lot.core.provider.calls) == ["cancel s1", "cancel s2", "cancel s3", "cancel s4"]
    assert kept == Handle("s4")
    assert lot.find(make_login()) is None


async def test_one_person_does_not_fill_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has one password and names a thousand addresses of his own choice leaves room for everybody else."""
    lot = Lot()
    monkeypatch.setattr(ParkedQuestions, "LIMIT", 10)
    places = [make_login(origin=Origin(f"198.51.100.{at}")) for at in range(30)]
    assert all([await lot.park(place, f"s{at}") for at, place in enumerate(places)])
    assert len(lot.parked.open) == ParkedQuestions.PER_PERSON
    assert lot.find(places[-1]) is not None
    assert await lot.park(make_login(user="bob"), "bobs")
    await lot.parked.close()
    assert len(set(lot.core.provider.calls)) == 31


@pytest.mark.parametrize("stranger", [{"known": False}, {"permitted": False}])
async def test_made_up_names_do_not_fill_the_table(
    stranger: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who makes up as many names as there are places spoils nobody's code, and gets no other answer."""
    lot = Lot()
    monkeypatch.setattr(ParkedQuestions, "LIMIT", 10)
    await lot.park(make_login(), "alices")
    made_up = [make_login(user=f"nobody{at}", **stranger) for at in range(30)]
    assert all([await lot.park(login, login.user) for login in made_up])
    assert await lot.park(make_login(user="bob"), "bobs")
    assert len(lot.parked.open) == 10
    assert lot.find(make_login()) is not None
    assert lot.find(make_login(user="bob")) is not None
    await lot.parked.close()


async def test_passwords_are_not_kept() -> None:
    """A memory dump of the table shows no password, and its text no digest."""
    lot = Lot()
    await lot.park(make_login())
    found = lot.find(make_login())
    assert found is not None
    assert b"hunter2" not in found.password
    assert found.password.hex() not in repr(found)
    assert str(found.password) not in repr(found)
    await lot.parked.close()
