"""Checking a typed code against the file: right ones are used up before anybody hears of it.

A stranger must not learn from times who has codes: everybody's break-glass code costs one hash, and every refusal one
change on the disk, also of people without codes, of locked ones, and of names that nobody has.
"""

import enum
import hmac
from dataclasses import dataclass
from pathlib import Path

from pushgate.offline.database import Database, database, transaction
from pushgate.offline.enrolment import SALT_BYTES, hash_code, matching_step
from pushgate.offline.locks import is_locked, note_failure
from pushgate.offline.spelling import Kind, TypedCode

NOBODYS_SEED = "A" * 32
NOBODYS_SALT = bytes(SALT_BYTES)


class Ruling(enum.Enum):
    """What a code has decided."""

    RIGHT = "right"
    WRONG = "wrong"
    USED = "used before"
    LOCKED = "locked by wrong codes"


@dataclass(frozen=True, slots=True)
class Checked:
    """A ruling, and what the administrator should know beside it."""

    ruling: Ruling
    locks: bool = False
    """This was the wrong code that locks."""
    left: int = 0
    """Break-glass codes that the person has left."""


class WithdrawnError(Exception):
    """Nobody waits for the answer any more: the code is not used up."""


class CodeCheck:
    """One check, to be run in a thread (``pushgate.threads.Call``)."""

    def __init__(self, path: Path, user: str | None, typed: TypedCode, now: float) -> None:
        """Take what was typed.

        Args:
            path: The file.
            user: Whose code it should be; None for somebody who must not be let in, whatever is typed.
            typed: The code.
            now: The time of day, by which the app counts too.
        """
        self.path, self.user, self.typed, self.now = path, user, typed, now
        self.withdrawn = False

    def run(self) -> Checked:
        """Check, and use a right code up.

        Raises:
            StoreError: the file cannot be used.
            WithdrawnError: the caller gave up.
        """
        with database(self.path) as connection:
            digest = b""
            if self.typed.kind is Kind.BREAK_GLASS:
                row = connection.execute("SELECT salt FROM person WHERE user = ?", (self.user,)).fetchone()
                digest = hash_code(self.typed.text, row[0] if row else NOBODYS_SALT)
            with transaction(connection):
                checked = self.rule(connection, digest)
                if self.withdrawn:
                    raise WithdrawnError
            return checked

    def abort(self) -> None:
        """Use no code up from now on."""
        self.withdrawn = True

    def rule(self, connection: Database, digest: bytes) -> Checked:
        """Find out what the code is worth, inside of a transaction."""
        kind = self.typed.kind
        locked = self.user is not None and is_locked(connection, self.user, kind, self.now)
        # Looked up before the lock is heeded: the time must not tell a locked right code from a locked wrong one.
        ruling = self.find_step(connection) if kind is Kind.TOTP else self.find_code(connection, digest)
        if ruling[0] is Ruling.RIGHT and not locked and self.take(connection, ruling[1]):
            return Checked(Ruling.RIGHT, left=self.codes_left(connection))
        # One page that changes with each refusal, whoever is refused.
        connection.execute("UPDATE tally SET refused = refused + 1")
        if locked:
            return Checked(Ruling.LOCKED)
        if self.user is None or not self.is_enrolled(connection):
            return Checked(Ruling.WRONG)
        note_failure(connection, self.user, kind, self.now)
        refusal = Ruling.USED if ruling[0] is Ruling.RIGHT else ruling[0]
        return Checked(refusal, locks=is_locked(connection, self.user, kind, self.now))

    def find_step(self, connection: Database) -> tuple[Ruling, int]:
        """Find the step of the app whose code this is."""
        row = connection.execute("SELECT seed FROM totp WHERE user = ? AND active = 1", (self.user,)).fetchone()
        step = matching_step(row[0] if row else NOBODYS_SEED, self.typed.text, self.now)
        return (Ruling.WRONG, 0) if row is None or step is None else (Ruling.RIGHT, step)

    def find_code(self, connection: Database, digest: bytes) -> tuple[Ruling, int]:
        """Find the break-glass code that this is."""
        found = (Ruling.WRONG, 0)
        for number, known, used in connection.execute("SELECT id, hash, used FROM code WHERE user = ?", (self.user,)):
            if hmac.compare_digest(known, digest):
                found = (Ruling.RIGHT if used is None else Ruling.USED, number)
        return found

    def take(self, connection: Database, number: int) -> bool:
        """Use a step or code up; False if it has been, or a later step."""
        if self.typed.kind is Kind.TOTP:
            sql = "UPDATE totp SET last_step = ? WHERE user = ? AND active = 1 AND last_step < ?"
            return connection.execute(sql, (number, self.user, number)).rowcount == 1
        sql = "UPDATE code SET used = ? WHERE id = ? AND used IS NULL"
        return connection.execute(sql, (self.now, number)).rowcount == 1

    def is_enrolled(self, connection: Database) -> bool:
        """Whether the file knows this person: wrong codes of other names are not kept, they could be any number."""
        sql = "SELECT 1 FROM totp WHERE user = ?1 UNION SELECT 1 FROM code WHERE user = ?1"
        return connection.execute(sql, (self.user,)).fetchone() is not None

    def codes_left(self, connection: Database) -> int:
        """Count the person's unused break-glass codes."""
        sql = "SELECT count(*) FROM code WHERE user = ? AND used IS NULL"
        return int(connection.execute(sql, (self.user,)).fetchone()[0])
