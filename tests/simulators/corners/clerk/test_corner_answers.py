"""Corner cases of Clerk by their number: what is sent and answered: names, codes, states, bodies, shapes."""

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from pushgate.clock import FakeClock
from pushgate.outcome import Approved, Failed, FailureKind
from tests.simulators.base import running
from tests.simulators.clerk import ClerkSimulator
from tests.simulators.clerk_rig import ClerkEnrolledRig, ClerkRig, ClerkTicketRig, clerk_rig, kind_of, question
from tests.simulators.corners.clerk.shared import DEADLINE, MODES, fails_open, typed

SESSIONS = pytest.mark.parametrize("kind", [ClerkTicketRig, ClerkEnrolledRig], ids=lambda kind: kind.name)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "COMPLETE"},
        {"status": "approved"},
        {"status": None},
        {"status": ["complete"]},
        {"session": None},
        {"session": {"id": "sess_other", "status": "active"}},
    ],
)
async def test_corner_04_unknown_states_are_no_approval(ticket: ClerkTicketRig, change: dict[str, Any]) -> None:
    """A reply whose state is unknown, in another case, missing or of another type ends the login at once."""

    def alter(call: str, body: Any) -> Any:
        return body | {"response": body["response"] | change} if call.startswith("attempt") else body

    ticket.simulator.knobs.change = alter
    assert kind_of(await ticket.provider.begin(typed("012345"), DEADLINE)) is FailureKind.PROTOCOL
    assert ticket.leftovers() == 0


@MODES
@pytest.mark.parametrize(
    "body",
    [b"<html>approved</html>", b"[]", b'"verified"', b"null", b"{}", b'{"verified":true' + b" " * 10_000_000],
    ids=["html", "array", "string", "null", "empty", "10 MB"],
)
async def test_corner_04_bodies_that_are_none(kind: type[ClerkRig], body: bytes, fake_clock: FakeClock) -> None:
    """A reply that is no JSON object, or too large, lets nobody in and opens no service that fails open."""
    async with clerk_rig(kind, fake_clock) as rig:
        rig.simulator.knobs.only = lambda request: request.path.endswith(("verify_totp", "attempt_second_factor"))
        rig.simulator.knobs.status_next(200, body)
        outcome = await rig.provider.begin(typed("012345"), DEADLINE)
        assert kind_of(outcome) is FailureKind.PROTOCOL
        assert not fails_open(outcome)


async def test_corner_04_compressed_replies(bapi: ClerkRig) -> None:
    """A compressed reply works; one that would grow without bound is cut off."""
    right = gzip.compress(json.dumps({"verified": True, "code_type": "totp"}).encode())
    bomb = gzip.compress(b'{"verified":true' + b" " * 50_000_000, compresslevel=1)
    bapi.simulator.knobs.only = lambda request: request.path.endswith("verify_totp")
    for body in (right, bomb):
        bapi.simulator.knobs.status_next(200, body, {"Content-Encoding": "gzip"})
    assert isinstance(await bapi.provider.begin(typed("012345"), DEADLINE), Approved)
    assert kind_of(await bapi.provider.begin(typed("012346"), DEADLINE)) is FailureKind.PROTOCOL


@MODES
@pytest.mark.parametrize("body", [{"errors": []}, None, b"<html>", {"errors": None}])
async def test_corner_05_a_refused_key_in_any_form(kind: type[ClerkRig], body: Any, fake_clock: FakeClock) -> None:
    """A refusal of our key is the administrator's business, whatever its body looks like."""
    async with clerk_rig(kind, fake_clock) as rig:
        rig.simulator.knobs.status_next(401, body)
        outcome = await rig.provider.begin(typed("012345"), DEADLINE)
        assert isinstance(outcome, Failed)
        assert (outcome.kind, outcome.status, fails_open(outcome)) == (FailureKind.CONFIG, 401, False)
        assert "secret key" in outcome.hint


@MODES
async def test_corner_05_redirects_are_not_followed(kind: type[ClerkRig], fake_clock: FakeClock) -> None:
    """A reply that sends us to another host is a failure, and that host sees neither key nor code."""
    other = ClerkSimulator(fake_clock)
    async with running(other), clerk_rig(kind, fake_clock) as rig:
        for status in (301, 302, 307, 308):
            rig.simulator.knobs.status_next(status, None, {"Location": f"{other.url}/v1/users"})
            assert kind_of(await rig.provider.begin(typed("012345"), DEADLINE)) is FailureKind.PROTOCOL
        assert other.ledger.requests == []


@pytest.mark.parametrize("user", ["a/b", "a?b", "a&b=c", "a%20b", 'a"b', "é", "a b", "DOMAIN\\user", "a+b@x.org"])
async def test_corner_06_names_are_exact_on_the_wire(bapi: ClerkRig, user: str) -> None:
    """A name with signs that mean something in an address arrives as it is."""
    bapi.simulator.people.append(replace(bapi.simulator.person("bob"), id="user_odd", username=user, totp="012345"))
    assert isinstance(await bapi.provider.begin(typed("012345", user), DEADLINE), Approved)
    assert bapi.simulator.ledger.requests[0].query == {"username": user.casefold()}


@pytest.mark.parametrize("user", ["a" * 129, "", " alice", "alice ", "al\nice", "al\u202eice"])
async def test_corner_06_names_that_are_none_cost_no_call(bapi: ClerkRig, user: str) -> None:
    """A name that nobody can have is refused without a call."""
    assert kind_of(await bapi.provider.begin(typed("012345", user), DEADLINE)) is FailureKind.NOT_ENROLLED
    assert bapi.simulator.ledger.requests == []


@MODES
@pytest.mark.parametrize("code", ["012 345", "012-345", "\uff10\uff11\uff12\uff13\uff14\uff15", " 012345 "])
async def test_corner_08_codes_as_people_write_them(kind: type[ClerkRig], code: str, fake_clock: FakeClock) -> None:
    """A person may write a code with blanks, hyphens and wide digits; zeros in front are kept."""
    async with clerk_rig(kind, fake_clock) as rig:
        handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
        assert isinstance(await rig.provider.submit(handle, code, DEADLINE), Approved)
        assert [each for each in rig.simulator.ledger.requests if b"012345" in each.body]


@pytest.mark.parametrize("code", ["12345678", "123456789", "012345678"])
async def test_corner_08_longer_codes_are_kept_whole(bapi: ClerkRig, code: str) -> None:
    """A code of eight or nine digits is handed in as it is."""
    bapi.simulator.person("alice").backup_codes.add(code)
    assert isinstance(await bapi.provider.begin(typed(code), DEADLINE), Approved)


@SESSIONS
async def test_corner_11_a_lower_level_is_refused(kind: type[ClerkTicketRig], fake_clock: FakeClock) -> None:
    """A person without a second factor is refused, although Clerk would be content with the first."""
    async with clerk_rig(kind, fake_clock) as rig:
        alice = rig.simulator.person("alice")
        alice.totp, alice.phones = None, {}
        for login in (await rig.login(), typed("012345")):
            outcome = await rig.provider.begin(login, DEADLINE)
            assert (kind_of(outcome), fails_open(outcome)) == (FailureKind.DOWNGRADED, False)
        assert rig.leftovers() == 0


@MODES
@pytest.mark.parametrize("status", [200, 201, 202])
async def test_corner_24_each_success_is_one(kind: type[ClerkRig], status: int, fake_clock: FakeClock) -> None:
    """A login goes the same way whether Clerk answers with 200, 201 or 202."""
    async with clerk_rig(kind, fake_clock) as rig:
        serve = rig.simulator.serve

        async def other(request: Any) -> Any:
            answer = await serve(request)
            return replace(answer, status=status) if answer.status == 200 else answer

        rig.simulator.serve = other
        assert isinstance(await rig.provider.begin(typed("012345"), DEADLINE), Approved)


async def test_corner_24_both_spellings_of_a_jwt(ticket: ClerkTicketRig) -> None:
    """A login goes the same way whether the reply names the scheme before the JWT or not."""
    serve = ticket.simulator.serve

    async def other(request: Any) -> Any:
        answer = await serve(request)
        headers = {key: f"Bearer {value}" if key == "Authorization" else value for key, value in answer.headers.items()}
        return replace(answer, headers=headers)

    ticket.simulator.serve = other  # type: ignore[method-assign]
    assert isinstance(await ticket.provider.begin(typed("012345"), DEADLINE), Approved)
