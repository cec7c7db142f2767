"""The lines that load pushgate are checked."""

from pathlib import Path

import pytest

from pushgate.doctor.findings import Finding
from pushgate.doctor.lines import check_line, option, options_of, place, seconds, socket_of
from pushgate.doctor.survey import survey
from pushgate.pamstack import StackRule
from tests.support.doctor import MODULE, PG, machine, told, wrong


def rule_of(root: Path, line: str) -> StackRule:
    """Read one line."""
    (rule,) = survey(machine(root, sshd=line)).ours
    return rule


def check(root: Path, line: str) -> list[Finding]:
    """Check one line."""
    return list(check_line(rule_of(root, line), machine(root, sshd=line)))


def test_a_good_line(private_folder: Path) -> None:
    """A line with every option has nothing wrong, and a file that only root can write."""
    findings = check(private_folder, f"{PG} socket=/run/x.sock timeout=60 debug daemon_uid=0")
    assert told(findings) == {"ok": ["module-file", "module-option"]}
    assert findings[0].where == f"{private_folder}/etc/pam.d/sshd:1"


@pytest.mark.parametrize(
    "word",
    ["sokcet=/run/x", "socket=run/x", "timeout=0", "timeout=-1", "timeout=3601", "timeout=", "Debug", "daemon_uid=x"],
)
def test_an_option_that_the_module_refuses(private_folder: Path, word: str) -> None:
    """An option that the module does not know is an error, as it refuses every login then."""
    assert wrong(check(private_folder, f"{PG} {word}")) == ["module-option"]


def test_a_daemon_of_another_user(private_folder: Path) -> None:
    """The option for tests is an error in a real stack."""
    assert wrong(check(private_folder, f"{PG} daemon_uid=1000")) == ["module-daemon-uid"]


def test_a_module_that_is_missing(private_folder: Path) -> None:
    """A line whose module is not there is an error."""
    assert wrong(check(private_folder, "auth required /nowhere/pam_pushgate.so")) == ["module-missing"]


def test_a_module_by_its_name(private_folder: Path) -> None:
    """A module without a folder is found where libpam looks."""
    library = private_folder / "lib/x86_64-linux-gnu/security"
    library.mkdir(parents=True)
    (library / "pam_pushgate.so").touch(mode=0o644)
    assert wrong(check(private_folder, "auth required pam_pushgate.so")) == []


def test_a_module_that_others_can_write(private_folder: Path) -> None:
    """A module that others can write, or in a folder of theirs, is an error."""
    file = private_folder / MODULE.lstrip("/")
    rule = rule_of(private_folder, PG)
    whole = machine(private_folder)
    file.chmod(0o666)
    assert wrong(list(check_line(rule, whole))) == ["module-file"]
    file.chmod(0o644)
    file.parent.chmod(0o777)
    assert wrong(list(check_line(rule, whole))) == ["module-file"]


def test_the_script_under_pam_python(private_folder: Path) -> None:
    """Of the hook both the interpreter and the script are looked at, and the script is no option."""
    files = {"/lib/security/pam_python.so": "", "/usr/lib/pushgate/hook.py": ""}
    line = "auth required pam_python.so /usr/lib/pushgate/hook.py timeout=30"
    whole = machine(private_folder, files=files, sshd=line)
    (rule,) = survey(whole).ours
    assert options_of(rule) == ["timeout=30"]
    assert wrong(list(check_line(rule, whole))) == []
    (private_folder / "usr/lib/pushgate/hook.py").chmod(0o666)
    assert wrong(list(check_line(rule, whole))) == ["module-file"]


def test_options_have_the_modules_defaults(private_folder: Path) -> None:
    """An option that is not there has the value that the module takes; of two the last holds."""
    rule = rule_of(private_folder, PG)
    assert (seconds(rule), str(socket_of(rule)), option(rule, "timeout")) == (75, "/run/pushgate/pam.sock", None)
    rule = rule_of(private_folder, f"{PG} timeout=10 timeout=20 socket=/x")
    assert (seconds(rule), str(socket_of(rule))) == (20, "/x")
    assert place(rule).endswith("/sshd:1")
