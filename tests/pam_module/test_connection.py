import asyncio
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from pam_module.processes import read_process
from pam_module.protocol import Frame, encode
from pushgate.conversation import Conversation
from pushgate.decision import Decision, Reason
from pushgate.login import Login
from tests.support.pamclient import APPROVED, DENIED, ScriptedCore, request_frame, request_payload, running_listener

APPROVED_FRAME = Frame(b"R", b"\0")
DENIED_FRAME = Frame(b"R", b"\x07")
BROKEN_FRAME = Frame(b"R", b"\x03")


@pytest.mark.parametrize(("decision", "result"), [(APPROVED, APPROVED_FRAME), (DENIED, DENIED_FRAME)])
async def test_decision_is_the_result(tmp_path: Path, decision: Decision, result: Frame) -> None:
    """The module gets the core's decision as one result, then the end."""
    async with running_listener(tmp_path) as test:
        module = await test.login(user=b"root", tty=b"ssh", rhost=b"192.0.2.7")
        test.core.decision.set_result(decision)
        assert await module.receive_all() == [result]
        login = test.core.logins[0]
        assert (login.user, login.tty, login.origin.address, login.known) == ("root", "ssh", "192.0.2.7", True)


async def test_request_byte_by_byte(tmp_path: Path) -> None:
    """A request that comes byte by byte is a request."""
    async with running_listener(tmp_path) as test:
        module = await test.connect()
        for byte in request_frame():
            module.send(bytes([byte]))
            await test.clock.settle()
        await test.core.asked.wait()
        test.core.decision.set_result(APPROVED)
        assert await module.receive_all() == [APPROVED_FRAME]


async def test_unseen_executable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that may not see its peer's executable cannot tell whom to ask, and asks nobody."""
    unseen = replace(read_process(os.getpid()), exe="")
    monkeypatch.setattr("pam_module.connection.read_process", lambda pid: unseen)
    async with running_listener(tmp_path) as test:
        module = await test.connect()
        module.send(request_frame())
        assert await module.receive_all() == [BROKEN_FRAME]
        assert test.core.logins == []


async def test_deadline_is_ahead_of_the_modules(tmp_path: Path) -> None:
    """The core must be done in the configured time, and 5 s before the module gives up."""
    async with running_listener(tmp_path) as test:
        for timeout, seconds in ((None, 60.0), (b"75", 60.0), (b"30", 25.0), (b"2", 1.0)):
            test.core.asked.clear()
            await test.login(timeout=timeout)
            assert test.core.conversations[-1].reply_by == test.clock.now() + seconds


async def test_hang_up_withdraws(tmp_path: Path) -> None:
    """A module that closes the connection has its login withdrawn."""
    async with running_listener(tmp_path) as test:
        module = await test.login()
        module.close()
        assert await test.core.withdrawn == "client closed the connection"


@pytest.mark.parametrize("reason", ["timeout", "interrupted", "client gone", "terminal gone", "conversation"])
async def test_cancel_withdraws(tmp_path: Path, reason: str) -> None:
    """A module that cancels has its login withdrawn for its reason, and gets no answer."""
    async with running_listener(tmp_path) as test:
        module = await test.login()
        module.send(encode(b"x", reason.encode()))
        assert await test.core.withdrawn == f"client cancelled: {reason}"
        assert await module.receive_all() == []


async def test_cancel_reason_is_one_of_ours(tmp_path: Path) -> None:
    """A reason that is not in the list does not reach the audit record."""
    async with running_listener(tmp_path) as test:
        module = await test.login()
        module.send(encode(b"x", b"approved\n"))
        assert await test.core.withdrawn == "client cancelled: unknown reason"


async def test_approval_after_cancel_is_not_used(tmp_path: Path) -> None:
    """An approval that arrives while the login is being withdrawn reaches nobody."""

    async def late(login: Login, conversation: Conversation) -> Decision:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return APPROVED
        raise AssertionError("unreachable")

    async with running_listener(tmp_path, late) as test:
        module = await test.login()
        module.send(encode(b"x", b"interrupted"))
        assert await module.receive_all() == []


@pytest.mark.parametrize(
    "extra",
    [
        request_frame(),
        b"Z\x00\x01a",
        encode(b"R", b"\0"),
        encode(b"r", b"123456"),
        b"r\xff\xff",
        b"A\xff\xff",
    ],
)
async def test_breach_withdraws(tmp_path: Path, extra: bytes) -> None:
    """A second request, an unknown type, an answer to no question, a huge frame: refused, and the push withdrawn."""
    async with running_listener(tmp_path) as test:
        module = await test.login()
        module.send(extra)
        assert await module.receive_all() == [BROKEN_FRAME]
        assert await test.core.withdrawn


@pytest.mark.parametrize(
    "first",
    [
        encode(b"r", b""),
        encode(b"x", b"timeout"),
        b"Z",
        b"A\xff\xff",
        encode(b"A", b"v=2\0" + request_payload()[4:]),
        encode(b"A", request_payload() + b"user=root\0"),
        encode(b"A", request_payload(user=b"a" * 300)),
        encode(b"A", request_payload(service=None)),
        encode(b"A", b""),
    ],
)
async def test_bad_request(tmp_path: Path, first: bytes) -> None:
    """A request that breaks the protocol gets SERVICE_ERR, and the core never hears of it."""
    async with running_listener(tmp_path) as test:
        module = await test.connect()
        module.send(first)
        assert await module.receive_all() == [BROKEN_FRAME]
        assert test.core.logins == []


@pytest.mark.parametrize("first", [b"", b"A", request_frame()[:-1]])
async def test_slow_request(tmp_path: Path, first: bytes) -> None:
    """A request that is not complete after 5 s is not waited for; the connection ends without a byte."""
    async with running_listener(tmp_path) as test:
        module = await test.connect()
        module.send(first)
        await test.until(lambda: bool(test.listener.connections))
        await test.clock.advance(4.9)
        assert test.listener.connections
        await test.clock.advance(0.2)
        assert await module.receive_all() == []


@pytest.mark.parametrize("first", [b"", b"A", request_frame()[:-1]])
async def test_hang_up_inside_the_request(tmp_path: Path, first: bytes) -> None:
    """A module that goes away before its request is complete causes no login."""
    async with running_listener(tmp_path) as test:
        module = await test.connect()
        module.send(first)
        module.writer.write_eof()
        assert await module.receive_all() == []
        assert test.core.logins == []


async def test_text_and_question(tmp_path: Path) -> None:
    """Text goes to the module at once, a question waits for its answer, and the result comes last."""
    typed = []

    async def script(login: Login, conversation: Conversation) -> Decision:
        await conversation.tell("Push sent")
        typed.append(await conversation.ask("Code", echo=True))
        return APPROVED

    async with running_listener(tmp_path, script) as test:
        module = await test.login()
        assert [await module.receive(), await module.receive()] == [Frame(b"I", b"Push sent"), Frame(b"Q", b"Code: ")]
        module.send(encode(b"r", b"123456"))
        assert await module.receive_all() == [APPROVED_FRAME]
        assert typed == ["123456"]


async def test_decision_during_a_prompt_waits(tmp_path: Path) -> None:
    """A decision that is made while the module sits in a prompt is sent after the answer, which is dropped."""

    async def script(login: Login, conversation: Conversation) -> Decision:
        asking = asyncio.create_task(conversation.ask("Code", echo=True))
        await asyncio.sleep(0)
        asking.cancel()
        return APPROVED

    async with running_listener(tmp_path, script) as test:
        module = await test.login()
        assert await module.receive() == Frame(b"Q", b"Code: ")
        await test.clock.settle()
        module.send(encode(b"r", b""))
        assert await module.receive_all() == [APPROVED_FRAME]


async def test_hang_up_during_a_prompt(tmp_path: Path) -> None:
    """A module that goes away inside a prompt has its login withdrawn."""

    async def script(login: Login, conversation: Conversation) -> Decision:
        await conversation.ask("Code", echo=True)
        raise AssertionError("nobody answered")

    async with running_listener(tmp_path, script) as test:
        module = await test.login()
        assert await module.receive() == Frame(b"Q", b"Code: ")
        module.close()
        assert await test.core.withdrawn == "client closed the connection"


@pytest.mark.parametrize("error", [RuntimeError("secret"), asyncio.CancelledError()])
async def test_fault_of_the_core_denies(tmp_path: Path, error: BaseException) -> None:
    """A core that fails, or cancels itself, gives SERVICE_ERR."""

    async def script(login: Login, conversation: Conversation) -> Decision:
        raise error

    async with running_listener(tmp_path, script) as test:
        module = await test.login()
        assert await module.receive_all() == [BROKEN_FRAME]


async def test_unreachable_provider(tmp_path: Path) -> None:
    """A provider that cannot be reached gives AUTHINFO_UNAVAIL."""
    async with running_listener(tmp_path) as test:
        module = await test.login()
        test.core.decision.set_result(Decision(False, Reason.UNAVAILABLE, "audit"))
        assert await module.receive_all() == [Frame(b"R", b"\x09")]


async def test_hanging_account_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory server that hangs costs 5 s and a refusal for those whom only it knows; local accounts go on."""
    hanging = threading.Event()
    monkeypatch.setattr("pwd.getpwnam", lambda name: hanging.wait(30))
    async with running_listener(tmp_path) as test:
        try:
            module = await test.connect()
            module.send(request_frame(user=b"somebody-elsewhere", rhost=b"192.0.2.7"))
            # Answered although the other one hangs.
            local = await test.login(user=b"root", rhost=b"192.0.2.7")
            await test.clock.advance(5.1)
            assert await module.receive_all() == [BROKEN_FRAME]
            test.core.decision.set_result(APPROVED)
            assert await local.receive_all() == [APPROVED_FRAME]
            assert [login.user for login in test.core.logins] == ["root"]
        finally:
            hanging.set()


async def test_logins_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """Two hundred logins wait at once and each gets its own answer."""
    answers = {name: asyncio.Event() for name in (f"user{n}" for n in range(200))}

    async def script(login: Login, conversation: Conversation) -> Decision:
        await answers[login.user].wait()
        return APPROVED if int(login.user[4:]) % 2 else DENIED

    async with running_listener(tmp_path, script) as test:
        modules = [await test.connect() for _ in answers]
        for name, module in zip(answers, modules, strict=True):
            module.send(request_frame(user=name.encode()))
        await test.until(lambda: len(test.core.logins) == len(answers))
        for event in reversed(answers.values()):
            event.set()
        results = [await module.receive_all() for module in modules]
        assert results == [[APPROVED_FRAME if n % 2 else DENIED_FRAME] for n in range(200)]


async def test_core_is_asked_once(tmp_path: Path) -> None:
    """One connection is one login."""
    async with running_listener(tmp_path) as test:
        module = await test.login()
        test.core.decision.set_result(DENIED)
        await module.receive_all()
        assert isinstance(test.core, ScriptedCore)
        assert len(test.core.logins) == 1
