"""Everything that can be found says why it matters."""

import re

from pushgate.doctor.catalogue import CATALOGUE, Level, error, warning
from tests.support.project import ROOT, python_files


def test_each_entry_says_why() -> None:
    """A person who reads a finding learns in one plain sentence why it matters."""
    assert [
        key for key, entry in CATALOGUE.items() if not re.fullmatch(r"[A-Za-z][^.]*(\.\d[^.]*)*\.", entry.why)
    ] == []
    assert (error("A.").level, warning("A.").level) == (Level.ERROR, Level.WARNING)


def test_the_checks_find_what_is_listed() -> None:
    """Every entry is found by some check, and no check finds what is not listed."""
    files = [
        name for name in python_files("pushgate") if name.startswith("pushgate/doctor/") and "catalogue" not in name
    ]
    calls = r"\b(?:found|fine|located|mode_faults)\(\s*\"([a-z-]+)\""
    used = {key for name in files for key in re.findall(calls, (ROOT / name).read_text())}
    # These are chosen by a condition, and not written in the call.
    chosen = {"sudo-nopasswd-all", "sudo-nopasswd", "stack-unreadable", "stack-unread"}
    assert used | chosen == set(CATALOGUE)


def test_the_documentation_is_complete() -> None:
    """An administrator finds every finding in docs/doctor.md, with its level and its reason, and no other."""
    rows = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| (.*) \|$", (ROOT / "docs" / "doctor.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted((key, str(entry.level), entry.why) for key, entry in CATALOGUE.items())
