import json
from dataclasses import replace

import pytest

from push_authority import sessions
from push_authority.devices import find_device, remove_device
from push_authority.proof import SignedDecision, decode
from push_authority.sessions import Final, Session, State
from tests.push_authority.conftest import DOMAIN, Town

CTX, NONCE = '{"v":1}', "AAECAwQFBgcICQoLDA0ODw"


async def insert(town: Town, name: str = "a", **changes: object) -> Session:
    """Add a session that stays pending for a minute."""
    now = town.clock.now()
    session = Session(
        id=name * 40,
        domain_id=DOMAIN.id,
        user_id=town.person.id,
        api_key=town.api_key.id,
        service="sshd",
        origin="203.0.113.7",
        ctx=CTX,
        nonce=NONCE,
        stored_state="pending",
        stored_reason=None,
        created=now,
        expires=now + 60,
        consumed=False,
        proof=None,
        waits_its_turn=False,
    )
    session = replace(session, **changes)  # type: ignore[arg-type]
    await town.store.transact(lambda tx: sessions.insert_session(tx, session))
    return session


async def find(town: Town, session: Session) -> Session:
    """Read a session back."""
    found = await town.store.transact(lambda tx: sessions.find_session(tx, town.clock.now(), session.id))
    assert found is not None
    return found


async def state(town: Town, session: Session) -> tuple[str, str | None, str]:
    """Return the state, the reason and LoginTC's state of a session."""
    found, now = await find(town, session), town.clock.now()
    return found.state(now).value, found.reason(now), found.v1_state(now)


async def decide(town: Town, session: Session, decision: str = "approved", number: str = "") -> list[Final]:
    """Decide a session by the device of the town."""
    sig = decode(town.key.decision_signature(session.id, decision, NONCE, CTX, number), 64)
    signed = SignedDecision(session.id, town.device.id, decision, NONCE, CTX, number, sig or b"")
    key, now = town.device.public_key, town.clock.now()
    return await town.store.transact(lambda tx: sessions.decide(tx, now, signed, key, "cli"))


async def events(town: Town) -> list[str]:
    """Return the names of the audit's entries about sessions."""
    rows = await town.store.transact(lambda tx: tx.execute("SELECT entry FROM audit ORDER BY seq"))
    names = [json.loads(row[0])["event"] for row in rows]
    return [name for name in names if name.startswith("session.")]


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        ("approved", ("approved", None, "approved")),
        ("denied", ("denied", "user", "denied")),
        ("denied.unknown_trigger", ("denied", "unknown_trigger", "denied")),
        ("denied.cancelled", ("denied", "cancelled", "denied")),
    ],
)
async def test_decision_makes_a_session_final(town: Town, decision: str, expected: tuple[str, str | None, str]) -> None:
    """A decision moves a pending session to its state with its reason, and leaves proof and audit entry."""
    session = await insert(town)
    assert await state(town, session) == ("pending", None, "pending")
    finals = await decide(town, session, decision)
    assert finals == [Final(session.id, town.person.id, DOMAIN.id, State(expected[0]))]
    assert await state(town, session) == expected
    proof = json.loads((await find(town, session)).proof or "")
    assert (proof["decision"], proof["ctx"], proof["device_id"]) == (decision, CTX, town.device.id)
    assert await events(town) == ["session.pending", f"session.{expected[0]}"]


@pytest.mark.parametrize("first", ["approved", "denied", "cancel"])
@pytest.mark.parametrize("second", ["approved", "denied", "cancel"])
async def test_final_state_never_changes(town: Town, first: str, second: str) -> None:
    """Whatever comes after the first decision or withdrawal changes nothing and is not recorded."""
    session = await insert(town)

    async def act(action: str) -> list[Final]:
        if action != "cancel":
            return await decide(town, session, action)
        now = town.clock.now()
        return await town.store.transact(lambda tx: sessions.cancel(tx, now, session.id, town.api_key.id))

    assert len(await act(first)) == 1
    before = await find(town, session), await events(town)
    assert await act(second) == []
    assert (await find(town, session), await events(town)) == before


async def test_late_decision_has_no_effect(town: Town) -> None:
    """A decision in the last moment counts; one at the deadline does not, with or without the sweeper."""
    early, late = await insert(town, "a", service="one"), await insert(town, "b", service="two")
    await town.clock.advance(59.999)
    assert len(await decide(town, early)) == 1
    await town.clock.advance(0.001)
    assert await decide(town, late) == []
    assert await state(town, late) == ("expired", "expired", "pending")
    assert await town.store.transact(lambda tx: sessions.cancel(tx, town.clock.now(), late.id, town.api_key.id)) == []
    finals = await town.store.transact(lambda tx: sessions.expire(tx, town.clock.now()))
    assert [(final.id, final.state) for final in finals] == [(late.id, State.EXPIRED)]
    assert await decide(town, late) == []
    assert await state(town, late) == ("expired", "expired", "pending")
    assert await state(town, early) == ("approved", None, "approved")


async def test_revoked_device_decides_nothing(town: Town) -> None:
    """A device that is revoked between the check of its signature and the decision does not decide."""
    session = await insert(town)
    await town.store.transact(lambda tx: remove_device(tx, town.clock.now(), town.device))
    assert await decide(town, session) == []
    assert await town.store.transact(lambda tx: find_device(tx, town.device.id)) is None
    assert await state(town, session) == ("pending", None, "pending")


async def test_device_of_another_person_decides_nothing(town: Town) -> None:
    """The statement that decides checks once more whose device it is."""
    session = await insert(town, user_id="e" * 40)
    assert await decide(town, session) == []
    assert await state(town, session) == ("pending", None, "pending")


async def test_cancel_is_for_the_key_that_began(town: Town) -> None:
    """Another key's withdrawal changes nothing; the own one reads denied to LoginTC's clients."""
    session = await insert(town)
    now = town.clock.now()
    assert await town.store.transact(lambda tx: sessions.cancel(tx, now, session.id, "other")) == []
    assert await state(town, session) == ("pending", None, "pending")
    assert len(await town.store.transact(lambda tx: sessions.cancel(tx, now, session.id, town.api_key.id))) == 1
    assert await state(town, session) == ("cancelled", "client", "denied")


async def test_revocation_cancels_what_is_pending(town: Town) -> None:
    """A person who can no longer answer has no pending sessions; those of others stay."""
    mine, other = await insert(town), await insert(town, "b", user_id="e" * 40)
    now = town.clock.now()
    await town.store.transact(lambda tx: sessions.cancel_revoked(tx, now, town.person.id, DOMAIN.id))
    assert await state(town, mine) == ("cancelled", "revoked", "denied")
    assert await state(town, other) == ("pending", None, "pending")


async def test_second_session_waits_its_turn(town: Town) -> None:
    """Only the oldest of a service can be answered; when it is final the next can, and another service is free."""
    first, second = await insert(town, "a"), await insert(town, "b")
    sudo = await insert(town, "c", service="sudo")
    assert [(await find(town, one)).waits_its_turn for one in (first, second, sudo)] == [False, True, False]
    assert await decide(town, second) == []
    assert len(await decide(town, sudo)) == 1
    assert len(await decide(town, first, "denied")) == 1
    assert (await find(town, second)).waits_its_turn is False
    assert len(await decide(town, second)) == 1
    pending = await town.store.transact(lambda tx: sessions.pending_of(tx, town.clock.now(), town.person.id, DOMAIN.id))
    assert pending == []


@pytest.mark.parametrize("origin", ["198.51.100.9", ""])
async def test_another_address_has_a_queue_of_its_own(town: Town, origin: str) -> None:
    """A later login from another address can be answered before the older one, and answers only itself."""
    older, own, behind = await insert(town, "a", origin=origin), await insert(town, "b"), await insert(town, "c")
    assert [(await find(town, one)).waits_its_turn for one in (older, own, behind)] == [False, False, True]
    assert await decide(town, behind) == []
    assert [final.id for final in await decide(town, own)] == [own.id]
    assert await state(town, older) == ("pending", None, "pending")
    finals = await decide(town, behind, "denied.unknown_trigger")
    assert {final.id for final in finals} == {behind.id, older.id}


async def test_expired_session_holds_nobody_up(town: Town) -> None:
    """A session whose time is over gives its turn to the next even before the sweeper has been there."""
    await insert(town, "a", expires=town.clock.now() + 5)
    second = await insert(town, "b")
    await town.clock.advance(5)
    assert (await find(town, second)).waits_its_turn is False
    assert len(await decide(town, second)) == 1


async def test_unknown_trigger_ends_the_queue_too(town: Town) -> None:
    """Who did not start a login is not asked about the ones behind it; other services stay."""
    first, second = await insert(town, "a"), await insert(town, "b")
    sudo = await insert(town, "c", service="sudo")
    finals = await decide(town, first, "denied.unknown_trigger")
    assert {final.id for final in finals} == {first.id, second.id}
    assert await state(town, second) == ("denied", "unknown_trigger", "denied")
    assert await state(town, sudo) == ("pending", None, "pending")


async def test_right_number_approves(town: Town) -> None:
    """An approval that is signed with the number of the session counts, and its proof holds the number."""
    session = await insert(town, number="07")
    assert len(await decide(town, session, number="07")) == 1
    assert await state(town, session) == ("approved", None, "approved")
    assert json.loads((await find(town, session)).proof or "")["number"] == "07"


async def test_wrong_number_ends_the_attempt(town: Town) -> None:
    """A wrong number denies for good and leaves no proof; the right one afterwards changes nothing."""
    session = await insert(town, number="07")
    assert [final.state for final in await decide(town, session, number="70")] == [State.DENIED]
    assert await state(town, session) == ("denied", "wrong_number", "denied")
    assert await decide(town, session, number="07") == []
    assert (await find(town, session)).proof is None
    rows = await town.store.transact(lambda tx: tx.execute("SELECT entry FROM audit ORDER BY seq DESC LIMIT 1"))
    entry = json.loads(rows[0][0])
    assert (entry["reason"], entry["device"]) == ("wrong_number", town.device.id)


@pytest.mark.parametrize(("expected", "signed"), [("07", ""), (None, "07")])
async def test_number_that_is_missing_or_not_asked_for_has_no_effect(
    town: Town, expected: str | None, signed: str
) -> None:
    """An approval without the number that it needs, or with one that it does not, changes nothing."""
    session = await insert(town, number=expected)
    assert await decide(town, session, number=signed) == []
    assert await state(town, session) == ("pending", None, "pending")


@pytest.mark.parametrize("typed", ["", "70"])
async def test_denial_needs_no_number(town: Town, typed: str) -> None:
    """Who refuses need not see the other place."""
    session = await insert(town, number="07")
    assert len(await decide(town, session, "denied", typed)) == 1
    assert await state(town, session) == ("denied", "user", "denied")


async def test_wrong_number_out_of_turn_has_no_effect(town: Town) -> None:
    """A number that is typed for a session that is not shown does not end it."""
    await insert(town, "a")
    second = await insert(town, "b", number="07")
    assert await decide(town, second, number="70") == []
    assert await state(town, second) == ("pending", None, "pending")


async def test_approval_is_consumed_once(town: Town) -> None:
    """The first consumer and its retries have the approval, another one has not; the audit has it once."""
    session, now = await insert(town), town.clock.now()

    async def consume(consumer: str) -> bool:
        return await town.store.transact(lambda tx: sessions.consume(tx, now, session.id, consumer))

    assert await consume("one") is False
    await decide(town, session)
    assert [await consume(name) for name in ("one", "two", "one")] == [True, False, True]
    await town.clock.advance(1)
    now = town.clock.now()
    assert [await consume(name) for name in ("one", "two")] == [True, False]
    assert (await find(town, session)).consumed is True
    assert (await events(town)).count("session.consumed") == 1


@pytest.mark.parametrize("decision", ["denied", "denied.cancelled"])
async def test_denial_cannot_be_consumed(town: Town, decision: str) -> None:
    """Only an approval can be used."""
    session = await insert(town)
    await decide(town, session, decision)
    assert await town.store.transact(lambda tx: sessions.consume(tx, town.clock.now(), session.id, "one")) is False
    assert (await find(town, session)).consumed is False


async def test_retention_ends(town: Town) -> None:
    """A final session is deleted with its decision once its retention is over; pending ones stay."""
    done, pending = await insert(town, "a"), await insert(town, "b", service="sudo", expires=town.clock.now() + 9999)
    await decide(town, done)
    finished = town.clock.now()
    assert await town.store.transact(lambda tx: sessions.forget(tx, finished)) == 0
    assert await town.store.transact(sessions.counts) == (1, 1)
    assert await town.store.transact(lambda tx: sessions.forget(tx, finished + 0.001)) == 1
    assert await town.store.transact(sessions.counts) == (1, 0)
    assert await town.store.transact(lambda tx: tx.execute("SELECT * FROM decision")) == []
    assert await state(town, pending) == ("pending", None, "pending")


async def test_sweep_takes_a_bounded_share(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand expired sessions do not hold the store up in one go."""
    monkeypatch.setattr(sessions, "SWEEP_LIMIT", 2)
    for name in "abc":
        await insert(town, name)
    await town.clock.advance(60)
    now = town.clock.now()
    sizes = [len(await town.store.transact(lambda tx: sessions.expire(tx, now))) for _ in range(3)]
    assert sizes == [2, 1, 0]


async def test_counting_reads_indexes_alone(town: Town) -> None:
    """What runs every second does not read the table."""
    for condition in ("state = 'pending'", "state <> 'pending'"):
        sql = f"EXPLAIN QUERY PLAN SELECT count(*) FROM session WHERE {condition}"
        plan = str(await town.store.transact(lambda tx, sql=sql: tx.execute(sql)))
        assert "COVERING INDEX" in plan


async def test_session_hides_its_text(town: Town) -> None:
    """What a session is about, and its number, do not appear in its representation."""
    session = await insert(town, number="07")
    assert CTX not in repr(session)
    assert "'07'" not in repr(session)
