"""OneLogin's v1 login as pure functions: ``/api/1/login/auth`` and ``/api/1/login/verify_factor``."""

from dataclasses import dataclass, field, replace
from typing import Any

from pushgate.http import Reply
from pushgate.login import Login
from pushgate.outcome import TYPED_CODE, Approved, Failed
from pushgate.providers.onelogin_devices import Device, read_devices, text_of_id
from pushgate.providers.onelogin_wire import CODE_WANTED, failure, message_of, only, strange

AUTH_PATH = "/api/1/login/auth"
VERIFY_PATH = "/api/1/login/verify_factor"
LONGEST_TOKEN = 4096


@dataclass(frozen=True, slots=True)
class RightPassword:
    """What OneLogin says to a right password."""

    user_id: str
    devices: tuple[Device, ...] = ()
    state_token: str = field(default="", repr=False)
    """With what the second factor goes on; empty: OneLogin wants none."""


def auth_body(login: Login, password: str, subdomain: str, *, send_ip: bool) -> dict[str, str]:
    """Build the body that checks a password.

    No ``browser_id``, and the address only where the configuration says so: either can make OneLogin's policy skip
    the second factor.
    """
    body = {"username_or_email": login.user, "password": password, "subdomain": subdomain}
    if send_ip and login.origin.address is not None:
        body["ip_address"] = login.origin.address
    return body


def verify_body(device: Device, state_token: str, *, code: str = "", notify: bool = False) -> dict[str, Any]:
    """Build the body that asks a person, looks for the answer, or hands a code in.

    Without ``do_not_notify: true`` every call rings the telephone once more.
    """
    body: dict[str, Any] = {"device_id": str(device.id), "state_token": state_token, "do_not_notify": not notify}
    return body | ({"otp_token": code} if code else {})


def read_auth(reply: Reply) -> RightPassword | Failed:
    """Read the answer to a password; ``BAD_PASSWORD`` if it is wrong."""
    if reply.status != 200:
        return strange_path(reply, "login/auth") or failure(reply, "login/auth", asked=False)
    data = successful_data(reply)
    user_id = user_id_of(data)
    if not user_id:
        return strange(reply, "login/auth", "neither success nor a user", asked=False)
    if "state_token" in data:
        token = text_token(data["state_token"])
        if not token:
            return strange(reply, "login/auth", "no usable state_token", asked=False)
        return RightPassword(user_id, read_devices(data.get("devices")), token)
    if not is_authenticated(data):
        return strange(reply, "login/auth", "neither a session nor a second factor", asked=False)
    return RightPassword(user_id)


def strange_path(reply: Reply, step: str) -> Failed | None:
    """Return the failure of an address at which there is no OneLogin: nothing that could be gone was asked for."""
    if reply.status not in (404, 410):
        return None
    return replace(strange(reply, step, f"HTTP {reply.status}", asked=False), hint="check url and subdomain")


def read_verify(reply: Reply, user_id: str) -> Approved | Failed | None:
    """Read the answer to a second factor; None while OneLogin waits for the person.

    Only ``success`` in these very letters, with a session, for the person whose password was checked, opens anything.
    """
    if reply.status != 200:
        return failure(reply, "verify_factor", asked=True)
    if is_pending(reply):
        return None
    data = successful_data(reply)
    if not is_authenticated(data):
        return strange(reply, "verify_factor", "neither success nor pending", asked=True)
    if user_id_of(data) != user_id:
        return strange(reply, "verify_factor", "success for another user", asked=True)
    return Approved()


def wants_code(reply: Reply) -> bool:
    """Whether OneLogin says that this device answers by a code alone."""
    return reply.status == 400 and CODE_WANTED in message_of(reply)


def read_verify_code(reply: Reply, user_id: str) -> Approved | Failed:
    """Read the answer to a code."""
    match read_verify(reply, user_id):
        case Approved():
            return Approved(device=TYPED_CODE)
        case None:
            return strange(reply, "verify_factor", "pending, though a code was sent", asked=True)
        case failed:
            return failed


def is_pending(reply: Reply) -> bool:
    """Whether nobody has answered yet: the type says so, or, where there are no data, the message."""
    status = status_of(reply)
    if "data" in only(reply.body):
        return False
    return status.get("type") == "pending" or "pending" in message_of(reply)


def successful_data(reply: Reply) -> dict[str, Any]:
    """Return ``data[0]`` of a reply that says success; nothing of any other."""
    status = status_of(reply)
    if status.get("type") != "success" or status.get("error", False) is not False:
        return {}
    return only(reply.body.get("data"))


def status_of(reply: Reply) -> dict[str, Any]:
    """Return the object ``status``, empty if there is none."""
    status = reply.body.get("status") if isinstance(reply.body, dict) else None
    return status if isinstance(status, dict) else {}


def is_authenticated(data: dict[str, Any]) -> bool:
    """Whether OneLogin has opened a session; its token is not kept: whoever holds it is that person for two minutes."""
    return bool(text_token(data.get("session_token"))) and data.get("status", "Authenticated") == "Authenticated"


def user_id_of(data: dict[str, Any]) -> str:
    """Return the id of the person; nothing if there is none."""
    user = data.get("user")
    return text_of_id(user.get("id")) if isinstance(user, dict) else ""


def text_token(token: Any) -> str:
    """Return a token if it is one."""
    return token if isinstance(token, str) and 0 < len(token) <= LONGEST_TOKEN else ""
