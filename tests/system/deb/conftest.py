"""The package, built twice, and systems on which it is installed."""

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.debian import System, booted, debootstrap, install
from tests.support.project import ROOT

VERSIONS = ("0.1.0~test1-1", "0.1.0~test2-1")
PACKAGES = ("openssh-server", "pamtester", "systemd")
DEB, NEW_DEB = "/var/tmp/first.deb", "/tmp/second.deb"


@dataclass(frozen=True)
class Stage:
    """What all tests of the package share."""

    folder: Path
    builds: tuple[Path, Path]
    """The package, and the same one with a higher version."""
    clean: Path
    """A clean system that has the package's dependencies in its download folder."""


@dataclass(frozen=True)
class Look:
    """What a look at a system finds."""

    pam: dict[str, str]
    units: str
    accounts: str
    files: frozenset[str]

    @classmethod
    def at(cls, system: System) -> "Look":
        """Look at a running system."""
        stacks = system.path("/etc/pam.d").iterdir()
        return cls(
            pam={stack.name: stack.read_text() for stack in stacks},
            units=system.run("systemctl", "list-unit-files", "--no-legend", "--no-pager", "--state=enabled"),
            accounts=system.run("getent", "passwd") + system.run("getent", "group"),
            files=frozenset(system.run("find", "/", "-xdev").splitlines()),
        )


@dataclass(frozen=True)
class Installed:
    """How the installation went, on a running system."""

    before: Look
    printed: str
    after: Look
    layer: Path


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Build the package twice while debootstrap makes a clean system."""
    with temporary_folder() as folder:
        clean = folder / "clean"
        made: list[BaseException | None] = []

        def make_system() -> None:
            try:
                debootstrap(clean, *PACKAGES)
                made.append(None)
            except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
                made.append(error)

        thread = threading.Thread(target=make_system, name="debootstrap")
        thread.start()
        try:
            first = build(folder, VERSIONS[0])
            second = build(folder, VERSIONS[1], DPKG_DEB_COMPRESSOR_TYPE="gzip", DPKG_DEB_COMPRESSOR_LEVEL="1")
        finally:
            thread.join()
        if made[0]:
            raise made[0]
        shutil.copyfile(first, clean / DEB[1:])
        install(clean, DEB, download_only=True)
        yield Stage(folder, (first, second), clean)


def build(folder: Path, version: str, **environment: str) -> Path:
    """Build the package as the documentation says, and return its path."""
    # A folder that is not there yet, as dist/ is not in a fresh clone.
    place = {"MAKEFLAGS": "", "DEB_VERSION": version, "DEB_FOLDER": str(folder / version)}
    variables = {**os.environ, **environment, **place}
    done = subprocess.run(
        ["make", "--silent", "deb"], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def installed(stage: Stage) -> Installed:
    """Install the package in a running system, and end that."""
    with booted(stage.folder / "installed", [stage.clean], keep=True) as system:
        before = Look.at(system)
        printed = system.run("apt-get", "install", "--yes", "--no-install-recommends", DEB)
        return Installed(before, printed, Look.at(system), system.changes)


@pytest.fixture
def system(installed: Installed, stage: Stage) -> Iterator[System]:
    """A running system of a test's own, on which the package is installed and a newer one lies ready."""
    with temporary_folder() as folder, booted(folder / "own", [installed.layer, stage.clean]) as running:
        shutil.copyfile(stage.builds[1], running.path(NEW_DEB))
        yield running


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder that is gone afterwards, whatever is in it."""
    folder = Path(tempfile.mkdtemp(prefix="pushgate-deb-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
