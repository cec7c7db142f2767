"""What happened, as rows that are only ever added, each in the same transaction as the change it records.

An entry is one JSON object: ``event`` and what it was about. It never holds a code, key or password.
"""

import json

from push_authority.store.base import Transaction


def record(tx: Transaction, at: float, event: str, **about: object) -> None:
    """Add one entry; ``at`` is in seconds since 1970."""
    entry = json.dumps({"event": event, **about}, separators=(",", ":"), ensure_ascii=False)
    tx.execute("INSERT INTO audit (at, entry) VALUES (?, ?)", at, entry)
