"""What a person sees of a code that was mailed, and what a stranger sees."""

from dataclasses import replace
from typing import Any

import pytest

from pushgate.login import Code, Method, Push, Secret
from pushgate.outcome import Failed, FailureKind, NeedsCode
from pushgate.providers.threatwinds_addresses import Addresses, AddressMap
from pushgate.providers.threatwinds_attempt import Attempt, MailedCode, again
from tests.simulators.threatwinds_bench import ThreatWindsBench
from tests.support.core import make_login


def test_a_question_names_the_way() -> None:
    """A person may have another mail sent, sees where it goes if the name says so, and no address otherwise."""
    handle = MailedCode("h", Attempt("a***@example.com", "alice@example.com", None, 300.0, 0.0))
    assert again(handle) == NeedsCode(handle, "Code sent to a***@example.com", way="email", expires_at=300.0)
    unknown = MailedCode("h", replace(handle.attempt, shown=""))
    assert again(unknown, "Not yet.").prompt == "Not yet. Code sent by e-mail"
    assert not again(unknown, "Not yet.").wrong
    assert "alice@example.com" not in repr(handle.attempt)


async def test_the_end_of_an_attempt() -> None:
    """The first reason for an end is the one that every further code gets."""
    attempt = Attempt("", "", None, 300.0, 0.0)
    first = Failed(FailureKind.CANCELLED, asked=True)
    attempt.finish(first)
    attempt.finish(Failed(FailureKind.EXPIRED, asked=True))
    assert (attempt.over, attempt.ended.is_set()) == (first, True)


@pytest.mark.parametrize("addresses", [None, Addresses(AddressMap({"alice": "alice@example.com"}))])
@pytest.mark.parametrize("factor", [Push(), Method("email")])
async def test_a_stranger_sees_what_a_person_sees(factor: Any, addresses: Addresses | None) -> None:
    """Somebody whom nobody may ask gets the same question, the same words after it, and no mail."""
    bench = ThreatWindsBench(addresses=addresses)
    real = await bench.asked(factor=factor)
    mails = len(bench.simulator.mails)
    seen = await bench.provider.pretend(make_login(user="arthur", factor=factor), bench.clock.now() + 60)
    assert isinstance(seen, NeedsCode)
    assert (seen.prompt, seen.way, seen.echo, seen.asked) == (real.prompt, real.way, real.echo, real.asked)
    for typed in ("resend", "000000", "resend"):
        a, b = [await bench.submit(question, typed) for question in (real, seen)]
        assert isinstance(a, NeedsCode)
        assert isinstance(b, NeedsCode)
        assert (a.prompt, a.wrong, a.resent) == (b.prompt, b.wrong, b.resent)
    await bench.clock.advance(31)
    again_real, again_seen = [await bench.submit(question, "resend") for question in (real, seen)]
    assert isinstance(again_real, NeedsCode)
    assert isinstance(again_seen, NeedsCode)
    assert again_real.resent
    assert again_seen.resent
    assert len(bench.simulator.mails) == mails + 1
    for question in (real, seen):
        await bench.submit(question, "000000")
        last = await bench.submit(question, "000000")
        assert isinstance(last, Failed)
        assert last.kind is FailureKind.BAD_CODE
    await bench.provider.cancel(seen.handle)
    await bench.close()


async def test_a_stranger_in_an_outage() -> None:
    """Somebody whom nobody may ask is told of an outage as everybody is."""
    bench = ThreatWindsBench()
    bench.simulator.knobs.status_next(503)
    outcome = await bench.provider.pretend(make_login(), bench.clock.now() + 60)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, False)
    await bench.close()


async def test_a_strangers_code_in_the_field() -> None:
    """A code that a stranger brings at once is refused as anybody's is."""
    bench = ThreatWindsBench()
    outcome = await bench.provider.pretend(make_login(factor=Code(Secret(b"123456"))), bench.clock.now() + 60)
    assert isinstance(outcome, Failed)
    await bench.close()
