"""The integration plane: the API key in front, LoginTC's and our own calls behind (docs/authority.md)."""

from collections.abc import Iterable
from typing import Protocol

from aiohttp import web

from push_authority.apikeys import Keyring
from push_authority.errors import ApiError

from .exchange import MAX_BODY, Handler, guarded
from .forms import CALLER, V1_TYPE, answer_type

V1_STATUS = {409: 400, 413: 400}
"""LoginTC's clients know only a few statuses."""


class Calls(Protocol):
    """Some calls of an API."""

    def routes(self) -> Iterable[web.RouteDef]:
        """Return method, path and handler of each call."""


def build_integration_plane(keyring: Keyring, *calls: Calls) -> web.Application:
    """Return the application of the integration plane."""

    @web.middleware
    async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
        content_type = answer_type(request)
        response = await guarded(request, handler, content_type)
        if content_type == V1_TYPE and response.status in V1_STATUS:
            response.set_status(V1_STATUS[response.status])
        return response

    @web.middleware
    async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
        caller = keyring.find(request.headers.get("Authorization", ""))
        if caller is None:
            raise ApiError(401, "unauthorized", "the API key is missing or wrong")
        request[CALLER] = caller
        return await handler(request)

    application = web.Application(client_max_size=MAX_BODY, middlewares=[errors, authenticate])
    application.on_response_prepare.append(add_headers)
    application.add_routes([route for some in calls for route in some.routes()])
    return application


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Keep answers out of caches, and our versions to ourselves."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Server"] = "pushgate"
