"""The module's side of the socket, spoken by hand, and the core's side, following a script."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from pam_module.listener import PamListener, PamOptions
from pam_module.options import ServiceOptions
from pam_module.protocol import FROM_DAEMON, Frame, FrameReader, encode
from pushgate.clock import FakeClock
from pushgate.conversation import Conversation
from pushgate.decision import Decision, Reason
from pushgate.login import Login
from tests.support.pam import Answer

APPROVED = Decision(True, Reason.APPROVED, "audit-approved")
DENIED = Decision(False, Reason.DENIED, "audit-denied")


def request_payload(**changes: bytes | None) -> bytes:
    """Write the payload of a good request by this process; None leaves a key out."""
    pairs: dict[str, bytes | None] = {
        "id": b"00112233445566ff",
        "user": b"root",
        "service": b"sshd",
        "uid": b"0",
        "pid": str(os.getpid()).encode(),
        "flags": b"1",
    }
    pairs |= changes
    return b"v=1\0" + b"".join(b"%s=%s\0" % (k.encode(), v) for k, v in pairs.items() if v is not None)


def request_frame(**changes: bytes | None) -> bytes:
    """Write a good request."""
    return encode(b"A", request_payload(**changes))


class ScriptedCore:
    """Decides as the test says, and tells when it was asked and when it was withdrawn."""

    def __init__(self, script: Answer | None = None) -> None:
        self.script = script
        self.logins: list[Login] = []
        self.conversations: list[Conversation] = []
        self.asked = asyncio.Event()
        self.decision: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        self.withdrawn: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def authenticate(self, login: Login, conversation: Conversation) -> Decision:
        """Wait for the test's decision, or follow its script."""
        self.logins.append(login)
        self.conversations.append(conversation)
        self.asked.set()
        try:
            if self.script:
                return await self.script(login, conversation)
            return await asyncio.shield(self.decision)
        except asyncio.CancelledError as error:
            if not self.withdrawn.done():
                self.withdrawn.set_result(str(error))
            raise


class Module:
    """A connection as the module makes it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.frames = FrameReader(FROM_DAEMON)

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)

    async def receive_all(self) -> list[Frame]:
        """Read frames until the daemon closes the connection."""
        frames: list[Frame] = []
        while data := await self.reader.read(4096):
            frames += self.frames.feed(data)
        assert not self.frames.buffer, "the daemon closed inside a frame"
        return frames

    async def receive(self) -> Frame:
        """Read one frame."""
        while True:
            frames = self.frames.feed(await self.reader.readexactly(1))
            if frames:
                return frames[0]

    def close(self) -> None:
        """Go away."""
        self.writer.close()


class ListenerUnderTest:
    """The real listener on a real socket, with a fake clock and a scripted core."""

    def __init__(self, socket: Path, script: Answer | None, max_pending: int) -> None:
        self.clock = FakeClock()
        self.core = ScriptedCore(script)
        self.socket = socket
        options = PamOptions(socket, frozenset({os.geteuid()}), {"sshd": ServiceOptions()}, 60.0, max_pending)
        self.listener = PamListener(options, self.core.authenticate, self.clock)
        self.modules: list[Module] = []

    async def connect(self) -> Module:
        """Connect as the module does."""
        module = Module(*await asyncio.open_unix_connection(self.socket))
        self.modules.append(module)
        return module

    async def login(self, **changes: bytes | None) -> Module:
        """Connect, send a good request, and wait until the core has it."""
        module = await self.connect()
        module.send(request_frame(**changes))
        await self.core.asked.wait()
        return module

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the loop run until something is so, without moving time."""
        while not condition():
            await self.clock.settle()


@asynccontextmanager
async def running_listener(
    folder: Path, script: Answer | None = None, *, max_pending: int = 1000
) -> AsyncIterator[ListenerUnderTest]:
    """Start a listener in a folder, and stop it."""
    test = ListenerUnderTest(folder / "pam.sock", script, max_pending)
    await test.listener.start()
    try:
        yield test
    finally:
        for module in test.modules:
            module.close()
        await test.listener.stop()
