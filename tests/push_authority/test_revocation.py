from collections.abc import Callable

import pytest

from push_authority import activation, bypass, totp
from push_authority.devices import NewDevice, add_device, devices_of
from push_authority.revocation import revoke_all, revoke_device, revoke_token
from push_authority.sealing import Sealer
from push_authority.sessions import State, find_session
from tests.push_authority.conftest import Town
from tests.push_authority.test_sessions import insert
from tests.push_authority.test_totp import enrol
from tests.support.authority import DeviceKey


async def test_revoking_all_leaves_nothing_that_answers(town: Town) -> None:
    """After revocation there is no device, no code, and no question without somebody to answer it."""
    owner, now, sealer = (town.device.user_id, town.device.domain_id), town.clock.now(), Sealer(bytes(32))
    session = await insert(town)
    await town.store.transact(lambda tx: activation.issue_code(tx, sealer, now, *owner))
    finals = await town.store.transact(lambda tx: revoke_all(tx, now, *owner))
    assert [(final.id, final.state) for final in finals] == [(session.id, State.CANCELLED)]
    assert await town.store.transact(lambda tx: devices_of(tx, *owner)) == []
    assert await town.store.transact(lambda tx: activation.pending_code(tx, sealer, now, *owner)) is None


@pytest.mark.parametrize(("revoke", "left"), [(revoke_all, 0), (revoke_token, 1)])
async def test_revoking_takes_the_seed_and_leaves_bypass_codes_to_the_lost_phone(
    town: Town, revoke: Callable[..., object], left: int
) -> None:
    """A member who is removed has no codes; one whose phone is lost keeps the bypass code made for that day."""
    owner, now, sealer = (town.device.user_id, town.device.domain_id), town.clock.now(), Sealer(bytes(32))
    await town.store.transact(lambda tx: totp.begin(tx, sealer, now, *owner))
    await enrol(town)
    await town.store.transact(lambda tx: bypass.create(tx, sealer, now, owner[0], 1, None))
    await town.store.transact(lambda tx: revoke(tx, now, *owner))
    assert await town.store.transact(lambda tx: tx.execute("SELECT * FROM totp")) == []
    assert len(await town.store.transact(lambda tx: bypass.codes_of(tx, now, owner[0]))) == left


async def test_revoking_one_device_leaves_the_question_to_the_other(town: Town) -> None:
    """A question is withdrawn with the last device only."""
    owner, now = (town.device.user_id, town.device.domain_id), town.clock.now()
    session = await insert(town)
    new = NewDevice("cli", "second", DeviceKey().public_key)
    second = await town.store.transact(lambda tx: add_device(tx, now, *owner, new))
    assert await town.store.transact(lambda tx: revoke_device(tx, now, town.device)) == []
    found = await town.store.transact(lambda tx: find_session(tx, now, session.id))
    assert found is not None
    assert found.state(now) is State.PENDING
    assert len(await town.store.transact(lambda tx: revoke_device(tx, now, second))) == 1
