"""Calls about the seed of one-time codes: by the administrator, and by the person with an enrolled device."""

import math
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from push_authority import people, totp
from push_authority.codes import normalize
from push_authority.errors import not_found
from push_authority.keeper import SessionKeeper
from push_authority.qr import qr_drawing
from push_authority.sealing import Sealer
from push_authority.store.base import Transaction
from push_authority.totp import TotpState

from .device import answer, authenticate
from .exchange import read_object, text_field
from .forms import path_id, reply, to_json

CODE_LIMIT = 64


class Seeds:
    """What both planes do with seeds."""

    def __init__(self, keeper: SessionKeeper, sealer: Sealer, issuer: str) -> None:
        self.keeper = keeper
        self.sealer = sealer
        self.issuer = issuer

    async def begin(self, user_id: str, domain_id: str) -> dict[str, Any]:
        """Make a seed for a member, and return it with what an app reads: the only time that it is shown."""
        now = self.keeper.clock.now()

        def work(tx: Transaction) -> tuple[str, str]:
            person = people.get_member(tx, domain_id, user_id)
            return totp.begin(tx, self.sealer, now, user_id, domain_id), person.username

        seed, username = await self.keeper.store.transact(work)
        uri = totp.provisioning_uri(seed, username, self.issuer)
        return {"state": "pending", "secret": seed, "uri": uri, "expires_in": totp.LIFETIME}

    async def confirm(self, user_id: str, domain_id: str, code: str, by: str) -> None:
        """Make the seed that waits the active one.

        Raises:
            ApiError: no such member; no seed waits; the code is not of it.
        """
        now, wall, digits = self.keeper.clock.now(), self.keeper.clock.wall(), normalize(code)

        def work(tx: Transaction) -> None:
            people.get_member(tx, domain_id, user_id)
            totp.confirm(tx, self.sealer, now, wall, user_id, domain_id, digits, by)

        await self.keeper.store.transact(work)

    async def remove(self, user_id: str, domain_id: str) -> bool:
        """Forget a member's seeds; False if there were none."""
        now = self.keeper.clock.now()
        return await self.keeper.store.transact(lambda tx: totp.remove(tx, now, user_id, domain_id))

    async def state(self, user_id: str, domain_id: str) -> TotpState:
        """Say what a member has."""
        now = self.keeper.clock.now()

        def work(tx: Transaction) -> TotpState:
            people.get_member(tx, domain_id, user_id)
            return totp.totp_state(tx, now, user_id, domain_id)

        return await self.keeper.store.transact(work)


class TotpCalls:
    """The administrator's calls, on the integration plane."""

    def __init__(self, seeds: Seeds) -> None:
        self.seeds = seeds
        self.clock = seeds.keeper.clock

    def routes(self) -> Iterable[web.RouteDef]:
        """Return method, path and handler of each call."""
        path = "/api/domains/{domain}/users/{user}/totp"
        return [
            web.get(path, self.get, allow_head=False),
            web.put(path, self.begin),
            web.post(path + "/confirm", self.confirm),
            web.delete(path, self.remove),
        ]

    async def get(self, request: web.Request) -> web.Response:
        """Say whether the user has a seed, and since when."""
        state, now = await self.seeds.state(*member(request)), self.clock.now()
        since = None if state.active_since is None else math.floor(state.active_since)
        left = None if state.pending_until is None else math.floor(state.pending_until - now)
        return reply(request, to_json({"active_since": since, "pending_for": left}))

    async def begin(self, request: web.Request) -> web.Response:
        """Make a seed."""
        return reply(request, to_json(await self.seeds.begin(*member(request))))

    async def confirm(self, request: web.Request) -> web.Response:
        """Take the first code."""
        code = text_field(await read_object(request, self.clock), "code", CODE_LIMIT, None)
        await self.seeds.confirm(*member(request), code, "administrator")
        return reply(request, to_json({"state": "active"}))

    async def remove(self, request: web.Request) -> web.Response:
        """Forget the seed."""
        if not await self.seeds.remove(*member(request)):
            raise not_found("totp")
        return reply(request)


class DeviceTotpCalls:
    """The person's own calls, signed by an enrolled device."""

    def __init__(self, seeds: Seeds) -> None:
        self.seeds = seeds
        self.keeper = seeds.keeper

    def routes(self) -> Iterable[web.RouteDef]:
        """Return method, path and handler of each call."""
        path = "/device/v1/totp"
        return [
            web.get(path, self.get),
            web.post(path, self.begin),
            web.post(path + "/confirm", self.confirm),
            web.delete(path, self.remove),
        ]

    async def get(self, request: web.Request) -> web.Response:
        """Say whether the person has a seed."""
        device = await authenticate(request, self.keeper)
        state = await self.seeds.state(device.user_id, device.domain_id)
        return answer({"active": state.active_since is not None})

    async def begin(self, request: web.Request) -> web.Response:
        """Make a seed, and draw what an app's camera reads."""
        device = await authenticate(request, self.keeper)
        begun = await self.seeds.begin(device.user_id, device.domain_id)
        return answer({**begun, "qr": qr_drawing(begun["uri"])})

    async def confirm(self, request: web.Request) -> web.Response:
        """Take the first code."""
        device = await authenticate(request, self.keeper)
        code = text_field(await read_object(request, self.keeper.clock), "code", CODE_LIMIT, None)
        await self.seeds.confirm(device.user_id, device.domain_id, code, device.id)
        return answer({"active": True})

    async def remove(self, request: web.Request) -> web.Response:
        """Forget the seed."""
        device = await authenticate(request, self.keeper)
        await self.seeds.remove(device.user_id, device.domain_id)
        return answer({"active": False})


def member(request: web.Request) -> tuple[str, str]:
    """Return the ids of user and domain in a path.

    Raises:
        ApiError: one has not the form of an id.
    """
    domain_id = path_id(request, "domain", "domain")
    return path_id(request, "user", "user"), domain_id
