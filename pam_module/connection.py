"""One connection of the module: its request, the wait, the result."""

import asyncio
import contextlib
import functools
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from pam_module.codes import PamCode, code_for
from pam_module.conversation import PamConversation, RefusedBySshdError
from pam_module.identify import AccountSources, identify
from pam_module.openssh import OpenSshVersions
from pam_module.options import NOT_CONFIGURED, ServiceOptions
from pam_module.processes import NoProcess, read_process, read_stat
from pam_module.protocol import (
    ANSWER,
    CANCEL,
    CANCEL_REASONS,
    FROM_MODULE,
    REQUEST,
    RESULT,
    Frame,
    FrameReader,
    Request,
    encode,
    parse_request,
)
from pam_module.requesters import Requesters, requester_of
from pam_module.requests import Identified
from pam_module.styles import style_of
from pushgate.clock import Clock
from pushgate.conversation import Conversation
from pushgate.decision import Decision, Reason
from pushgate.errors import BadMessageError
from pushgate.login import Login
from pushgate.tasks import finish
from pushgate.text import clean

log = structlog.get_logger()

Authenticate = Callable[[Login, Conversation], Awaitable[Decision]]

FIRST_FRAME_SECONDS = 5.0
MARGIN_SECONDS = 5.0
"""How much earlier than the module the daemon must be done."""
READ_SIZE = 4096
CLOSED = "client closed the connection"


class PeerGone(Exception):  # noqa: N818 - what ends a login that nobody waits for
    """Nobody waits for an answer any more; the text says why, for the audit record."""


class RefusedBySshd(PeerGone):
    """sshd has shown that it will refuse this user whatever we say."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What all connections share."""

    authenticate: Authenticate
    clock: Clock
    accounts: AccountSources
    requesters: Requesters
    openssh: OpenSshVersions


class PamConnection:
    """Serve one login, from the first byte to the result."""

    def __init__(
        self, connection: socket.socket, desk: Desk, services: Mapping[str, ServiceOptions], timeout: float
    ) -> None:
        """Take a connection.

        Args:
            connection: To the module.
            desk: What is shared.
            services: What is known of each service when the login begins.
            timeout: Seconds that the login may take.
        """
        self.connection, self.desk, self.clock, self.services = connection, desk, desk.clock, services
        self.accepted_at, self.timeout = desk.clock.now(), timeout
        self.frames = FrameReader(FROM_MODULE)
        self.unread: list[Frame] = []

    async def serve(self, peer_pid: int) -> None:
        """Answer the module, unless it goes away first."""
        try:
            # Before the first wait: the later, the more likely that the pid is somebody else's by now.
            process = read_process(peer_pid)
            request = await self.receive_request()
            options = self.services.get(request.service.decode("utf-8", "replace"), NOT_CONFIGURED)
            found = await identify(request, process, options, self.desk.accounts, self.clock)
            _, start_time = read_stat(peer_pid)
            if start_time != process.start_time:
                raise PeerGone("the process has ended")
            await self.answer(found, request)
        except PeerGone as gone:
            log.info("pam_login_withdrawn", pid=peer_pid, reason=str(gone))
        except BadMessageError as error:
            log.warning("pam_bad_message", pid=peer_pid, reason=error.reason, problem=clean(error.message))
            self.send_result(PamCode.SERVICE_ERR)
        except NoProcess as error:
            log.warning("pam_peer_unreadable", pid=peer_pid, problem=clean(str(error)))
            self.send_result(PamCode.SERVICE_ERR)

    async def receive_request(self) -> Request:
        """Wait for the first frame, but not long."""
        try:
            async with self.clock.timeout_at(self.accepted_at + FIRST_FRAME_SECONDS):
                frame = await self.next_frame()
        except TimeoutError:
            raise PeerGone("no request in time") from None
        if frame.type != REQUEST:
            raise BadMessageError("first_frame", "the first frame is no request")
        return parse_request(frame.payload)

    async def answer(self, found: Identified, request: Request) -> None:
        """Decide a login, and answer also where sshd has shown that it refuses the user."""
        try:
            await self.decide(found, request)
        except RefusedBySshd:
            # sshd lets its client try again: the person must not be asked anew for what comes to nothing.
            if (requester := requester_of(found)) is not None:
                self.desk.requesters.note(requester, Decision(False, Reason.BARRED, request.id))
            self.send_result(PamCode.AUTH_ERR)
            raise

    async def decide(self, found: Identified, request: Request) -> None:
        """Let the core decide while we listen whether the module is still there, and send the result.

        Raises:
            PeerGone: it is not; by then the core has withdrawn the push.
            BadMessageError: it broke the protocol; likewise.
        """
        conversation = PamConversation(
            self.send,
            style_of(found, self.desk.openssh),
            began=self.accepted_at,
            ends=self.reply_by(request),
            may_know=found.may_know,
        )
        loop = asyncio.get_running_loop()
        over: asyncio.Future[Any] = loop.create_future()
        deciding = loop.create_task(self.ask_core(found, conversation, self.module_ends(request)))
        # A task for listening would be kept, with all that it needs, while the login waits.
        loop.add_reader(self.connection, self.hear, conversation, over)
        try:
            if self.unread:
                self.hear(conversation, over)
            await asyncio.wait((deciding, over), return_when=asyncio.FIRST_COMPLETED)
            if not over.done():
                self.send_decision(deciding, conversation, found, request.id)
                return
            # Whatever the core says from here on is not used: nobody could receive it.
            await end(deciding, str(over.exception()))
            over.result()
        except asyncio.CancelledError:
            await end(deciding, "the daemon stops")
            raise
        finally:
            loop.remove_reader(self.connection)
            await end(over, "decided")

    async def ask_core(self, found: Identified, conversation: PamConversation, module_ends: float) -> Decision:
        """Get the decision; one that is made while a prompt is open waits until that is answered."""
        requester, ask = requester_of(found), functools.partial(self.desk.authenticate, found.login, conversation)
        decision = await (ask() if requester is None else self.desk.requesters.decide(requester, ask))
        # No longer than the module goes by it: su leaves a prompt open for ever, and each would keep its place here.
        with contextlib.suppress(TimeoutError):
            async with self.clock.timeout_at(module_ends):
                await conversation.settled()
        return decision

    def hear(self, conversation: PamConversation, over: "asyncio.Future[None]") -> None:
        """Take what the module says while the core decides; when it goes away, ``over`` gets the reason."""
        try:
            frames, self.unread = self.unread or self.cut(self.connection.recv(READ_SIZE)), []
            for frame in frames:
                self.take(frame, conversation)
        except (BlockingIOError, InterruptedError):
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing more is heard, and the login ends
            asyncio.get_running_loop().remove_reader(self.connection)
            over.set_exception(PeerGone(CLOSED) if isinstance(error, OSError) else error)

    def take(self, frame: Frame, conversation: PamConversation) -> None:
        """Hand over an answer.

        Raises:
            PeerGone: the module goes away.
            BadMessageError: this is neither an answer nor a farewell.
        """
        if frame.type == ANSWER:
            try:
                conversation.answer(frame.payload)
            except RefusedBySshdError:
                raise RefusedBySshd("sshd refuses this user whatever we say") from None
        elif frame.type == CANCEL:
            reason = frame.payload.decode("ascii", "replace")
            raise PeerGone(f"client cancelled: {reason if reason in CANCEL_REASONS else 'unknown reason'}")
        else:
            raise BadMessageError("second_request")

    async def next_frame(self) -> Frame:
        """Wait for a frame; raises what ``cut`` raises."""
        loop = asyncio.get_running_loop()
        while not self.unread:
            try:
                data = await loop.sock_recv(self.connection, READ_SIZE)
            except OSError:
                data = b""
            self.unread = self.cut(data)
        return self.unread.pop(0)

    def cut(self, data: bytes) -> list[Frame]:
        """Cut what was received into frames.

        Raises:
            PeerGone: nothing was: the connection has ended.
            BadMessageError: it is none.
        """
        if not data:
            raise PeerGone(CLOSED)
        return self.frames.feed(data)

    def send_decision(
        self, deciding: "asyncio.Task[Decision]", conversation: PamConversation, found: Identified, request_id: str
    ) -> None:
        """Turn what the core did into the last frames; a core that failed denies."""
        fault = asyncio.CancelledError() if deciding.cancelled() else deciding.exception()
        if fault:
            # The text of an exception may quote input, so only its type is logged.
            log.error("pam_internal_error", id=request_id, error=type(fault).__name__)
            self.send_result(PamCode.SERVICE_ERR)
            return
        decision, options = deciding.result(), found.options
        if not decision.accept:
            conversation.tell_refusal(decision.message)
        self.send_result(code_for(decision, local=found.host.local, denied=options.denied, exempt=options.exempt))

    def send_result(self, code: PamCode) -> None:
        """Send the last frame."""
        self.send(encode(RESULT, bytes([code])))

    def send(self, data: bytes) -> None:
        """Send without waiting: all frames of a call fit several times into the socket's buffer."""
        try:
            sent = self.connection.send(data)
        except OSError:
            return  # it has gone, and whoever listens to it is told so
        if sent < len(data):
            self.connection.shutdown(socket.SHUT_RDWR)

    def module_ends(self, request: Request) -> float:
        """When the module has given up by itself: it began before we did."""
        return self.accepted_at + (request.timeout or self.timeout + MARGIN_SECONDS)

    def reply_by(self, request: Request) -> float:
        """When the module must have its answer; before it gives up by itself."""
        seconds = self.timeout
        if request.timeout:
            seconds = min(seconds, max(request.timeout - MARGIN_SECONDS, request.timeout / 2))
        return self.accepted_at + seconds


async def end(task: asyncio.Future[Any], reason: str) -> None:
    """Cancel a task or future, wait until it has ended, and drop its result."""
    task.cancel(reason)
    await finish(task)
    if not task.cancelled():
        # Asked for, an exception is not printed by asyncio when the task is collected: its text may quote input.
        task.exception()
