"""Plays logins that are written as text: the real desk and core, people and appliances of the script, a fake clock.

A script is one line for each thing that is done or seen, with its second::

    client hybrid
     0 nas asks
     0 phone rings alice
    28 nas hears challenge "Approve on your device, then press Enter, or type a code" 32
    40 nas answers ""
    41 phone approves
    41 nas hears accept Approved
    41 audit approved push

What is seen must come at exactly that second, and nothing may be seen that the script does not name. Words at the end
of what is seen can be left out. The lines:

- ``client MODE [number=...] [password[=unavailable|provider]] [two_attempts=N] [gtc_rounds=N] [window=N] ...``, see
  ``Settings``; ``provider NAME``: people are behind this provider, as ``stage_rigs`` says;
- ``nas asks [password=] [user=] [from=] [port=] [session=] [host=] [id=]``, ``nas answers TEXT [of=NAS]``,
  ``nas repeats [N]``, ``nas eap start|hello|identity|gtc|nak|md5 [TEXT]``;
- ``nas.2`` is another port of ``nas``, ``twin`` another appliance of its client, ``other`` one of another client;
- ``phone approves|denies [SESSION]``, ``provider fails KIND``, ``provider begins|withdraws SECONDS``, ``desk stops``;
- ``server counts pushes=1 ...``: what the simulator of a provider has been asked so far;
- seen: ``nas hears accept|reject|challenge TEXT SECONDS``, ``phone rings USER [NUMBER]``, ``phone stops SESSION``,
  ``code CODE USER``, ``password TYPED``, ``audit REASON FACTOR``.
"""

import dataclasses
import shlex
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from ipaddress import ip_network

from pushgate.attempts import CoolDown, Places, PushBudget
from pushgate.authenticator import Authenticator, Guards
from pushgate.clock import FakeClock
from pushgate.firstfactor.base import FirstFactor
from pushgate.outcome import Approved, Denied, Failed, FailureKind
from pushgate.policy import Policy, Rule
from radius_server.clients import Client, NameRules
from radius_server.counters import Counters, DropLog
from radius_server.desk import Desk, DeskOptions
from radius_server.duplicates import DuplicateTable
from radius_server.link import Exchange, Request
from radius_server.presets import GENERIC
from radius_server.wire import parse
from tests.support.radius import SECRET
from tests.support.stage_nas import Nas
from tests.support.stage_people import Passwords, People, Seen, SeenAudit
from tests.support.stage_rigs import RiggedPeople
from tests.support.stage_rigs import rigged as rigged_people


@dataclass
class Settings:
    """What the head of a script says."""

    mode: str = "direct"
    rule: Rule = field(default_factory=Rule)
    provider: str = ""
    """The name of a rig; nothing: the people of the script itself."""
    password: str = ""
    """``checked`` or ``unavailable``, ``provider``: checked by that; nothing: there is no first factor."""
    gtc_rounds: int = 0
    window: float | None = None
    abandon: bool = False
    join_by_origin: bool = False
    names: NameRules = field(default_factory=NameRules)
    group: str = ""
    answer_within: float = 28.0
    budget: int = 10
    limit: int = 100

    def read(self, line: str) -> None:
        """Take a line like ``client hybrid number=optional``, or ``provider onelogin-v1``."""
        head, mode, *words = line.split()
        if head == "provider":
            self.provider = mode
            return
        self.mode = mode
        for word in words:
            key, _, value = word.partition("=")
            match key:
                case "number":
                    self.rule = dataclasses.replace(self.rule, number=value)  # type: ignore[arg-type]
                case "separator-in-password":
                    self.rule = dataclasses.replace(self.rule, password_may_contain_separator=True)
                case "two_attempts":
                    self.rule = dataclasses.replace(self.rule, two_attempts=float(value))
                case "fails-open":
                    self.rule = dataclasses.replace(self.rule, accept_if_unreachable=True)
                case "password" | "group":
                    setattr(self, key, value or "checked")
                case "strip-realm":
                    self.names = NameRules(strip_realm=True, fold_case=True)
                case "abandon" | "join_by_origin":
                    setattr(self, key, True)
                case "gtc_rounds" | "budget" | "limit":
                    setattr(self, key, int(value))
                case "window" | "answer_within":
                    setattr(self, key, float(value))
                case _:
                    raise ValueError(word)

    def client(self, name: str, network: str) -> Client:
        """Make a client of these settings."""
        return Client(
            name,
            ip_network(network),
            SECRET,
            group=self.group,
            mode=self.mode,  # type: ignore[arg-type]
            window=self.window,
            has_password=bool(self.password),
            join_by_origin=self.join_by_origin,
            names=self.names,
            preset=dataclasses.replace(GENERIC, gtc_rounds=self.gtc_rounds),
            eap_gtc=bool(self.gtc_rounds),
            abandon=self.abandon,
        )


class Stage:
    """Desk, core, people and appliances."""

    def __init__(self, settings: Settings, clock: FakeClock, seen: Seen, rigged: RiggedPeople | None) -> None:
        self.clock, self.seen, self.rigged = clock, seen, rigged
        self.people = People(self.clock, self.seen)
        self.clients = {
            "nas": settings.client("vpn", "192.0.2.0/24"),
            "other": settings.client("other", "198.51.100.0/24"),
        }
        services = [client.name for client in self.clients.values()]
        first: FirstFactor = Passwords(self.seen, available=settings.password == "checked")
        if settings.password == "provider":
            assert rigged is not None
            first = rigged.first_factor()
        self.core = Authenticator(
            Policy(dict.fromkeys(services, settings.rule)),
            rigged or self.people,
            SeenAudit(self.seen),
            self.clock,
            timeout=60.0,
            guards=Guards(
                Places(settings.limit, settings.limit), PushBudget(self.clock, settings.budget), CoolDown(self.clock)
            ),
            first_factors=dict.fromkeys(services, first) if settings.password else {},
        )
        options = DeskOptions(settings.answer_within, 60.0, settings.limit, settings.limit)
        self.counters = Counters()
        self.desk = Desk(options, self.core, self.clock, self.counters, DropLog(self.counters))
        self.table: DuplicateTable[Exchange] = DuplicateTable(1000)
        self.sockets: dict[str, Nas] = {}

    def nas(self, name: str) -> Nas:
        """Return a socket; ``nas.2`` is another port of ``nas``."""
        host = name.partition(".")[0]
        client = self.clients["other" if host == "other" else "nas"]
        return self.sockets.setdefault(name, Nas(name, client, self.seen))

    async def play(self, line: str) -> None:
        """Do, or check, what a line says."""
        second, actor, *words = shlex.split(line)
        await self.advance(float(second))
        match actor, words:
            case "phone", ["approves" | "denies" as answer, *which]:
                self.answer(which, approves=answer == "approves")
            case "provider", ["fails", kind]:
                self.people.failure = Failed(FailureKind(kind), asked=False)
            case "provider", ["begins", seconds]:
                self.people.begin_seconds = float(seconds)
            case "provider", ["withdraws", seconds]:
                self.people.cancel_seconds = float(seconds)
            case "server", ["counts", *pairs]:
                assert self.rigged is not None
                self.rigged.check_counts(pairs)
            case "desk", ["stops"]:
                await self.desk.stop()
            case (("phone" | "code" | "password" | "audit"), _):
                self.seen.expect(float(second), actor, words)
            case _, ["hears", *_]:
                self.seen.expect(float(second), actor, words)
            case _, [verb, *rest]:
                self.act(self.nas(actor), verb, rest)
        await self.clock.settle()

    def answer(self, which: list[str], *, approves: bool) -> None:
        """Let the person answer a question: the latest, if none is named."""
        if self.rigged is not None:
            self.rigged.answer(approves=approves)
        else:
            outcome: Approved | Denied = Approved("phone") if approves else Denied()
            self.people.answer(which[0] if which else f"s{len(self.people.answers)}", outcome)

    async def advance(self, second: float) -> None:
        """Move the clock, with the desk's round once a second as the server does it."""
        end = self.seen.begun + second
        while self.clock.now() < end:
            await self.clock.advance(min(1.0, end - self.clock.now()))
            self.desk.look_for_silence(self.clock.now())
            await self.clock.settle()

    def act(self, nas: Nas, verb: str, words: list[str]) -> None:
        """Let an appliance send a packet."""
        words = [self.rigged.typed(word) for word in words] if self.rigged is not None else words
        options = dict(word.split("=", 1) for word in words if "=" in word)
        plain = [word for word in words if "=" not in word]
        state = self.nas(options.pop("of", nas.name)).state
        match verb, plain:
            case "asks", []:
                packet = nas.asks(options.pop("password", ""), options)
            case "answers", [text]:
                packet = nas.answers(text, state, options)
            case "repeats", [*which]:
                packet = nas.sent[int(which[0]) - 1 if which else -1]
            case "eap", ["start"]:
                packet = nas.eap("start", "", None, options)
            case "eap", ["hello", *name]:
                # The appliance has asked for the identity by itself.
                packet = nas.eap("identity", name[0] if name else "alice", None, options)
            case "eap", [kind, *text]:
                packet = nas.eap(kind, text[0] if text else "", state, options)
            case _:
                raise ValueError(verb, plain)
        nas.sent.append(packet)
        request = Request(parse(packet), nas.client, True, nas.source)
        self.desk.receive(nas, self.table, request, self.clock.now())


async def play(script: str) -> Stage:
    """Play a script to its end, and a while longer, in which nothing more may be seen."""
    lines = [line.strip() for line in script.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    settings = Settings()
    heads = [line for line in lines if not line[0].isdigit()]
    for line in heads:
        settings.read(line)
    clock = FakeClock()
    seen = Seen(clock)
    async with AsyncExitStack() as stack:
        rigged = await rigged_people(settings.provider, clock, seen, stack) if settings.provider else None
        stage = Stage(settings, clock, seen, rigged)
        try:
            for line in lines:
                if line not in heads:
                    await stage.play(line)
            await clock.advance(300)
        finally:
            await stage.desk.stop()
            await stage.core.close()
        assert seen.left() == {}
        assert (stage.desk.logins.tasks, stage.desk.joinable, stage.desk.states.open) == ({}, {}, {})
        assert (len(stage.desk.watched), stage.table.in_flight) == (0, {})
        assert rigged is None or rigged.rig.leftovers() == 0
    return stage
