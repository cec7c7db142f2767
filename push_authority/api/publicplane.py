"""The public plane: browsers and devices, from anywhere. Headers of every answer, and what a request must show."""

from aiohttp import web

from push_authority.errors import ApiError

from .device import DeviceCalls
from .events import EventCalls
from .exchange import MAX_BODY, Handler, guarded
from .pages import Pages
from .totp import DeviceTotpCalls

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types pushgate",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Section 12.1; HSTS comes with HTTPS."""


def build_public_plane(
    hosts: set[str], pages: Pages, devices: DeviceCalls, events: EventCalls, seeds: DeviceTotpCalls
) -> web.Application:
    """Return the application of the public plane; ``hosts`` are the Host headers that are ours, filled in later."""

    @web.middleware
    async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await guarded(request, handler, "application/json")

    @web.middleware
    async def same_site(request: web.Request, handler: Handler) -> web.StreamResponse:
        check_host(request, hosts)
        if request.method not in ("GET", "HEAD"):
            check_origin(request)
        return await handler(request)

    application = web.Application(client_max_size=MAX_BODY, middlewares=[errors, same_site])
    application.on_response_prepare.append(add_headers)
    application.add_routes([*devices.routes(), *events.routes(), *seeds.routes(), *pages.routes()])
    return application


def check_host(request: web.Request, hosts: set[str]) -> None:
    """Refuse a foreign Host header: a name of an attacker that resolves to this machine (DNS rebinding)."""
    if request.host.lower() not in hosts:
        raise ApiError(421, "misdirected", "this is not the name of this server")


def check_origin(request: web.Request) -> None:
    """Refuse a change that another site's page asks for."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise ApiError(403, "forbidden", "only pages of this server may do this")
    origin = request.headers.get("Origin")
    if origin is not None and origin.lower() != f"http://{request.host.lower()}":
        raise ApiError(403, "forbidden", "only pages of this server may do this")
    # A form cannot send this type, and a script of another site may not without asking first.
    if request.method != "DELETE" and request.content_type != "application/json":
        raise ApiError(415, "unsupportedmediatype", "Content-Type must be application/json")


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Put the security headers on every answer."""
    response.headers.update(SECURITY_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["Server"] = "pushgate"
