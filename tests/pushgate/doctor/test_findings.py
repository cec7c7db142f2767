"""A finding is read by people and by programs."""

from pushgate.doctor.catalogue import Level
from pushgate.doctor.findings import count, fine, found, located
from pushgate.errors import PushgateError


def test_as_json() -> None:
    """A program reads where, what, why and a hint; of what is right only where and what."""
    assert found("sshd-root", "/etc/ssh/sshd_config:3", "PermitRootLogin is yes", "PermitRootLogin no").as_json() == {
        "id": "sshd-root",
        "level": "warning",
        "where": "/etc/ssh/sshd_config:3",
        "message": "PermitRootLogin is yes",
        "why": "Whoever gets one approval is root at once.",
        "hint": "PermitRootLogin no",
    }
    assert sorted(fine("sshd-root", "x", "y").as_json()) == ["id", "level", "message", "where"]


def test_a_problem_with_its_place() -> None:
    """A problem that begins with a place becomes a finding there."""
    finding = located("configuration", PushgateError("/etc/x.yaml:3: radius: is wrong", "put it right"))
    assert (finding.where, finding.message, finding.hint) == ("/etc/x.yaml:3", "radius: is wrong", "put it right")


def test_hidden_characters_become_visible() -> None:
    """A file that somebody else has written cannot steer the terminal of the person who reads about it."""
    finding = found("module-option", "/etc/pam.d/x\x1b[2J:1", "\u202eevil")
    assert (finding.where, finding.message) == ("/etc/pam.d/x\\x1b[2J:1", "\\u202eevil")


def test_count() -> None:
    """Findings are counted by level."""
    findings = [found("sshd-root", "", ""), fine("sshd-root", "", ""), found("sshd-bypass", "", "")]
    assert [count(findings, level) for level in Level] == [1, 1, 1]
