"""The .deb on a clean Debian 12 with its real systemd: installed, logged in through, upgraded, removed, purged."""

import json
import re
import subprocess
from dataclasses import dataclass

import pytest
import yaml

from pushgate.cli.device_api import Answer, TerminalDevice
from pushgate.errors import PushgateError
from tests.support.debian import System
from tests.support.gate import wait_for_question, write_private
from tests.support.pam import ACCEPTED
from tests.support.processes import wait_until
from tests.support.project import ROOT
from tests.system.deb.conftest import NEW_DEB, Installed, Look, Stage

pytestmark = [pytest.mark.system, pytest.mark.root, pytest.mark.limit(300)]

PAGE = "http://localhost:8080"
MODULE = "auth required /usr/lib/pushgate/pam_pushgate.so"
AUTHORITY = """\
authority:
  folder: /var/lib/pushgate/authority
  socket: /run/pushgate-authority/authority.sock
  organization: Example
"""
# Path: owner, mode.
PLACES = {
    "/etc/pushgate": "root:pushgate-authority 750",
    "/etc/pushgate/pushgate.yaml": "root:root 600",
    "/usr/lib/pushgate/pam_pushgate.so": "root:root 644",
    "/usr/lib/pushgate/bin/pushgate": "root:root 755",
    "/lib/systemd/system/pushgate.service": "root:root 644",
    "/lib/systemd/system/pushgate-authority.service": "root:root 644",
    "/var/lib/pushgate": "root:root 755",
    "/var/log/pushgate": "root:root 750",
}
# Where packages' tools, systemd and the shadow suite keep their own notes.
NOTES = (
    "/var/cache/",
    "/var/lib/apt/",
    "/var/lib/dpkg/",
    "/var/lib/systemd/",
    "/var/log/apt/",
    "/var/log/journal/",
    "/etc/subgid-",
    "/etc/subuid-",
)


@dataclass
class Login:
    """A login that waits for its answer."""

    process: "subprocess.Popen[bytes]"
    shown: bytes = b""

    def number(self) -> str:
        """Wait for the line that names the number for the device."""
        assert self.process.stdout is not None
        while not (found := re.search(rb"Type (\d\d) on your device", self.shown)):
            more = self.process.stdout.read(1)
            assert more, self.shown
            self.shown += more
        return found[1].decode()

    def result(self) -> str:
        """Wait for the end, and return all that has been shown."""
        rest, _ = self.process.communicate(timeout=30)
        return (self.shown + rest).decode()


@dataclass
class Gate:
    """The installed gate at work, and alice, who has a device and an account."""

    system: System
    device: TerminalDevice

    def login(self) -> Login:
        """Start a login of alice's."""
        # Line by line, or what a person would see at once stays in a buffer.
        return Login(self.system.start("stdbuf", "--output=L", "pamtester", "sshd", "alice", "authenticate"))

    def answer(self, decision: Answer, login: Login | None = None) -> str:
        """Log alice in, answer on her device, and return what was shown."""
        login = login or self.login()
        question = self.system.network.call(wait_for_question, self.device)
        self.system.network.call(self.device.decide, question, decision, login.number())
        return login.result()

    def pid(self, unit: str = "pushgate") -> str:
        """Tell a unit's process."""
        return self.system.run("systemctl", "show", "--property=MainPID", "--value", unit).strip()


def gate_on(system: System, *units: str) -> Gate:
    """Do what an administrator does after the installation: a secret, the unit, a person, the stack."""
    write_private(system.path("/etc/pushgate/vpn.secret"), b"a-secret-of-32-letters-or-more-yes\n")
    system.run("useradd", "--create-home", "alice")
    system.run("systemctl", "enable", "--now", *units, "pushgate.service")
    gate = Gate(system, enroll(system))
    system.run("pushgate", "pam", "install", "sshd")
    return gate


def journal(system: System) -> str:
    """Return what the daemon has said."""
    return system.run("journalctl", "--unit=pushgate", "--no-pager", "--output=cat")


def wait_for_start(system: System, number: int = 1) -> None:
    """Wait until the daemon has come up that many times."""
    wait_until(
        lambda: len(re.findall(r"\] ready\b", journal(system))) >= number, 20, f"start {number}: {journal(system)}"
    )


def enroll(system: System) -> TerminalDevice:
    """Add alice with a terminal as her device."""
    wait_for_start(system)
    code = json.loads(system.run("pushgate", "user", "add", "alice", "--json"))["code"]
    return system.network.call(TerminalDevice.enroll, PAGE, code, "alice's terminal")


def test_installing_changes_no_login_and_starts_nothing(installed: Installed, system: System) -> None:
    """An administrator who installs the package finds PAM and the enabled units as before, and nothing running."""
    assert installed.after.pam == installed.before.pam
    assert installed.after.units == installed.before.units
    assert "warning" not in installed.printed.lower()
    for unit in ("pushgate", "pushgate-authority"):
        assert system.try_to_run("systemctl", "is-active", unit).stdout == "inactive\n"
        assert system.try_to_run("systemctl", "is-enabled", unit).stdout == "disabled\n"
    new = set(installed.after.accounts.splitlines()) - set(installed.before.accounts.splitlines())
    assert {line.split(":")[0] for line in new} == {"pushgate-authority"}


def test_what_is_installed_is_whole_and_belongs_to_root(system: System) -> None:
    """An administrator finds every file as the package has it, with owners and modes that the daemon asks for."""
    listed = {path: system.run("stat", "--format=%U:%G %a", path).strip() for path in PLACES}
    assert listed == PLACES
    assert system.run("dpkg", "--verify", "pushgate") == ""
    assert system.run("find", "/usr/lib/pushgate", "!", "-user", "root", "-o", "-perm", "/022", "!", "-type", "l") == ""
    assert system.run("pushgate", "--version").startswith("pushgate, version ")


def test_the_environment_is_closed(system: System) -> None:
    """Nothing in the package names the folder of the build, it has no pip, and all its code is compiled for good."""
    assert system.try_to_run("grep", "-rlF", str(ROOT), "/usr/lib/pushgate").stdout == ""
    packages = system.path("/usr/lib/pushgate/lib/python3.11/site-packages")
    assert [path.name for path in packages.iterdir() if path.name in ("pip", "setuptools", "hatchling", "tests")] == []
    sources = list(packages.rglob("*.py"))
    compiled = [path.with_name("__pycache__") / f"{path.stem}.cpython-311.pyc" for path in sources]
    assert len(sources) > 1000
    # PEP 552: bit 0 says that a hash of the source stands here instead of its date, bit 1 that it is to be checked.
    assert {path.read_bytes()[4:8] for path in compiled} == {b"\x01\x00\x00\x00"}
    # Other code of the caller's is not taken, not even by root.
    hostile = ("env", "PYTHONPATH=/tmp/hostile", "PYTHONSTARTUP=/tmp/hostile/yaml.py", "pushgate", "check")
    system.path("/tmp/hostile").mkdir()
    system.path("/tmp/hostile/yaml.py").write_text("raise SystemExit('taken')\n")
    assert "taken" not in system.try_to_run(*hostile).stdout


def test_the_same_commit_gives_the_same_package(stage: Stage) -> None:
    """Whoever builds the package again gets the same files; only the version differs that the test has chosen."""
    sums = [subprocess.check_output(["dpkg-deb", "--info", build, "md5sums"], text=True) for build in stage.builds]
    first, second = ({line[34:]: line[:32] for line in text.splitlines()} for text in sums)
    assert first.keys() == second.keys()
    assert {path for path in first if first[path] != second[path]} == {"usr/share/doc/pushgate/changelog.Debian.gz"}


def test_a_login_goes_through_the_installed_gate(system: System) -> None:
    """A person who approves is let in by the installed module and daemon, under its unit; who denies is not."""
    gate = gate_on(system)
    assert ACCEPTED in gate.answer("approved")
    assert "Authentication failure" in gate.answer("denied")
    assert "error" not in journal(system)


def test_an_upgrade_withdraws_what_is_pending_and_goes_on(system: System) -> None:
    """A person whose login waits during an upgrade is refused, cannot open it any more, and gets in at the next try."""
    gate = gate_on(system)
    before = gate.pid()
    pending = gate.login()
    question = system.network.call(wait_for_question, gate.device)
    number = pending.number()
    system.run("apt-get", "install", "--yes", NEW_DEB)
    assert ACCEPTED not in pending.result()
    assert pending.process.returncode == 1
    wait_for_start(system, 2)
    assert system.network.call(gate.device.state, question.id) == "cancelled"
    with pytest.raises(PushgateError):
        system.network.call(gate.device.decide, question, "approved", number)
    assert gate.pid() != before
    assert system.run("systemctl", "is-enabled", "pushgate") == "enabled\n"
    assert ACCEPTED in gate.answer("approved")


def test_the_authority_runs_in_a_unit_of_its_own(system: System) -> None:
    """An administrator who runs both units has an authority without privileges, and an upgrade exchanges both."""
    system.path("/etc/pushgate/authority.yaml").write_text(AUTHORITY)
    config = system.path("/etc/pushgate/pushgate.yaml")
    daemon = {key: value for key, value in yaml.safe_load(config.read_text()).items() if key != "authority"}
    daemon["provider"] |= {
        "url": "unix:/run/pushgate-authority/authority.sock",
        "api_key_file": "/etc/pushgate/api.key",
        "domain_id_file": "/etc/pushgate/domain.id",
    }
    config.write_text(yaml.safe_dump(daemon))
    system.run("systemctl", "enable", "--now", "pushgate-authority")
    made = "/var/lib/pushgate/authority"
    wait_until(lambda: system.path("/run/pushgate-authority/authority.sock").is_socket(), 20, "the authority's socket")
    system.run("install", "-m", "0600", f"{made}/api.key", f"{made}/domain.id", "/etc/pushgate/")
    gate = gate_on(system)
    assert system.run("stat", "--format=%U:%G %a", made) == "pushgate-authority:pushgate-authority 700\n"
    assert ACCEPTED in gate.answer("approved")
    before = gate.pid("pushgate-authority"), gate.pid()
    printed = system.run("apt-get", "install", "--yes", "--option=Dpkg::Options::=--force-confold", NEW_DEB)
    assert "pushgate: error" not in printed
    wait_for_start(system, 2)
    assert not {gate.pid("pushgate-authority"), gate.pid()} & set(before)
    assert ACCEPTED in gate.answer("approved")


def test_with_the_socket_unit_a_login_waits_for_the_daemon(system: System) -> None:
    """A person who logs in while the daemon is exchanged or stopped waits until it is there, and is then asked."""
    gate = gate_on(system, "pushgate.socket")
    system.run("apt-get", "install", "--yes", NEW_DEB)
    between = gate.login()
    wait_for_start(system, 2)
    assert ACCEPTED in gate.answer("approved", between)
    system.run("systemctl", "stop", "pushgate.service")
    socket = system.path("/run/pushgate/pam.sock").stat()
    assert (socket.st_uid, socket.st_mode & 0o7777) == (0, 0o600)
    starting = gate.login()
    wait_for_start(system, 3)
    assert ACCEPTED in gate.answer("approved", starting)


def test_an_upgrade_leaves_a_daemon_alone_that_could_not_start_again(system: System) -> None:
    """An administrator with a fault in the configuration is told so by the upgrade, and logins go on as they did."""
    gate = gate_on(system)
    before = gate.pid()
    with system.path("/etc/pushgate/pushgate.yaml").open("a") as file:
        file.write("no_such_section: {}\n")
    printed = system.run("apt-get", "install", "--yes", "--option=Dpkg::Options::=--force-confold", NEW_DEB)
    assert "pushgate: error: /etc/pushgate/pushgate.yaml has faults" in printed
    assert gate.pid() == before
    assert ACCEPTED in gate.answer("approved")


@pytest.mark.parametrize("line", [MODULE, "auth [success=ok default=die] \\\n  pam_pushgate.so debug"])
def test_a_removal_is_refused_while_a_stack_loads_the_module(system: System, line: str) -> None:
    """An administrator who forgot a stack is told which, nobody is locked out, and the gate goes on working."""
    gate = gate_on(system)
    system.path("/etc/pam.d/other").write_text(f"# a comment on pam_pushgate.so\n{line}\n")
    refused = system.try_to_run("apt-get", "purge", "--yes", "pushgate")
    assert refused.returncode != 0
    for file in ("/etc/pam.d/sshd", "/etc/ssh/sshd_config.d/pushgate.conf", "/etc/pam.d/other"):
        assert f"pushgate: error: {file} still needs pushgate" in refused.stdout
    assert "pushgate: hint: pushgate pam remove sshd\n" in refused.stdout
    assert ACCEPTED in gate.answer("approved")
    assert system.run("dpkg-query", "--show", "--showformat=${db:Status-Status}", "pushgate") == "installed"


def test_an_upgrade_that_failed_half_way_and_a_purge_lock_nobody_out(system: System) -> None:
    """An administrator who purges a package that is only unpacked, so without its own checks, gets the stacks back."""
    before = Look.at(system).pam
    gate_on(system)
    assert "pam_pushgate" in system.path("/etc/pam.d/sshd").read_text()
    system.run("dpkg", "--unpack", NEW_DEB)
    printed = system.run("dpkg", "--purge", "pushgate")
    assert Look.at(system).pam == before
    assert not system.path("/etc/ssh/sshd_config.d/pushgate.conf").exists()
    assert "pushgate: took its lines out of /etc/pam.d/sshd" in printed
    assert system.try_to_run("systemctl", "is-active", "pushgate").stdout == "inactive\n"


def test_a_trial_that_a_restart_has_cut_off_is_undone(system: System) -> None:
    """After a restart the unit undoes a trial and makes sshd read its files, also where sshd is there already."""
    before = Look.at(system).pam
    gate_on(system)
    system.run("pushgate", "pam", "remove", "sshd")
    system.run("systemctl", "start", "ssh")
    system.run("pushgate", "pam", "try", "sshd", "--no-wait")
    trial = system.path("/var/lib/pushgate/pam/trial.json")
    trial.write_text(json.dumps({**json.loads(trial.read_text()), "boot": "another"}))
    system.run("systemctl", "start", "pushgate-pam-trial.service", timeout=20)
    assert Look.at(system).pam == before
    assert not trial.exists()
    assert not system.path("/etc/ssh/sshd_config.d/pushgate.conf").exists()


def test_a_purge_leaves_nothing(installed: Installed, system: System) -> None:
    """An administrator who removes the package keeps the configuration; a purge takes files, units and account, too."""
    assert ACCEPTED in gate_on(system, "pushgate.socket").answer("approved")
    system.run("pushgate", "pam", "remove", "sshd")
    system.run("apt-get", "remove", "--yes", "pushgate")
    assert system.path("/etc/pushgate/vpn.secret").exists()
    assert not system.path("/usr/lib/pushgate").exists()
    assert system.try_to_run("systemctl", "is-active", "pushgate").stdout == "inactive\n"
    system.run("apt-get", "purge", "--yes", "pushgate")
    system.run("userdel", "--remove", "alice")
    system.run("apt-get", "autoremove", "--purge", "--yes")
    after = Look.at(system)
    left = sorted(path for path in after.files - installed.before.files if not path.startswith(NOTES))
    assert left == []
    assert [path for path in after.files if "pushgate" in path] == []
    assert (after.accounts, after.units) == (installed.before.accounts, installed.before.units)
