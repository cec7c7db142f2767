"""Fuzz the packet codec: ``python -m tests.fuzz.wire FOLDER [-max_total_time=60] [-runs=100000]``.

The options are libFuzzer's. FOLDER begins as the vectors and keeps what reaches new code from one run to the next. A
finding ends the run with an exit code other than 0, the traceback, and the octets in base64 and in FOLDER.
"""

import sys
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["radius_server.wire"]):
    import radius_server.wire  # noqa: F401 - what this block instruments

from tests.fuzz.packet import check_datagram
from tests.radius_server.vectors import BROKEN, OUR_PAIRS, RFC_PAIRS

LONGEST = 4200
"""Octets; a little more than a packet may have."""
SLOW = 0.005
"""Seconds; slower packets are told, not judged, for a busy machine makes any packet slow."""


def seeds() -> list[bytes]:
    """List every packet of the vectors, right and broken."""
    pairs = [*RFC_PAIRS, *OUR_PAIRS]
    return [pair.request for pair in pairs] + [pair.reply for pair in pairs] + [broken.packet for broken in BROKEN]


def fuzz_one(octets: bytes) -> None:
    """Check one datagram, and tell of one that is slow three times."""
    start = time.perf_counter()
    check_datagram(octets)
    if time.perf_counter() - start > SLOW:
        seconds = min(timed(octets) for _ in range(3))
        if seconds > SLOW:
            print(f"slow: {seconds * 1000:.1f} ms for {octets.hex()}", file=sys.stderr, flush=True)


def timed(octets: bytes) -> float:
    """Check a datagram; seconds that it took."""
    start = time.perf_counter()
    check_datagram(octets)
    return time.perf_counter() - start


def main() -> None:
    """Run libFuzzer, which ends the process."""
    folders = [Path(each) for each in sys.argv[1:] if not each.startswith("-")]
    if len(folders) != 1:
        sys.exit("usage: python -m tests.fuzz.wire FOLDER [-max_total_time=SECONDS] [-runs=NUMBER]")
    for number, octets in enumerate(seeds()):
        (folders[0] / f"vector-{number:02d}").write_bytes(octets)
    atheris.Setup([*sys.argv, f"-max_len={LONGEST}", f"-artifact_prefix={folders[0]}/"], fuzz_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
