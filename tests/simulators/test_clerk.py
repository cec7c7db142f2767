"""The simulator of Clerk is what Clerk's documents say, and pushgate sends what they show."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from pushgate.clock import FakeClock
from pushgate.http import JsonClient, Reply
from pushgate.login import Method, Secret
from pushgate.outcome import Approved
from pushgate.providers.clerk_wire import read_jwt
from tests.simulators.base import Recorded, running
from tests.simulators.clerk import ClerkSimulator
from tests.simulators.clerk_examples import EXAMPLES, Example
from tests.simulators.clerk_people import Person, Session
from tests.simulators.clerk_rig import ClerkEnrolledRig, ClerkTicketRig, clerk_rig, question

NATIVE = "?_is_native=1&__clerk_api_version=2025-04-10"
DEADLINE = 2000.0


class App:
    """A native app of one person, which sends what a test says."""

    def __init__(self, simulator: ClerkSimulator, clock: FakeClock) -> None:
        self.simulator, self.clock = simulator, clock
        self.http = JsonClient(simulator.url, clock, {})
        person = Person("user_s", "s", emails={"string": "s@example.com"}, phones={"string": "+15555550199"})
        simulator.people.append(person)
        simulator.knobs.next_code = "string"
        ticket = simulator.make_ticket({"user_id": "user_s"}).body["token"]
        self.session: Session = simulator.open_session(ticket)
        self.jwt = self.session.client.jwt

    async def send(self, method: str, path: str, form: Any = None, **headers: str) -> Reply:
        """Send a form; ``S`` in the path is the session."""
        target = path.replace("/S", f"/{self.session.id}") + NATIVE
        sent = {"Authorization": self.jwt, **headers} if self.jwt else headers
        fields = {key: values[0] for key, values in parse_qs(form).items()} if form else None
        reply = await self.http.request(method, target, deadline=DEADLINE, form=fields, headers=sent)
        self.jwt = read_jwt(reply.headers) or self.jwt
        return reply


@pytest.fixture
async def app(fake_clock: FakeClock) -> AsyncIterator[App]:
    """A native app, signed in."""
    simulator = ClerkSimulator(fake_clock)
    async with running(simulator):
        made = App(simulator, fake_clock)
        yield made
        await made.http.close()


def code_of(reply: Reply) -> str:
    """Return the code of an error."""
    return str(reply.body["errors"][0]["code"])


BEFORE = {
    "verify/prepare_first_factor": ["level=first_factor"],
    "verify/attempt_first_factor": ["level=first_factor", "prepare_first_factor"],
    "verify/prepare_second_factor": ["level=second_factor"],
    "verify/attempt_second_factor": ["level=second_factor", "prepare_second_factor"],
}
PREPARE = {each.path.rpartition("/")[2]: each.body for each in EXAMPLES}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
async def test_each_documented_request_is_answered_as_documented(app: App, example: Example) -> None:
    """A client that sends a sample request of the reference gets a reply of the documented form."""
    for step in BEFORE.get(example.path.partition("/S/")[2], ()):
        call = "verify" if step.startswith("level") else f"verify/{step}"
        body = step if step.startswith("level") else PREPARE[step]
        assert (await app.send("POST", f"/v1/client/sessions/S/{call}", body)).status == 200
    reply = await app.send(example.method, example.path, example.body)
    assert (reply.status, reply.status in example.statuses) == (200, True)
    assert set(reply.body) == example.keys


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
async def test_each_documented_request_without_a_client_is_refused(app: App, example: Example) -> None:
    """A client without its JWT gets no session, and an error in Clerk's form with a trace id."""
    app.jwt = ""
    reply = await app.send(example.method, example.path, example.body)
    assert (reply.status, code_of(reply)) == (401, "authentication_invalid")
    assert reply.body["clerk_trace_id"]


def shape(request: Recorded) -> tuple[str, str]:
    """Return method and path of a request, with ``S`` for the session."""
    parts = request.path.split("/")
    return request.method, "/".join([*parts[:4], *(["S"] if len(parts) > 4 else []), *parts[5:]])


@pytest.mark.parametrize("kind", [ClerkTicketRig, ClerkEnrolledRig])
async def test_what_pushgate_sends_is_documented(kind: type[ClerkTicketRig], fake_clock: FakeClock) -> None:
    """Each request of a whole login has path, fields and values that the reference names."""
    documented = {(each.method, each.path): each for each in EXAMPLES}
    async with clerk_rig(kind, fake_clock, level="multi_factor", prove_by_token=True) as rig:
        login = await rig.login()
        mail = question(await rig.provider.begin(login, DEADLINE))
        second = question(await rig.provider.submit(mail, rig.right_code(mail), DEADLINE))
        assert isinstance(await rig.provider.submit(second, "012345", DEADLINE), Approved)
        checked: Any = await rig.provider.check_password(login, Secret(b"correct horse"), DEADLINE)
        by_sms = replace(login, factor=Method("sms"), checked=checked.handle)
        sms = question(await rig.provider.begin(by_sms, DEADLINE))
        assert isinstance(await rig.provider.submit(sms, rig.right_code(sms), DEADLINE), Approved)
        sessions = [each for each in rig.simulator.ledger.requests if each.path.startswith("/v1/client/sessions")]
    assert len({shape(each) for each in sessions}) >= 7
    for request in sessions:
        example = documented[shape(request)]
        fields = request.form()
        assert set(fields) <= set(parse_qs(example.body)), request
        assert {fields[key] for key in fields if key in ("strategy", "level")} <= example.allowed


async def test_only_native_apps_are_served(app: App) -> None:
    """A client with an Origin, without the native flag, or of an instance without the Native API is refused."""
    refused = await app.send("GET", "/v1/client/sessions/S", Origin="https://example.com")
    assert code_of(refused) == "origin_authorization_headers_conflict"
    target = f"/v1/client/sessions/{app.session.id}"
    headers = {"Authorization": app.jwt}
    assert code_of(await app.http.request("GET", target, deadline=DEADLINE, headers=headers)) == "native_api_disabled"
    json = await app.http.request("POST", f"{target}/touch{NATIVE}", deadline=DEADLINE, body={}, headers=headers)
    assert json.status == 415
    app.simulator.knobs.native = False
    assert code_of(await app.send("GET", "/v1/client/sessions/S")) == "native_api_disabled"


async def test_an_exchanged_jwt_is_worth_nothing(app: App) -> None:
    """A client that goes on with a JWT that was exchanged is signed out."""
    old = app.jwt
    await app.send("GET", "/v1/client/sessions/S")
    assert app.jwt != old
    app.jwt = old
    assert code_of(await app.send("GET", "/v1/client/sessions/S")) == "signed_out"


async def test_a_level_falls_back_without_a_second_factor(app: App) -> None:
    """A person without a second factor is verified at the level first_factor, whatever was asked."""
    app.session.person.totp, app.session.person.phones = None, {}
    reply = await app.send("POST", "/v1/client/sessions/S/verify", "level=second_factor")
    assert (reply.body["response"]["level"], reply.body["response"]["status"]) == ("first_factor", "needs_first_factor")


@pytest.mark.parametrize(
    ("call", "body", "code"),
    [
        ("verify/attempt_second_factor", "strategy=totp&code=012345", "session_reverification_missing"),
        ("verify", "level=third_factor", "form_param_value_invalid"),
        ("nothing", "", "resource_not_found"),
    ],
)
async def test_what_does_not_fit_is_refused(app: App, call: str, body: str, code: str) -> None:
    """A client that skips a step, or names what there is not, is told so."""
    assert code_of(await app.send("POST", f"/v1/client/sessions/S/{call}", body)) == code


async def test_steps_of_a_verification_are_kept(app: App, fake_clock: FakeClock) -> None:
    """A client meets each refusal of a verification: wrong step, nothing sent, too soon, wrong, too often."""
    base = "/v1/client/sessions/S/verify"
    await app.send("POST", base, "level=second_factor")
    first = await app.send("POST", f"{base}/attempt_first_factor", "strategy=password&password=x")
    assert code_of(first) == "invalid_action_for_session_reverification"
    nothing = await app.send("POST", f"{base}/attempt_second_factor", "strategy=phone_code&code=string")
    assert code_of(nothing) == "verification_missing"
    other = await app.send("POST", f"{base}/prepare_second_factor", "strategy=email_code&email_address_id=string")
    assert code_of(other) == "strategy_for_user_invalid"
    wrong = await app.send("POST", f"{base}/prepare_second_factor", "strategy=phone_code&phone_number_id=idn_9")
    assert code_of(wrong) == "strategy_for_user_invalid"
    send = "strategy=phone_code&phone_number_id=string"
    assert (await app.send("POST", f"{base}/prepare_second_factor", send)).status == 200
    soon = await app.send("POST", f"{base}/prepare_second_factor", send)
    assert (soon.status, code_of(soon)) == (429, "verification_code_too_many_requests")
    await fake_clock.advance(30)
    assert (await app.send("POST", f"{base}/prepare_second_factor", send)).status == 200
    app.simulator.knobs.limited = False
    codes = [
        code_of(await app.send("POST", f"{base}/attempt_second_factor", "strategy=phone_code&code=nope"))
        for _ in range(4)
    ]
    assert codes == ["form_code_incorrect"] * 3 + ["verification_failed"]


async def test_failures_lock_the_account(app: App) -> None:
    """A person who fails ten times is warned, then locked at both APIs."""
    app.simulator.knobs.limited = False
    codes = []
    for attempt in range(11):
        if attempt % 3 == 0:
            started = await app.send("POST", "/v1/client/sessions/S/verify", "level=second_factor")
        form = "strategy=totp&code=999999"
        codes.append(code_of(await app.send("POST", "/v1/client/sessions/S/verify/attempt_second_factor", form)))
    assert started.status == 200
    assert codes == ["form_code_incorrect"] * 8 + ["account_lockout_warning"] * 2 + ["user_locked"]
    assert app.session.person.as_json()["locked"]


async def test_limits_of_this_address_hold(app: App) -> None:
    """A machine that attempts more than three times within ten seconds gets a 429 with Retry-After."""
    await app.send("POST", "/v1/client/sessions/S/verify", "level=second_factor")
    path = "/v1/client/sessions/S/verify/attempt_second_factor"
    replies = [await app.send("POST", path, "strategy=backup_code&code=wrong234") for _ in range(4)]
    assert [each.status for each in replies] == [422, 422, 422, 429]
    assert replies[-1].retry_after == 10
    app.jwt = ""
    statuses = [(await app.send("POST", "/v1/client/sign_ins", "strategy=ticket&ticket=x")).status for _ in range(6)]
    assert statuses == [400] * 5 + [429]


async def test_a_ticket_is_good_once_and_for_a_minute(app: App, fake_clock: FakeClock) -> None:
    """A ticket opens one session, within its life, for somebody who is not shut out, and only for a new client."""
    simulator, jwt = app.simulator, app.jwt
    simulator.knobs.limited = False
    app.jwt = ""

    async def sign_in(ticket: str) -> Reply:
        reply = await app.send("POST", "/v1/client/sign_ins", f"strategy=ticket&ticket={ticket}")
        app.jwt = ""
        return reply

    def ticket(user_id: str = "user_s") -> str:
        return str(simulator.make_ticket({"user_id": user_id, "expires_in_seconds": 60}).body["token"])

    good, late = ticket(), ticket()
    assert (await sign_in(good)).status == 200
    assert code_of(await sign_in(good)) == "sign_in_token_already_used_code"
    await fake_clock.advance(60)
    assert code_of(await sign_in(late)) == "sign_in_token_cannot_be_used_code"
    simulator.person("bob").banned = True
    assert code_of(await sign_in(ticket("user_bob"))) == "user_banned"
    app.jwt = jwt
    assert code_of(await app.send("POST", "/v1/client/sign_ins", f"strategy=ticket&ticket={ticket()}")) == (
        "strategy_for_user_invalid"
    )


async def test_the_backend_knows_its_key(app: App) -> None:
    """A client with another key, or about somebody unknown, is refused."""
    headers = {"Authorization": "Bearer sk_test_other"}
    assert (await app.http.request("GET", "/v1/users/count", deadline=DEADLINE, headers=headers)).status == 401
    headers = {"Authorization": f"Bearer {app.simulator.secret_key}"}
    for method, path in (
        ("POST", "/v1/users/user_x/verify_totp"),
        ("GET", "/v1/organizations"),
        ("POST", "/v1/users/user_s/ban"),
    ):
        reply = await app.http.request(
            method, path, deadline=DEADLINE, headers=headers, body={"code": "1"} if method == "POST" else None
        )
        assert code_of(reply) == "resource_not_found"
