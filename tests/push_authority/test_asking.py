import json
from dataclasses import replace
from typing import Any

import pytest

from push_authority import asking, bypass, devices
from push_authority.asking import Begun, Question
from push_authority.codes import Kind, TypedCode
from push_authority.context import Context
from push_authority.errors import ApiError
from push_authority.people import NewPerson, add_member, create_person
from push_authority.proof import SignedDecision, decode
from push_authority.sessions import Session, consume, decide, find_session
from tests.push_authority.conftest import DESK, DOMAIN, Town


def question(town: Town, **changes: Any) -> Question:
    """Return a question to alice."""
    context = Context(service="sshd", ip="203.0.113.7")
    return replace(Question(town.api_key, DOMAIN.id, None, "alice", context, 60.0), **changes)


async def begin(town: Town, **changes: Any) -> Begun:
    """Ask."""
    now, wall, asked = town.clock.now(), town.clock.wall(), question(town, **changes)
    return await town.store.transact(lambda tx: asking.begin(tx, now, wall, DESK, asked))


async def refused(town: Town, **changes: Any) -> tuple[int, str]:
    """Return status and code of a refusal."""
    with pytest.raises(ApiError) as refusal:
        await begin(town, **changes)
    return refusal.value.status, refusal.value.code


async def test_question_becomes_a_session(town: Town) -> None:
    """A question to a person with a device is pending for its time, about what was asked, with a fresh nonce."""
    begun, again = await begin(town), await begin(town, user_id=town.person.id, username=None)
    session = begun.session
    assert (begun.new, session.stored_state, session.user_id) == (True, "pending", town.person.id)
    assert session.expires - session.created == 60
    ctx = json.loads(session.ctx)
    shown = {key: ctx[key] for key in ("authority", "domain", "user", "service", "ip", "client")}
    assert shown == {
        "authority": "localhost:8080",
        "domain": "Staff",
        "user": "alice",
        "service": "sshd",
        "ip": "203.0.113.7",
        "client": "default",
    }
    assert len(decode(session.nonce, 16) or b"") == 16
    assert again.session.nonce != session.nonce
    assert again.session.id != session.id


async def test_number_is_drawn_or_taken_and_never_shown(town: Town) -> None:
    """A session has the drawn number or the person's own; ctx says only that one is needed."""
    drawn = (await begin(town, draw_number=True)).session
    chosen = (await begin(town, number="57")).session
    plain = (await begin(town)).session
    assert drawn.number is not None
    assert (len(drawn.number), chosen.number, plain.number) == (2, "57", None)
    assert [json.loads(one.ctx)["number_required"] for one in (drawn, chosen, plain)] == [True, True, False]
    kept = json.loads(chosen.ctx)
    assert "57" not in {str(value) for value in kept.values()}
    assert "'57'" not in repr(question(town, number="57"))


async def test_repeated_question_has_the_number_of_the_first(town: Town) -> None:
    """Two callers that share an attempt show the same number."""
    key = {"idempotency_key": "attempt-1", "body_hash": b"same", "draw_number": True}
    first, again = await begin(town, **key), await begin(town, **key)
    assert again.session.number == first.session.number


async def test_refusals_name_what_is_missing(town: Town) -> None:
    """An unknown domain, an unknown user and a user without a device are told apart."""
    assert await refused(town, domain_id="e" * 40) == (404, "notfound.domain")
    assert await refused(town, username="bob") == (404, "notfound.user")
    assert await refused(town, user_id="e" * 40, username=None) == (404, "notfound.user")
    await town.store.transact(lambda tx: devices.remove_device(tx, 0.0, town.device))
    assert await refused(town) == (404, "notfound.token")


async def with_code(town: Town, digits: str, kind: Kind = Kind.BYPASS, **changes: Any) -> Session:
    """Return the session that a typed code leads to."""
    return (await begin(town, code=TypedCode(kind, digits), **changes)).session


async def bypass_code(town: Town, uses: int = 1) -> str:
    """Make a bypass code of the person."""
    now, user = town.clock.now(), town.person.id
    return (await town.store.transact(lambda tx: bypass.create(tx, DESK.sealer, now, user, uses, None)))[1]


async def test_right_code_approves_at_once(town: Town) -> None:
    """A right code is an approval with decision and audit rows but without device and proof, consumed once like any."""
    session = await with_code(town, await bypass_code(town), number="57", draw_number=True)
    assert (session.stored_state, session.stored_reason, session.method) == ("approved", None, "bypass")
    assert session.number is None
    rows = await town.store.transact(
        lambda tx: tx.execute("SELECT session_id, device_id, decision, proof FROM decision")
    )
    assert rows == [(session.id, None, "approved", None)]
    rows = await town.store.transact(lambda tx: tx.execute("SELECT entry FROM audit ORDER BY seq DESC LIMIT 1"))
    entry = json.loads(rows[0][0])
    assert (entry["event"], entry["method"], entry["session"]) == ("session.approved", "bypass", session.id)
    now = town.clock.now()
    consumed = [
        await town.store.transact(lambda tx, name=name: consume(tx, now, session.id, name)) for name in ("one", "two")
    ]
    assert consumed == [True, False]


async def test_wrong_code_is_denied_at_once(town: Town) -> None:
    """A wrong code is final, and LoginTC's clients read denied."""
    session = await with_code(town, "123456789")
    assert (session.stored_state, session.stored_reason) == ("denied", "bad_code")
    assert (session.v1_state(town.clock.now()), session.reason(town.clock.now())) == ("denied", "bad_code")


@pytest.mark.parametrize(
    "whom",
    [{"username": "bob"}, {"user_id": "e" * 40, "username": None}, {"username": "carol"}],
    ids=["unknown name", "unknown id", "nothing enrolled"],
)
async def test_code_of_somebody_without_codes_is_wrong(town: Town, whom: dict[str, Any]) -> None:
    """A code for an unknown person, or for one who has nothing, is answered in the words of any wrong code."""
    carol = NewPerson("carol", "", "")
    await town.store.transact(lambda tx: add_member(tx, DOMAIN.id, create_person(tx, carol).id))
    session = await with_code(town, "123456789", **whom)
    assert (session.stored_state, session.stored_reason) == ("denied", "bad_code")
    found = await town.store.transact(lambda tx: find_session(tx, town.clock.now(), session.id))
    assert found == session


async def test_code_works_without_a_device(town: Town) -> None:
    """A person without a device cannot be asked, but a right code opens."""
    code = await bypass_code(town)
    await town.store.transact(lambda tx: devices.remove_device(tx, 0.0, town.device))
    assert await refused(town) == (404, "notfound.token")
    assert (await with_code(town, code)).stored_state == "approved"


async def test_codes_and_pushes_do_not_stand_in_each_others_way(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person who may not be asked once more can still type a code, which takes no turn and joins nothing."""
    monkeypatch.setattr(asking, "MAX_PENDING_PER_USER", 1)
    key: dict[str, Any] = {"idempotency_key": "attempt-1", "body_hash": b"same"}
    first = (await begin(town, **key)).session
    assert await refused(town) == (429, "ratelimited")
    code = await bypass_code(town, uses=2)
    one, two = (
        await with_code(town, code, **key),
        await with_code(town, code, idempotency_key="attempt-1", body_hash=b"x"),
    )
    assert (one.stored_state, two.stored_state) == ("approved", "approved")
    assert len({first.id, one.id, two.id}) == 3
    found = await town.store.transact(lambda tx: find_session(tx, town.clock.now(), first.id))
    assert found == first


async def test_guesses_leave_little_behind(town: Town) -> None:
    """Who guesses codes without end fills no table: of a person's refused codes only the newest stay readable."""
    sessions = [await with_code(town, "123456789") for _ in range(9)]
    sessions += [await with_code(town, "123456789", username="nobody") for _ in range(9)]
    kept = [
        await town.store.transact(lambda tx, one=one: find_session(tx, town.clock.now(), one.id)) for one in sessions
    ]
    assert [found is not None for found in kept] == ([False] * 5 + [True] * 4) * 2


async def test_codes_without_end_fill_no_disk(town: Town) -> None:
    """An attacker who goes on typing codes leaves no entries for names of nobody, and for others five and a lock."""
    count = "SELECT count(*) FROM audit WHERE entry LIKE '%session.denied%'"
    for name, entries in (("mallory", 0), ("alice", 5)):
        for _ in range(8):
            session = await with_code(town, "123456789", user_id=None, username=name)
            assert session.state(town.clock.now()) == "denied"
        assert (await town.store.transact(lambda tx: tx.execute(count)))[0][0] == entries


async def test_pending_sessions_per_person_are_bounded(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """One person is not asked without end; when a question has had its time there is room again."""
    monkeypatch.setattr(asking, "MAX_PENDING_PER_USER", 2)
    await begin(town)
    await begin(town)
    assert await refused(town) == (429, "ratelimited")
    await town.clock.advance(60)
    await begin(town)


async def test_no_text_of_a_caller_is_an_internal_error(town: Town) -> None:
    """Half a surrogate pair, which JSON can write, is asked about in its visible form."""
    half = "\ud800"
    context = Context(half, half, half, half, half, half, half, attributes=((half, half),))
    session = (await begin(town, context=context)).session
    assert (session.service, session.origin) == (r"\ud800", r"\ud800")
    assert json.loads(session.ctx)["service"] == session.service


async def test_one_address_does_not_take_all_room(town: Town) -> None:
    """Who asks without end from one address locks out neither the person at another one nor one without address."""
    attacker, person = Context("sshd", ip="198.51.100.9"), Context("sshd", ip="203.0.113.7")
    for _ in range(asking.MAX_PENDING_PER_ORIGIN):
        await begin(town, context=attacker)
    assert await refused(town, context=attacker) == (429, "ratelimited")
    await begin(town, context=person)
    await begin(town, context=Context("sudo"))
    await town.clock.advance(60)
    await begin(town, context=attacker)


async def test_repeated_question_joins_the_pending_one(town: Town) -> None:
    """The same key with the same body is the same session; with another body or domain it is refused."""
    key = {"idempotency_key": "attempt-1", "body_hash": b"same"}
    first, again = await begin(town, **key), await begin(town, **key)
    assert (first.new, again.new, again.session) == (True, False, first.session)
    assert await refused(town, idempotency_key="attempt-1", body_hash=b"other") == (409, "conflict")
    assert (await begin(town, idempotency_key="attempt-2", body_hash=b"same")).new


async def test_repeated_question_of_another_key_is_its_own(town: Town) -> None:
    """Idempotency keys of two callers do not meet."""
    other = replace(town.api_key, id="other")
    key = {"idempotency_key": "attempt-1", "body_hash": b"same"}
    first, second = await begin(town, **key), await begin(town, api_key=other, **key)
    assert second.new
    assert second.session.id != first.session.id


@pytest.mark.parametrize("ending", ["decided", "expired"])
async def test_final_session_is_never_joined(town: Town, ending: str) -> None:
    """An idempotency key whose session is final begins a new one: an old approval opens no new login."""
    key = {"idempotency_key": "attempt-1", "body_hash": b"same"}
    first = (await begin(town, **key)).session
    if ending == "expired":
        await town.clock.advance(60)
    else:
        sig = decode(town.key.decision_signature(first.id, "approved", first.nonce, first.ctx), 64) or b""
        signed = SignedDecision(first.id, town.device.id, "approved", first.nonce, first.ctx, "", sig)
        now, point = town.clock.now(), town.device.public_key
        assert await town.store.transact(lambda tx: decide(tx, now, signed, point, "cli"))
    second = await begin(town, **key)
    assert second.new
    assert second.session.id != first.id
