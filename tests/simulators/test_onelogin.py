"""The OneLogin simulator: it answers as the published examples do, and costs what OneLogin would charge."""

import json
from typing import Any

from pushgate.clock import SystemClock
from pushgate.http import JsonClient, Reply
from pushgate.login import Code, Secret
from pushgate.outcome import Approved, NeedsCode
from pushgate.providers.onelogin_devices import Device, Kind
from pushgate.providers.onelogin_v1_wire import (
    RightPassword,
    auth_body,
    read_auth,
    read_verify,
    read_verify_code,
    verify_body,
)
from tests.simulators import onelogin_examples as examples
from tests.simulators.jumping import JumpingClock, run
from tests.simulators.onelogin import CLIENT_ID, CLIENT_SECRET, OneLoginSimulator, OneLoginTwists
from tests.simulators.onelogin_people import SimDevice, SimPerson
from tests.simulators.onelogin_rig import OneLoginRig, play, rig, rig_v1
from tests.support.core import make_login

ASHLEY = "ashley.akua"
TOKEN_PATH = "/auth/oauth2/v2/token"
FORM = f"client_id:{CLIENT_ID}, client_secret:{CLIENT_SECRET}"


class Client:
    """Sends what it is told, as an application of the customer would."""

    def __init__(self, simulator: OneLoginSimulator, clock: JumpingClock) -> None:
        self.clock, self.token = clock, ""
        self.http = JsonClient(simulator.url, clock, {})

    async def send(self, method: str, path: str, body: Any = None, token: str | None = None) -> Reply:
        """Send one request with the token that was got last."""
        headers = {"Authorization": f"bearer:{self.token}" if token is None else token}
        until = self.clock.now() + 10
        return await self.http.request(method, path, deadline=until, body=body, headers=headers)

    async def log_in(self) -> None:
        """Get a token."""
        reply = await self.send("POST", TOKEN_PATH, {"grant_type": "client_credentials"}, FORM)
        self.token = reply.body["access_token"]

    async def replay(self, path: str, body: bytes, state_token: str = "") -> Any:
        """Send a published request, with the state_token of this login in place of the published one."""
        body = body.replace(examples.STATE_TOKEN, state_token.encode())
        return (await self.send("POST", path, json.loads(body))).body


def on_simulator(scene: Any, twists: OneLoginTwists | None = None) -> None:
    """Play a scene with a client that has its token."""
    clock = JumpingClock()

    async def whole() -> None:
        async with rig(clock, twists=twists) as made:
            simulator = made.simulator
            devices = [
                SimDevice(222222, "Google Authenticator", "Google Authenticator", code="123456"),
                SimDevice(999999, "OneLogin OTP SMS", "SMS"),
            ]
            simulator.people[ASHLEY] = SimPerson(88888888, ASHLEY, "ashley@onelogin.com", "P@33w0rd!", devices)
            del simulator.people["alice"]
            client = Client(simulator, clock)
            try:
                await client.log_in()
                await scene(simulator, client)
            finally:
                await client.http.close()

    run(clock, whole)


def test_the_published_login_without_mfa() -> None:
    """A developer who sends the published request gets the published reply where no MFA is required."""

    async def scene(_simulator: OneLoginSimulator, client: Client) -> None:
        reply = await client.replay("/api/1/login/auth", examples.AUTH_REQUEST)
        assert examples.comparable(reply) == examples.comparable(examples.AUTH_SUCCESS)

    on_simulator(scene, OneLoginTwists(needs_mfa=False))


def test_the_published_login_with_mfa() -> None:
    """A developer who sends the published requests in their order gets the published replies."""

    async def scene(simulator: OneLoginSimulator, client: Client) -> None:
        first = await client.replay("/api/1/login/auth", examples.AUTH_REQUEST)
        assert examples.comparable(first) == examples.comparable(examples.AUTH_NEEDS_MFA)
        state_token = first["data"][0]["state_token"]
        verify = "/api/1/login/verify_factor"
        assert await client.replay(verify, examples.VERIFY_SMS_REQUEST, state_token) == examples.VERIFY_PENDING
        assert simulator.ledger.counts["mails"] == 1
        last = await client.replay(verify, examples.VERIFY_CODE_REQUEST, state_token)
        assert examples.comparable(last) == examples.comparable(examples.VERIFY_SUCCESS)

    on_simulator(scene)


def test_the_published_replies_are_understood() -> None:
    """A provider that meets the very replies of the documents reads them as they are meant."""
    state = examples.STATE_TOKEN.decode()
    devices = (Device(222222, Kind.CODE, "Google Authenticator"), Device(999999, Kind.SMS, "OneLogin OTP SMS"))
    assert read_auth(Reply(200, examples.AUTH_SUCCESS)) == RightPassword("88888888")
    assert read_auth(Reply(200, examples.AUTH_NEEDS_MFA)) == RightPassword("88888888", devices, state)
    assert read_verify(Reply(200, examples.VERIFY_PENDING), "88888888") is None
    assert read_verify(Reply(200, examples.VERIFY_SUCCESS), "88888888") == Approved()
    assert read_verify_code(Reply(200, examples.VERIFY_SUCCESS), "88888888") == Approved(device="code")


def test_we_send_what_is_published() -> None:
    """A server that takes the published requests takes ours: they add nothing but do_not_notify."""
    state = examples.STATE_TOKEN.decode()
    login = make_login(user=ASHLEY)
    assert auth_body(login, "P@33w0rd!", "jhainc", send_ip=False) == json.loads(examples.AUTH_REQUEST)
    sms = verify_body(Device(999999, Kind.SMS), state, notify=True)
    assert sms == {**json.loads(examples.VERIFY_SMS_REQUEST), "do_not_notify": False}
    code = verify_body(Device(222222, Kind.CODE), state, code="123456")
    assert code == {**json.loads(examples.VERIFY_CODE_REQUEST), "do_not_notify": True}


def test_the_token_is_the_same_until_it_ends_or_is_revoked() -> None:
    """Two programs of one account share a token; a revoked one is worth nothing, in the words of either API."""

    async def scene(simulator: OneLoginSimulator, client: Client) -> None:
        first = client.token
        await client.log_in()
        assert client.token == first
        simulator.revoke_token()
        v1 = await client.send("POST", "/api/1/login/auth", {})
        v2 = await client.send("GET", "/api/2/users?username=x")
        assert (v1.status, v1.body["status"]["message"]) == (401, "Authentication Failure")
        assert (v2.status, v2.body["name"]) == (401, "InvalidCredentials")
        await client.log_in()
        second = client.token
        assert second != first
        await client.clock.sleep(36_001)
        await client.log_in()
        assert client.token != second
        wrong = await client.send("POST", TOKEN_PATH, {"grant_type": "client_credentials"}, "Basic x")
        assert wrong.status == 401

    on_simulator(scene)


def test_the_hour_has_an_end() -> None:
    """A program that makes too many calls is told how many it has left, refused, and served in the next hour."""

    async def scene(_simulator: OneLoginSimulator, client: Client) -> None:
        replies = [await client.send("GET", "/api/2/users?username=x") for _ in range(4)]
        assert [each.status for each in replies] == [200, 200, 200, 429]
        assert [each.headers["X-RateLimit-Remaining"] for each in replies] == ["2", "1", "0", "0"]
        await client.clock.sleep(3600)
        assert (await client.send("GET", "/api/2/users?username=x")).status == 200

    on_simulator(scene, OneLoginTwists(calls_per_hour=3))


def test_every_careless_look_rings() -> None:
    """A program that polls without do_not_notify rings the person each time: the ledger shows it."""

    async def scene(rig: OneLoginRig) -> None:
        right = await rig.login()
        server = rig.provider.server
        body = {"device_id": "111111", "state_token": getattr(right.checked, "state_token", "")}
        for _ in range(3):
            await server.call("POST", "/api/1/login/verify_factor", rig.clock.now() + 5, body=body)
        assert (rig.simulator.ledger.counts["pushes"], rig.simulator.ledger.counts["polls"]) == (3, 0)
        assert rig.leftovers() == 1
        await rig.clock.sleep(121)
        assert rig.leftovers() == 0

    play(scene, password=True)


def test_the_wrong_callback_url_is_that_of_the_documents() -> None:
    """A program that follows the callback_url of the documents leaves the simulator: nothing answers there."""

    async def scene(simulator: OneLoginSimulator, client: Client) -> None:
        reply = await client.replay("/api/1/login/auth", examples.AUTH_REQUEST)
        assert not reply["data"][0]["callback_url"].startswith(simulator.url)
        assert (await client.send("POST", "/api/1/verify_factor", {})).status == 404

    on_simulator(scene)


async def test_both_rigs_work_on_the_real_clock() -> None:
    """A suite that brings no clock of its own gets rigs whose person can answer and type."""
    for make in (rig, rig_v1):
        async with make() as made:
            assert isinstance(made.clock, SystemClock)
            login = await made.login("bob")
            outcome = await made.provider.begin(login, made.clock.now() + 5)
            assert isinstance(outcome, NeedsCode)
            code = made.right_code(outcome.handle)
            assert code == made.right_code() == "012345"
            assert await made.provider.submit(outcome.handle, code, made.clock.now() + 5) == Approved(device="code")
            typed = make_login(user="bob", factor=Code(Secret(code.encode())))
            assert await made.provider.begin(typed, made.clock.now() + 5) == Approved(device="code")
