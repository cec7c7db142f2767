"""The packet codec under a fuzzer: atheris runs in a process of its own, because it ends the one it runs in."""

import importlib.util
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.radius_server.vectors import BROKEN, OUR_PAIRS, RFC_PAIRS
from tests.support.project import ROOT

SECONDS, SOAK_SECONDS = 4, 300
CRASHED = 77
"""libFuzzer's exit code for a finding."""
PLANTED = """
import tests.fuzz.packet as packet
packet.has_ms_chap = lambda found: [][len(found.attributes)]
from tests.fuzz.wire import main
main()
"""


@pytest.fixture
def _atheris() -> None:
    """Demand the fuzzer wherever there is a wheel of it: Linux on x86_64."""
    if importlib.util.find_spec("atheris") is None:
        assert (platform.system(), platform.machine()) != ("Linux", "x86_64"), "atheris is missing: run make again"
        pytest.skip(f"NOT FUZZED: there is no atheris for {platform.system()} on {platform.machine()}")


def fuzz(folder: Path, seconds: int, *command: str) -> subprocess.CompletedProcess[str]:
    """Run the fuzzer for some seconds."""
    return subprocess.run(
        [sys.executable, *command, str(folder), f"-max_total_time={seconds}", "-timeout=10"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
    )


def fuzz_codec(folder: Path, seconds: int) -> None:
    """Fuzz, repeat what the fuzzer says about slow packets, and fail with what it found."""
    result = fuzz(folder, seconds, "-m", "tests.fuzz.wire")
    for line in result.stderr.splitlines():
        if line.startswith(("slow:", "Done ")):
            print(line)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    assert "Done " in result.stderr


@pytest.mark.system
@pytest.mark.usefixtures("_atheris")
def test_fuzzed_codec(tmp_path: Path) -> None:
    """A fuzzer that starts from the vectors finds nothing in some seconds, and reaches code that they do not."""
    fuzz_codec(tmp_path, SECONDS)
    assert len(list(tmp_path.iterdir())) > len(BROKEN) + 2 * len(RFC_PAIRS + OUR_PAIRS)


@pytest.mark.soak
@pytest.mark.limit(SOAK_SECONDS + 120)
@pytest.mark.usefixtures("_atheris")
def test_codec_fuzzed_for_long(tmp_path: Path) -> None:
    """A fuzzer that starts from the vectors finds nothing in minutes either."""
    fuzz_codec(tmp_path, SOAK_SECONDS)


@pytest.mark.system
@pytest.mark.usefixtures("_atheris")
def test_fuzzer_finds_what_is_planted(tmp_path: Path) -> None:
    """A codec that raises something undocumented ends the fuzzer with its exit code, the error and the octets."""
    result = fuzz(tmp_path, SECONDS, "-c", PLANTED)
    assert result.returncode == CRASHED
    assert "IndexError" in result.stdout + result.stderr
    assert [each for each in tmp_path.iterdir() if each.name.startswith("crash-")]
