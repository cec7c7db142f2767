"""Wrong codes are counted for each person and sort of code, in the file, so that a restart is no fresh start."""

from pushgate.offline.database import Database
from pushgate.offline.spelling import Kind

MAX_FAILURES = 5
FAILURE_SECONDS = 900.0


def is_locked(connection: Database, user: str, kind: Kind, now: float) -> bool:
    """Whether as many wrong codes came within a quarter of an hour as may."""
    sql = "SELECT count(*) FROM failure WHERE user = ? AND kind = ? AND at > ?"
    found = connection.execute(sql, (user, kind.value, now - FAILURE_SECONDS)).fetchone()
    return int(found[0]) >= MAX_FAILURES


def note_failure(connection: Database, user: str, kind: Kind, now: float) -> None:
    """Count a wrong code; what is past, or was counted while the clock ran ahead, locks nobody for longer."""
    connection.execute("DELETE FROM failure WHERE at <= ?", (now - FAILURE_SECONDS,))
    connection.execute("UPDATE failure SET at = ? WHERE at > ?", (now, now))
    connection.execute("INSERT INTO failure VALUES (?, ?, ?)", (user, kind.value, now))


def lift_locks(connection: Database, user: str, kind: Kind) -> None:
    """Begin to count anew: an administrator has just given this person new codes."""
    connection.execute("DELETE FROM failure WHERE user = ? AND kind = ?", (user, kind.value))
