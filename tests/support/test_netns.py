"""The machines of tests: that they are apart, and that nothing of them remains."""

import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.netns import FOLDER, NAS, PERSON, SERVER, Machines, three_machines
from tests.support.processes import parent_of, wait_until

pytestmark = [pytest.mark.system, pytest.mark.root]


def names(machines: Machines) -> set[str]:
    """Return the names of the three."""
    return {machines.person.name, machines.nas.name, machines.server.name}


def test_neighbours_reach_each_other() -> None:
    """A packet goes from the person to the appliance and from there to the server, and not further."""
    with three_machines() as machines:
        machines.nas.run("ping", "-c", "1", "-W", "2", SERVER)
        machines.nas.run("ping", "-c", "1", "-W", "2", PERSON)
        assert "unreachable" in machines.person.run("ping", "-c", "1", "-W", "2", SERVER, check=False)


def test_a_thread_opens_a_socket_on_another_machine() -> None:
    """A function called on a machine has its addresses and ports, while the caller stays where it is."""

    def bind() -> tuple[str, int]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((NAS, 1812))
            return sock.getsockname()

    with three_machines() as machines:
        assert machines.nas.call(bind) == (NAS, 1812)
        with pytest.raises(OSError, match="Cannot assign"):
            bind()


def test_programs_see_what_is_mounted_for_them(private_folder: Path) -> None:
    """A program reads the file that is mounted for it alone, and is the very process that was started."""
    mine = private_folder / "mine"
    mine.write_text("only for you")
    host = Path("/etc/hostname")
    before = host.read_bytes()
    with three_machines() as machines:
        command = machines.nas.command("sh", "-c", 'cat /etc/hostname; echo " $$"', mounts={host: mine})
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        output, _ = process.communicate(timeout=10)
    assert output == f"only for you {process.pid}\n"
    assert host.read_bytes() == before


def test_nothing_remains_after_a_failure() -> None:
    """A test that fails, or is interrupted, leaves neither namespaces nor the processes in them."""
    seen: list[Machines] = []
    pids: list[int] = []

    def be_interrupted() -> None:
        with three_machines() as machines:
            seen.append(machines)
            subprocess.run(machines.server.command("setsid", "--fork", "sleep", "100"), check=True)
            wait_until(lambda: bool(machines.server.pids()), 5, "the process")
            pids.extend(machines.server.pids())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        be_interrupted()
    assert names(seen[0]) & {entry.name for entry in FOLDER.iterdir()} == set()
    assert [pid for pid in pids if parent_of(pid)] == []
