"""The provider logintc on a fake clock: create, wait, claim, cancel, and every way that they fail."""

import asyncio
from typing import Any

import pytest

from pushgate.clock import FakeClock
from pushgate.http import Reply
from pushgate.login import Code, Method, Origin, Push, Secret
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, Outcome, Pending
from pushgate.providers.logintc import LoginTc
from pushgate.providers.logintc_wire import NATIVE_TYPE, V1_TYPE
from tests.support.core import make_login
from tests.support.transport import OWN, SESSION, ScriptedTransport, outage, state

DOMAIN = "9120580e94f134cb7c9f27cd1e43dbc82980e152"


class Bench:
    """A provider, its scripted server and the clock."""

    def __init__(self, **script: Any) -> None:
        self.clock = FakeClock()
        self.server = ScriptedTransport(self.clock, **script)
        self.provider = LoginTc(self.server, DOMAIN, self.clock)

    async def begin(self, **login: Any) -> Outcome:
        """Begin a login with 60 seconds to go."""
        return await self.provider.begin(make_login(**login), self.clock.now() + 60)

    async def wait(self, seconds: float = 60) -> Approved | Denied | Failed:
        """Begin, then wait to the end on the fake clock."""
        begun = await self.begin()
        assert isinstance(begun, Pending)
        waiting = asyncio.create_task(self.provider.wait(begun.handle, self.clock.now() + seconds))
        for _ in range(int(seconds) + 3):
            await self.clock.advance(1)
            if waiting.done():
                break
        return await waiting


async def test_a_create_names_the_login_in_order() -> None:
    """A LoginTC server is sent address, user, service, host, tty and, where allowed, command, in this order."""
    bench = Bench()
    bench.provider.send_command = True
    await bench.begin(service="sudo", account="root", tty="/dev/pts/3", command="/usr/bin/id -u")
    assert bench.server.bodies[-1] == {
        "user": {"username": "alice"},
        "attributes": [
            {"key": "IP Address", "value": "203.0.113.7"},
            {"key": "Username", "value": "root"},
            {"key": "Service", "value": "sudo"},
            {"key": "Host", "value": "web1"},
            {"key": "TTY", "value": "/dev/pts/3"},
            {"key": "Command", "value": "/usr/bin/id -u"},
        ],
        "ipAddress": "203.0.113.7",
    }
    assert bench.server.accepts[-1] == V1_TYPE


async def test_a_command_does_not_reach_a_third_party_by_default() -> None:
    """A sudo command, which can hold a secret, stays on our own authority unless the configuration says otherwise."""
    cloud, own = Bench(), Bench(features=OWN)
    for bench in (cloud, own):
        await bench.begin(command="mysql -phunter2")
    assert "hunter2" not in str(cloud.server.bodies)
    assert own.server.bodies[-1]["context"]["command"] == "mysql -phunter2"


async def test_our_own_authority_gets_context_nonce_and_time_to_live() -> None:
    """A server that announces consume is spoken to in the native form."""
    bench = Bench(features=OWN)
    await bench.begin(tty="ssh")
    body = bench.server.bodies[-1]
    assert body["context"] == {
        "service": "sshd",
        "host": "web1",
        "account": "",
        "command": "",
        "tty": "ssh",
        "origin_kind": "pam",
    }
    assert (len(body["client_nonce"]), body["timeout"], bench.server.accepts[-1]) == (22, 62, NATIVE_TYPE)


async def test_an_unknown_address_is_said_as_such() -> None:
    """A person is told that the address is unknown, and no address is sent in its field."""
    bench = Bench()
    await bench.begin(origin=Origin())
    assert bench.server.bodies[-1]["attributes"][0] == {"key": "IP Address", "value": "unknown"}
    assert "ipAddress" not in bench.server.bodies[-1]


async def test_hidden_characters_in_attributes_are_made_visible() -> None:
    """An attacker who puts escapes and bidi overrides into a command sees them shown as text."""
    bench = Bench(features=OWN)
    await bench.begin(command="ls\x1b[2K\u202e\n")
    assert bench.server.bodies[-1]["attributes"][-1]["value"] == "ls\\x1b[2K\\u202e\\x0a"


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply(201, {"id": SESSION, "state": "pending"}), Pending(Handle(SESSION))),
        (Reply(202, {"id": SESSION, "state": "pending"}), Pending(Handle(SESSION))),
        (state("approved"), Approved()),
        (state("denied"), Denied()),
        (Reply(404, {"errors": [{"code": "api.error.notfound.token", "message": ""}]}), FailureKind.NOT_ENROLLED),
        (Reply(404, None), FailureKind.NOT_ENROLLED),
        (Reply(401, {"errors": []}), FailureKind.CONFIG),
        (Reply(403, None), FailureKind.CONFIG),
        (Reply(429, None), FailureKind.RATE_LIMITED),
        (Reply(400, None), FailureKind.PROTOCOL),
        (Reply(302, None), FailureKind.PROTOCOL),
        (Reply(204, None), FailureKind.PROTOCOL),
        (Reply(200, None), FailureKind.PROTOCOL),
        (Reply(200, []), FailureKind.PROTOCOL),
        (Reply(200, {"state": "approved"}), FailureKind.PROTOCOL),
        (Reply(200, {"id": "../x", "state": "approved"}), FailureKind.PROTOCOL),
        (Reply(200, {"id": SESSION, "state": "APPROVED"}), FailureKind.PROTOCOL),
        (Reply(200, {"id": SESSION, "state": None}), FailureKind.PROTOCOL),
        (Reply(200, {"id": SESSION, "state": ["approved"]}), FailureKind.PROTOCOL),
        (Reply(200, {"id": SESSION}), FailureKind.PROTOCOL),
    ],
)
async def test_each_reply_to_a_create_has_its_outcome(reply: Reply, outcome: Any) -> None:
    """A server that answers a create gets exactly the documented outcome."""
    result = await Bench(create=[reply]).begin()
    if isinstance(result, Pending):
        result = Pending(Handle(result.handle.id))
    assert (result.kind if isinstance(result, Failed) else result) == outcome


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (outage(sent=False), False),
        (outage(sent=True), True),
        (Reply(503, None), False),
        (Reply(500, None), True),
        (Reply(504, None), True),
    ],
)
async def test_an_outage_at_create_says_whether_the_person_may_have_been_asked(answer: Any, asked: bool) -> None:
    """A create that surely never reached the server is told apart from one that may have."""
    result = await Bench(create=[answer]).begin()
    assert isinstance(result, Failed)
    status = answer.status if isinstance(answer, Reply) else None
    assert (result.kind, result.asked, result.status) == (FailureKind.UNAVAILABLE, asked, status)


@pytest.mark.parametrize(
    ("ping", "kind"),
    [
        (outage(sent=False), FailureKind.UNAVAILABLE),
        (outage(sent=True), FailureKind.UNAVAILABLE),
        (Reply(500, None), FailureKind.UNAVAILABLE),
        (Reply(401, None), FailureKind.CONFIG),
        (Reply(404, None), FailureKind.PROTOCOL),
        (outage(FailureKind.CONFIG, sent=False), FailureKind.CONFIG),
    ],
)
async def test_a_server_that_fails_at_ping_has_asked_nobody(ping: Any, kind: FailureKind) -> None:
    """A login that fails before its create surely asked nobody."""
    result = await Bench(ping=[ping]).begin()
    assert isinstance(result, Failed)
    assert (result.kind, result.asked) == (kind, False)


async def test_an_authority_that_approves_at_create_is_not_believed() -> None:
    """A server with claims that calls a session approved before anybody was asked opens nothing."""
    result = await Bench(features=OWN, create=[state("approved")]).begin()
    assert isinstance(result, Failed)
    assert (result.kind, result.asked) == (FailureKind.PROTOCOL, True)


async def test_a_refused_withdrawal_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """An administrator hears of a question that the server would not take back, but not of one that had ended."""
    bench = Bench()
    for status in (500, 404):
        bench.server.withdraw = Reply(status, None)
        await bench.provider.cancel(Handle(SESSION))
    assert "".join(capsys.readouterr()).count("withdraw_failed") == 1


async def test_a_cancel_deletes_and_swallows_outages() -> None:
    """A withdrawal is one DELETE, and a server that is away does not make it raise."""
    bench = Bench()
    await bench.begin()
    await bench.provider.cancel(Handle(SESSION))
    assert bench.server.ledger[-1][1:] == ("DELETE", f"/api/domains/{DOMAIN}/sessions/{SESSION}")
    bench.server.request = None  # type: ignore[assignment, method-assign]
    bench.provider.server.transport = _Away()
    await bench.provider.cancel(Handle(SESSION))


class _Away:
    async def request(self, method: str, path: str, **_options: Any) -> Reply:
        """Fail."""
        raise outage()

    async def close(self) -> None:
        """Nothing is open."""


async def test_a_provider_says_what_its_server_can_do() -> None:
    """Codes work with every server, e-mails with LoginTC's, numbers with one that announces them, nothing without."""
    expected = [(Bench(), {"code", "email"}), (Bench(features=["number"]), {"code", "email"})]
    expected += [(Bench(ping=[outage()]), set()), (Bench(features=OWN), {"code", "number"})]
    for bench, features in [*expected, (Bench(features=[*OWN, "email"]), {"code", "number", "email"})]:
        assert await bench.provider.features(make_login(), bench.clock.now() + 60) == features


async def test_a_drawn_number_reaches_the_front_end() -> None:
    """A number that the server has drawn comes back with the question, and the approval must carry it."""
    drawn = Reply(200, {"id": SESSION, "state": "pending", "number": "42"})
    for signed, expected in (("42", Approved()), ("41", FailureKind.DOWNGRADED), ("", FailureKind.DOWNGRADED)):
        used = [Reply(200, {"proof": {"number": signed}})]
        bench = Bench(features=OWN, create=[drawn], poll=[state("approved")], consume=used)
        begun = await bench.begin(factor=Push(draw_number=True))
        assert isinstance(begun, Pending)
        assert (begun.number, bench.server.bodies[-1]["number"]) == ("42", "show")
        assert "42" not in repr(begun.handle)
        outcome = await bench.provider.wait(begun.handle, bench.clock.now() + 60)
        assert (outcome.kind if isinstance(outcome, Failed) else outcome) == expected


async def test_a_chosen_number_is_sent_and_not_shown() -> None:
    """A number that the person has typed at the login goes to the authority and is not shown anywhere again."""
    bench = Bench(features=OWN)
    begun = await bench.begin(factor=Push(number=Secret(b"57")))
    assert isinstance(begun, Pending)
    assert (begun.number, bench.server.bodies[-1]["number"]) == ("", "57")
    assert "57" not in repr(begun).replace(SESSION, "")


@pytest.mark.parametrize("factor", [Push(number=Secret(b"57")), Push(draw_number=True)])
@pytest.mark.parametrize("features", [[], ["number"], ["wait", "consume"]])
async def test_a_server_without_numbers_asks_nobody(features: list[str], factor: Push) -> None:
    """A login that needs a number is never sent as a plain push instead."""
    bench = Bench(features=features)
    result = await bench.begin(factor=factor)
    assert isinstance(result, Failed)
    assert (result.kind, result.asked) == (FailureKind.DOWNGRADED, False)
    assert bench.server.count("POST") == 0


async def test_a_server_that_draws_no_number_is_withdrawn_from() -> None:
    """A server that opens a session without the number that it promised gets its question taken back."""
    bench = Bench(features=OWN)
    result = await bench.begin(factor=Push(draw_number=True))
    assert isinstance(result, Failed)
    assert (result.kind, result.asked, bench.server.count("DELETE")) == (FailureKind.PROTOCOL, True, 1)


@pytest.mark.parametrize("features", [[], OWN])
@pytest.mark.parametrize(("code", "field"), [("123456", "otp"), ("12345678", "otp"), ("123 456 789", "bypasscode")])
async def test_a_right_code_opens_at_once(features: list[str], code: str, field: str) -> None:
    """A code is checked in one create; our own authority's approval is claimed, LoginTC's stands."""
    bench = Bench(features=features, create=[state("approved")])
    assert await bench.begin(factor=Code(Secret(code.encode()))) == Approved("code")
    sent = next(body for body in bench.server.bodies if body and "user" in body)
    assert sent[field] == code.replace(" ", "")
    assert bench.server.count("POST", "/consume") == bool(features)


async def test_a_code_that_somebody_else_claims_opens_nothing() -> None:
    """An approval by code counts only once it is claimed."""
    bench = Bench(features=OWN, create=[state("approved")], consume=[Reply(409, None)])
    assert isinstance(await bench.begin(factor=Code(Secret(b"123456"))), Failed)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (state("denied"), FailureKind.BAD_CODE),
        (state("denied", reason="bad_code"), FailureKind.BAD_CODE),
        (state("denied", reason="locked"), FailureKind.LOCKED),
        (Reply(400, None), FailureKind.BAD_CODE),
        (Reply(404, None), FailureKind.BAD_CODE),
        (Reply(404, {"errors": [{"code": "api.error.notfound.token"}]}), FailureKind.NOT_ENROLLED),
        (Reply(401, None), FailureKind.CONFIG),
        (Reply(429, None), FailureKind.RATE_LIMITED),
        (Reply(503, None), FailureKind.UNAVAILABLE),
    ],
)
async def test_a_code_that_is_not_right_has_its_failure(reply: Reply, kind: FailureKind) -> None:
    """A code that opens nothing is never a denial by the person, and nobody was asked."""
    result = await Bench(create=[reply]).begin(factor=Code(Secret(b"123456")))
    assert isinstance(result, Failed)
    assert (result.kind, result.asked) == (kind, False)


async def test_a_code_of_no_form_is_not_sent() -> None:
    """What can be no code is refused without a request, and so without counting at the server."""
    bench = Bench()
    result = await bench.begin(factor=Code(Secret(b"12345")))
    assert isinstance(result, Failed)
    assert (result.kind, result.asked, bench.server.ledger) == (FailureKind.BAD_CODE, False, [])


async def test_a_server_that_asks_instead_of_checking_is_withdrawn_from() -> None:
    """A server that answers a code with a push gets it taken back: nobody shall approve what nobody waits for."""
    bench = Bench()
    result = await bench.begin(factor=Code(Secret(b"123456")))
    assert isinstance(result, Failed)
    assert (result.kind, result.asked, bench.server.count("DELETE")) == (FailureKind.PROTOCOL, True, 1)


async def test_the_method_push_is_a_push_and_others_are_unknown() -> None:
    """A person who types push is asked; a method that the server does not have asks nobody."""
    bench = Bench()
    result = await bench.begin(factor=Method("sms"))
    assert isinstance(result, Failed)
    assert (result.kind, result.asked, bench.server.ledger) == (FailureKind.PROTOCOL, False, [])
    assert isinstance(await bench.begin(factor=Method("push")), Pending)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (state("approved"), Approved("code")),
        (state("denied"), FailureKind.BAD_CODE),
        (state("denied", reason="locked"), FailureKind.LOCKED),
        (outage(sent=False), FailureKind.UNAVAILABLE),
    ],
)
async def test_a_code_may_be_typed_while_the_push_is_out(reply: Any, expected: Any) -> None:
    """A right code opens the login for which the push is out; a wrong one does not end it, an outage opens nothing."""
    bench = Bench(features=OWN, create=[state("pending"), reply])
    begun = await bench.begin(service="sudo")
    assert isinstance(begun, Pending)
    outcome = await bench.provider.submit(begun.handle, "123456", bench.clock.now() + 30)
    creates = [body for body in bench.server.bodies if body and "user" in body]
    assert (creates[1]["otp"], creates[1]["context"]) == ("123456", creates[0]["context"])
    assert bench.server.count("DELETE") == 0
    assert (outcome.kind if isinstance(outcome, Failed) else outcome) == expected
    assert not isinstance(outcome, Failed) or outcome.asked


async def test_three_wrong_codes_for_a_push_are_all() -> None:
    """A front end that would hand in a fourth code for one push does not reach the server, which revokes at five."""
    bench = Bench(create=[state("pending"), state("denied")])
    begun = await bench.begin()
    assert isinstance(begun, Pending)
    for _ in range(5):
        outcome = await bench.provider.submit(begun.handle, "000000", bench.clock.now() + 30)
        assert isinstance(outcome, Failed)
        assert outcome.kind is FailureKind.BAD_CODE
    assert bench.server.count("POST") == 1 + 3


async def test_a_code_for_another_providers_question_is_refused() -> None:
    """A handle that this provider did not give takes no code."""
    bench = Bench()
    assert isinstance(await bench.provider.submit(Handle("x"), "123456", bench.clock.now() + 30), Failed)
    assert bench.server.ledger == []


async def test_daemons_that_share_a_login_send_the_same() -> None:
    """Two daemons that hold the same login at different moments send one body and key, and claim under one name."""
    first, second = Bench(features=OWN, poll=[state("approved")]), Bench(features=OWN, poll=[state("approved")])
    for bench, seconds in ((first, 60), (second, 12)):
        login = make_login(join_key=b"attempt-1")
        begun = await bench.provider.begin(login, bench.clock.now() + seconds)
        assert isinstance(begun, Pending)
        assert await bench.provider.wait(begun.handle, bench.clock.now() + seconds) == Approved()
    assert first.server.bodies == second.server.bodies
    assert first.server.keys == second.server.keys
    assert len(first.server.keys[0]) == 43


async def test_logins_that_nobody_shares_stay_apart() -> None:
    """A login without a join key, a code, and a server without the feature get no key and a fresh nonce."""
    own, cloud = Bench(features=OWN), Bench(features=["consume"])
    for _ in range(2):
        await own.begin()
    assert own.server.bodies[-1]["client_nonce"] != own.server.bodies[-2]["client_nonce"]
    await own.begin(join_key=b"k", factor=Code(Secret(b"123456")))
    await cloud.begin(join_key=b"k")
    assert [*own.server.keys, *cloud.server.keys] == [""] * 4


async def test_a_code_is_claimed_under_a_name_of_its_own() -> None:
    """Two daemons that check the same code are two uses of it: only one may win."""
    names = []
    for _ in range(2):
        bench = Bench(features=OWN, create=[state("approved")])
        await bench.begin(join_key=b"attempt-1", factor=Code(Secret(b"123456")))
        names += [body["consumer"] for body in bench.server.bodies if body and "consumer" in body]
    assert len(set(names)) == 2
