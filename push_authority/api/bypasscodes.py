"""LoginTC's calls about bypass codes."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from push_authority import bypass, people
from push_authority.bypass import MAX_MINUTES, MAX_USES, BypassCode
from push_authority.errors import bad_request
from push_authority.keeper import SessionKeeper
from push_authority.sealing import Sealer
from push_authority.store.base import Transaction

from .exchange import number_value, read_object
from .forms import path_id, reply, to_json

NEVER = "9999-12-31T23:59:59+0000"


class BypassCalls:
    """Codes that an administrator hands to a person."""

    def __init__(self, keeper: SessionKeeper, sealer: Sealer) -> None:
        self.keeper = keeper
        self.sealer = sealer

    def routes(self) -> Iterable[web.RouteDef]:
        """Return method, path and handler of each call."""
        of_user, one = "/api/users/{user}/bypasscodes", "/api/bypasscodes/{bypass}"
        return [
            web.post(of_user, self.create),
            web.get(of_user, self.list, allow_head=False),
            web.delete(of_user, self.revoke_all),
            web.get(one, self.get, allow_head=False),
            web.delete(one, self.revoke),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Make a code; this answer alone shows it."""
        user_id, now = path_id(request, "user", "user"), self.keeper.clock.now()
        uses, seconds = parse_bypass(await read_object(request, self.keeper.clock))

        def work(tx: Transaction) -> tuple[BypassCode, str]:
            people.get_person(tx, user_id)
            return bypass.create(tx, self.sealer, now, user_id, uses, seconds)

        made, code = await self.keeper.store.transact(work)
        return reply(request, to_json(self.show(made, code)))

    async def list(self, request: web.Request) -> web.Response:
        """Return a user's codes, without the codes themselves."""
        user_id, now = path_id(request, "user", "user"), self.keeper.clock.now()

        def work(tx: Transaction) -> list[BypassCode]:
            people.get_person(tx, user_id)
            return bypass.codes_of(tx, now, user_id)

        return reply(request, to_json([self.show(one) for one in await self.keeper.store.transact(work)]))

    async def get(self, request: web.Request) -> web.Response:
        """Return one code, without the code itself."""
        bypass_id, now = path_id(request, "bypass", "bypasscode"), self.keeper.clock.now()
        found = await self.keeper.store.transact(lambda tx: bypass.get(tx, now, bypass_id))
        return reply(request, to_json(self.show(found)))

    async def revoke(self, request: web.Request) -> web.Response:
        """Make one code worthless."""
        bypass_id, now = path_id(request, "bypass", "bypasscode"), self.keeper.clock.now()
        await self.keeper.store.transact(lambda tx: bypass.revoke(tx, now, bypass.get(tx, now, bypass_id)))
        return reply(request)

    async def revoke_all(self, request: web.Request) -> web.Response:
        """Make all codes of a user worthless."""
        user_id, now = path_id(request, "user", "user"), self.keeper.clock.now()

        def work(tx: Transaction) -> None:
            people.get_person(tx, user_id)
            bypass.revoke_all(tx, now, user_id)

        await self.keeper.store.transact(work)
        return reply(request)

    def show(self, code: BypassCode, digits: str = "") -> dict[str, Any]:
        """Return a code as LoginTC's clients read it."""
        left = None if code.expires is None else code.expires - self.keeper.clock.now()
        return {
            "id": code.id,
            "code": digits,
            "dtExpiry": NEVER if left is None else expiry(self.keeper.clock.wall() + left),
            "user": code.user_id,
            "usesAllowed": code.uses_allowed,
            "usesRemaining": code.uses_remaining,
        }


def parse_bypass(data: dict[str, Any]) -> tuple[int, float | None]:
    """Return how often and for how many seconds (None: without end) a code may be used.

    Raises:
        ApiError: one of the two is no whole number, or out of bounds.
    """
    uses, minutes = data.get("usesAllowed"), data.get("expirationTime")
    allowed = whole(1 if uses is None else uses, "usesAllowed", 1, MAX_USES)
    lasts = whole(0 if minutes is None else minutes, "expirationTime", 0, MAX_MINUTES)
    return allowed, lasts * 60.0 if lasts else None


def whole(value: Any, what: str, low: int, high: int) -> int:
    """Return a whole number between two bounds, both included."""
    number = number_value(value, what, low, high)
    if number != math.floor(number):
        raise bad_request(f"{what} must be a whole number")
    return int(number)


def expiry(wall: float) -> str:
    """Write a moment as LoginTC does: no colon in the zone."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=math.floor(wall))
    return moment.strftime("%Y-%m-%dT%H:%M:%S+0000")
