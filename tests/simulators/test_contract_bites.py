"""The contract bites: a provider with a fault of the kind that each check is there for does not pass it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import aiohttp
import pytest
import structlog

from pushgate.clock import Clock
from pushgate.login import Login
from pushgate.outcome import Approved, Failed, FailureKind, Outcome
from tests.simulators import contract
from tests.simulators.rig import Rig
from tests.simulators.rigs import COURSES, Course
from tests.simulators.situations import PERSON, SITUATIONS, Act, Situation
from tests.simulators.tap import Place

log = structlog.get_logger()
Spoil = Callable[[Rig], None]
APPROVES = PERSON[0]
REFUSES = next(each for each in PERSON if each.act is Act.DENY)
IGNORES = next(each for each in PERSON if each.act is Act.IGNORE)


def row(place: Place, words: str) -> Situation:
    """Find a row of the faults."""
    return next(each for each in SITUATIONS if each.place is place and each.words == words and each.fault)


def spoilt(spoil: Spoil) -> Course:
    """Return the first course with a provider that has a fault."""

    @asynccontextmanager
    async def spoiling(make: AbstractAsyncContextManager[Rig]) -> AsyncIterator[Rig]:
        async with make as rig:
            spoil(rig)
            yield rig

    def make(clock: Clock | None) -> AbstractAsyncContextManager[Rig]:
        return spoiling(COURSES[0].entry.make(clock))

    return replace(COURSES[0], entry=replace(COURSES[0].entry, make=make))


def approve_all(rig: Rig) -> None:
    """Say yes whatever the person says."""

    async def wait(_handle: object, _deadline: float) -> Outcome:
        return Approved()

    rig.provider.wait = wait  # type: ignore[assignment,method-assign]


def keep_questions(rig: Rig) -> None:
    """Never withdraw."""

    async def cancel(_handle: object) -> None:
        return

    rig.provider.cancel = cancel  # type: ignore[assignment,method-assign]


def leave_a_task(rig: Rig) -> None:
    """Leave something running."""
    begin = rig.provider.begin
    left = []

    async def leaving(login: Login, deadline: float) -> Outcome:
        left.append(asyncio.create_task(asyncio.Event().wait()))
        return await begin(login, deadline)

    rig.provider.begin = leaving  # type: ignore[method-assign]


def after_begin(change: Callable[[Outcome], Outcome]) -> Spoil:
    """Change what begin says."""

    def spoil(rig: Rig) -> None:
        begin = rig.provider.begin

        async def changed(login: Login, deadline: float) -> Outcome:
            return change(await begin(login, deadline))

        rig.provider.begin = changed  # type: ignore[method-assign]

    return spoil


def ask_twice(rig: Rig) -> None:
    """Try once more when a question fails."""
    begin = rig.provider.begin

    async def twice(login: Login, deadline: float) -> Outcome:
        outcome = await begin(login, deadline)
        return await begin(login, deadline) if isinstance(outcome, Failed) else outcome

    rig.provider.begin = twice  # type: ignore[method-assign]


def log_the_key(rig: Rig) -> None:
    """Write a request's header into the log."""
    begin = rig.provider.begin

    async def talkative(login: Login, deadline: float) -> Outcome:
        outcome = await begin(login, deadline)
        log.info("sent", headers=dict(rig.simulator.ledger.requests[-1].headers))
        return outcome

    rig.provider.begin = talkative  # type: ignore[method-assign]


def unsure_is_sure(outcome: Outcome) -> Outcome:
    """Claim that nobody was asked."""
    return replace(outcome, asked=False) if isinstance(outcome, Failed) else outcome


def without_hint(outcome: Outcome) -> Outcome:
    """Keep to oneself what could be done."""
    return replace(outcome, hint="") if isinstance(outcome, Failed) else outcome


def without_status(outcome: Outcome) -> Outcome:
    """Keep to oneself what the provider has answered."""
    return replace(outcome, status=None) if isinstance(outcome, Failed) else outcome


def outage_is_no_key(outcome: Outcome) -> Outcome:
    """Take an outage for a refusal of our key."""
    return replace(outcome, kind=FailureKind.CONFIG) if isinstance(outcome, Failed) else outcome


CASES: list[tuple[Spoil, Callable[[Course, Situation], str], Situation]] = [
    (approve_all, contract.ends_as_documented, REFUSES),
    (after_begin(outage_is_no_key), contract.ends_as_documented, row(Place.FIRST, "no answer")),
    (keep_questions, contract.leaves_nothing, IGNORES),
    (leave_a_task, contract.leaves_nothing, APPROVES),
    (ask_twice, contract.asks_once, replace(row(Place.ASKING, "the connection breaks after it was served"), times=1)),
    (log_the_key, contract.keeps_secrets, APPROVES),
    (
        after_begin(unsure_is_sure),
        contract.opens_only_when_nobody_was_asked,
        row(Place.ASKING, "served, and the answer is too late"),
    ),
    (after_begin(unsure_is_sure), contract.opens_only_when_nobody_was_asked, row(Place.ASKING, "HTTP 502")),
    (after_begin(without_hint), contract.tells_the_administrator, row(Place.FIRST, "HTTP 401 without a body")),
    (after_begin(without_status), contract.tells_the_administrator, row(Place.ASKING, "HTTP 500")),
]


@pytest.mark.parametrize(("spoil", "check", "situation"), CASES)
def test_a_spoilt_provider_is_found(
    spoil: Spoil, check: Callable[[Course, Situation], str], situation: Situation
) -> None:
    """A provider with one fault fails the check for it, which the same provider without the fault passes."""
    assert check(COURSES[0], situation) == ""
    assert check(spoilt(spoil), situation) != ""


def test_a_followed_redirect_is_found() -> None:
    """A client that follows redirects is seen at the other host."""
    situation = row(Place.FIRST, "redirect to another host")
    request = aiohttp.ClientSession._request

    async def following(session: aiohttp.ClientSession, *arguments: Any, **named: Any) -> aiohttp.ClientResponse:
        return await request(session, *arguments, **(named | {"allow_redirects": True}))

    with patch.object(aiohttp.ClientSession, "_request", following):
        assert contract.goes_nowhere_else(spoilt(lambda _: None), situation) != ""
