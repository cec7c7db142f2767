"""Plays PAM logins that are written as text: the real connection and core, people of the script, a fake clock.

As in ``stage``, a script is one line for each thing that is done or seen, with its second::

    service sshd number=optional
     0 ssh asks alice
     0 phone rings alice
     0.5 ssh prompted "Type 42 on your device to approve, then press Enter, or type a code: "
     3 phone approves
     4 ssh types ""
     4 ssh ends SUCCESS
     4 audit approved push+number

The head is ``service sshd|sudo|su|other`` with keys of the service's rule, and perhaps ``provider NAME``: then people
are behind this provider, as ``stage_rigs`` says. An actor is one requester: one connection
of sshd, one sudo; ``ssh`` that asks again is the next try of the same one, ``ssh.2`` another one. The lines:

- ``X asks USER [stranger] [barred] [oneself] [from=ADDRESS] [command=TEXT]``, ``X types TEXT``,
  ``X is refused by sshd``, ``X leaves REASON``;
- ``phone approves|denies``, ``provider fails KIND``, ``provider begins SECONDS``;
- seen: ``X told TEXT``, ``X prompted TEXT``, ``X ends CODE``, ``phone rings USER``,
  ``phone stops SESSION``, ``code CODE USER``, ``audit REASON FACTOR``.
"""

import asyncio
import contextlib
import shlex
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from unittest import mock

from pam_module import requesters, styles
from pam_module.accounts import NssAccounts
from pam_module.codes import PamCode
from pam_module.connection import Desk, PamConnection, PeerGone
from pam_module.identify import AccountSources
from pam_module.openssh import OpenSshVersions
from pam_module.options import ServiceOptions
from pam_module.processes import Process
from pam_module.protocol import FROM_DAEMON, Frame, FrameReader, Request, encode
from pam_module.requesters import Requesters
from pam_module.requests import Host, Identified
from pushgate.attempts import CoolDown, Places, PushBudget
from pushgate.authenticator import Authenticator, Guards
from pushgate.build_pam import pam_rules, pam_services
from pushgate.clock import FakeClock
from pushgate.login import Origin, OriginSource
from pushgate.outcome import Approved, Denied, Failed, FailureKind
from pushgate.policy import Policy
from pushgate.sections.pam import PamSettings
from tests.support.core import make_login
from tests.support.stage_people import People, Seen, SeenAudit
from tests.support.stage_rigs import RiggedPeople
from tests.support.stage_rigs import rigged as rigged_people

REQUEST = Request("00112233445566ff", b"alice", b"x", 0, 1, 0, timeout=75)
SEEN_AS = {b"I": "told", b"E": "told", b"P": "prompted", b"Q": "prompted"}
JUNK = b"\b\n\r\177INC"


class Versions(OpenSshVersions):
    """An sshd of the version that the script says."""

    def __init__(self, *, new: bool) -> None:
        super().__init__()
        self.new = new

    def shows_at_once(self, program: str) -> bool:
        """Answer for every program."""
        return self.new


@dataclass
class Try:
    """One call of the module: its end of the socket, and what serves the other."""

    near: socket.socket
    far: socket.socket
    serving: "asyncio.Task[None]"
    frames: FrameReader = field(default_factory=lambda: FrameReader(FROM_DAEMON))

    def received(self) -> Iterator[Frame]:
        """Give the frames that have come."""
        with contextlib.suppress(BlockingIOError):
            yield from self.frames.feed(self.near.recv(65536))


class PamStage:
    """A host, the core, people and the programs that they log in by."""

    def __init__(self, head: str, clock: FakeClock, seen: Seen, rigged: RiggedPeople | None) -> None:
        """Read the head of a script."""
        _, host, *words = shlex.split(head)
        options = dict(word.split("=", 1) for word in words)
        self.host = Host(host)
        new, timeout = options.pop("openssh", "") == "new", float(options.pop("timeout", "60"))
        budget = int(options.pop("budget", "10"))
        lists = {key: [options.pop(key)] for key in ("exempt_users", "silent_users") if key in options}
        settings = PamSettings.model_validate({"services": {host: {**options, **lists}}})
        self.services: dict[str, ServiceOptions] = dict(pam_services(settings))
        self.clock, self.seen, self.rigged = clock, seen, rigged
        self.people = People(self.clock, self.seen)
        self.timeout = timeout
        guards = Guards(Places(100, 100), PushBudget(self.clock, budget), CoolDown(self.clock))
        rules = Policy(dict(pam_rules(settings)))
        provider = rigged or self.people
        self.core = Authenticator(rules, provider, SeenAudit(self.seen), self.clock, timeout=timeout, guards=guards)
        self.threads = ThreadPoolExecutor(1)
        accounts = AccountSources(NssAccounts(), NssAccounts(), self.threads)
        self.desk = Desk(self.core.authenticate, self.clock, accounts, Requesters(self.clock), Versions(new=new))
        self.tries: dict[str, Try] = {}
        self.past: list[Try] = []
        self.requesters: dict[str, int] = {}

    async def play(self, line: str) -> None:
        """Do, or check, what a line says."""
        second, actor, *words = shlex.split(line)
        await self.clock.advance(self.seen.begun + float(second) - self.clock.now())
        self.look()
        match actor, words:
            case "phone", ["approves" | "denies" as answer]:
                self.answer(approves=answer == "approves")
            case "provider", ["fails", kind]:
                self.people.failure = Failed(FailureKind(kind), asked=False)
            case "provider", ["begins", seconds]:
                self.people.begin_seconds = float(seconds)
            case "server", ["counts", *pairs]:
                assert self.rigged is not None
                self.rigged.check_counts(pairs)
            case (("phone" | "code" | "audit"), _) | (_, ["told" | "prompted" | "ends", *_]):
                self.seen.expect(float(second), actor, words)
            case _, ["asks", user, *rest]:
                self.ask(actor, user, rest)
            case _, ["types", text]:
                self.tries[actor].near.send(encode(b"r", self.typed(text).encode()))
            case _, ["is", "refused", "by", "sshd"]:
                self.tries[actor].near.send(encode(b"r", JUNK))
            case _, ["leaves", *reason]:
                self.tries[actor].near.send(encode(b"x", " ".join(reason).encode()))
            case _:
                raise ValueError(line)
        await self.clock.settle()
        self.look()

    def answer(self, *, approves: bool) -> None:
        """Let the person answer the latest question."""
        if self.rigged is not None:
            self.rigged.answer(approves=approves)
        else:
            self.people.answer(f"s{len(self.people.answers)}", Approved("phone") if approves else Denied())

    def typed(self, text: str) -> str:
        """Return what a person types."""
        return text if self.rigged is None else self.rigged.typed(text)

    def ask(self, actor: str, user: str, words: list[str]) -> None:
        """Let a program call the module."""
        options = dict(word.split("=", 1) for word in words if "=" in word)
        pid = self.requesters.setdefault(actor, 1000 + len(self.requesters))
        source = OriginSource.PAM if self.host is Host.SSHD else OriginSource.LOCAL
        address = options.get("from", "203.0.113.7" if self.host is Host.SSHD else "") or None
        login = make_login(
            user=user,
            service=self.host.value,
            origin=Origin(address, source),
            known="stranger" not in words,
            permitted="barred" not in words,
            command=options.get("command", ""),
        )
        process = Process(pid, 1, 1, f"/usr/bin/{self.host.value}", (1000, 0, 0))
        found = Identified(login, process, self.host, self.services[self.host.value], "oneself" in words)
        if actor in self.tries:
            self.past.append(self.tries[actor])
        near, far = socket.socketpair()
        near.setblocking(False)
        far.setblocking(False)
        connection = PamConnection(far, self.desk, self.services, self.timeout)
        self.tries[actor] = Try(near, far, asyncio.create_task(self.serve(connection, found)))

    async def serve(self, connection: PamConnection, found: Identified) -> None:
        """Serve one call as the listener does, once it is known who it is."""
        with contextlib.suppress(PeerGone):
            await connection.answer(found, REQUEST)

    def look(self) -> None:
        """Note what the programs have received."""
        for actor, each in self.tries.items():
            for frame in each.received():
                if frame.type == b"R":
                    self.seen.note(actor, "ends", PamCode(frame.payload[0]).name)
                else:
                    self.seen.note(actor, SEEN_AS[frame.type], frame.payload.decode())

    async def end(self) -> None:
        """Close what is open."""
        tries = [*self.past, *self.tries.values()]
        for each in tries:
            each.near.close()
        await asyncio.gather(*(each.serving for each in tries))
        for each in tries:
            each.far.close()
        self.threads.shutdown()
        await self.core.close()


async def play_pam(script: str) -> PamStage:
    """Play a script to its end, and five minutes longer, in which nothing more may be seen."""
    lines = [line.strip() for line in script.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    named = [line.removeprefix("provider ") for line in lines if line.startswith("provider ")]
    clock = FakeClock()
    seen = Seen(clock)
    async with AsyncExitStack() as stack:
        rigged = await rigged_people(named[0], clock, seen, stack) if named else None
        stage = PamStage(lines[0], clock, seen, rigged)
        # A requester of the script stands for a whole connection, so it is its own monitor.
        with mock.patch.object(styles, "monitor_of", replace), mock.patch.object(requesters, "monitor_of", replace):
            try:
                for line in lines[1 + len(named) :]:
                    await stage.play(line)
                await clock.advance(300)
                stage.look()
            finally:
                await stage.end()
        assert seen.left() == {}
        assert stage.desk.requesters.pending == {}
        assert rigged is None or rigged.rig.leftovers() == 0
    return stage
