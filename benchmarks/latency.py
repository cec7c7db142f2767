"""How long after a person's decision the NAS has its Access-Accept, while 100 logins or more are pending."""

import shutil
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.gateway import Gateway

MEASURED, STILL_PENDING = 100, 100


def run() -> list[Figure]:
    """Measure from before the device signs and sends until the packet is here; every reply must be an Accept."""
    folder = Path(tempfile.mkdtemp(prefix="pushgate-bench-"))
    try:
        with Gateway(folder, MEASURED + STILL_PENDING) as gateway:
            for user in gateway.users:
                gateway.nas.send(user)
            shown = gateway.shown_to(gateway.users)
            seconds = []
            for user in gateway.users[:MEASURED]:
                gateway.devices[user].pending()  # an open page has a connection already
                start = time.perf_counter()
                gateway.decide(user, shown[user], "approved")
                seconds.append(gateway.expect(user, "approved").at - start)
                gateway.devices[user].http.session.close()
            for user in gateway.users[MEASURED:]:
                gateway.decide(user, shown[user], "denied")
                gateway.expect(user, "denied")
    finally:
        shutil.rmtree(folder)
    ninety = statistics.quantiles(seconds, n=10)[-1]
    return [
        Figure("decision to Access-Accept, p50 at 100 pending", statistics.median(seconds) * 1000, "ms", at_most=15),
        Figure("decision to Access-Accept, p90 at 100 pending", ninety * 1000, "ms"),
    ]
