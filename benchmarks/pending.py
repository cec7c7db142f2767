"""1,000 people pending at once over UDP: all answered right, and what each costs in memory."""

import shutil
import tempfile
import time
from pathlib import Path
from typing import Literal

from benchmarks.figure import Figure
from benchmarks.gateway import Gateway
from benchmarks.usage import Memory

PEOPLE = 1000


def run() -> list[Figure]:
    """Let all be pending, measure, then let every second person deny; each reply must say what that person said."""
    folder = Path(tempfile.mkdtemp(prefix="pushgate-bench-"))
    try:
        with Gateway(folder, PEOPLE + 1) as gateway:
            processes = {"daemon": gateway.daemon, "authority": gateway.authority}
            warm_up(gateway)
            idle = {name: Memory.of(pid) for name, pid in processes.items()}
            others = gateway.users[1:]
            started = time.perf_counter()
            for user in others:
                gateway.nas.send(user)
            shown = gateway.shown_to(others)
            asked_after = time.perf_counter() - started
            waiting = {name: Memory.of(pid) for name, pid in processes.items()}
            for number, user in enumerate(others):
                decision: Literal["approved", "denied"] = "denied" if number % 2 else "approved"
                gateway.decide(user, shown[user], decision)
                gateway.expect(user, decision)
                gateway.devices[user].http.session.close()
            peak = {name: Memory.of(pid).peak for name, pid in processes.items()}
    finally:
        shutil.rmtree(folder)
    figures = [Figure("1,000 logins sent, until every device has shown its own", asked_after, "s")]
    for name in processes:
        grown = (waiting[name].now - idle[name].now) / len(others)
        figures.append(Figure(f"{name}, memory per pending login above idle", grown, "KiB"))
        figures.append(Figure(f"{name}, peak RSS (VmHWM)", peak[name] / 1024, "MiB"))
    return figures


def warm_up(gateway: Gateway) -> None:
    """Let the first person log in, so that idle is what a daemon in service needs."""
    user = gateway.users[0]
    gateway.nas.send(user)
    gateway.decide(user, gateway.shown(user), "approved")
    gateway.expect(user, "approved")
