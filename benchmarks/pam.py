"""PAM: what a login costs beside pam_permit and other modules, and what waiting, withdrawing and staying cost.

The stacks are private (libpam_wrapper), so no file of the machine is touched. A login that fails, or a decision that is
missing in the audit, ends the benchmark.
"""

import shutil
import tempfile
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.pam_cost import module_and_daemon, with_authority
from benchmarks.pam_peers import other_modules, python_hook
from benchmarks.pam_waiting import waiting_for_authority, waiting_logins, withdrawals

MEASURED = (
    *(module_and_daemon, with_authority, other_modules),
    *(waiting_logins, waiting_for_authority, withdrawals, python_hook),
)


def run() -> list[Figure]:
    """Measure one thing after the other; takes a minute."""
    figures = []
    for measure in MEASURED:
        folder = Path(tempfile.mkdtemp(prefix="pushgate-bench-"))
        try:
            figures += measure(folder)
        finally:
            shutil.rmtree(folder)
    return figures
