"""Devices and their public keys. Functions run inside a transaction of the store."""

import secrets
from dataclasses import dataclass, field

from push_authority import audit
from push_authority.errors import ApiError
from push_authority.proof import fingerprint
from push_authority.store.base import Row, Transaction

MAX_DEVICES = 10
SELECT_DEVICE = "SELECT id, user_id, domain_id, kind, label, public_key, created FROM device"


@dataclass(frozen=True, slots=True)
class Device:
    """Something with a key that answers for one person in one domain."""

    id: str
    user_id: str
    domain_id: str
    kind: str
    label: str
    public_key: bytes = field(repr=False)
    created: float

    @property
    def fingerprint(self) -> str:
        """Four characters of the key's hash, for people to compare."""
        return fingerprint(self.public_key)


@dataclass(frozen=True, slots=True)
class NewDevice:
    """What a device tells about itself when it is activated; already checked."""

    kind: str
    label: str
    public_key: bytes


def add_device(tx: Transaction, now: float, user_id: str, domain_id: str, new: NewDevice) -> Device:
    """Give a person one more device.

    Raises:
        ApiError: the person has as many as are allowed.
    """
    if len(devices_of(tx, user_id, domain_id)) >= MAX_DEVICES:
        raise ApiError(400, "toomanydevices", f"a user may have {MAX_DEVICES} devices")
    device = Device(secrets.token_hex(20), user_id, domain_id, new.kind, new.label, new.public_key, now)
    tx.execute(
        "INSERT INTO device (id, user_id, domain_id, kind, label, public_key, created) VALUES (?, ?, ?, ?, ?, ?, ?)",
        *(device.id, user_id, domain_id, device.kind, device.label, device.public_key, now),
    )
    about = {"device": device.id, "user": user_id, "domain": domain_id, "kind": device.kind, "label": device.label}
    audit.record(tx, now, "device.added", **about, fingerprint=device.fingerprint)
    return device


def find_device(tx: Transaction, device_id: str) -> Device | None:
    """Return the device with this id, if it has not been revoked."""
    return one_device(tx.execute(SELECT_DEVICE + " WHERE id = ?", device_id))


def devices_of(tx: Transaction, user_id: str, domain_id: str) -> list[Device]:
    """Return what a person can answer with in a domain, oldest first."""
    sql = SELECT_DEVICE + " WHERE user_id = ? AND domain_id = ? ORDER BY created, id"
    return [Device(*row) for row in tx.execute(sql, user_id, domain_id)]


def remove_device(tx: Transaction, now: float, device: Device) -> None:
    """Revoke one device: from now on it can neither read nor decide."""
    tx.execute("DELETE FROM device WHERE id = ?", device.id)
    audit.record(tx, now, "device.removed", device=device.id, user=device.user_id, domain=device.domain_id)


def one_device(rows: list[Row]) -> Device | None:
    """Read the row of a device, if there is one."""
    return Device(*rows[0]) if rows else None
