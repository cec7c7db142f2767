"""The rules of sudo are read by sudo's own tool."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pushgate.doctor.machine import Machine, Output, run_program
from pushgate.doctor.sudoers import Sudoers, Unasked, read_sudoers
from pushgate.errors import PushgateError
from tests.support.doctor import machine

RULES = """\
# Defaults !authenticate
Defaults timestamp_timeout=5, !lecture
Defaults:ann pam_service=quiet
User_Alias BACKUP = backup, %operators
Cmnd_Alias ALL_OF_IT = ALL
root ALL=(ALL:ALL) NOPASSWD: ALL
%sudo ALL=(ALL:ALL) ALL
BACKUP ALL=(root) NOPASSWD: /usr/bin/rsync, PASSWD: /bin/ls
bob ALL=NOPASSWD: ALL_OF_IT
@includedir /etc/sudoers.d
"""


def read(root: Path, rules: str, **more: str) -> Sudoers:
    """Read rules by the machine's own cvtsudoers."""
    files = {f"/etc/sudoers.d/{name}": text for name, text in more.items()}
    inside = rules.replace("/etc/sudoers.d", f"{root}/etc/sudoers.d")
    whole = machine(root, files={"/etc/sudoers": inside} | files)
    return read_sudoers(replace(whole, run=run_program))


def test_rules(tmp_path: Path) -> None:
    """Rules with NOPASSWD are found with aliases spelt out; root's are left out, and so are those that ask."""
    sudoers = read(tmp_path, RULES)
    assert list(sudoers.unasked) == [Unasked("backup, %operators", ("/usr/bin/rsync",)), Unasked("bob", ("ALL",))]
    assert [rule.everything for rule in sudoers.unasked] == [False, True]


def test_defaults(tmp_path: Path) -> None:
    """Defaults are found, also those that hold for one person only, and comments are none."""
    sudoers = read(tmp_path, RULES)
    assert sudoers.values("timestamp_timeout") == ["5"]
    assert sudoers.values("pam_service") == ["quiet"]
    assert sudoers.values("authenticate") == []
    assert sudoers.values("lecture") == [False]


@pytest.mark.root  # sudo reads no folder that is not root's
def test_rules_of_a_drop_in(tmp_path: Path) -> None:
    """A cloud image's own file in sudoers.d is read as sudo reads it, and its line is named."""
    cloud = "# made by the cloud\nadmin ALL=(ALL) NOPASSWD:ALL\n"
    sudoers = read(tmp_path, RULES, cloud=cloud, **{"old.bak": cloud.replace("admin", "nobody")})
    assert sudoers.unasked[-1] == Unasked("admin", ("ALL",))
    assert len(sudoers.unasked) == 3
    # The include has the folder's full path here, below the machine's root.
    whole = machine(tmp_path, files={"/etc/sudoers": RULES})
    recorded = replace(whole, run=lambda _: Output(0, json.dumps({})))
    assert read_sudoers(recorded).where("NOPASSWD", "admin") == "/etc/sudoers.d/cloud:2"
    assert read_sudoers(recorded).where("NOPASSWD", "nobody") == "/etc/sudoers"


@pytest.mark.parametrize("output", [Output(1, "", "syntax error"), Output(0, "no json"), Output(0, "[1]"), None])
def test_rules_that_cannot_be_read(tmp_path: Path, output: Output | None) -> None:
    """A missing tool, and rules that it cannot read, are a fault and not an empty list."""

    def run(arguments: Sequence[str]) -> Output | None:
        assert arguments[0] == "cvtsudoers"
        return output

    with pytest.raises(PushgateError, match="cvtsudoers"):
        read_sudoers(Machine(root=tmp_path, run=run))


@pytest.mark.parametrize("data", [{"Defaults": [{"Options": [1]}]}, {"User_Specs": [{"User_List": ["x"]}]}])
def test_an_answer_of_another_shape(tmp_path: Path, data: dict[str, Any]) -> None:
    """JSON that is not what sudo writes is a fault."""
    with pytest.raises(PushgateError):
        read_sudoers(Machine(root=tmp_path, run=lambda _: Output(0, json.dumps(data))))


def test_sudo_agrees(tmp_path: Path) -> None:
    """The rules of these tests are rules to sudo itself."""
    (tmp_path / "sudoers").write_text(RULES)
    checked = subprocess.run(["visudo", "-c", "-f", tmp_path / "sudoers"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
