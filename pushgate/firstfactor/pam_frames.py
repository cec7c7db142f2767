"""The frames between the daemon and its PAM workers: a length of four octets, and that many octets.

Both ends import this: nothing but the standard library here, because a worker is to start fast.
"""

import struct
from typing import BinaryIO

MAX_FRAME = 2048
"""Octets; more than any question has, and no worker can make the daemon hold more."""

LENGTH = struct.Struct("!I")
USER_LENGTH = struct.Struct("!H")
CODE = struct.Struct("!i")

READY = b"ready"
"""A worker's first frame; anything else in its place says why it cannot work."""


def frame(payload: bytes) -> bytes:
    """Put the length before a payload.

    Raises:
        ValueError: if it is too long.
    """
    if len(payload) > MAX_FRAME:
        raise ValueError(f"{len(payload)} octets do not fit into a frame")
    return LENGTH.pack(len(payload)) + payload


def payload_length(head: bytes) -> int:
    """Return the length that follows, from the first four octets.

    Raises:
        ValueError: if it is longer than a frame.
    """
    length = int(LENGTH.unpack(head)[0])
    if length > MAX_FRAME:
        raise ValueError(f"a frame of {length} octets")
    return length


def read_frame(stream: BinaryIO) -> bytes | None:
    """Read one payload; None at the end of the stream, also in the middle of a frame.

    Raises:
        ValueError: if the frame is too long.
    """
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    length = payload_length(head)
    payload = stream.read(length)
    return payload if len(payload) == length else None


def pack_question(user: bytes, password: bytes) -> bytes:
    """Write a user name and a password."""
    return USER_LENGTH.pack(len(user)) + user + password


def unpack_question(payload: bytes) -> tuple[bytes, bytes]:
    """Read a user name and a password.

    Raises:
        ValueError: if the payload ends inside the name.
    """
    if len(payload) < USER_LENGTH.size:
        raise ValueError("a question without a user name")
    end = USER_LENGTH.size + int(USER_LENGTH.unpack_from(payload)[0])
    if len(payload) < end:
        raise ValueError("a question that ends inside the user name")
    return payload[USER_LENGTH.size : end], payload[end:]


def pack_code(code: int) -> bytes:
    """Write a PAM return code."""
    return CODE.pack(code)


def unpack_code(payload: bytes) -> int:
    """Read a PAM return code.

    Raises:
        ValueError: if the payload is none.
    """
    if len(payload) != CODE.size:
        raise ValueError("not a return code")
    return int(CODE.unpack(payload)[0])
