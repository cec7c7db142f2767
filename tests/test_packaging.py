"""What is shipped: the wheel, the pinned requirements, the units, the example configuration."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pushgate.settings import load_settings
from tests.support.project import PACKAGES, ROOT, committed_files

UNITS = sorted((ROOT / "packaging" / "systemd").iterdir())
PINNED = sorted((ROOT / "requirements").glob("*.txt"))
EXAMPLE = ROOT / "config" / "pushgate.yaml"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in a freshly built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "import hatchling.build, sys; print(hatchling.build.build_wheel(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", build, folder], cwd=ROOT, check=True, capture_output=True, timeout=60)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def test_wheel_holds_our_packages_only(wheel: set[str]) -> None:
    """An installation adds our four packages and nothing else at the top."""
    tops = {name.split("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_wheel_holds_every_file_of_the_packages(wheel: set[str]) -> None:
    """What the packages need beside Python is installed too: pages, dictionary, C source, the example, the stacks."""
    committed = {name for name in committed_files() if name.split("/")[0] in PACKAGES}
    installed = {name for name in wheel if name.split("/")[0] in PACKAGES}
    stacks = {f"pushgate/pamsetup/stacks/{path.name}" for path in (ROOT / "config" / "pam.d").iterdir()}
    assert installed == committed | stacks | {"pushgate/pushgate.yaml"}


@pytest.mark.parametrize("file", PINNED, ids=lambda file: file.name)
def test_requirements_are_pinned_with_hashes(file: Path) -> None:
    """Every requirement has one version and at least one hash, and the file names no place to get it from."""
    text = re.sub(r"^\s*#.*\n", "", file.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip()]
    shape = re.compile(r"[A-Za-z0-9._-]+==[^\s]+( *;[^#]*?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*(#.*)?")
    assert [line[:60] for line in lines if not shape.fullmatch(line)] == []
    assert "://" not in text


@pytest.mark.parametrize(("extra", "file"), [(None, "run.txt"), ("test", "test.txt")])
def test_pinned_versions_are_in_range(extra: str | None, file: str) -> None:
    """What is pinned is what pyproject.toml asks for, and nothing that it asks for is missing."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + (project["optional-dependencies"][extra] if extra else [])
    text = (ROOT / "requirements" / file).read_text()
    pinned = {normal(name): version for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE)}
    for line in wanted:
        requirement = Requirement(line)
        version = pinned.get(normal(requirement.name))
        assert version is not None, f"{requirement.name} is not pinned"
        assert requirement.specifier.contains(version), f"{requirement} but {version} is pinned"


def normal(name: str) -> str:
    """Spell a package's name the way PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_there_are_units() -> None:
    """All units are there: the daemon, its socket, the authority, and what undoes a trial after a restart."""
    assert [unit.name for unit in UNITS] == [
        "pushgate-authority.service",
        "pushgate-pam-trial.service",
        "pushgate.service",
        "pushgate.socket",
    ]


@pytest.mark.system
def test_units_verify(tmp_path: Path) -> None:
    """The tool of systemd has nothing to say against our units; what it says about other packages' is not ours."""
    # systemd-analyze refuses a unit whose program is not installed: a copy starts one that is.
    for unit in UNITS:
        program = r"^(Exec\w+=)/usr/lib/pushgate/bin/pushgate\b"
        text, count = re.subn(program, r"\1/bin/true", unit.read_text(), flags=re.MULTILINE)
        assert count >= 1 or unit.suffix != ".service"
        (tmp_path / unit.name).write_text(text)
    result = analyze("verify", "--man=no", "--recursive-errors=no", *map(str, sorted(tmp_path.iterdir())))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.system
@pytest.mark.parametrize(("unit", "at_most"), [("pushgate.service", 30), ("pushgate-authority.service", 12)])
def test_unit_stays_hardened(unit: str, at_most: int) -> None:
    """The score that systemd gives for what a taken-over unit could do (tenths; bare: 96) does not rise."""
    path = ROOT / "packaging" / "systemd" / unit
    result = analyze("security", "--offline=yes", f"--threshold={at_most}", str(path))
    assert result.returncode == 0, result.stdout


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze, which needs no running systemd for this."""
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is missing: apt install systemd"
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)


def test_example_fits_on_a_screen() -> None:
    """The example configuration can be read at a glance."""
    assert len(EXAMPLE.read_text().splitlines()) <= 60


@pytest.mark.parametrize("with_radius", [False, True])
def test_example_is_accepted(private_folder: Path, with_radius: bool) -> None:
    """The example configuration has no fault, also with the part that is commented out."""
    text = EXAMPLE.read_text()
    if with_radius:
        head, mark, tail = text.partition("# radius:\n")
        section, end, rest = tail.partition("\n\n")
        text = head + (mark + section).replace("\n# ", "\n").removeprefix("# ") + end + rest
    copy = private_folder / "pushgate.yaml"
    copy.write_text(text)
    copy.chmod(0o600)
    assert (load_settings(copy).radius is not None) == with_radius


def test_example_needs_no_other_file() -> None:
    """Whoever has installed the package can start the daemon: the example names no secret that somebody has to make."""
    named = re.findall(r"^ *\w+_file: (\S+)", EXAMPLE.read_text(), flags=re.MULTILINE)
    assert {str(Path(path).parent) for path in named} == {"/var/lib/pushgate/authority"}


def test_socket_is_where_the_module_looks() -> None:
    """The socket unit listens where the example configuration and the PAM module say, open to root alone."""
    unit = (ROOT / "packaging" / "systemd" / "pushgate.socket").read_text()
    settings = dict(re.findall(r"^(\w+)=(.*)$", unit, flags=re.MULTILINE))
    assert f"socket: {settings['ListenStream']}" in EXAMPLE.read_text()
    assert f'"{settings["ListenStream"]}"' in (ROOT / "pam_module" / "pam_pushgate.c").read_text()
    assert (settings["SocketMode"], settings["DirectoryMode"]) == ("0600", "0755")


def test_unit_may_write_where_the_example_says() -> None:
    """The daemon's unit, in which all else is read-only, starts with the example configuration."""
    unit = (ROOT / "packaging" / "systemd" / "pushgate.service").read_text()
    above = {"Runtime": "/run", "State": "/var/lib", "Logs": "/var/log"}
    writable = {
        Path(above[kind], name) for kind, name in re.findall(r"^(\w+)Directory=(.+)$", unit, flags=re.MULTILINE)
    }
    paths = re.findall(r"^  (?:folder|socket|file): (/\S+)", EXAMPLE.read_text(), flags=re.MULTILINE)
    assert len(paths) == 5
    assert [path for path in paths if not writable & set(Path(path).parents)] == []
