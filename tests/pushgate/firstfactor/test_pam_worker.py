"""The worker's own program, with libpam; real stacks are in tests/system/test_first_factor_pam.py."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pushgate.firstfactor.pam import worker_command
from pushgate.firstfactor.pam_frames import READY, frame, pack_question, read_frame, unpack_answer
from pushgate.firstfactor.pam_process import ENVIRONMENT
from pushgate.firstfactor.pam_worker import PAM_SYSTEM_ERR, check
from tests.support.processes import wait_until

PR_GET_DUMPABLE = 3
MARK = b"question"


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """A worker for a service that is not there, so that PAM denies."""
    with subprocess.Popen(
        worker_command("pushgate-test-no-such-service"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as process:
        assert process.stdout is not None
        assert read_frame(process.stdout) == READY  # type: ignore[arg-type]
        yield process
        process.kill()


def ask(worker: subprocess.Popen[bytes], user: bytes, password: bytes) -> int:
    """Ask once."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(frame(pack_question(MARK, user, password)))
    worker.stdin.flush()
    payload = read_frame(worker.stdout)  # type: ignore[arg-type]
    assert payload is not None
    return unpack_answer(MARK, payload)


def test_a_service_without_a_stack_denies(worker: subprocess.Popen[bytes]) -> None:
    """A person cannot log in by a service that is not there, and the worker lives on."""
    assert ask(worker, b"root", b"caf\xe9") != 0
    assert worker.poll() is None


def test_a_nul_is_never_cut_off(worker: subprocess.Popen[bytes]) -> None:
    """A password with a NUL that came as far as here is an error, not a shorter password."""
    assert ask(worker, b"root", b"x\0y") == PAM_SYSTEM_ERR
    assert ask(worker, b"ro\0ot", b"x") == PAM_SYSTEM_ERR


def test_no_core_is_dumped(worker: subprocess.Popen[bytes]) -> None:
    """A module that crashes a worker leaves no file with passwords, neither here nor at a program for such files."""
    limits = Path(f"/proc/{worker.pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    program = (
        "import ctypes\n"
        "from pushgate.firstfactor.pam_worker import forbid_dumps\n"
        "forbid_dumps()\n"
        f"print(ctypes.CDLL(None).prctl({PR_GET_DUMPABLE}))\n"
    )
    command = [worker_command("other")[0], "-I", "-c", program]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "0\n"


@pytest.mark.root
def test_modules_do_not_reach_the_pipes(worker: subprocess.Popen[bytes]) -> None:
    """A PAM module that prints or reads gets nothing: the standard descriptors lead nowhere."""
    open_files = {entry.name: str(entry.readlink()) for entry in Path(f"/proc/{worker.pid}/fd").iterdir()}
    assert [open_files.pop(number) for number in ("0", "1", "2")] == [os.devnull] * 3
    others = set(open_files.values())
    assert {target.partition(":")[0] for target in others} == {"pipe"}
    assert len(others) == 2


def test_the_worker_ends_with_its_input(worker: subprocess.Popen[bytes]) -> None:
    """A daemon that dies leaves no worker: its pipe ends."""
    assert worker.stdin is not None
    worker.stdin.close()
    assert worker.wait(10) == 0


@pytest.mark.parametrize("octets", [b"\xff\xff\xff\xff", frame(b""), frame(b"\xff\xff")])
def test_a_broken_question_ends_the_worker(worker: subprocess.Popen[bytes], octets: bytes) -> None:
    """A worker that does not understand its daemon ends, and says nothing that could mean yes."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(octets)
    worker.stdin.flush()
    assert worker.wait(10) != 0
    assert worker.stdout.read() == b""


def test_a_worker_dies_with_the_daemon_even_in_the_middle_of_a_check() -> None:
    """A worker that hangs in PAM is gone when its daemon is killed: the kernel sees to it."""
    program = (
        "import subprocess, sys, time\n"
        f"worker = subprocess.Popen({worker_command('other')!r}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "worker.stdout.read(9)\n"
        "print(worker.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [worker_command("other")[0], "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        pid = int(daemon.stdout.readline())
        os.kill(pid, 19)  # stopped: it cannot notice the end of its input
        daemon.kill()
    wait_until(lambda: state_of(pid) in ("", "Z"), 5, "the end of the worker")


def state_of(pid: int) -> str:
    """The state letter of a process; nothing if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


class Liar:
    """A library that says no, and a code that says yes."""

    code = 0

    def authenticate(self, *_: object, **__: object) -> bool:
        """Refuse."""
        time.sleep(0)
        return False


def test_a_refusal_with_the_code_of_success_is_none() -> None:
    """A library that contradicts itself lets nobody in."""
    assert check(Liar, "x", b"u", b"p") == PAM_SYSTEM_ERR
