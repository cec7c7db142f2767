"""sshd is checked where its stack asks for an approval."""

from pathlib import Path

import pytest

from pushgate.doctor.findings import Finding
from pushgate.doctor.machine import Output
from pushgate.doctor.sshd import check_sshd
from pushgate.doctor.survey import survey
from tests.support.doctor import COMMON_AUTH, PG, machine, told, wrong

# docs/pam.md, and what it leaves to sshd.
GOOD = {
    "usepam": "yes",
    "logingracetime": "120",
    "permitrootlogin": "no",
    "pubkeyauthentication": "yes",
    "passwordauthentication": "no",
    "kbdinteractiveauthentication": "yes",
    "authenticationmethods": "publickey,keyboard-interactive",
    "maxstartups": "100:30:300",
    "persourcemaxstartups": "20",
}


def said(**changed: str) -> Output:
    """What sshd says, with some of it changed."""
    return Output(0, "".join(f"{key} {value}\n" for key, value in (GOOD | changed).items()))


def check(root: Path, stack: str = PG, changed: dict[str, str] | None = None) -> list[Finding]:
    """Check sshd."""
    says = {"sshd -T": said(**(changed or {})), "sshd -V": Output(0, "", "OpenSSH_9.2p1 Debian")}
    whole = machine(root, says=says, sshd=stack)
    return list(check_sshd(survey(whole), whole, (), "192.0.2.1"))


@pytest.mark.parametrize(
    ("stack", "changed"),
    [
        (PG, {}),
        (COMMON_AUTH + PG, {"authenticationmethods": "keyboard-interactive"}),
        (COMMON_AUTH + PG, {"authenticationmethods": "publickey,keyboard-interactive keyboard-interactive"}),
        (COMMON_AUTH + PG, {"authenticationmethods": "any", "pubkeyauthentication": "no"}),
        (PG, {"authenticationmethods": "gssapi-with-mic,keyboard-interactive:pam"}),
        (PG, {"logingracetime": "90"}),
        (PG, {"logingracetime": "0"}),
        (PG + " timeout=30", {"logingracetime": "45"}),
    ],
)
def test_what_is_right(tmp_path: Path, stack: str, changed: dict[str, str]) -> None:
    """Every setting of the documentation has nothing wrong."""
    fine = ["sshd-bypass", "sshd-grace-time", "sshd-max-startups", "sshd-per-source", "sshd-root", "sshd-text"]
    assert told(check(tmp_path, stack, changed)) == {"ok": fine}


@pytest.mark.parametrize(
    ("stack", "changed", "expected"),
    [
        (PG, {"usepam": "no"}, "sshd-use-pam"),
        (PG, {"kbdinteractiveauthentication": "no"}, "sshd-keyboard-interactive"),
        (PG, {"authenticationmethods": "any", "pubkeyauthentication": "no"}, "sshd-approval-alone"),
        (PG, {"authenticationmethods": "keyboard-interactive"}, "sshd-approval-alone"),
        (COMMON_AUTH + PG, {"authenticationmethods": "any"}, "sshd-bypass"),
        (PG, {"authenticationmethods": "publickey publickey,keyboard-interactive"}, "sshd-bypass"),
        (PG, {"authenticationmethods": "publickey,publickey"}, "sshd-bypass"),
        (PG, {"authenticationmethods": "hostbased,publickey"}, "sshd-bypass"),
        (PG, {"authenticationmethods": "publickey,password"}, "sshd-password-method"),
        (PG, {"permitrootlogin": "yes"}, "sshd-root"),
        (PG, {"logingracetime": "89"}, "sshd-grace-time"),
        (PG + " timeout=300", {}, "sshd-grace-time"),
        (PG, {"maxstartups": "10:30:100"}, "sshd-max-startups"),
        (PG, {"maxstartups": "99:30:300"}, "sshd-max-startups"),
        (PG, {"maxstartups": "100:30:299"}, "sshd-max-startups"),
        (PG, {"persourcemaxstartups": "none"}, "sshd-per-source"),
    ],
)
def test_what_is_wrong(tmp_path: Path, stack: str, changed: dict[str, str], expected: str) -> None:
    """A setting that lets somebody in unasked, or ends the wait too early, is named."""
    assert wrong(check(tmp_path, stack, changed)) == [expected]


def test_both_ways_in_of_debian(tmp_path: Path) -> None:
    """Debian's own settings with the module in the stack let people in by their key alone, and ask nobody."""
    changed = {"authenticationmethods": "any", "kbdinteractiveauthentication": "no", "passwordauthentication": "no"}
    assert wrong(check(tmp_path, PG, changed)) == ["sshd-bypass", "sshd-keyboard-interactive"]


def test_a_person_of_a_match_block(tmp_path: Path) -> None:
    """A person whom a Match block exempts is found only when named; the blocks are named to those who name nobody."""
    text = "AuthenticationMethods publickey,keyboard-interactive\nMatch User backup\nAuthenticationMethods publickey\n"
    says = {"sshd -T": said(), "sshd -T user=backup": said(authenticationmethods="publickey")}
    whole = machine(tmp_path, files={"/etc/ssh/sshd_config": text}, says=says, sshd=PG)
    everybody = list(check_sshd(survey(whole), whole, (), "192.0.2.1"))
    assert [(finding.id, finding.where) for finding in everybody if finding.level == "warning"] == [
        ("sshd-match", "/etc/ssh/sshd_config:3")
    ]
    named = list(check_sshd(survey(whole), whole, ("backup", "ann"), "192.0.2.1"))
    assert [(finding.where, finding.message) for finding in named if finding.level == "error"] == [
        ("/etc/ssh/sshd_config:3", "publickey alone is enough for backup")
    ]


def test_text_of_a_newer_sshd(tmp_path: Path) -> None:
    """OpenSSH 10.3 shows texts at once: nothing is said of it."""
    whole = machine(tmp_path, says={"sshd -T": said(), "sshd -V": Output(0, "", "OpenSSH_10.3p1")}, sshd=PG)
    assert "sshd-text" not in [finding.id for finding in check_sshd(survey(whole), whole, (), "192.0.2.1")]


def test_sshd_that_does_not_ask(tmp_path: Path) -> None:
    """Where sshd's stack does not load the module nothing is said about sshd."""
    assert check(tmp_path, COMMON_AUTH, {"usepam": "no"}) == []


def test_sshd_that_cannot_be_asked(tmp_path: Path) -> None:
    """A broken configuration is an error by itself."""
    whole = machine(tmp_path, says={"sshd -T": Output(255, "", "line 3: Bad configuration option")}, sshd=PG)
    assert wrong(list(check_sshd(survey(whole), whole, (), "192.0.2.1"))) == ["sshd-config"]
    assert list(check_sshd(survey(machine(tmp_path)), machine(tmp_path), (), "192.0.2.1")) == []
