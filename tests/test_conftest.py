"""The rules of ``conftest.py``, tried on small test files in a run of their own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PLAIN = ["-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:hypothesispytest"]

SKIPPING = """
import pytest

def test_right(): pass

def test_skips_itself(): pytest.skip("no such program")

@pytest.mark.skipif(True, reason="not today")
def test_marked_skip(): pass

@pytest.mark.xfail(reason="known")
def test_expected_to_fail(): assert False

@pytest.mark.xfail(reason="cured")
def test_expected_to_fail_and_does_not(): pass
"""


def run_tests(folder: Path, content: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run pytest over one test file, under our conftest.py and our configuration."""
    (folder / "conftest.py").write_text("from tests.conftest import *\n")
    (folder / "test_it.py").write_text(content)
    return subprocess.run(
        [sys.executable, "-m", "pytest", f"--config-file={ROOT / 'pyproject.toml'}", *PLAIN, *options, str(folder)],
        cwd=folder,
        env={**os.environ, "PUSHGATE_NO_SKIP": "", "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def counts(result: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """Read the counts out of pytest's closing line."""
    return {word: int(number) for number, word in re.findall(r"(\d+) ([a-z]+)", result.stdout.splitlines()[-1])}


def test_ci_fails_what_did_not_run(tmp_path: Path) -> None:
    """A skip, an expected failure and an unexpected pass each fail a run that forbids skipping, with the reason."""
    result = run_tests(tmp_path, SKIPPING, PUSHGATE_NO_SKIP="1")
    assert result.returncode == 1
    # What is skipped before it starts counts as an error.
    assert counts(result) == {"failed": 3, "passed": 1, "error": 1}
    assert "skipping is forbidden here: no such program" in result.stdout
    assert "skipping is forbidden here: not today" in result.stdout
    assert "xfail is forbidden here (skipped): known" in result.stdout
    assert "xfail is forbidden here (passed): cured" in result.stdout


def test_without_ci_skips_are_listed(tmp_path: Path) -> None:
    """A person's own run passes with skips and lists each with its reason."""
    result = run_tests(tmp_path, SKIPPING)
    assert result.returncode == 0
    assert "no such program" in result.stdout
    assert "not today" in result.stdout


def test_ci_fails_a_file_that_skips_itself(tmp_path: Path) -> None:
    """A whole file that skips itself fails a run that forbids skipping."""
    result = run_tests(
        tmp_path, "import pytest\npytest.skip('absent', allow_module_level=True)\n", PUSHGATE_NO_SKIP="1"
    )
    assert result.returncode != 0
    assert "skipping is forbidden here: absent" in result.stdout


def test_ci_fails_deselection(tmp_path: Path) -> None:
    """A deselected test fails a run that forbids skipping and is named."""
    result = run_tests(tmp_path, "def test_a(): pass\ndef test_b(): pass\n", "-k", "test_a", PUSHGATE_NO_SKIP="1")
    assert result.returncode == 1
    assert "deselecting is forbidden here" in result.stdout
    assert "test_it.py::test_b" in result.stdout


def test_ci_refuses_an_unknown_mode(tmp_path: Path) -> None:
    """A misspelt mode stops the run instead of allowing everything."""
    result = run_tests(tmp_path, SKIPPING, PUSHGATE_NO_SKIP="yes")
    assert result.returncode == 4
    assert "must be 1 or except-root" in result.stderr


@pytest.mark.parametrize(("options", "ran"), [((), "test_short"), (("--soak",), "test_long")])
def test_soak_tests_run_apart(tmp_path: Path, options: tuple[str, ...], ran: str) -> None:
    """Soak tests run with --soak alone, all others without it, and neither counts as deselected."""
    content = "import pytest\ndef test_short(): pass\n@pytest.mark.soak\ndef test_long(): pass\n"
    result = run_tests(tmp_path, content, "-v", *options, PUSHGATE_NO_SKIP="1")
    assert result.returncode == 0
    assert re.findall(r"::(\w+) PASSED", result.stdout) == [ran]


def test_root_tests_need_root(tmp_path: Path) -> None:
    """A test marked root is skipped for everybody else, which "except-root" allows and "1" does not."""
    content = "import pytest\n@pytest.mark.root\ndef test_of_root(): pass\n"
    as_nobody = "import os\nos.geteuid = lambda: 65534\n"
    (tmp_path / "sitecustomize.py").write_text(as_nobody)
    path = f"{tmp_path}:{ROOT}"
    lenient = run_tests(tmp_path, content, PUSHGATE_NO_SKIP="except-root", PYTHONPATH=path)
    assert lenient.returncode == 0
    assert "needs root" in lenient.stdout
    strict = run_tests(tmp_path, content, PUSHGATE_NO_SKIP="1", PYTHONPATH=path)
    assert strict.returncode == 1
    assert "skipping is forbidden here: needs root" in strict.stdout


def test_a_hanging_test_fails(tmp_path: Path) -> None:
    """A test that waits for ever fails at its limit, even where code catches every exception, and the run goes on."""
    content = """
import asyncio, pytest

@pytest.mark.limit(0.2)
async def test_hangs():
    try:
        await asyncio.Event().wait()
    except Exception:
        pass

def test_after(): pass
"""
    result = run_tests(tmp_path, content)
    assert result.returncode == 1
    assert "still running after 0.2 s" in result.stdout
    assert (counts(result)["failed"], counts(result)["passed"]) == (1, 1)


def test_a_lost_exception_fails(tmp_path: Path) -> None:
    """A test whose background task dies unseen does not pass."""
    content = """
import asyncio

async def test_forgets():
    async def die(): raise ValueError("unseen")
    task = asyncio.create_task(die())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
"""
    result = run_tests(tmp_path, content)
    assert result.returncode == 1
    assert "Task exception was never retrieved" in result.stdout


def test_ci_fails_on_traces(tmp_path: Path) -> None:
    """A process that outlives the tests fails a run in CI and is named."""
    content = """
import subprocess

def test_forgets():
    global child
    child = subprocess.Popen(["sleep", "20"])
"""
    (tmp_path / "end_child.py").write_text(
        "import tests.support.traces\ntests.support.traces.PATIENCE = 1\n"
        "def pytest_unconfigure():\n    import test_it\n    test_it.child.kill(); test_it.child.wait()\n"
    )
    result = run_tests(
        tmp_path,
        content,
        "-p",
        "end_child",
        "--import-mode=prepend",
        PUSHGATE_NO_SKIP="1",
        PYTHONPATH=f"{tmp_path}:{ROOT}",
    )
    assert result.returncode == 1
    assert re.search(r"left behind by the tests.*\nprocess \d+ sleep 20\n", result.stdout)


def test_private_folder_suits_sockets(private_folder: Path) -> None:
    """The private folder belongs to the caller alone, and a socket's path in it fits."""
    assert private_folder.stat().st_mode & 0o777 == 0o700
    assert len(str(private_folder / "authority-device.sock")) <= 107
