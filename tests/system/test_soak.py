"""What only shows after a while: memory that is not given back."""

from pathlib import Path
from typing import Literal

import pytest

from benchmarks.gateway import Gateway
from benchmarks.usage import Memory

PEOPLE, ROUNDS, WARM_UP = 100, 40, 10
GROWTH_KIB = 3 * 1024


@pytest.mark.system
@pytest.mark.soak
@pytest.mark.limit(900)
def test_logins_leave_no_memory_behind(private_folder: Path) -> None:
    """Thousands of answered logins cost the daemon and the authority no memory, once both have warmed up."""
    with Gateway(private_folder, PEOPLE) as gateway:
        processes = {"daemon": gateway.daemon, "authority": gateway.authority}
        for number in range(ROUNDS):
            if number == WARM_UP:
                warm = {name: Memory.of(pid).now for name, pid in processes.items()}
            log_everybody_in(gateway)
        grown = {name: Memory.of(pid).now - warm[name] for name, pid in processes.items()}
    # 3,000 logins: 1 KiB left behind by each would show. Replies are kept for 30 s, about 0.3 KiB each.
    assert {name: kib for name, kib in grown.items() if kib > GROWTH_KIB} == {}


def log_everybody_in(gateway: Gateway) -> None:
    """Let everybody wait at the same time, then answer each, right for every second one."""
    gateway.nas.answers.clear()
    for user in gateway.users:
        gateway.nas.send(user)
    shown = gateway.shown_to(gateway.users)
    for number, user in enumerate(gateway.users):
        decision: Literal["approved", "denied"] = "denied" if number % 2 else "approved"
        gateway.decide(user, shown[user], decision)
        gateway.expect(user, decision)
