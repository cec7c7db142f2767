"""Packets out of a stream of octets."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushgate.errors import BadMessageError
from radius_server.framing import PacketReader
from radius_server.wire import MAX_PACKET, parse
from tests.support.radsec import request, status

PACKETS = [request(), status(), request("bob", 2, (18, b"x" * 200))]


def read(pieces: list[bytes]) -> list[bytes]:
    """Feed pieces one by one, and return every packet as soon as it is whole."""
    reader, packets = PacketReader(), []
    for piece in pieces:
        reader.feed(piece)
        while (packet := reader.next()) is not None:
            packets.append(packet)
    return packets


def test_packets_in_one_piece() -> None:
    """A client that sends several packets in one segment has each of them read."""
    assert read([b"".join(PACKETS)]) == PACKETS


def test_packets_octet_by_octet() -> None:
    """A client whose packets arrive octet by octet has the same packets read."""
    assert read([bytes([octet]) for octet in b"".join(PACKETS)]) == PACKETS


@pytest.mark.parametrize("at", range(1, len(PACKETS[0])))
def test_a_packet_cut_anywhere(at: int) -> None:
    """A packet that arrives in two segments is read, wherever it was cut."""
    assert read([PACKETS[0][:at], PACKETS[0][at:] + PACKETS[1]]) == PACKETS[:2]


@given(st.lists(st.integers(0, len(b"".join(PACKETS)))))
def test_packets_cut_at_random(places: list[int]) -> None:
    """Packets are the same however the network cuts the stream."""
    stream, edges = b"".join(PACKETS), [0, *sorted(places)]
    assert read([stream[start:end] for start, end in zip(edges, [*edges[1:], len(stream)], strict=True)]) == PACKETS


@pytest.mark.parametrize("length", [0, 3, 19, MAX_PACKET + 1, 65535])
def test_a_wrong_length_ends_the_stream(length: int) -> None:
    """A sender of a Length that no packet can have is refused as soon as that is known."""
    reader = PacketReader()
    reader.feed(bytes([1, 1]) + length.to_bytes(2, "big"))
    with pytest.raises(BadMessageError, match="length_out_of_range"):
        reader.next()


def test_the_largest_packet() -> None:
    """A packet of exactly 4096 octets is read."""
    packet = bytes([1, 1]) + MAX_PACKET.to_bytes(2, "big") + bytes(16) + b"\x12\xfe" * 2038
    assert read([packet]) == [packet]


def test_what_is_left_is_known() -> None:
    """A reader tells how much of a packet has arrived, so that a sender who stops half-way can be found."""
    reader = PacketReader()
    reader.feed(PACKETS[0] + PACKETS[1][:7])
    assert reader.next() == PACKETS[0]
    assert reader.begun == 7
    assert reader.next() is None


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_read(octets: bytes) -> None:
    """Any octets are either packets by their Length or refused with the documented word."""
    if len(octets) >= 4 and not 20 <= int.from_bytes(octets[2:4], "big") <= MAX_PACKET:
        with pytest.raises(BadMessageError, match="length_out_of_range"):
            read([octets])
        return
    with contextlib.suppress(BadMessageError):
        assert all(len(packet) == int.from_bytes(packet[2:4], "big") for packet in read([octets]))


def test_padding_is_no_part_of_a_stream() -> None:
    """A packet that is read has no octet beyond its Length."""
    [packet] = read([PACKETS[0]])
    assert parse(packet).raw == packet
