"""Offline codes in tests: a file with people in it, and codes checked against it."""

from collections.abc import Callable
from pathlib import Path

import pyotp

from pushgate.offline.checking import Checked, CodeCheck, Ruling
from pushgate.offline.database import make_database
from pushgate.offline.enrolment import add_codes, begin_totp, confirm_totp
from pushgate.offline.spelling import read_code

START = 1_800_000_000.0
"""A time of day that is the first second of a step."""
STEP = 30


class OfflineStore:
    """A file of offline codes at a time that the test sets."""

    def __init__(self, folder: Path) -> None:
        self.path, self.now = folder / "offline.db", START
        make_database(self.path)

    def totp(self, user: str = "alice") -> Callable[[int], str]:
        """Give a user an active seed; return what the app shows some steps from now. The step before is used up."""
        seed, _ = begin_totp(self.path, user, self.now)
        app = pyotp.TOTP(seed)
        assert confirm_totp(self.path, user, app.at(int(self.now) - STEP), self.now)
        return lambda steps: app.at(int(self.now) + steps * STEP)

    def codes(self, user: str = "alice", count: int = 1) -> list[str]:
        """Give a user break-glass codes."""
        return add_codes(self.path, user, count, self.now)

    def check(self, user: str | None, typed: str) -> Checked:
        """Check a code as a login does."""
        code = read_code(typed)
        assert code is not None
        return CodeCheck(self.path, user, code, self.now).run()

    def ruling(self, user: str | None, typed: str) -> Ruling:
        """Check a code; what came out."""
        return self.check(user, typed).ruling
