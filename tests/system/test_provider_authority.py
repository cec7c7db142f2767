"""The provider logintc over real HTTP against the real authority, in both forms of the API."""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pyotp
import pytest

from pushgate.authenticator import Authenticator
from pushgate.clock import SystemClock
from pushgate.http import JsonClient
from pushgate.login import Code, Push, Secret
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Pending
from pushgate.policy import Policy, Rule
from pushgate.providers.logintc import LoginTc
from pushgate.providers.logintc_server import ServerFacts
from tests.support.authority import RunningAuthority, running_authority
from tests.support.core import RecordingAudit, RecordingConversation, make_guards, make_login

pytestmark = pytest.mark.system

CLOCK = SystemClock()


@asynccontextmanager
async def provider_of(authority: RunningAuthority, *, unix: bool, native: bool) -> AsyncIterator[LoginTc]:
    """A provider as the daemon builds it; ``native`` False leaves it with what LoginTC's cloud can do."""
    url = f"unix:{authority.options.socket}" if unix else authority.api_url.removesuffix("/api")
    transport = JsonClient(url, CLOCK, {"Authorization": f'LoginTC key="{authority.api_key}"'})
    provider = LoginTc(transport, authority.domain_id, CLOCK)
    if not native:
        provider.server.facts = ServerFacts(frozenset(), domain_known=True, request_timeout=90)
        provider.server.met_at = math.inf  # never asked again
    try:
        yield provider
    finally:
        await provider.close()


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("unix", [True, False])
@pytest.mark.parametrize("decision", ["approved", "denied"])
async def test_a_persons_answer_arrives(private_folder: Path, unix: bool, native: bool, decision: str) -> None:
    """A person's answer reaches the core over a unix socket and over TCP, in the native form and in LoginTC's."""
    async with running_authority(private_folder) as authority:
        device = await authority.enrol("alice")
        async with provider_of(authority, unix=unix, native=native) as provider:
            deadline = CLOCK.now() + 20
            begun = await provider.begin(make_login(), deadline)
            assert isinstance(begun, Pending)
            waiting = asyncio.create_task(provider.wait(begun.handle, deadline))
            session = (await device.sessions())[0]
            shown = json.loads(session["ctx"])["attributes"]
            assert shown[0] == {"key": "IP Address", "value": "203.0.113.7"}
            assert (await device.decide(session, decision)).status == 200
            outcome = await waiting
    assert isinstance(outcome, Approved if decision == "approved" else Denied)


async def first_request(events: AsyncIterator[tuple[str, Any]]) -> dict[str, Any]:
    """The first login that the device is asked about."""
    async for name, session in events:
        if name == "request":
            return dict(session)
    raise AssertionError("the stream ended")


async def test_an_approval_is_used_once(private_folder: Path) -> None:
    """A second daemon that learns of an approved session cannot let anybody in with it."""
    async with running_authority(private_folder) as authority:
        device = await authority.enrol("alice")
        async with (
            provider_of(authority, unix=True, native=True) as first,
            provider_of(authority, unix=True, native=True) as second,
        ):
            deadline = CLOCK.now() + 20
            begun = await first.begin(make_login(), deadline)
            await second.begin(make_login(user="nobody"), deadline)
            assert isinstance(begun, Pending)
            await device.decide((await device.sessions())[0], "approved")
            outcomes = await asyncio.gather(*(one.wait(begun.handle, deadline) for one in (first, second)))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Approved", "Failed"]


async def test_a_withdrawn_login_cannot_be_approved(private_folder: Path) -> None:
    """A person who approves after the client has gone gets a conflict, and nothing opens."""
    async with running_authority(private_folder) as authority:
        device = await authority.enrol("alice")
        async with provider_of(authority, unix=True, native=True) as provider:
            audit = RecordingAudit()
            core = Authenticator(
                Policy({"sshd": Rule()}), provider, audit, CLOCK, timeout=20, guards=make_guards(CLOCK)
            )
            login = asyncio.create_task(core.authenticate(make_login(), RecordingConversation()))
            async with asyncio.timeout(5), device.events() as events:
                session = await first_request(events)
            login.cancel("client gone")
            with pytest.raises(asyncio.CancelledError):
                await login
            reply = await device.decide(session, "approved")
    assert (reply.status, reply.json["state"]) == (409, "cancelled")
    assert audit.reasons() == ["withdrawn"]


async def test_a_wrong_key_is_a_configuration_fault(private_folder: Path) -> None:
    """A daemon with a wrong API key asks nobody and never fails open."""
    async with running_authority(private_folder) as authority:
        transport = JsonClient(f"unix:{authority.options.socket}", CLOCK, {"Authorization": 'LoginTC key="wrong"'})
        provider = LoginTc(transport, authority.domain_id, CLOCK)
        outcome = await provider.begin(make_login(), CLOCK.now() + 5)
        await provider.close()
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.CONFIG, False)


async def test_a_user_whom_nobody_enrolled_is_told_apart(private_folder: Path) -> None:
    """A provider that knows no device of a user says not enrolled."""
    async with running_authority(private_folder) as authority:
        await authority.add_user("alice")
        for native in (True, False):
            async with provider_of(authority, unix=True, native=native) as provider:
                for name in ("alice", "nobody"):
                    outcome = await provider.begin(make_login(user=name), CLOCK.now() + 5)
                    assert isinstance(outcome, Failed)
                    assert outcome.kind is FailureKind.NOT_ENROLLED


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("drawn", [True, False])
async def test_a_number_ties_the_device_to_the_login(private_folder: Path, drawn: bool, right: bool) -> None:
    """A person who types the number of the login on the device is let in; another number ends the attempt."""
    async with running_authority(private_folder) as authority:
        device = await authority.enrol("alice")
        async with provider_of(authority, unix=True, native=True) as provider:
            deadline = CLOCK.now() + 20
            factor = Push(draw_number=True) if drawn else Push(number=Secret(b"57"))
            begun = await provider.begin(make_login(factor=factor), deadline)
            assert isinstance(begun, Pending)
            number = begun.number if drawn else "57"
            typed = number if right else f"{(int(number) + 1) % 100:02}"
            await device.decide((await device.sessions())[0], "approved", typed)
            outcome = await provider.wait(begun.handle, deadline)
    assert outcome == (Approved(device.id) if right else Denied("wrong_number"))


async def test_daemons_share_a_login(private_folder: Path) -> None:
    """A NAS that turns to its second server makes no second push, and one approval lets both daemons answer."""
    async with running_authority(private_folder) as authority:
        device = await authority.enrol("alice")
        async with (
            provider_of(authority, unix=True, native=True) as first,
            provider_of(authority, unix=False, native=True) as second,
        ):
            begun = []
            for provider, seconds in ((first, 20), (second, 12)):
                login = make_login(join_key=b"attempt-1", factor=Push(draw_number=True))
                begun.append(await provider.begin(login, CLOCK.now() + seconds))
            one, two = begun
            assert isinstance(one, Pending)
            assert one == two
            (session,) = await device.sessions()
            await device.decide(session, "approved", one.number)
            waits = (provider.wait(one.handle, CLOCK.now() + 10) for provider in (first, second))
            assert await asyncio.gather(*waits) == [Approved(device.id)] * 2
            again = await first.begin(make_login(join_key=b"attempt-1"), CLOCK.now() + 10)
    assert isinstance(again, Pending)
    assert again.handle.id != one.handle.id


def typed(code: str) -> Code:
    """A code as the core hands it over."""
    return Code(Secret(code.encode()))


@pytest.mark.parametrize("native", [True, False])
async def test_a_code_opens_once(private_folder: Path, native: bool) -> None:
    """A person without a device logs in by the app's code and by a bypass code, each of which opens once."""
    async with running_authority(private_folder) as authority:
        await authority.add_user()
        seed = await authority.enrol_totp()
        bypass = (await authority.bypass_code())["code"]
        async with provider_of(authority, unix=True, native=native) as provider:
            assert "code" in await provider.features(make_login(), CLOCK.now() + 5)
            for code in (pyotp.TOTP(seed).at(time.time()), f"{bypass[:3]} {bypass[3:]}"):
                outcomes = [await provider.begin(make_login(factor=typed(code)), CLOCK.now() + 5) for _ in range(2)]
                wrong = outcomes[1]
                assert outcomes[0] == Approved("code")
                assert isinstance(wrong, Failed)
                assert (wrong.kind, wrong.asked) == (FailureKind.BAD_CODE, False)
            stranger = await provider.begin(make_login(user="nobody", factor=typed("123456")), CLOCK.now() + 5)
    assert isinstance(stranger, Failed)
    assert stranger.kind is FailureKind.BAD_CODE


async def test_guessing_codes_ends_in_a_lock(private_folder: Path) -> None:
    """A guesser is told after five wrong codes that nothing opens any more, and the right code does not."""
    async with running_authority(private_folder) as authority:
        await authority.add_user()
        bypass = (await authority.bypass_code())["code"]
        async with provider_of(authority, unix=True, native=True) as provider:
            login = make_login(factor=typed("000000"))
            kinds = [await provider.begin(login, CLOCK.now() + 5) for _ in range(6)]
            kinds.append(await provider.begin(make_login(factor=typed(bypass)), CLOCK.now() + 5))
    expected = [FailureKind.BAD_CODE] * 5 + [FailureKind.LOCKED] * 2
    assert [outcome.kind for outcome in kinds if isinstance(outcome, Failed)] == expected


async def test_a_code_typed_while_the_push_is_out(private_folder: Path) -> None:
    """A person who does not find the phone types a code instead; a wrong one leaves the push as it is."""
    async with running_authority(private_folder) as authority:
        device = await authority.enrol("alice")
        bypass = (await authority.bypass_code())["code"]
        async with provider_of(authority, unix=True, native=True) as provider:
            begun = await provider.begin(make_login(), CLOCK.now() + 20)
            assert isinstance(begun, Pending)
            wrong = await provider.submit(begun.handle, "123456", CLOCK.now() + 5)
            assert isinstance(wrong, Failed)
            assert wrong.kind is FailureKind.BAD_CODE
            assert len(await device.sessions()) == 1
            assert await provider.submit(begun.handle, bypass, CLOCK.now() + 5) == Approved("code")
