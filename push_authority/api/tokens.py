"""LoginTC's calls about tokens: the activation code of a user while it is pending, then the user's devices."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from push_authority import activation, people
from push_authority.activation import PendingCode
from push_authority.devices import Device, devices_of
from push_authority.errors import not_found
from push_authority.keeper import SessionKeeper
from push_authority.revocation import revoke_token
from push_authority.sealing import Sealer
from push_authority.sessions import Final
from push_authority.store.base import Transaction

from .forms import device_object, path_id, reply, to_json, wants_native


@dataclass(frozen=True, slots=True)
class Token:
    """What a user can activate a device with, and what is active."""

    code: PendingCode | None
    devices: list[Device]


class TokenCalls:
    """How users get a device and lose it."""

    def __init__(self, keeper: SessionKeeper, sealer: Sealer) -> None:
        self.keeper = keeper
        self.sealer = sealer

    def routes(self) -> Iterable[web.RouteDef]:
        """Return method, path and handler of each call."""
        path = "/api/domains/{domain}/users/{user}/token"
        return [web.get(path, self.get, allow_head=False), web.put(path, self.put), web.delete(path, self.delete)]

    async def get(self, request: web.Request) -> web.Response:
        """Say whether the user has a code or a device."""
        domain_id, user_id = path_id(request, "domain", "domain"), path_id(request, "user", "user")
        now = self.keeper.clock.now()
        token = await self.keeper.store.transact(lambda tx: self.find(tx, now, user_id, domain_id))
        if not token.code and not token.devices:
            raise not_found("token")
        return self.show(request, token, now)

    async def put(self, request: web.Request) -> web.Response:
        """Give the user a code; LoginTC's form does nothing for one who has a device, ours adds another device."""
        domain_id, user_id = path_id(request, "domain", "domain"), path_id(request, "user", "user")
        now, further = self.keeper.clock.now(), wants_native(request)

        def work(tx: Transaction) -> Token:
            token = self.find(tx, now, user_id, domain_id)
            if token.devices and not further:
                return token
            return Token(activation.issue_code(tx, self.sealer, now, user_id, domain_id), token.devices)

        return self.show(request, await self.keeper.store.transact(work), now)

    async def delete(self, request: web.Request) -> web.Response:
        """Revoke the user's devices, activation code and seed of one-time codes."""
        domain_id, user_id = path_id(request, "domain", "domain"), path_id(request, "user", "user")
        now = self.keeper.clock.now()

        def work(tx: Transaction) -> list[Final]:
            people.get_member(tx, domain_id, user_id)
            return revoke_token(tx, now, user_id, domain_id)

        self.keeper.announce(await self.keeper.store.transact(work))
        return reply(request)

    def find(self, tx: Transaction, now: float, user_id: str, domain_id: str) -> Token:
        """Read a member's token."""
        people.get_member(tx, domain_id, user_id)
        code = activation.pending_code(tx, self.sealer, now, user_id, domain_id)
        return Token(code, devices_of(tx, user_id, domain_id))

    def show(self, request: web.Request, token: Token, now: float) -> web.Response:
        """Answer with a token; LoginTC's form knows the code only while no device is active."""
        native = wants_native(request)
        body: dict[str, Any] = {"state": "active"}
        if token.code and (native or not token.devices):
            body = {"state": "pending", "code": token.code.code}
            if native:
                body["expires_in"] = math.floor(token.code.expires - now)
        if native:
            body["devices"] = [device_object(device) for device in token.devices]
        return reply(request, to_json(body))
