import asyncio
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from push_authority import asking
from push_authority.apikeys import ApiKey
from push_authority.asking import Question
from push_authority.context import Context
from push_authority.devices import remove_device
from push_authority.errors import ApiError
from push_authority.keeper import Answer, SessionKeeper
from push_authority.proof import decode
from push_authority.revocation import revoke_all
from push_authority.sessions import Claim, Session, State
from tests.push_authority.conftest import DESK, DOMAIN, Town
from tests.support.authority import DeviceKey


@pytest.fixture
def keeper(town: Town) -> SessionKeeper:
    """A keeper of the town's sessions."""
    return SessionKeeper(town.store, town.clock, 60, DESK)


def question(key: ApiKey, service: str = "sshd") -> Question:
    """Return a question to alice."""
    return Question(key, DOMAIN.id, None, "alice", Context(service=service, ip="203.0.113.7"), 60.0)


def answer(town: Town, session: Session, decision: str = "approved", **changes: Any) -> Answer:
    """Return a decision of the town's device, signed with the number that is given."""
    number = changes.pop("number", "")
    sig = decode(town.key.decision_signature(session.id, decision, session.nonce, session.ctx, number), 64) or b""
    return replace(Answer(session.id, town.device.id, decision, number, sig, "cli"), **changes)


def own(town: Town, session_id: str, **changes: Any) -> Claim:
    """Name a session as the town's caller does."""
    return replace(Claim(session_id, DOMAIN.id, town.api_key.id), **changes)


async def refused(keeper: SessionKeeper, sent: Answer) -> tuple[int, str, dict[str, Any]]:
    """Return status, code and details of a refusal."""
    with pytest.raises(ApiError) as refusal:
        await keeper.decide(sent)
    return refusal.value.status, refusal.value.code, refusal.value.extra


async def wait_for_watcher(town: Town) -> None:
    """Let a waiter read the store and go to sleep."""
    await let_it_read(town)
    assert town.clock.timers


async def let_it_read(town: Town) -> None:
    """Let a task queue its reading, get the result and act on it: the store works in the order of its queue."""
    await town.clock.settle()
    await town.store.transact(lambda tx: None)
    await town.clock.settle()


async def test_waiter_wakes_at_the_decision(town: Town, keeper: SessionKeeper) -> None:
    """Whoever waits has the final session as soon as the decision is durable."""
    session = await keeper.begin(question(town.api_key))
    waiting = asyncio.create_task(keeper.wait(own(town, session.id), town.clock.now() + 30, stay_expired=False))
    await wait_for_watcher(town)
    assert await keeper.decide(answer(town, session)) is State.APPROVED
    woken = await waiting
    assert woken is not None
    assert woken.state(town.clock.now()) is State.APPROVED
    assert keeper.session_waits.events == {}


async def test_wait_ends_at_its_deadline(town: Town, keeper: SessionKeeper) -> None:
    """A wait without a decision returns the pending session when its time is over."""
    session = await keeper.begin(question(town.api_key))
    waiting = asyncio.create_task(keeper.wait(own(town, session.id), town.clock.now() + 30, stay_expired=False))
    await wait_for_watcher(town)
    await town.clock.advance(30)
    waited = await waiting
    assert waited is not None
    assert waited.state(town.clock.now()) is State.PENDING


@pytest.mark.parametrize(("stay", "seconds"), [(False, 60), (True, 75)])
async def test_wait_over_the_expiry(town: Town, keeper: SessionKeeper, stay: bool, seconds: int) -> None:
    """Our form learns of the expiry at once; LoginTC's, which cannot say it, is held to the end of its wait."""
    session = await keeper.begin(question(town.api_key))
    start = town.clock.now()
    waiting = asyncio.create_task(keeper.wait(own(town, session.id), start + 75, stay_expired=stay))
    await wait_for_watcher(town)
    for step in (60, 15):
        await town.clock.advance(step)
        await let_it_read(town)
        if waiting.done():
            break
    waited = await waiting
    assert waited is not None
    assert waited.state(town.clock.now()) is State.EXPIRED
    assert town.clock.now() - start == seconds


async def test_wait_for_nothing_returns_at_once(keeper: SessionKeeper, town: Town) -> None:
    """A wait for an unknown session, and any wait while the authority stops, ends at once."""
    assert await keeper.wait(own(town, "0" * 40), town.clock.now() + 30, stay_expired=False) is None
    session = await keeper.begin(question(town.api_key))
    keeper.end_waits()
    waited = await keeper.wait(own(town, session.id), town.clock.now() + 30, stay_expired=False)
    assert waited is not None


@pytest.mark.parametrize(
    "change", [{"signature": bytes(64)}, {"decision": "denied"}, {"number": "42"}, {"signature": b""}]
)
async def test_forged_decision_is_refused(town: Town, keeper: SessionKeeper, change: dict[str, Any]) -> None:
    """A signature over anything but this very decision changes nothing."""
    session = await keeper.begin(question(town.api_key))
    assert await refused(keeper, replace(answer(town, session), **change)) == (403, "forbidden", {})
    again = await keeper.read(session.id)
    assert again is not None
    assert again.state(town.clock.now()) is State.PENDING


@pytest.mark.parametrize(("wanted", "sent"), [("07", ""), (None, "07")])
async def test_number_of_the_wrong_form_is_refused_without_effect(
    town: Town, keeper: SessionKeeper, wanted: str | None, sent: str
) -> None:
    """A device that does not know of numbers, or sends one where none is needed, is told so and may try again."""
    session = await keeper.begin(replace(question(town.api_key), number=wanted))
    assert (await refused(keeper, answer(town, session, number=sent)))[:2] == (400, "badrequest")
    assert await keeper.decide(answer(town, session, number=wanted or "")) is State.APPROVED


async def test_wrong_number_is_final(town: Town, keeper: SessionKeeper) -> None:
    """A wrong number denies and wakes who waits; a second try, right or wrong, finds the session over."""
    session = await keeper.begin(replace(question(town.api_key), number="07"))
    waiting = asyncio.create_task(keeper.wait(own(town, session.id), town.clock.now() + 30, stay_expired=False))
    await wait_for_watcher(town)
    assert await keeper.decide(answer(town, session, number="08")) is State.DENIED
    woken = await waiting
    assert woken is not None
    assert woken.reason(town.clock.now()) == "wrong_number"
    for number in ("07", "09"):
        assert (await refused(keeper, answer(town, session, number=number)))[0] == 409


async def test_signature_for_another_session_is_refused(town: Town, keeper: SessionKeeper) -> None:
    """An approval of login A does not open login B, and one over another text or nonce opens nothing."""
    one, two = await keeper.begin(question(town.api_key, "sshd")), await keeper.begin(question(town.api_key, "sudo"))
    assert (await refused(keeper, answer(town, one, session_id=two.id)))[0] == 403
    assert (await refused(keeper, answer(town, replace(one, ctx=two.ctx))))[0] == 403
    assert (await refused(keeper, answer(town, replace(one, nonce=two.nonce))))[0] == 403


async def test_unknown_device_and_session_are_refused(town: Town, keeper: SessionKeeper) -> None:
    """An unknown device is refused as a wrong signature is; an unknown session does not exist."""
    session = await keeper.begin(question(town.api_key))
    assert await refused(keeper, answer(town, session, device_id="0" * 40)) == (403, "forbidden", {})
    assert await refused(keeper, answer(town, replace(session, id="0" * 40))) == (404, "notfound.session", {})


async def test_key_of_nobody_is_no_device(town: Town, keeper: SessionKeeper) -> None:
    """The well-known private key behind the stand-in for unknown devices (the scalar 1) signs nothing that counts."""
    session = await keeper.begin(question(town.api_key))
    forger = DeviceKey()
    forger.key, forger.id = ec.derive_private_key(1, ec.SECP256R1()), "0" * 40
    sig = decode(forger.decision_signature(session.id, "approved", session.nonce, session.ctx), 64) or b""
    assert (await refused(keeper, Answer(session.id, forger.id, "approved", "", sig, "cli")))[0] == 403


async def test_final_and_late_decisions_are_told_apart(town: Town, keeper: SessionKeeper) -> None:
    """A second decision is told the state that stands; one after the deadline is told so."""
    session, late = await keeper.begin(question(town.api_key)), await keeper.begin(question(town.api_key, "sudo"))
    await keeper.decide(answer(town, session))
    for decision in ("approved", "denied"):
        refusal = await refused(keeper, answer(town, session, decision))
        assert refusal == (409, "conflict", {"id": session.id, "state": "approved"})
    await town.clock.advance(60)
    assert await refused(keeper, answer(town, late)) == (410, "gone", {"id": late.id, "state": "expired"})


async def test_queued_session_cannot_be_answered(town: Town, keeper: SessionKeeper) -> None:
    """A second login of the same service waits, is announced behind the first, and has its turn afterwards."""
    first, second = await keeper.begin(question(town.api_key)), await keeper.begin(question(town.api_key))
    shown = await keeper.shown(town.device)
    assert shown is not None
    assert [(one.session.id, one.waiting) for one in shown] == [(first.id, ("203.0.113.7",))]
    refusal = await refused(keeper, answer(town, second))
    assert refusal == (409, "conflict", {"id": second.id, "state": "pending"})
    await keeper.decide(answer(town, first, "denied"))
    shown = await keeper.shown(town.device)
    assert shown is not None
    assert [(one.session.id, one.waiting) for one in shown] == [(second.id, ())]
    assert await keeper.decide(answer(town, second)) is State.APPROVED


async def test_revoked_device_is_shown_nothing(town: Town, keeper: SessionKeeper) -> None:
    """A device that was revoked reads nothing, though it was known a moment ago."""
    await keeper.begin(question(town.api_key))
    await town.store.transact(lambda tx: remove_device(tx, 0.0, town.device))
    assert await keeper.shown(town.device) is None


async def test_device_revoked_at_the_last_moment(town: Town, keeper: SessionKeeper) -> None:
    """A device revoked after its signature was checked is refused, and not told to wait."""
    session = await keeper.begin(question(town.api_key))
    refusal = await keeper.refusal(session.id)
    assert (refusal.status, refusal.code) == (403, "forbidden")
    assert (await keeper.refusal("0" * 40)).status == 404


async def test_cancel_by_another_key_is_not_found(town: Town, keeper: SessionKeeper) -> None:
    """A caller cannot withdraw, or learn of, what another key began."""
    session = await keeper.begin(question(town.api_key))
    with pytest.raises(ApiError) as refusal:
        await keeper.cancel(own(town, session.id, api_key="other"))
    assert refusal.value.code == "notfound.session"
    await keeper.cancel(own(town, session.id))
    await keeper.cancel(own(town, session.id))
    again = await keeper.read(session.id)
    assert again is not None
    assert again.state(town.clock.now()) is State.CANCELLED


async def test_consume_tells_the_loser(town: Town, keeper: SessionKeeper) -> None:
    """The second consumer of an approval gets a conflict; an unknown session is not found."""
    session = await keeper.begin(question(town.api_key))
    await keeper.decide(answer(town, session))
    assert (await keeper.consume(own(town, session.id), "one")).consumed
    for session_id, status in ((session.id, 409), ("0" * 40, 404)):
        with pytest.raises(ApiError) as refusal:
            await keeper.consume(own(town, session_id), "two")
        assert refusal.value.status == status


@pytest.mark.parametrize("foreign", [{"api_key": "other"}, {"domain_id": "e" * 40}])
async def test_session_of_others_does_not_exist(town: Town, keeper: SessionKeeper, foreign: dict[str, str]) -> None:
    """Another key, or the right one in another domain, neither reads, waits for, withdraws nor consumes a session."""
    session = await keeper.begin(question(town.api_key))
    claim = own(town, session.id, **foreign)
    assert await keeper.read_claimed(claim) is None
    assert await keeper.wait(claim, town.clock.now() + 30, stay_expired=False) is None
    await keeper.decide(answer(town, session))
    for call in (keeper.cancel(claim), keeper.consume(claim, "one")):
        with pytest.raises(ApiError) as refusal:
            await call
        assert refusal.value.code == "notfound.session"
    assert (await keeper.consume(own(town, session.id), "two")).consumed


async def test_sessions_are_bounded_in_all(town: Town, keeper: SessionKeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """When too many sessions are pending or kept, the next is refused with 429; the sweeper counts anew."""
    monkeypatch.setattr(asking, "MAX_PENDING", 2)
    for service in ("one", "two"):
        await keeper.begin(question(town.api_key, service))
    with pytest.raises(ApiError) as refusal:
        await keeper.begin(question(town.api_key, "three"))
    assert refusal.value.status == 429
    await town.clock.advance(60)
    await keeper.sweep()
    assert (keeper.pending, keeper.kept) == (0, 2)
    monkeypatch.setattr(asking, "MAX_KEPT", 2)
    with pytest.raises(ApiError):
        await keeper.begin(question(town.api_key, "four"))
    await town.clock.advance(keeper.retention + 1)
    await keeper.sweep()
    await keeper.begin(question(town.api_key, "five"))


async def test_refused_question_takes_no_room(town: Town, keeper: SessionKeeper) -> None:
    """A question that is refused is not counted."""
    with pytest.raises(ApiError):
        await keeper.begin(replace(question(town.api_key), username="nobody"))
    assert (keeper.pending, keeper.kept) == (0, 0)


@pytest.mark.parametrize(("timeout", "retention"), [(60, 600), (300, 600), (301, 602)])
def test_retention_is_long_enough(town: Town, timeout: int, retention: int) -> None:
    """Final sessions stay for twice the request timeout, at least ten minutes."""
    assert SessionKeeper(town.store, town.clock, timeout, DESK).retention == retention


async def test_sweep_wakes_waiters_and_forgets(town: Town, keeper: SessionKeeper) -> None:
    """The sweeper expires, wakes who shows the session, and in the end deletes it."""
    session = await keeper.begin(question(town.api_key))
    with keeper.user_waits.watch(f"{town.person.id}/{DOMAIN.id}") as changed:
        await town.clock.advance(60)
        await keeper.sweep()
        assert changed.is_set()
    await town.clock.advance(keeper.retention)
    await keeper.sweep()
    assert await keeper.read(session.id) is not None
    await town.clock.advance(1)
    await keeper.sweep()
    assert await keeper.read(session.id) is None


async def test_revocation_is_announced(town: Town, keeper: SessionKeeper) -> None:
    """A waiter learns that the person's devices were revoked."""
    session = await keeper.begin(question(town.api_key))
    waiting = asyncio.create_task(keeper.wait(own(town, session.id), town.clock.now() + 30, stay_expired=False))
    await wait_for_watcher(town)
    now = town.clock.now()
    keeper.announce(await town.store.transact(lambda tx: revoke_all(tx, now, town.person.id, DOMAIN.id)))
    waited = await waiting
    assert waited is not None
    assert (waited.state(now), waited.reason(now)) == (State.CANCELLED, "revoked")
