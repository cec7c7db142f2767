"""The bad network does what it is told, and the same in every run."""

import asyncio
import socket
from collections import Counter

import pytest

from tests.support.lossy import LossyRelay, Weather, arrived

DATAGRAMS = 400


async def through(weather: Weather, seed: int = 0, *, echo: bool = False) -> tuple[list[bytes], LossyRelay]:
    """Send numbered datagrams through a relay; return what came out at the server, or back at the sender."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender,
    ):
        for sock in (server, sender):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            sock.bind(("127.0.0.1", 0))
        got: list[bytes] = []
        async with LossyRelay(server.getsockname(), weather, seed) as relay:
            for number in range(DATAGRAMS):
                sender.sendto(b"%d" % number, ("127.0.0.1", relay.port))
            for _ in range(20):
                await asyncio.sleep(weather.delay / 10 + 0.005)
                for datagram, address in arrived(server):
                    if echo:
                        server.sendto(datagram, address)
                    else:
                        got.append(datagram)
                got += [datagram for datagram, _ in arrived(sender)]
        return got, relay


async def test_good_weather() -> None:
    """A relay that is told nothing passes each datagram on once and in order."""
    got, relay = await through(Weather())
    assert got == [b"%d" % number for number in range(DATAGRAMS)]
    assert (relay.to_server.received, relay.to_server.lost, relay.to_server.delivered) == (DATAGRAMS, 0, DATAGRAMS)


@pytest.mark.parametrize("echo", [False, True], ids=["there", "there and back"])
async def test_loss_and_copies(echo: bool) -> None:
    """A relay loses about as many datagrams as it is told, and delivers each other one as often as it is told."""
    got, relay = await through(Weather(loss=0.3, copies=2), echo=echo)
    lost = relay.to_server.lost
    assert 0.2 < lost / DATAGRAMS < 0.4
    if echo:
        assert relay.to_senders.received == 2 * (DATAGRAMS - lost)
        assert len(got) == 2 * (relay.to_senders.received - relay.to_senders.lost)
    else:
        assert set(Counter(got).values()) == {2}
        assert len(set(got)) == DATAGRAMS - lost


async def test_delay() -> None:
    """A relay with delays delivers everything, in another order."""
    got, _ = await through(Weather(delay=0.05))
    numbers = [int(datagram) for datagram in got]
    assert sorted(numbers) == list(range(DATAGRAMS))
    assert numbers != sorted(numbers)


async def test_the_same_again() -> None:
    """A relay with the same seed loses the same datagrams, and with another one others."""
    weather = Weather(loss=0.5)
    first, second, other = [sorted((await through(weather, seed))[0]) for seed in (1, 1, 2)]
    assert first == second
    assert first != other
