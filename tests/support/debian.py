"""A clean Debian 12 of a test's own: debootstrap, layers of files, and its real systemd. Needs root.

Each runs in namespaces of its own for mounts, processes, cgroups and the network: when its first process is killed,
nothing of it is left but its folder.
"""

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import netns
from tests.support.processes import descendants, wait_until

RELEASE = "bookworm"
BOOT = Path(__file__).with_name("boot.sh")
APART = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--cgroup")
SYSTEMD = ("/lib/systemd/systemd", "--system", "--unit=basic.target", "--log-target=null")
VARIABLES = ("PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive")
# Services that packages bring are not for starting while a system is being made.
NO_SERVICES = "#!/bin/sh\nexit 101\n"


@dataclass(frozen=True)
class System:
    """One that runs."""

    network: netns.Machine
    init: int
    """The pid of its first process, as seen from outside."""
    folder: Path
    started: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def changes(self) -> Path:
        """The folder with what has changed against the layers below, if that is kept."""
        return self.folder / "upper"

    def path(self, inside: str) -> Path:
        """Return the path by which a file of the system is reached from outside."""
        return Path(f"/proc/{self.init}/root{inside}")

    def command(self, *argv: str) -> list[str]:
        """Return the command line that runs a program inside."""
        enter = ("nsenter", f"--target={self.init}", "--mount", "--pid", "--cgroup", "--root", "--wdns=/")
        return self.network.command(*enter, "--", "env", "-i", *VARIABLES, *argv)

    def start(self, *argv: str) -> "subprocess.Popen[bytes]":
        """Start a program inside, which ends with the system at the latest; what it says goes into one pipe."""
        pipe = subprocess.PIPE
        process = subprocess.Popen(self.command(*argv), stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, bufsize=0)
        self.started.append(process)
        return process

    def try_to_run(self, *argv: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a program inside to its end; what it says goes into one text."""
        return subprocess.run(
            self.command(*argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )

    def run(self, *argv: str, timeout: float = 60) -> str:
        """Run a program inside to its end, which has to be a success, and return what it said."""
        done = self.try_to_run(*argv, timeout=timeout)
        assert done.returncode == 0, f"{argv}: {done.stdout}"
        return done.stdout


def debootstrap(root: Path, *packages: str) -> None:
    """Make a minimal system with further packages, from where the machine's own packages come from."""
    in_namespace("debootstrap", "--variant=minbase", RELEASE, str(root), mirror())
    # What the machine has to say to reach its mirror, for example a proxy, is as true in there.
    settings = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    acquire = [line for line in settings.splitlines() if line.startswith("Acquire::")]
    (root / "etc/apt/apt.conf.d/99acquire").write_text("\n".join(acquire) + "\n")
    (root / "etc/dpkg/dpkg.cfg.d/unsafe-io").write_text("force-unsafe-io\n")
    shutil.copyfile("/etc/resolv.conf", root / "etc/resolv.conf")
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text(NO_SERVICES)
    policy.chmod(0o755)
    install(root, *packages)
    policy.unlink()


def mirror() -> str:
    """Say where the machine's packages of that release come from."""
    wanted = ["--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"]
    listed = subprocess.run(["apt-get", "indextargets", *wanted], capture_output=True, text=True, check=True).stdout
    found = [line.split()[0] for line in listed.splitlines() if line.split()[1:] == [RELEASE, "main"]]
    assert found, f"the machine's sources do not name {RELEASE} main"
    return found[0]


def install(root: Path, *packages: str, download_only: bool = False) -> None:
    """Install packages in a system that does not run."""
    options = ["--yes", "--no-install-recommends", "-qq", *(["--download-only"] if download_only else [])]
    script = f'apt-get update -qq && apt-get install {" ".join(options)} "$@"'
    enter = 'mount -t proc proc "$1/proc" && exec chroot "$@"'
    in_namespace("sh", "-c", enter, "sh", str(root), "env", *VARIABLES, "sh", "-c", script, "sh", *packages)


def in_namespace(*argv: str) -> None:
    """Run a program to its end, with its mounts and processes apart from the machine's."""
    done = subprocess.run(
        [*APART, "--mount-proc", *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{argv}: {done.stdout[-4000:]}"


@contextmanager
def booted(folder: Path, layers: Sequence[Path], *, keep: bool = False) -> Iterator[System]:
    """Run a system on top of layers, of which the first hides the others; they stay as they are.

    Args:
        folder: A folder that is not there yet, for what changes.
        layers: Whole systems, or what has changed in one.
        keep: Whether the changes are there afterwards; else they are in memory only.
    """
    name = f"{netns.PREFIX}{secrets.token_hex(3)}-deb"
    lower = ":".join(map(str, layers))
    with netns.machine(name) as network, cgroup(name) as group:
        # The shell moves itself and then becomes the program, so that all of the system is in there.
        enter = ["sh", "-c", 'echo $$ > "$1" && shift && exec "$@"', "sh", str(group / "cgroup.procs")]
        boot = [*APART, "sh", str(BOOT), str(folder), lower, "keep" if keep else "drop", *SYSTEMD]
        log = folder.with_name(f"{folder.name}.log")
        with log.open("wb") as output:
            process = subprocess.Popen(network.command(*enter, *boot), stdout=output, stderr=output, cwd="/")
        started: list[subprocess.Popen[bytes]] = []
        try:
            system = up(network, process, folder, log)
            started = system.started
            yield system
        finally:
            process.kill()
            process.wait()
            for program in started:
                program.communicate()


def up(network: netns.Machine, process: "subprocess.Popen[bytes]", folder: Path, log: Path) -> System:
    """Wait until a system has come up."""
    wait_until(lambda: bool(descendants(process.pid)), 10, "its first process")
    system = System(network, descendants(process.pid)[0], folder)

    def is_up() -> bool:
        # Before it has its own root, what runs "inside" would run on the machine itself.
        if not Path(f"/proc/{system.init}/exe").resolve().name.startswith("systemd"):
            return False
        assert process.poll() is None, log.read_text()
        done = system.try_to_run("systemctl", "is-system-running")
        return done.stdout.strip() in ("running", "degraded")

    wait_until(is_up, 30, f"systemd to be up: {log.read_text()}")
    return system


@contextmanager
def cgroup(name: str) -> Iterator[Path]:
    """Make a cgroup, and remove it with those that systemd has made below."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    folder = Path(next(place for _, place, kind, *_ in mounts if kind == "cgroup2"), name)
    folder.mkdir()
    try:
        yield folder
    finally:
        wait_until(lambda: remove_empty(folder), 10, f"the end of what runs in {folder}")


def remove_empty(folder: Path) -> bool:
    """Remove a cgroup and all below it, and say whether it is gone: the kernel keeps those with processes."""
    for path, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            Path(path).rmdir()
    return not folder.exists()
