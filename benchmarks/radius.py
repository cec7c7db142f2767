"""RADIUS: decisions a second, 10,000 logins pending at once, a storm of repetitions; FreeRADIUS on the same machine.

A wrong answer, or a login that asks somebody twice, ends the benchmark; who is not answered in time is only counted.
"""

import shutil
import tempfile
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.radius_pending import challenges, pending_logins, storm, waiting_peers
from benchmarks.radius_static import static_decisions


def run() -> list[Figure]:
    """Measure one thing after the other; takes four minutes."""
    figures = []
    for measure in (static_decisions, pending_logins, waiting_peers, storm, challenges):
        folder = Path(tempfile.mkdtemp(prefix="pushgate-bench-"))
        try:
            figures += measure(folder)
        finally:
            shutil.rmtree(folder)
    return figures
