"""Whole logins over RADIUS, with real packets, while no provider can be reached."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest_asyncio

from pushgate.build import Parts, start_parts, status_of
from pushgate.clock import SystemClock
from pushgate.settings import load_settings
from radius_server.wire import ACCESS_ACCEPT, ACCESS_CHALLENGE, ACCESS_REJECT, REPLY_MESSAGE, STATE, parse
from tests.support.config import PROVIDER, named, write_config
from tests.support.offline import OfflineStore
from tests.support.radius import RadiusSender, access_request

SECRET = b"r" * 32
PARTS = """\
offline: {{file: {folder}/offline.db}}
audit: {{file: {folder}/audit.jsonl}}
radius:
  listen: ["127.0.0.1:0"]
  first_factor: none
  clients:
    - name: vpn
      address: 127.0.0.0/8
      secret_file: {folder}/radius.secret
      mode: challenge
      providers: [provider, cloud]
      fallback: [offline_totp, break_glass]
      if_unreachable: accept
"""


@pytest_asyncio.fixture
async def parts(private_folder: Path) -> AsyncIterator[Parts]:
    """A daemon's parts with two providers, neither of which is there."""
    nobody = f"unix:{private_folder}/none.sock"
    path = write_config(private_folder, PROVIDER, named("cloud", PROVIDER), PARTS, url=nobody)
    async with AsyncExitStack() as stack:
        yield await start_parts(load_settings(path), SystemClock(), stack)


def port_of(parts: Parts) -> int:
    """Where the RADIUS server listens."""
    assert parts.radius is not None
    return parts.radius.ports[0]


async def test_a_code_on_paper_opens_at_a_challenge(parts: Parts, private_folder: Path) -> None:
    """A person behind an appliance is asked for a code, gets in by it once, and nobody gets in without one."""
    store = OfflineStore(private_folder)
    store.now = time.time()
    [code] = store.codes()
    with RadiusSender(port_of(parts), secret=SECRET) as nas:
        for identifier, typed, expected in ((1, code, ACCESS_ACCEPT), (3, code, ACCESS_CHALLENGE)):
            nas.send(access_request(identifier=identifier, secret=SECRET))
            challenge = parse(await nas.receive())
            assert challenge.code == ACCESS_CHALLENGE
            assert challenge.values(REPLY_MESSAGE) == [b"The approval service cannot be reached. Offline code"]
            [state] = challenge.values(STATE)
            answer = access_request(
                password=typed, identifier=identifier + 1, attributes=((STATE, state),), secret=SECRET
            )
            assert await nas.ask(answer) == expected
    status = status_of(parts)
    assert status["ladder"]["stepped_down_to"] == {"cloud": 2, "offline_totp+break_glass": 2}
    assert status["providers"]["offline_totp+break_glass"] == {"asked": 2, "failed": 0}
    assert status["providers"]["cloud"]["failed"] == 2


async def test_an_apps_code_opens_in_the_field(parts: Parts, private_folder: Path) -> None:
    """A person whose appliance shows no question types the app's code into the field; a wrong one is refused."""
    store = OfflineStore(private_folder)
    store.now = time.time()
    app = store.totp()
    with RadiusSender(port_of(parts), secret=SECRET) as nas:
        wrong = next(code for code in ("000000", "000001", "000002", "000003") if code not in map(app, (-1, 0, 1)))
        assert await nas.ask(access_request(password=wrong, identifier=1, secret=SECRET)) == ACCESS_REJECT
        assert await nas.ask(access_request(password=app(0), identifier=2, secret=SECRET)) == ACCESS_ACCEPT
        assert await nas.ask(access_request(password=app(0), identifier=3, secret=SECRET)) == ACCESS_REJECT
