"""Frames between daemon and worker: what one end writes the other reads, and nothing else."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushgate.firstfactor.pam_frames import (
    MAX_FRAME,
    frame,
    pack_answer,
    pack_question,
    payload_length,
    read_frame,
    unpack_answer,
    unpack_question,
)

MARK = b"question"


@given(st.binary(max_size=256), st.binary(max_size=512))
def test_a_question_arrives_as_it_was_asked(user: bytes, password: bytes) -> None:
    """A worker gets exactly the name and the password, whatever octets they are."""
    payload = read_frame(io.BytesIO(frame(pack_question(MARK, user, password))))
    assert payload is not None
    assert unpack_question(payload) == (MARK, user, password)


@pytest.mark.parametrize("code", [0, 7, 31, -1, 2**31 - 1])
def test_a_code_arrives_as_it_was_given(code: int) -> None:
    """The daemon gets exactly PAM's code."""
    assert unpack_answer(MARK, pack_answer(MARK, code)) == code


def test_the_answer_to_another_question_is_none() -> None:
    """A person is never let in by an answer that was given to somebody else's question."""
    with pytest.raises(ValueError, match="another question"):
        unpack_answer(MARK, pack_answer(b"earlier.", 0))


@given(st.binary(max_size=64))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    """A broken peer brings about a refusal, never another error."""
    stream = io.BytesIO(octets)
    try:
        payload = read_frame(stream)
        if payload is not None:
            unpack_question(payload)
    except ValueError:
        pass
    try:
        unpack_answer(octets[:8], octets)
    except ValueError:
        assert len(octets) != 12


@pytest.mark.parametrize("cut", range(9))
def test_a_frame_that_ends_early_is_the_end(cut: int) -> None:
    """A worker whose daemon died in the middle of a frame ends."""
    assert read_frame(io.BytesIO(frame(b"12345")[:cut])) is None


def test_no_frame_is_longer_than_the_bound() -> None:
    """Neither end makes the other hold more than a frame."""
    assert len(frame(b"x" * MAX_FRAME)) == MAX_FRAME + 4
    with pytest.raises(ValueError, match="do not fit"):
        frame(b"x" * (MAX_FRAME + 1))
    with pytest.raises(ValueError, match="frame of"):
        payload_length(b"\x00\x00\x08\x01")
    with pytest.raises(ValueError, match="frame of"):
        read_frame(io.BytesIO(b"\xff\xff\xff\xff" + b"x" * 5000))
