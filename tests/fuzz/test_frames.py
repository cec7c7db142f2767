"""The PAM module's frame reader under libFuzzer, starting from the vectors of the protocol."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.pam import MODULE_FOLDER

SECONDS, SOAK_SECONDS = 4, 300
LONGEST = 20_000
"""Octets; two of the longest frames."""
CRASHED = {1, 77}
"""libFuzzer's exit codes for a finding: ASan's or UBSan's, and its own."""
VECTORS = [
    "49000a417070726f7665203432",
    "51000f436f6465206f7220456e7465723a20",
    *("52000100", "52000107", "5200011a"),
    *("520000", "5200020000", "520001ff", "5a000161", "49ffff" + 20 * "61", "520001"),
    "4900082573256e2573256e52000100",
    "491fff" + 8191 * "61" + "52000100",
    "492000" + 8192 * "61",
]
"""What a daemon may and may not send (hexadecimal)."""
STEPS = b"\x01\x03\xff"
"""How many bytes arrive at a time."""
BOUND = "frame_length(frame) > FRAME_PAYLOAD"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder with the vectors, each in several steps."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number, vector in enumerate(VECTORS):
        for step in STEPS:
            (folder / f"vector-{number:02d}-{step:03d}").write_bytes(bytes([step]) + bytes.fromhex(vector))
    return folder


def fuzz(source: Path, corpus: Path, seconds: int) -> subprocess.CompletedProcess[str]:
    """Build the fuzzer from a folder with the module, and run it for some seconds."""
    make = ["make", "--silent", "-C", str(source), "fuzz"]
    subprocess.run(make, check=True, env=dict(os.environ, MAKEFLAGS=""))
    options = [f"-max_total_time={seconds}", "-timeout=10", f"-max_len={LONGEST}", f"-artifact_prefix={corpus}/"]
    return subprocess.run(
        [source / "build" / "fuzz_frames", corpus, *options], capture_output=True, text=True, timeout=seconds + 60
    )


def fuzz_module(corpus: Path, seconds: int) -> None:
    """Fuzz, and fail with what is found."""
    result = fuzz(MODULE_FOLDER, corpus, seconds)
    assert result.returncode == 0, result.stderr[-3000:]
    print(result.stderr.splitlines()[-1])
    assert "Done " in result.stderr


@pytest.mark.system
def test_fuzzed_frames(corpus: Path) -> None:
    """A fuzzer that starts from the vectors finds nothing in some seconds, and reaches code that they do not."""
    fuzz_module(corpus, SECONDS)
    assert len(list(corpus.iterdir())) > len(VECTORS) * len(STEPS)


@pytest.mark.soak
@pytest.mark.limit(SOAK_SECONDS + 120)
def test_frames_fuzzed_for_long(corpus: Path) -> None:
    """A fuzzer that starts from the vectors finds nothing in minutes either."""
    fuzz_module(corpus, SOAK_SECONDS)


@pytest.mark.system
def test_fuzzer_finds_a_missing_bound(corpus: Path, tmp_path: Path) -> None:
    """A reader that has lost its limit ends the fuzzer, which keeps the bytes that showed it."""
    source = tmp_path / "tree" / "pam_module"
    shutil.copytree(MODULE_FOLDER, source, ignore=shutil.ignore_patterns("build", "__pycache__"))
    (tmp_path / "tree" / "tests").mkdir()
    shutil.copytree(MODULE_FOLDER.parent / "tests" / "fuzz", tmp_path / "tree" / "tests" / "fuzz")
    text = (source / "frames.c").read_text()
    assert BOUND in text
    (source / "frames.c").write_text(text.replace(BOUND, "0"))
    result = fuzz(source, corpus, SECONDS)
    assert result.returncode in CRASHED, result.stderr[-3000:]
    assert [each for each in corpus.iterdir() if each.name.startswith("crash-")]
