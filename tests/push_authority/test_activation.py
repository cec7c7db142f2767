import pytest

from push_authority import activation
from push_authority.activation import WrongCodes, normalize
from push_authority.devices import NewDevice, devices_of, remove_device
from push_authority.errors import ApiError
from push_authority.sealing import Sealer
from tests.push_authority.conftest import Town
from tests.support.authority import DeviceKey

SEALER = Sealer(bytes(32))
NEW = NewDevice("page", "phone", DeviceKey().public_key)


@pytest.mark.parametrize("typed", ["d2mfr24k8r", "D2MFR-24K8R", " d2m fr2 4k8r\n", "d2mfr\u00a024k8r"])
def test_code_is_read_as_people_type_it(typed: str) -> None:
    """Capitals, blanks and hyphens do not matter."""
    assert normalize(typed) == "d2mfr24k8r"


@pytest.mark.parametrize(
    "typed", ["", "d2mfr24k8", "d2mfr24k8rr", "d2mfr24k8o", "d2mfr24k81", "d2mfr24k8é", "\uff442mfr24k8r"]
)
def test_other_text_is_no_code(typed: str) -> None:
    """Text of another length or with letters that codes do not have is none."""
    assert normalize(typed) is None


async def issue(town: Town) -> str:
    """Issue a code for the person of the town."""
    owner = town.device.user_id, town.device.domain_id
    pending = await town.store.transact(lambda tx: activation.issue_code(tx, SEALER, town.clock.now(), *owner))
    return pending.code


async def refused(town: Town, code: str, new: NewDevice = NEW) -> str:
    """Return the code of the refusal of an activation."""
    with pytest.raises(ApiError) as refusal:
        await town.store.transact(lambda tx: activation.activate(tx, SEALER, town.clock.now(), code, new))
    return refusal.value.code


async def test_code_is_pending_until_it_is_used(town: Town) -> None:
    """A code is returned again while it is pending, makes one device, and is then used up."""
    owner = town.device.user_id, town.device.domain_id
    code = await issue(town)
    assert normalize(code) == code
    assert await issue(town) == code
    device = await town.store.transact(lambda tx: activation.activate(tx, SEALER, town.clock.now(), code, NEW))
    assert (device.user_id, device.domain_id, device.public_key) == (*owner, NEW.public_key)
    now = town.clock.now()
    assert await town.store.transact(lambda tx: activation.pending_code(tx, SEALER, now, *owner)) is None
    assert await refused(town, code, NewDevice("page", "thief", DeviceKey().public_key)) == "notfound.code"
    assert await issue(town) != code


async def test_lost_answer_can_be_asked_for_again(town: Town) -> None:
    """The same code with the same key returns the same device, not a second one; not after that was revoked."""
    code, now = await issue(town), town.clock.now()
    first = await town.store.transact(lambda tx: activation.activate(tx, SEALER, now, code, NEW))
    again = await town.store.transact(lambda tx: activation.activate(tx, SEALER, now, code, NEW))
    assert again == first
    assert len(await town.store.transact(lambda tx: devices_of(tx, first.user_id, first.domain_id))) == 2
    await town.store.transact(lambda tx: remove_device(tx, now, first))
    assert await refused(town, code) == "notfound.code"


async def test_code_ends_after_a_day(town: Town) -> None:
    """A code works in the last second of its day, and not at its end; old ones are deleted."""
    code = await issue(town)
    await town.clock.advance(activation.LIFETIME)
    assert await refused(town, code) == "notfound.code"
    await town.store.transact(lambda tx: activation.forget_old_codes(tx, town.clock.now()))
    assert await town.store.transact(lambda tx: tx.execute("SELECT * FROM activation")) == []
    code = await issue(town)
    await town.clock.advance(activation.LIFETIME - 1)
    assert await town.store.transact(lambda tx: activation.activate(tx, SEALER, town.clock.now(), code, NEW))


async def test_cancelled_code_is_worthless(town: Town) -> None:
    """A code that was cancelled, and one that never was, are refused alike."""
    code = await issue(town)
    owner = town.device.user_id, town.device.domain_id
    await town.store.transact(lambda tx: activation.cancel_code(tx, *owner))
    assert await refused(town, code) == "notfound.code"
    assert await refused(town, "2222222222") == "notfound.code"
    assert await refused(town, "") == "notfound.code"


async def test_table_does_not_show_codes(town: Town) -> None:
    """Whoever reads the table of pending codes without the key reads no code."""
    code = await issue(town)
    rows = await town.store.transact(lambda tx: tx.execute("SELECT * FROM activation"))
    assert code not in str(rows)
    assert code.encode() not in b"".join(value for value in rows[0] if isinstance(value, bytes))


async def test_code_sealed_under_another_key_is_replaced(town: Town) -> None:
    """A pending code that cannot be read any more is replaced by a new one."""
    code, owner = await issue(town), (town.device.user_id, town.device.domain_id)
    other = Sealer(b"\x01" * 32)
    pending = await town.store.transact(lambda tx: activation.issue_code(tx, other, town.clock.now(), *owner))
    assert pending.code != code


def test_guessing_ends_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source is stopped after 5 wrong codes, all together at a bound; ten minutes later they may try again."""
    monkeypatch.setattr(activation, "WRONG_IN_ALL", 20)
    wrong, now = WrongCodes(), 1000.0
    for _ in range(5):
        wrong.check(now, "192.0.2.1")
        wrong.add(now, "192.0.2.1")
    with pytest.raises(ApiError) as refusal:
        wrong.check(now + 1, "192.0.2.1")
    assert (refusal.value.status, refusal.value.retry_after) == (429, 600)
    for number in range(15):
        wrong.check(now + 2, f"198.51.100.{number}")
        wrong.add(now + 2, f"198.51.100.{number}")
    with pytest.raises(ApiError):
        wrong.check(now + 3, "203.0.113.1")
    assert len(wrong.wrong) == 20
    wrong.check(now + 600, "203.0.113.1")
    wrong.check(now + 600, "192.0.2.1")


@pytest.mark.parametrize("source", ["127.0.0.1", "::1"])
def test_nobody_locks_out_this_machine(source: str) -> None:
    """Another user of the machine who types nonsense a hundred times keeps nobody there from enrolling."""
    wrong = WrongCodes()
    for _ in range(100):
        wrong.add(1000.0, source)
    wrong.check(1001.0, source)


def test_guessing_is_hopeless() -> None:
    """All tries that the bound lets through while a code lives find it with odds of less than one to 500 million."""
    tries = activation.WRONG_IN_ALL * activation.LIFETIME / activation.WRONG_WINDOW
    assert tries * 500_000_000 < len(activation.ALPHABET) ** activation.CODE_LENGTH
