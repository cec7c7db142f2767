"""One connection of the module: its request, the wait, the result."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor

import structlog

from pam_module.codes import PamCode, code_for
from pam_module.conversation import PamConversation
from pam_module.processes import NoProcess, Process, read_process, read_stat
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
from pam_module.requests import Host, login_of
from pushgate.clock import Clock
from pushgate.conversation import Conversation
from pushgate.decision import Decision
from pushgate.errors import BadMessageError
from pushgate.login import Login
from pushgate.tasks import finish
from pushgate.text import clean

log = structlog.get_logger()

Authenticate = Callable[[Login, Conversation], Awaitable[Decision]]

FIRST_FRAME_SECONDS = 5.0
LOOKUP_SECONDS = 5.0
"""For the account database, which may be a directory server that hangs."""
MARGIN_SECONDS = 5.0
"""How much earlier than the module the daemon must be done."""
READ_SIZE = 4096


class PeerGone(Exception):  # noqa: N818 - what ends a login that nobody waits for
    """Nobody waits for an answer any more; the text says why, for the audit record."""


class PamConnection:
    """Serve one login, from the first byte to the result."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        authenticate: Authenticate,
        clock: Clock,
        lookups: Executor,
        timeout: float,
    ) -> None:
        self.reader, self.writer = reader, writer
        self.authenticate, self.clock, self.lookups = authenticate, clock, lookups
        self.accepted_at, self.timeout = clock.now(), timeout
        self.frames = FrameReader(FROM_MODULE)
        self.unread: deque[Frame] = deque()

    async def serve(self, peer_pid: int) -> None:
        """Answer the module, unless it goes away first."""
        try:
            # Before the first wait: the later, the more likely that the pid is somebody else's by now.
            process = read_process(peer_pid)
            request = await self.receive_request()
            login = await self.identify(request, process)
            code = await self.decide(login, request, Host.of(process))
        except PeerGone as gone:
            log.info("pam_login_withdrawn", pid=peer_pid, reason=str(gone))
            return
        except BadMessageError as error:
            log.warning("pam_bad_message", pid=peer_pid, reason=error.reason, problem=clean(error.message))
            code = PamCode.SERVICE_ERR
        except NoProcess as error:
            log.warning("pam_peer_unreadable", pid=peer_pid, problem=clean(str(error)))
            code = PamCode.SERVICE_ERR
        self.writer.write(encode(RESULT, bytes([code])))

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

    async def identify(self, request: Request, process: Process) -> Login:
        """Find out who is at the other end, in a thread: the account database may block."""
        loop = asyncio.get_running_loop()
        try:
            async with self.clock.timeout_at(self.clock.now() + LOOKUP_SECONDS):
                login = await loop.run_in_executor(self.lookups, login_of, request, process)
        except TimeoutError:
            raise NoProcess("looking up the account took too long") from None
        _, start_time = read_stat(process.pid)
        if start_time != process.start_time:
            raise PeerGone("the process has ended")
        return login

    async def decide(self, login: Login, request: Request, host: Host) -> PamCode:
        """Let the core decide while we listen whether the module is still there.

        Raises:
            PeerGone: it is not; by then the core has withdrawn the push.
            BadMessageError: it broke the protocol; likewise.
        """
        conversation = PamConversation(self.writer.write, self.reply_by(request), silent=host is Host.SSHD)
        deciding = asyncio.create_task(self.ask_core(login, conversation))
        listening = asyncio.create_task(self.listen(conversation))
        try:
            await asyncio.wait({deciding, listening}, return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                # Whatever the core says from here on is not used: nobody could receive it.
                deciding.cancel(str(listening.exception()))
                await finish(deciding)
                listening.result()
        except asyncio.CancelledError:
            deciding.cancel("the daemon stops")
            await finish(deciding)
            raise
        finally:
            listening.cancel()
            await finish(listening)
        # The text of an exception may quote input, so only its type is logged.
        fault = asyncio.CancelledError() if deciding.cancelled() else deciding.exception()
        if fault:
            log.error("pam_internal_error", id=request.id, error=type(fault).__name__)
            return PamCode.SERVICE_ERR
        return code_for(deciding.result(), local=host.local)

    async def ask_core(self, login: Login, conversation: PamConversation) -> Decision:
        """Get the decision; one that is made while a prompt is open waits until that is answered."""
        decision = await self.authenticate(login, conversation)
        await conversation.settled()
        return decision

    async def listen(self, conversation: PamConversation) -> None:
        """Hand over answers until the module goes away; ends only by an exception."""
        while True:
            frame = await self.next_frame()
            if frame.type == ANSWER:
                conversation.answer(frame.payload)
            elif frame.type == CANCEL:
                reason = frame.payload.decode("ascii", "replace")
                raise PeerGone(f"client cancelled: {reason if reason in CANCEL_REASONS else 'unknown reason'}")
            else:
                raise BadMessageError("second_request")

    async def next_frame(self) -> Frame:
        """Wait for a frame.

        Raises:
            PeerGone: the connection ended, also inside a frame.
            BadMessageError: what came is none.
        """
        while not self.unread:
            try:
                data = await self.reader.read(READ_SIZE)
            except OSError:
                data = b""
            if not data:
                raise PeerGone("client closed the connection")
            self.unread.extend(self.frames.feed(data))
        return self.unread.popleft()

    def reply_by(self, request: Request) -> float:
        """When the module must have its answer; before it gives up by itself."""
        seconds = self.timeout
        if request.timeout:
            seconds = min(seconds, max(request.timeout - MARGIN_SECONDS, request.timeout / 2))
        return self.accepted_at + seconds
