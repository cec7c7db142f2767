import pytest
from hypothesis import given
from hypothesis import strategies as st

from pam_module.protocol import (
    FROM_DAEMON,
    FROM_MODULE,
    INFO,
    MAX_PAYLOAD,
    MAX_TEXT,
    PROMPT_SHOWN,
    Frame,
    FrameReader,
    Request,
    encode,
    encode_text,
    parse_request,
)
from pushgate.errors import BadMessageError

REQUEST_PAYLOAD = (
    b"v=1|id=00112233445566ff|user=alice|service=sshd|rhost=192.0.2.7|tty=ssh|uid=0|pid=4711|flags=1|".replace(
        b"|", b"\0"
    )
)
REQUEST_BYTES = bytes.fromhex("41 00 5f") + REQUEST_PAYLOAD

# Written down byte for byte: what an independent implementation of the module or the daemon must agree with.
FROM_MODULE_VECTORS = [
    (REQUEST_BYTES, Frame(b"A", REQUEST_PAYLOAD)),
    (bytes.fromhex("72 00 00"), Frame(b"r", b"")),
    (bytes.fromhex("72 00 06 31 32 33 34 35 36"), Frame(b"r", b"123456")),
    (bytes.fromhex("78 00 0b 69 6e 74 65 72 72 75 70 74 65 64"), Frame(b"x", b"interrupted")),
]
FROM_DAEMON_VECTORS = [
    (bytes.fromhex("49 00 0a 41 70 70 72 6f 76 65 20 34 32"), Frame(b"I", b"Approve 42")),
    (bytes.fromhex("51 00 0f 43 6f 64 65 20 6f 72 20 45 6e 74 65 72 3a 20"), Frame(b"Q", b"Code or Enter: ")),
    (bytes.fromhex("49 00 08 25 73 25 6e 25 73 25 6e"), Frame(b"I", b"%s%n%s%n")),
    (bytes.fromhex("52 00 01 00"), Frame(b"R", b"\0")),
    (bytes.fromhex("52 00 01 07"), Frame(b"R", b"\x07")),
    (bytes.fromhex("52 00 01 1a"), Frame(b"R", b"\x1a")),
]


REFUSALS = {"unknown_version", "malformed", "duplicate_key", "missing_key", "bad_value", "value_too_long"}


def request(**changes: bytes | None) -> bytes:
    """Write the payload of a request; None leaves a key out."""
    pairs: dict[str, bytes | None] = {
        "id": b"00112233445566ff",
        "user": b"alice",
        "service": b"sshd",
        "uid": b"0",
        "pid": b"4711",
        "flags": b"1",
    }
    pairs |= changes
    return b"v=1\0" + b"".join(b"%s=%s\0" % (k.encode(), v) for k, v in pairs.items() if v is not None)


@pytest.mark.parametrize(("data", "frame"), FROM_MODULE_VECTORS)
def test_module_vectors(data: bytes, frame: Frame) -> None:
    """A frame of the module is read whole, byte by byte, and written as the same bytes."""
    assert FrameReader(FROM_MODULE).feed(data) == [frame]
    reader = FrameReader(FROM_MODULE)
    assert [got for byte in data for got in reader.feed(bytes([byte]))] == [frame]
    assert encode(frame.type, frame.payload) == data


@pytest.mark.parametrize(("data", "frame"), FROM_DAEMON_VECTORS)
def test_daemon_vectors(data: bytes, frame: Frame) -> None:
    """A frame of the daemon is read and written as the documented bytes."""
    assert FrameReader(FROM_DAEMON).feed(data) == [frame]
    assert encode(frame.type, frame.payload) == data


def test_several_frames_in_one_read() -> None:
    """Frames that come together, the last one incomplete, are told apart."""
    data = b"".join(data for data, _ in FROM_MODULE_VECTORS)
    reader = FrameReader(FROM_MODULE)
    assert reader.feed(data + b"r\x00\x02a") == [frame for _, frame in FROM_MODULE_VECTORS]
    assert reader.feed(b"b") == [Frame(b"r", b"ab")]


def test_request_vector() -> None:
    """The documented request is understood as documented."""
    assert parse_request(REQUEST_PAYLOAD) == Request(
        id="00112233445566ff",
        user=b"alice",
        service=b"sshd",
        uid=0,
        pid=4711,
        flags=1,
        rhost=b"192.0.2.7",
        tty=b"ssh",
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bytes.fromhex("5a 00 01 61"), "unknown_type"),
        (b"Z", "unknown_type"),
        (b"I\x00\x01a", "unknown_type"),
        (b"R\x00\x01\x00", "unknown_type"),
        (b"A\x20\x00", "too_long"),
        (b"A\xff\xff", "too_long"),
        (b"r\x02\x00", "too_long"),
        (b"x\x00\x21", "too_long"),
    ],
)
def test_refused_headers(data: bytes, reason: str) -> None:
    """A header that no module sends is refused before its payload is read."""
    with pytest.raises(BadMessageError) as caught:
        FrameReader(FROM_MODULE).feed(data)
    assert caught.value.reason == reason


@pytest.mark.parametrize("data", [bytes.fromhex("49 ff ff"), bytes.fromhex("52 00 02 00 00")])
def test_refused_daemon_headers(data: bytes) -> None:
    """A text or result that is too long is refused."""
    with pytest.raises(BadMessageError, match="too_long"):
        FrameReader(FROM_DAEMON).feed(data)


def test_longest_payload_is_read() -> None:
    """A request of 8191 bytes is a frame, one more byte is not."""
    frame = Frame(b"A", b"a" * MAX_PAYLOAD)
    assert FrameReader(FROM_MODULE).feed(encode(b"A", frame.payload)) == [frame]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "unknown_version"),
        (b"v=2\0" + request()[4:], "unknown_version"),
        (b"v=1", "unknown_version"),
        (b"user=alice\0v=1\0", "unknown_version"),
        (request()[:-1], "malformed"),
        (request() + b"\0", "malformed"),
        (request() + b"novalue\0", "malformed"),
        (request() + b"=x\0", "malformed"),
        (request() + b"User=x\0", "malformed"),
        (request() + b"k" * 33 + b"=x\0", "malformed"),
        (request() + b"".join(b"k%d=\0" % n for n in range(64)), "malformed"),
        (request() + b"user=bob\0", "duplicate_key"),
        (request() + b"v=1\0", "duplicate_key"),
        (request() + b"new=1\0new=1\0", "duplicate_key"),
        (request(user=None), "missing_key"),
        (request(user=b""), "missing_key"),
        (request(service=None), "missing_key"),
        (request(id=None), "missing_key"),
        (request(uid=None), "missing_key"),
        (request(pid=None), "missing_key"),
        (request(flags=None), "missing_key"),
        (request(id=b"00112233445566FF"), "bad_value"),
        (request(id=b"00112233445566ff\n"), "bad_value"),
        (request(pid=b"-1"), "bad_value"),
        (request(pid=b"1_0"), "bad_value"),
        (request(uid=b"4294967296"), "bad_value"),
        (request(timeout=b"75s"), "bad_value"),
        (request(user=b"a" * 257), "value_too_long"),
        (request(rhost=b"a" * 513), "value_too_long"),
        (request(ssh_auth_info=b"a" * 4097), "value_too_long"),
    ],
)
def test_refused_requests(payload: bytes, reason: str) -> None:
    """A request that breaks a rule is refused for that reason."""
    with pytest.raises(BadMessageError) as caught:
        parse_request(payload)
    assert caught.value.reason == reason


def test_largest_values_and_unknown_keys() -> None:
    """Values up to their limits are taken, an unknown key is ignored, names need not be UTF-8."""
    parsed = parse_request(
        request(user=b"\xff" * 256, tty=b"t" * 512, ssh_auth_info=b"k" * 4096, timeout=b"75", newer=b"key")
    )
    assert (parsed.user, parsed.tty, parsed.ssh_auth_info, parsed.timeout) == (
        b"\xff" * 256,
        b"t" * 512,
        b"k" * 4096,
        75,
    )


def test_text_is_cleaned_and_cut() -> None:
    """Text for a person keeps line ends, shows hidden characters, and is cut between characters."""
    assert encode_text(INFO, "a\nb\x1b[2J\u202e") == encode(b"I", b"a\nb\\x1b[2J\\u202e")
    cut = encode_text(PROMPT_SHOWN, "a" + "é" * MAX_TEXT)
    assert cut == encode(b"Q", ("a" + "é" * 255).encode())
    assert len(encode_text(INFO, "\n" * 9999)) == 3 + MAX_TEXT


def test_repr_hides_what_was_typed() -> None:
    """A frame does not show its payload."""
    assert repr(Frame(b"r", b"123456")) == "Frame(b'r', 6 bytes)"


@given(st.lists(st.binary(max_size=40) | st.sampled_from([data for data, _ in FROM_MODULE_VECTORS]), max_size=8))
def test_any_bytes_are_frames_or_refused(chunks: list[bytes]) -> None:
    """Any stream gives the same frames, or the same refusal, however it is cut; at most one frame is held back."""

    def outcome(pieces: list[bytes]) -> tuple[list[Frame], str]:
        reader, frames = FrameReader(FROM_MODULE), []
        try:
            for piece in pieces:
                frames += reader.feed(piece)
        except BadMessageError as error:
            return [], error.reason
        assert len(reader.buffer) < 3 + MAX_PAYLOAD
        return frames, ""

    whole = b"".join(chunks)
    assert outcome([whole]) == outcome(chunks) == outcome([bytes([byte]) for byte in whole])


@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from([b"v=1", b"user=a", b"id=00112233445566ff", b"\0", b"=", b"pid=1", b"x"])).map(b"".join)
)
def test_any_payload_is_a_request_or_refused(payload: bytes) -> None:
    """Any payload is a request or gives the documented error."""
    reason = ""
    try:
        parsed = parse_request(payload)
    except BadMessageError as error:
        reason = error.reason
    else:
        assert parsed.user
    assert reason in {"", *REFUSALS}
