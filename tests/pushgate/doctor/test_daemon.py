"""The daemon's configuration is compared with the stacks."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pushgate.doctor.daemon import check_daemon
from pushgate.doctor.findings import Finding
from pushgate.doctor.survey import survey
from pushgate.errors import PushgateError
from tests.support.config import PROVIDER, RADIUS, write_config
from tests.support.doctor import PG, machine, told, wrong

PAM = "pam:\n  socket: {folder}/pam.sock\n  services: {{sshd: {{}}}}\n"
CONTROL = "control: {{socket: {folder}/control.sock}}\n"


@contextmanager
def sockets(folder: Path) -> Iterator[None]:
    """Listen where the configuration says."""
    with socket.socket(socket.AF_UNIX) as pam, socket.socket(socket.AF_UNIX) as control:
        for listener, name in ((pam, "pam.sock"), (control, "control.sock")):
            listener.bind(str(folder / name))
            (folder / name).chmod(0o600)
            listener.listen()
        yield
    for name in ("pam.sock", "control.sock"):
        (folder / name).unlink()


def check(
    folder: Path,
    *parts: str,
    stacks: dict[str, str] | None = None,
    faults: tuple[PushgateError, ...] = (),
    ask: Callable[[], object] = lambda: None,
) -> list[Finding]:
    """Check a daemon whose stacks ask at its socket."""
    config = write_config(folder, PROVIDER, *parts)
    stacks = stacks if stacks is not None else {"sshd": f"{PG} socket={folder}/pam.sock"}
    seen = survey(machine(folder / "root", stacks))
    with sockets(folder):
        return list(check_daemon(seen, config, lambda _: faults, ask))


def test_all_is_right(private_folder: Path) -> None:
    """A daemon that listens where the stacks ask has nothing wrong."""
    fine = ["configuration", "configuration-files", "configuration-folder", "control-socket", "service-unnamed"]
    assert told(check(private_folder, PAM, CONTROL)) == {"ok": [*fine, "socket-mode", "socket-peer", "status"]}


def test_a_configuration_with_faults(private_folder: Path) -> None:
    """Every fault of the configuration is a finding at its line, and nothing else is said of the daemon."""
    findings = check(private_folder, PAM, "nonsense: 1\nlogin: {{timeout: 0}}\n")
    assert [finding.id for finding in findings] == ["configuration", "configuration"]
    assert [finding.where.rpartition(":")[2].isdigit() for finding in findings] == [True, True]


def test_files_with_faults(private_folder: Path) -> None:
    """What the daemon could not read at its start is a finding at that file."""
    fault = PushgateError("/etc/pushgate/api.key: readable by others than its owner (mode 0644)", "chmod 600")
    (finding,) = [finding for finding in check(private_folder, PAM, faults=(fault,)) if finding.hint]
    assert (finding.id, finding.where) == ("configuration-files", "/etc/pushgate/api.key")


def test_a_folder_that_others_may_enter(private_folder: Path) -> None:
    """A configuration in a folder that everybody can list is worth a warning."""
    folder = private_folder / "etc"
    folder.mkdir(mode=0o755)
    assert wrong(check(folder, PAM, stacks={"sshd": f"{PG} socket={folder}/pam.sock"})) == ["configuration-folder"]


def test_services_that_do_not_match(private_folder: Path) -> None:
    """A stack that the configuration does not name is denied; a name without a stack is a slip."""
    line = f"{PG} socket={private_folder}/pam.sock"
    assert wrong(check(private_folder, PAM, stacks={"sudo": line, "sshd": line})) == ["service-unnamed"]
    (private_folder / "root/etc/pam.d/sudo").unlink()
    assert wrong(check(private_folder, PAM, stacks={"sshd": "", "su": line})) == ["service-unnamed", "service-unused"]


def test_a_service_that_fails_open(private_folder: Path) -> None:
    """A service that lets people in while the provider cannot be reached is worth a warning."""
    assert wrong(check(private_folder, PAM.replace("{{}}", "{{if_unreachable: accept}}"))) == ["service-opens"]


def test_another_socket(private_folder: Path) -> None:
    """A stack that asks at another socket is an error."""
    assert wrong(check(private_folder, PAM, stacks={"sshd": PG})) == ["socket-path"]


@pytest.mark.parametrize(("timeout", "expected"), [(70, []), (71, ["login-timeout"])])
def test_who_gives_up_first(private_folder: Path, timeout: int, expected: list[str]) -> None:
    """The daemon has to give up five seconds before the module."""
    assert wrong(check(private_folder, PAM, f"login: {{{{timeout: {timeout}}}}}\n")) == expected


def test_other_users_may_ask(private_folder: Path) -> None:
    """A setting for tests is worth a warning."""
    assert wrong(check(private_folder, PAM + "  allowed_peer_uids: [1000]\n")) == ["peer-uids"]


def test_no_section_pam(private_folder: Path) -> None:
    """A daemon that knows nothing of PAM, while stacks ask, is an error; while none asks it is none."""
    assert wrong(check(private_folder, RADIUS)) == ["socket-missing"]
    assert wrong(check(private_folder, RADIUS, stacks={"sshd": ""})) == []


def test_a_daemon_that_does_not_answer(private_folder: Path) -> None:
    """A daemon that listens and does not answer its own command is an error."""

    def refuse() -> None:
        raise PushgateError("nobody answers", "is it running?")

    assert wrong(check(private_folder, PAM, CONTROL, ask=refuse)) == ["status"]
