"""Packets out of a stream of octets: where one ends and the next begins (RFC 6613 section 2.6.4). No I/O, no clock."""

from pushgate.errors import BadMessageError
from radius_server.wire import HEADER, MAX_PACKET

LENGTH_END = 4
"""Octets after which Length is known."""


class PacketReader:
    """Collects octets and cuts them into packets by their Length.

    Nothing in a stream shows where a packet begins but the packet before: after a wrong Length the stream is useless.
    """

    def __init__(self) -> None:
        self.octets = bytearray()
        self.start = 0

    def feed(self, octets: bytes) -> None:
        """Add what has arrived."""
        # Only here and not after every packet: the rest would be moved as often as there are packets.
        del self.octets[: self.start]
        self.start = 0
        self.octets += octets

    def next(self) -> bytes | None:
        """Return the next whole packet, None if there is none yet.

        Raises:
            BadMessageError: the Length is none that a packet can have.
        """
        begun = self.begun
        if begun < LENGTH_END:
            return None
        length = int.from_bytes(self.octets[self.start + 2 : self.start + LENGTH_END], "big")
        if not HEADER.size <= length <= MAX_PACKET:
            raise BadMessageError("length_out_of_range")
        if begun < length:
            return None
        packet = bytes(self.octets[self.start : self.start + length])
        self.start += length
        return packet

    @property
    def begun(self) -> int:
        """How many octets have arrived of what ``next`` has not returned."""
        return len(self.octets) - self.start
