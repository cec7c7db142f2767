"""OneLogin's v2 verifications as pure functions: find the person, ask, look, hand a code in; no password."""

import math
from typing import Any, Literal
from urllib.parse import quote

from pushgate.http import Reply
from pushgate.login import Login
from pushgate.outcome import TYPED_CODE, Approved, Denied, Failed, FailureKind
from pushgate.providers.onelogin_devices import Device, Kind, read_devices, text_of_id
from pushgate.providers.onelogin_wire import failure, only, strange
from pushgate.text import clean

SHORTEST_LIFE, LONGEST_LIFE = 120, 900
"""Seconds that a verification may live."""
LONGEST_SMS = 160
CODE_PLACE = "{{otp_code}}"
SUSPENDED, LOCKED = 2, 3
"""Of ``status`` of a user."""

Attribute = Literal["username", "email"]


def users_path(attribute: Attribute, name: str) -> str:
    """Return the path that finds the person."""
    return f"/api/2/users?{attribute}={quote(name, safe='')}"


def devices_path(user_id: str) -> str:
    """Return the path of a person's devices."""
    return f"/api/2/mfa/users/{quote(user_id, safe='')}/devices"


def verifications_path(user_id: str, verification_id: str = "") -> str:
    """Return the path of a person's verifications, or of one of them."""
    path = f"/api/2/mfa/users/{quote(user_id, safe='')}/verifications"
    return f"{path}/{quote(verification_id, safe='')}" if verification_id else path


def read_user(reply: Reply, attribute: Attribute, name: str) -> str | Failed:
    """Return the id of the one person who has exactly this name.

    Names are compared here as well: what the server takes for a pattern, as ``al*``, must not find somebody else.
    """
    if reply.status != 200:
        problem = failure(reply, "users", asked=False)
        return nobody(reply, "users") if problem.kind is FailureKind.EXPIRED else problem
    listed = reply.body if isinstance(reply.body, list) else [reply.body] if isinstance(reply.body, dict) else None
    if listed is None:
        return strange(reply, "users", "no list", asked=False)
    found = [user for user in listed if isinstance(user, dict) and same_name(user.get(attribute), name)]
    if len(found) != 1:
        return Failed(FailureKind.NOT_ENROLLED, asked=False, detail=f"users: {len(found)} have this {attribute}")
    [user] = found
    if user.get("status") in (SUSPENDED, LOCKED):
        return Failed(FailureKind.LOCKED, asked=False, detail=f"users: status {user['status']}")
    return text_of_id(user.get("id")) or strange(reply, "users", "no usable id", asked=False)


def read_device_list(reply: Reply) -> tuple[Device, ...] | Failed:
    """Return what a person has enrolled."""
    if reply.status != 200:
        problem = failure(reply, "devices", asked=False)
        return nobody(reply, "devices") if problem.kind is FailureKind.EXPIRED else problem
    if not isinstance(reply.body, list):
        return strange(reply, "devices", "no list", asked=False)
    return read_devices(reply.body)


def same_name(found: Any, name: str) -> bool:
    """Whether two names are one at OneLogin, which knows no case."""
    return isinstance(found, str) and found.casefold() == name.casefold()


def nobody(reply: Reply, step: str) -> Failed:
    """Make the failure of a person who is not there."""
    return Failed(FailureKind.NOT_ENROLLED, asked=False, detail=f"{step}: HTTP {reply.status}", status=reply.status)


def create_body(device: Device, seconds: float, login: Login) -> dict[str, Any]:
    """Build the body that asks the person; it lives about as long as we wait."""
    life = max(SHORTEST_LIFE, min(LONGEST_LIFE, math.ceil(seconds)))
    body: dict[str, Any] = {"device_id": device.id, "expires_in": life}
    # It "only applies to SMS factor", where it replaces the text and so has to hold the code.
    return body | ({"custom_message": sms_text(login)} if device.kind is Kind.SMS else {})


def sms_text(login: Login) -> str:
    """Write the message: the code, and where somebody logs in; braces would be a template of who sent the name."""
    place = f"{clean(login.service, 24)} on {clean(login.host, 48)}"
    origin = f" from {clean(login.origin.address, 45)}" if login.origin.address else ""
    words = f"{place}{origin}".replace("{", "(").replace("}", ")")
    return f"{CODE_PLACE} is your code for {words}"[:LONGEST_SMS]


def read_created(reply: Reply, user_id: str) -> str | Failed:
    """Return the id of the verification that was begun."""
    if reply.status not in (200, 201, 202):
        return failure_of_create(reply)
    entry = only(reply.body)
    verification_id = text_of_id(entry.get("id"))
    if not verification_id:
        return strange(reply, "create", "no usable id", asked=True)
    if text_of_id(entry.get("user_id", user_id)) != user_id:
        return strange(reply, "create", "a verification of another user", asked=True)
    return verification_id


def is_refused(reply: Reply) -> bool:
    """Whether OneLogin surely has not done what it was asked to."""
    return 300 <= reply.status < 500 or reply.status == 503


def failure_of_create(reply: Reply) -> Failed:
    """Name the failure of a create: what surely was refused has asked nobody."""
    problem = failure(reply, "create", asked=not is_refused(reply))
    # The device was there a moment ago; now it is not.
    return nobody(reply, "create") if problem.kind is FailureKind.EXPIRED else problem


def read_verification(reply: Reply, verification_id: str) -> Approved | Denied | Failed | None:
    """Read a verification; None while it is pending.

    Only ``accepted`` in these very letters, for the verification that we began, opens anything.
    """
    if reply.status != 200:
        return failure(reply, "verification", asked=True)
    entry = only(reply.body)
    if text_of_id(entry.get("id")) != verification_id:
        return strange(reply, "verification", "another id, or no verification", asked=True)
    match entry.get("status"):
        case "pending":
            return None
        case "accepted":
            return Approved()
        case "rejected":
            return Denied()
        case _:
            return strange(reply, "verification", "unknown status", asked=True)


def read_otp(reply: Reply, *, asked: bool) -> Approved | Failed:
    """Read the answer to a code; one that was not surely refused may have been used up."""
    asked = asked or not is_refused(reply)
    if reply.status in (401, 403):
        # Our token has just been used for reads, and ``OneLoginServer`` has looked whether it is still the right one.
        problem = failure(reply, "otp", asked=asked)
        known = problem.kind not in (FailureKind.CONFIG, FailureKind.BAD_PASSWORD)
        kind = problem.kind if known else FailureKind.BAD_CODE
        return Failed(kind, asked, problem.detail, problem.status, problem.trace)
    if reply.status not in (200, 201):
        return failure(reply, "otp", asked=asked)
    # The documents show it inside of "status"; the official client wants it flat.
    body = only(reply.body)
    status = body.get("status", body)
    if not isinstance(status, dict) or status.get("type") != "success" or status.get("error") is not False:
        return strange(reply, "otp", "no success", asked=asked)
    return Approved(device=TYPED_CODE)
