"""The load generator: it counts what is right, and names what is wrong."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.figure import WrongAnswerError
from benchmarks.radius_load import Load, Report, Sending, all_right, none_wrong, send
from radius_server.wire import (
    ACCESS_ACCEPT,
    ACCESS_CHALLENGE,
    ACCESS_REJECT,
    REPLY_MESSAGE,
    STATE,
    USER_NAME,
    encode_reply,
    parse,
)

SECRET = "a-long-enough-shared-secret"


class Server:
    """Answers each user as the name says, in a thread of its own."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.seen: list[bytes] = []

    def serve(self) -> None:
        """Serve until an empty datagram comes."""
        while octets := self.socket.recvfrom(4096):
            packet, peer = octets
            if not packet:
                return
            self.seen.append(packet)
            for reply in self.replies(packet):
                self.socket.sendto(reply, peer)

    def replies(self, octets: bytes) -> list[bytes]:
        """Build what this user gets."""
        request, secret = parse(octets), SECRET.encode()
        right = encode_reply(ACCESS_ACCEPT, request, secret)
        match request.values(USER_NAME)[0].decode().split("-")[0]:
            case "no" | "turned":
                return [encode_reply(ACCESS_REJECT, request, secret)]
            case "forged":
                return [encode_reply(ACCESS_ACCEPT, request, b"another secret")]
            case "silent":
                return []
            case "again":
                return [] if self.seen.count(octets) == 1 else [right]
            case "asked" if not request.has(STATE):
                return [
                    encode_reply(ACCESS_CHALLENGE, request, secret, [(STATE, b"of-" + request.values(USER_NAME)[0])])
                ]
            case "asked" if request.values(STATE) != [b"of-" + request.values(USER_NAME)[0]]:
                return [encode_reply(ACCESS_REJECT, request, secret)]
            case "fickle":
                return [right, encode_reply(ACCESS_ACCEPT, request, secret, [(REPLY_MESSAGE, b"other")])]
            case _:
                return [right]


@contextmanager
def serving() -> Iterator[Server]:
    """Run the server for the time of the block."""
    server = Server()
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield server
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", server.port))
        thread.join(10)
        server.socket.close()


def loaded(*users: str, **changes: object) -> tuple[Report, Server]:
    """Send one login for each user, with half a second of patience."""
    values: dict[str, object] = {"logins": len(users), "give_up_after": 0.5} | changes
    with serving() as server:
        return send(Load(server.port, SECRET, users=users, **values)), server  # type: ignore[arg-type]


@pytest.mark.parametrize("window", [0, 50])
def test_right_answers(window: int) -> None:
    """Accepts and rejects that are as expected are right, more of them than identifiers on a port too."""
    report, server = loaded("yes-{}", "no-{}", logins=3000, window=window, give_up_after=30, send_again_every=0.2)
    assert (report.right, report.wrong, report.unanswered) == (3000, {}, 0)
    assert {parse(packet).values(USER_NAME)[0] for packet in server.seen} == {
        b"%s-%d" % (b"no" if number % 2 else b"yes", number) for number in range(3000)
    }
    assert report.answered_within == {"15": 3000, "30": 3000, "60": 3000}
    assert 0 < report.percentiles["p50"] <= report.percentiles["p90"] <= report.percentiles["p99"]


@pytest.mark.parametrize(
    ("user", "fault"),
    [
        ("turned", "code 3 instead of 2"),
        ("forged", "wrong_response_authenticator"),
        ("fickle", "another reply to the same packet"),
    ],
)
def test_wrong_answers(user: str, fault: str) -> None:
    """A reply that a NAS must not take, or that it did not expect, is wrong and named."""
    report, _ = loaded("yes", user, copies=2, ask_answered_again=True)
    assert (report.right, report.wrong, report.unanswered) == (1, {fault: 1}, 0)


def test_silence_and_repetition() -> None:
    """A login without an answer is sent again at its intervals, until it is answered or the NAS gives up."""
    report, server = loaded("silent", "again", send_again_every=0.2)
    assert (report.right, report.wrong, report.unanswered) == (1, {}, 1)
    assert [server.seen.count(packet) for packet in dict.fromkeys(server.seen)] == [3, 2]
    assert report.packets == 5


def test_storm() -> None:
    """Copies of a packet are equal, and an answered one may be asked again."""
    report, server = loaded("yes", copies=4, ask_answered_again=True)
    assert (report.right, report.wrong, report.packets, len(server.seen)) == (1, {}, 8, 8)
    assert len(set(server.seen)) == 1


def test_challenges() -> None:
    """Whoever expects challenges gets their States, each good for the login it belongs to; a decision is none."""
    asked, _ = loaded("asked-{}", logins=3, expect_challenge=True)
    assert (asked.right, asked.states) == (3, ["of-asked-0", "of-asked-1", "of-asked-2"])
    assert loaded("asked-{}", logins=3, password="", states=asked.states)[0].right == 3
    crossed, _ = loaded("asked-{}", logins=3, password="", states=asked.states[::-1])
    assert (crossed.right, crossed.wrong) == (1, {"code 3 instead of 2": 2})
    hasty, _ = loaded("asked-{}", "yes-{}", expect_challenge=True)
    assert (hasty.right, hasty.wrong, hasty.states) == (1, {"code 2 instead of 11": 1}, ["of-asked-0", ""])


def test_what_fails_a_benchmark() -> None:
    """Wrong answers always do, missing ones where all must be there."""
    slow, wrong = Report(right=3, unanswered=1), Report(right=3, unanswered=1, wrong={"code 3 instead of 2": 2})
    assert none_wrong(slow) is slow
    with pytest.raises(WrongAnswerError, match="1 logins were not answered, 3 were"):
        all_right(slow)
    for check in (none_wrong, all_right):
        with pytest.raises(WrongAnswerError, match="2 times code 3 instead of 2"):
            check(wrong)


def test_all_are_under_way() -> None:
    """Whoever started the process learns when every login has been sent, before they are answered."""
    with serving() as server, Sending(Load(server.port, SECRET, logins=2, users=("silent",), give_up_after=1)) as nas:
        nas.wait_until_sent()
        assert nas.report().unanswered == 2


def test_crash_is_no_report() -> None:
    """A load that cannot be sent is an error, not a report of nothing."""
    with Sending(Load(port=-1, secret=SECRET, logins=1)) as nas, pytest.raises(WrongAnswerError, match="ended before"):
        nas.wait_until_sent()
    with pytest.raises(WrongAnswerError, match="without a report"):
        send(Load(port=-1, secret=SECRET, logins=1))
