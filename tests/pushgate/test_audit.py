"""The record of decisions."""

import json
import os
import resource
from pathlib import Path

import pytest

from pushgate.audit import JsonLinesAudit
from pushgate.clock import FakeClock
from pushgate.decision import Decision, Reason
from pushgate.errors import PushgateError
from pushgate.login import Secret
from tests.support.core import make_login

ACCEPTED = Decision(True, Reason.APPROVED, "0123456789abcdef")


def test_a_decision_is_one_line_of_json(private_folder: Path) -> None:
    """A decision becomes one line that names who, where, from where and why."""
    path = private_folder / "audit.jsonl"
    audit = JsonLinesAudit(FakeClock(), path)
    audit.record(make_login(tty="ssh"), ACCEPTED, seconds=1.23456, detail="d1")
    audit.close()
    assert json.loads(path.read_text()) == {
        "time": "2026-01-01T00:00:00.000+00:00",
        "id": "0123456789abcdef",
        "accept": True,
        "reason": "approved",
        "user": "alice",
        "service": "sshd",
        "host": "web1",
        "address": "203.0.113.7",
        "address_from": "pam",
        "tty": "ssh",
        "seconds": 1.235,
        "detail": "d1",
    }
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_no_login_has_a_record_too(private_folder: Path) -> None:
    """What was unlocked or revoked becomes one line with an event in place of a decision; outside text is cleaned."""
    path = private_folder / "audit.jsonl"
    audit = JsonLinesAudit(FakeClock(), path)
    audit.note("unlock_revoked", "0123456789abcdef", {"user": "al\nice", "forgotten": 0, "address": ""})
    audit.close()
    assert json.loads(path.read_text()) == {
        "time": "2026-01-01T00:00:00.000+00:00",
        "id": "0123456789abcdef",
        "event": "unlock_revoked",
        "user": "al\\x0aice",
        "forgotten": 0,
    }


def test_a_line_break_in_a_name_makes_no_second_record(private_folder: Path) -> None:
    """An attacker who puts a line break and JSON into his name forges no record."""
    path = private_folder / "audit.jsonl"
    audit = JsonLinesAudit(FakeClock(), path)
    audit.record(make_login(user='x"}\n{"accept":true}'), ACCEPTED, seconds=0, detail="")
    audit.close()
    assert len(path.read_text().splitlines()) == 1


def test_secrets_and_commands_are_not_recorded(private_folder: Path) -> None:
    """A password and a command line, which can hold one, stay out of the record."""
    path = private_folder / "audit.jsonl"
    audit = JsonLinesAudit(FakeClock(), path)
    audit.record(make_login(secret=Secret(b"hunter2"), command="mysql -phunter3"), ACCEPTED, seconds=0, detail="")
    audit.close()
    assert "hunter" not in path.read_text()


def test_a_file_that_cannot_be_opened_stops_the_start(private_folder: Path) -> None:
    """A daemon whose audit has no place does not start."""
    with pytest.raises(PushgateError, match="cannot be opened"):
        JsonLinesAudit(FakeClock(), private_folder / "no" / "audit.jsonl")


def test_a_full_disk_locks_nobody_out(private_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A record that cannot be written goes to the log, and recording does not raise."""
    audit = JsonLinesAudit(FakeClock(), private_folder / "audit.jsonl")
    os.close(audit.descriptor)
    audit.descriptor = os.open("/dev/full", os.O_WRONLY)
    audit.record(make_login(), ACCEPTED, seconds=0, detail="")
    audit.close()
    out = "".join(capsys.readouterr())
    assert "audit_write_failed" in out
    assert "0123456789abcdef" in out


def test_a_record_that_a_full_disk_cuts_short_spoils_no_other(
    private_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A record of which the disk took only a part goes to the log whole, and the next one has its own line."""
    path = private_folder / "audit.jsonl"
    audit = JsonLinesAudit(FakeClock(), path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, limits[1]))
    try:
        audit.record(make_login(), ACCEPTED, seconds=0, detail="")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    audit.record(make_login(user="bob"), ACCEPTED, seconds=0, detail="")
    audit.record(make_login(user="carol"), ACCEPTED, seconds=0, detail="")
    audit.close()
    torn, *whole = path.read_text().splitlines()
    assert (len(torn), [json.loads(line)["user"] for line in whole]) == (20, ["bob", "carol"])
    out = "".join(capsys.readouterr())
    assert "audit_write_failed" in out
    assert "alice" in out
