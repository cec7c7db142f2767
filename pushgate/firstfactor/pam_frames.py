"""The frames between the daemon and its PAM workers: a length of four octets, and that many octets.

Each question begins with a mark, and its answer with the same one: a module that forks, and whose child comes back from
PAM too, answers twice, and the second answer must not pass for that of the next person.

Both ends import this: nothing but the standard library here, because a worker is to start fast.
"""

import struct
from typing import BinaryIO

MAX_FRAME = 2048
"""Octets; more than any question has, and no worker can make the daemon hold more."""

LENGTH = struct.Struct("!I")
QUESTION = struct.Struct("!8sH")
"""Mark and length of the user name; then the name and the password."""
ANSWER = struct.Struct("!8si")
"""Mark and return code."""
MARK_LENGTH = 8

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


def pack_question(mark: bytes, user: bytes, password: bytes) -> bytes:
    """Write a mark, a user name and a password."""
    return QUESTION.pack(mark, len(user)) + user + password


def unpack_question(payload: bytes) -> tuple[bytes, bytes, bytes]:
    """Read a mark, a user name and a password.

    Raises:
        ValueError: if the payload ends inside the name.
    """
    if len(payload) < QUESTION.size:
        raise ValueError("a question without a user name")
    mark, length = QUESTION.unpack_from(payload)
    end = QUESTION.size + int(length)
    if len(payload) < end:
        raise ValueError("a question that ends inside the user name")
    return mark, payload[QUESTION.size : end], payload[end:]


def pack_answer(mark: bytes, code: int) -> bytes:
    """Write the mark of a question and a PAM return code."""
    return ANSWER.pack(mark, code)


def unpack_answer(mark: bytes, payload: bytes) -> int:
    """Read the PAM return code that answers the question of this mark.

    Raises:
        ValueError: if the payload is none, or answers another question.
    """
    if len(payload) != ANSWER.size:
        raise ValueError("not a return code")
    answered, code = ANSWER.unpack(payload)
    if answered != mark:
        raise ValueError("the answer to another question")
    return int(code)
