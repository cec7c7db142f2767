"""The official client of OneLogin against the simulator: where its models allow, both speak of the same API."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import onelogin
import pytest
from onelogin.exceptions import UnauthorizedException

from tests.simulators.base import running
from tests.simulators.onelogin import CLIENT_ID, CLIENT_SECRET, OneLoginSimulator, OneLoginTwists
from tests.simulators.onelogin_people import AUTHENTICATOR_CODE

ALICE = 88888888
AUTHENTICATOR, PROTECT = 222222, 111111


@contextmanager
def connected(url: str) -> Iterator[onelogin.ApiClient]:
    """Connect as the client's own documents show, with a token."""
    configuration = onelogin.Configuration(host=url, username=CLIENT_ID, password=CLIENT_SECRET)
    with onelogin.ApiClient(configuration) as client:
        request = onelogin.GenerateTokenRequest(grant_type="client_credentials")
        configuration.access_token = onelogin.OAuth2Api(client).generate_token(request).access_token
        try:
            yield client
        finally:
            client.rest_client.pool_manager.clear()


@asynccontextmanager
async def simulated(shape: str = "sdk") -> AsyncIterator[OneLoginSimulator]:
    """Run the simulator."""
    async with running(OneLoginSimulator(twists=OneLoginTwists(shape=shape))) as simulator:
        assert isinstance(simulator, OneLoginSimulator)
        yield simulator


async def with_client(simulator: OneLoginSimulator, use: Callable[[Any], Any]) -> Any:
    """Let the client, which blocks, do something in a thread."""

    def whole() -> Any:
        with connected(simulator.url) as client:
            return use(onelogin.MultiFactorAuthenticationApi(client))

    return await asyncio.to_thread(whole)


async def test_the_official_client_gets_the_token_and_the_devices() -> None:
    """The official client finds a person's devices with a token that it got by HTTP Basic."""
    async with simulated() as simulator:
        devices = await with_client(simulator, lambda api: api.get_authentication_devices(ALICE))
        named = [(device.device_id, device.auth_factor_name, device.default) for device in devices]
        assert named == [(str(each.id), each.v2_name, each.default) for each in simulator.people["alice"].devices]
        assert simulator.ledger.counts["tokens"] == 1


@pytest.mark.parametrize(("answer", "status"), [("", "pending"), ("approved", "accepted"), ("denied", "rejected")])
async def test_the_official_client_asks_and_looks(answer: str, status: str) -> None:
    """The official client rings a person, and sees what the person answered."""
    async with simulated() as simulator:
        wanted = onelogin.CreateDeviceVerificationRequest(device_id=PROTECT, expires_in="300")
        created = await with_client(simulator, lambda api: api.create_device_verification(ALICE, None, wanted))
        assert (created.device_id, simulator.ledger.counts["pushes"]) == (PROTECT, 1)
        simulator.asked[created.id].answer = answer
        seen = await with_client(simulator, lambda api: api.get_user_verification(ALICE, created.id))
        assert (seen.id, seen.status) == (created.id, status)


async def test_the_official_client_hands_a_code_in() -> None:
    """The official client hands in a right code and a wrong one, and tells them apart."""
    async with simulated() as simulator:
        wanted = onelogin.CreateDeviceVerificationRequest(device_id=AUTHENTICATOR)
        created = await with_client(simulator, lambda api: api.create_device_verification(ALICE, None, wanted))

        def submit(code: str) -> Callable[[Any], Any]:
            request = onelogin.VerifyUserVerificationRequest(otp=code, device_id=AUTHENTICATOR)
            return lambda api: api.verify_user_verification(ALICE, created.id, None, request)

        with pytest.raises(UnauthorizedException):
            await with_client(simulator, submit("999999"))
        result = await with_client(simulator, submit(AUTHENTICATOR_CODE))
        assert (result.type, result.error) == ("success", False)
        assert simulator.ledger.counts["submits"] == 2


async def test_the_official_client_cannot_read_the_documented_reply() -> None:
    """The documents and the official client differ: that is why the provider reads both shapes."""
    async with simulated("doc") as simulator:
        wanted = onelogin.CreateDeviceVerificationRequest(device_id=PROTECT)
        with pytest.raises(ValueError, match="CreateDeviceVerification201Response"):
            await with_client(simulator, lambda api: api.create_device_verification(ALICE, None, wanted))
