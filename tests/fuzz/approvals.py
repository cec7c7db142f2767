"""What an approval is according to each provider's documents, written down apart from our own code."""

from collections.abc import Callable
from typing import Any

from tests.fuzz.replies import Exchange


def only(body: Any) -> dict[str, Any]:
    """Return an object, also where it stands alone in a list."""
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    return body if isinstance(body, dict) else {}


def part(body: Any, key: str) -> dict[str, Any]:
    """Return an object inside of another."""
    value = only(body).get(key)
    return value if isinstance(value, dict) else {}


def logintc(exchanges: list[Exchange]) -> bool:
    """``state`` is exactly ``approved``, for the session that a create has named."""
    created = {
        only(each.body).get("id") for each in exchanges if each.is_about("POST", "/sessions") and each.status in DONE
    } - {None}
    return any(
        isinstance(each.body, dict)
        and each.status in DONE
        and "/sessions" in each.request.path
        and each.body.get("state") == "approved"
        and each.body.get("id", each.request.path.rpartition("/")[2]) in created
        for each in exchanges
        if hashable(only(each.body).get("id"))
    )


def hashable(value: Any) -> bool:
    """Whether it can be an id at all."""
    return value is None or isinstance(value, str)


def onelogin_v1(exchanges: list[Exchange]) -> bool:
    """Success, with a session, for the person whose password was right."""
    people = {str(part_of_data(each.body, "user").get("id")) for each in exchanges if "login/auth" in each.request.path}
    return any(
        each.status == 200
        and part(each.body, "status").get("type") == "success"
        and isinstance(data_of(each.body).get("session_token"), str)
        and data_of(each.body)["session_token"]
        and str(part_of_data(each.body, "user").get("id")) in people
        for each in exchanges
        if "verify_factor" in each.request.path
    )


def data_of(body: Any) -> dict[str, Any]:
    """Return ``data[0]``."""
    return only(only(body).get("data"))


def part_of_data(body: Any, key: str) -> dict[str, Any]:
    """Return an object inside of ``data[0]``."""
    return part(data_of(body), key)


def onelogin_v2(exchanges: list[Exchange]) -> bool:
    """A verification of this very id is ``accepted``, or a code is answered by success."""
    for each in exchanges:
        if "/verifications" not in each.request.path or each.status not in (200, 201):
            continue
        body = only(each.body)
        asked = each.request.path.rpartition("/")[2]
        if each.request.method == "GET" and body.get("status") == "accepted" and str(body.get("id")) == asked:
            return True
        status = body.get("status", body)
        typed = each.request.method in ("PUT", "POST") and b'"otp"' in each.request.body
        if typed and isinstance(status, dict) and status.get("type") == "success" and status.get("error") is False:
            return True
    return False


def clerk_bapi(exchanges: list[Exchange]) -> bool:
    """``verified`` is true."""
    return any(
        each.status in DONE and isinstance(each.body, dict) and each.body.get("verified") is True
        for each in exchanges
        if each.is_about("POST", "/verify_totp")
    )


def clerk_reverify(exchanges: list[Exchange]) -> bool:
    """A complete verification of this session and this level, whose second factor is verified."""
    for each in exchanges:
        response = part(each.body, "response")
        session = each.request.path.partition("/sessions/")[2].partition("/")[0]
        if (
            each.status in DONE
            and each.is_about("POST", "/verify/attempt_second_factor")
            and (response.get("status"), response.get("level")) == ("complete", "second_factor")
            and str(part(response, "session").get("id")) == session
            and part(response, "session").get("status") == "active"
            and part(response, "second_factor_verification").get("status") == "verified"
        ):
            return True
    return False


def threatwinds(exchanges: list[Exchange]) -> bool:
    """The code is acknowledged, and this very session is shown as verified."""
    sessions = [
        only(each.body).get("sessionID")
        for each in exchanges
        if each.is_about("POST", "/session") and each.status in DONE
    ]
    acknowledged = any(
        each.status in DONE
        and each.is_about("PUT", "/session/verification")
        and only(each.body).get("message") == "acknowledged"
        for each in exchanges
    )
    return acknowledged and any(
        each.status in DONE
        and each.request.method == "GET"
        and each.request.path.endswith("/session")
        and only(each.body).get("verified") is True
        and only(each.body).get("sessionID") in sessions
        for each in exchanges
    )


DONE = (200, 201, 202)
APPROVALS: dict[str, Callable[[list[Exchange]], bool]] = {
    "logintc": logintc,
    "onelogin-v1": onelogin_v1,
    "onelogin-v2": onelogin_v2,
    "clerk-bapi": clerk_bapi,
    "clerk-reverify-ticket": clerk_reverify,
    "clerk-reverify-enrolled": clerk_reverify,
    "threatwinds": threatwinds,
}
"""By rig; of our authority the documents are LoginTC's."""
