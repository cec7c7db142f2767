"""Taking away what a person can answer with, and withdrawing the questions that this leaves without an answer."""

from push_authority import bypass, totp
from push_authority.activation import cancel_code
from push_authority.devices import Device, devices_of, remove_device
from push_authority.sessions import Final, cancel_revoked
from push_authority.store.base import Transaction


def revoke_all(tx: Transaction, now: float, user_id: str, domain_id: str) -> list[Final]:
    """Revoke everything that a person could answer with in a domain."""
    bypass.revoke_all(tx, now, user_id)
    return revoke_token(tx, now, user_id, domain_id)


def revoke_token(tx: Transaction, now: float, user_id: str, domain_id: str) -> list[Final]:
    """Revoke a person's devices, the pending code for one, and the seed of one-time codes, which is on a phone too.

    Bypass codes stay: they are what a person has left after a loss, and each can be revoked by itself.
    """
    totp.remove(tx, now, user_id, domain_id)
    for device in devices_of(tx, user_id, domain_id):
        remove_device(tx, now, device)
    cancel_code(tx, user_id, domain_id)
    return cancel_revoked(tx, now, user_id, domain_id)


def revoke_device(tx: Transaction, now: float, device: Device) -> list[Final]:
    """Revoke one device; with the last one the person's questions go too."""
    remove_device(tx, now, device)
    if devices_of(tx, device.user_id, device.domain_id):
        return []
    return cancel_revoked(tx, now, device.user_id, device.domain_id)
