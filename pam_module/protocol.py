"""Frames between the PAM module and the daemon: bytes to values and back; no socket, no clock."""

import re
from dataclasses import dataclass

from typing_extensions import override

from pushgate.errors import BadMessageError
from pushgate.text import clean

HEADER = 3
MAX_PAYLOAD = 8191
MAX_TEXT = 511
"""Bytes of a message or prompt: PAM_MAX_MSG_SIZE without its closing NUL."""
MAX_ANSWER = 511

REQUEST = b"A"
ANSWER = b"r"
CANCEL = b"x"
INFO = b"I"
ERROR = b"E"
PROMPT_HIDDEN = b"P"
PROMPT_SHOWN = b"Q"
RESULT = b"R"

FROM_MODULE = {REQUEST: MAX_PAYLOAD, ANSWER: MAX_ANSWER, CANCEL: 32}
"""What the daemon reads, and the longest payload of each type."""
FROM_DAEMON = {INFO: MAX_TEXT, ERROR: MAX_TEXT, PROMPT_HIDDEN: MAX_TEXT, PROMPT_SHOWN: MAX_TEXT, RESULT: 1}

CANCEL_REASONS = frozenset({"timeout", "interrupted", "client gone", "terminal gone", "conversation"})

VALUE_LIMITS = {b"user": 256, b"ssh_auth_info": 4096}
"""Bytes; every other value may have 512."""
MAX_VALUE = 512
REQUIRED = (b"id", b"user", b"service", b"uid", b"pid", b"flags")
MAX_PAIRS = 64
KEY = re.compile(rb"[a-z0-9_]{1,32}")
ID = re.compile(rb"[0-9a-f]{16}")
NUMBER = re.compile(rb"[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: its type letter and its payload, which may hold a typed secret."""

    type: bytes
    payload: bytes

    @override
    def __repr__(self) -> str:
        return f"Frame({self.type!r}, {len(self.payload)} bytes)"


@dataclass(frozen=True, slots=True)
class Request:
    """What the module says about a login. Raw bytes as PAM gave them; empty means absent.

    ``uid`` and ``pid`` are the module's word: the kernel's (SO_PEERCRED, /proc) counts.
    """

    id: str
    user: bytes
    service: bytes
    uid: int
    pid: int
    flags: int
    rhost: bytes = b""
    tty: bytes = b""
    ruser: bytes = b""
    ssh_auth_info: bytes = b""
    command: bytes = b""
    timeout: int | None = None
    """Seconds after which the module gives up by itself."""


class FrameReader:
    """Cut a stream of bytes into frames, however the stream is split; holds at most one incomplete frame."""

    def __init__(self, limits: dict[bytes, int]) -> None:
        self.limits = limits
        self.buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes and return the frames that they complete.

        Raises:
            BadMessageError: ``unknown_type`` or ``too_long``, as soon as the header shows it. Frames before it in the
                same bytes are lost: the connection has to end anyway.
        """
        self.buffer += data
        frames = []
        while (length := self._payload_length()) is not None and len(self.buffer) >= HEADER + length:
            frames.append(Frame(bytes(self.buffer[:1]), bytes(self.buffer[HEADER : HEADER + length])))
            del self.buffer[: HEADER + length]
        return frames

    def _payload_length(self) -> int | None:
        if self.buffer and bytes(self.buffer[:1]) not in self.limits:
            raise BadMessageError("unknown_type")
        if len(self.buffer) < HEADER:
            return None
        length = int.from_bytes(self.buffer[1:HEADER], "big")
        if length > self.limits[bytes(self.buffer[:1])]:
            raise BadMessageError("too_long")
        return length


def encode(frame_type: bytes, payload: bytes) -> bytes:
    """Make the bytes of a frame."""
    assert len(payload) <= MAX_PAYLOAD
    return frame_type + len(payload).to_bytes(2, "big") + payload


def encode_text(frame_type: bytes, text: str) -> bytes:
    """Make a frame that shows text: cleaned line by line and cut to what every PAM host can hold."""
    shown = "\n".join(clean(line) for line in text[:MAX_TEXT].split("\n"))
    # A character that does not fit is left out whole: half of it would be invalid UTF-8.
    cut = shown.encode()[:MAX_TEXT].decode("utf-8", "ignore")
    return encode(frame_type, cut.encode())


def parse_request(payload: bytes) -> Request:
    """Read the payload of an ``A`` frame.

    Raises:
        BadMessageError: ``unknown_version``, ``malformed``, ``duplicate_key``, ``missing_key``, ``bad_value`` or
            ``value_too_long``.
    """
    pairs = _pairs(payload)
    for key in REQUIRED:
        if not pairs.get(key):
            raise BadMessageError("missing_key", f"key {key.decode()} is missing")
    if not ID.fullmatch(pairs[b"id"]):
        raise BadMessageError("bad_value", "id is not 16 hexadecimal digits")
    return Request(
        id=pairs[b"id"].decode("ascii"),
        user=pairs[b"user"],
        service=pairs[b"service"],
        uid=_number(pairs[b"uid"]),
        pid=_number(pairs[b"pid"]),
        flags=_number(pairs[b"flags"]),
        rhost=pairs.get(b"rhost", b""),
        tty=pairs.get(b"tty", b""),
        ruser=pairs.get(b"ruser", b""),
        ssh_auth_info=pairs.get(b"ssh_auth_info", b""),
        command=pairs.get(b"command", b""),
        timeout=_number(pairs[b"timeout"]) if pairs.get(b"timeout") else None,
    )


def _pairs(payload: bytes) -> dict[bytes, bytes]:
    """Split ``key=value NUL`` pairs; the version comes first, because it says how to read the rest."""
    if not payload.startswith(b"v=1\0"):
        raise BadMessageError("unknown_version")
    *fields, rest = payload.split(b"\0", MAX_PAIRS)
    if rest:
        raise BadMessageError("malformed", "the last value has no closing NUL, or there are too many")
    pairs: dict[bytes, bytes] = {}
    for field in fields:
        key, equals, value = field.partition(b"=")
        if not equals or not KEY.fullmatch(key):
            raise BadMessageError("malformed", "not a key and a value")
        if key in pairs:
            raise BadMessageError("duplicate_key", f"key {key.decode()} stands there twice")
        if len(value) > VALUE_LIMITS.get(key, MAX_VALUE):
            raise BadMessageError("value_too_long", f"value of {key.decode()} is too long")
        pairs[key] = value
    return pairs


def _number(value: bytes) -> int:
    if not NUMBER.fullmatch(value) or int(value) > 0xFFFF_FFFF:
        raise BadMessageError("bad_value", "not a decimal number")
    return int(value)
