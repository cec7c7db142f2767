"""One record per decision, as a line of JSON."""

import errno
import json
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import structlog
from typing_extensions import override

from pushgate.clock import Clock
from pushgate.decision import Decision
from pushgate.errors import PushgateError
from pushgate.login import Login
from pushgate.text import clean

log = structlog.get_logger()


def new_audit_id() -> str:
    """Return a new id of 16 hex digits; it names a record and is no secret."""
    return secrets.token_hex(8)


class Audit(Protocol):
    """Where decisions are recorded."""

    def record(self, login: Login, decision: Decision, *, seconds: float, detail: str) -> None:
        """Write one record; never raises."""

    def note(self, event: str, audit_id: str, details: Mapping[str, str | float]) -> None:
        """Write one record of something that is no login; never raises."""


class JsonLinesAudit(Audit):
    """Append records to a file, or to standard output."""

    def __init__(self, clock: Clock, path: Path | None) -> None:
        """Open the file, created 0600.

        Raises:
            PushgateError: if it cannot be opened for appending.
        """
        self.clock = clock
        self.torn = False
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self.descriptor = os.open(path, flags, 0o600) if path else os.dup(sys.stdout.fileno())
        except OSError as error:
            raise PushgateError(
                f"{path}: cannot be opened for appending ({os.strerror(error.errno or 0).lower()})",
                "create its folder and let the daemon's user write there",
            ) from None

    @override
    def record(self, login: Login, decision: Decision, *, seconds: float, detail: str) -> None:
        self.write({**describe(login, decision), "seconds": round(seconds, 3), "detail": clean(detail, 200)})

    @override
    def note(self, event: str, audit_id: str, details: Mapping[str, str | float]) -> None:
        shown = {key: clean(value, 512) if isinstance(value, str) else value for key, value in details.items()}
        self.write({"id": audit_id, "event": event, **shown})

    def write(self, record: Mapping[str, str | float]) -> None:
        """Write one record with its time, without its empty values; where that fails, to the log."""
        entry = {"time": self.clock.wall().isoformat(timespec="milliseconds"), **record}
        line = json.dumps({key: value for key, value in entry.items() if value != ""}, ensure_ascii=True) + "\n"
        try:
            self.append(line.encode("ascii"))
        except OSError as error:
            # The decision stands: a full disk must not lock everybody out. So the record goes to the log.
            log.error("audit_write_failed", error=os.strerror(error.errno or 0), record=line.rstrip())

    def append(self, line: bytes) -> None:
        """Write one line in one call, on a line of its own also after one that a full disk has cut short.

        Raises:
            OSError: if it was not, or not wholly, written.
        """
        octets = b"\n" + line if self.torn else line
        written = os.write(self.descriptor, octets)
        if written < len(octets):
            self.torn = True
            raise OSError(errno.ENOSPC, "cut short")
        self.torn = False

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)


def describe(login: Login, decision: Decision) -> Mapping[str, str | bool]:
    """Return what a record says of a login; no secret and no command line, which can hold secrets."""
    return {
        "id": decision.audit_id,
        "accept": decision.accept,
        "reason": decision.reason.value,
        "factor": decision.factor,
        "provider": decision.provider,
        "user": clean(login.user, 128),
        "account": clean(login.account, 128),
        "service": clean(login.service, 64),
        "host": clean(login.host, 128),
        "address": login.origin.address or "",
        "address_from": login.origin.source.value,
        "tty": clean(login.tty, 64),
        "key": clean(login.key, 256),
    }
