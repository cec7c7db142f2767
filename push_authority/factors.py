"""What people can prove themselves with, for lists."""

from push_authority.store.base import Transaction

FACTORS = ("device", "totp", "bypass")


def factors_of(tx: Transaction, now: float, user_id: str, domain_id: str) -> list[str]:
    """Return the kinds of factors that a member has and can use."""
    sql = """SELECT
        EXISTS (SELECT 1 FROM device WHERE user_id = ? AND domain_id = ?),
        EXISTS (SELECT 1 FROM totp WHERE user_id = ? AND domain_id = ? AND active = 1),
        EXISTS (SELECT 1 FROM bypass WHERE user_id = ? AND uses_remaining > 0 AND (expires IS NULL OR expires > ?))"""
    (row,) = tx.execute(sql, user_id, domain_id, user_id, domain_id, user_id, now)
    return [factor for factor, present in zip(FACTORS, row, strict=True) if present]
