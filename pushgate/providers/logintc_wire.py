"""LoginTC's messages as pure functions: a login becomes a request body, a reply becomes an outcome."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from pushgate.http import Reply
from pushgate.login import Login, OriginSource, Push
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, Pending
from pushgate.providers.logintc_failures import NO_TOKEN, error_code, failed_reply, failure_of_create
from pushgate.text import clean

V1_TYPE = "application/vnd.logintc.v1+json"
NATIVE_TYPE = "application/vnd.pushgate.v1+json"

SESSION_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
CREATED = (200, 201, 202)
SENT = (200, 201, 202, 204)
"""LoginTC's documents do not say with what an e-mail is answered."""

SHOW_NUMBER = "show"
NUMBER = re.compile(r"[0-9]{2}", re.ASCII)
BLANKS = re.compile(r"[\s\u2010-\u2015-]")

# LoginTC shows at most 20 attributes; keys of 64, values of 512 characters.
VALUE_LIMIT = 512


def v1_body(login: Login, *, send_command: bool, user_id: str = "") -> dict[str, Any]:
    """Build the body of ``POST /domains/{d}/sessions``; the order of the attributes is the order on the phone.

    With ``user_id`` the person is named by that, as LoginTC knows the one whom it has sent an e-mail.
    """
    user = {"id": user_id} if user_id else {"username": login.user}
    body: dict[str, Any] = {"user": user, "attributes": attributes(login, send_command)}
    if login.origin.address is not None:
        body["ipAddress"] = login.origin.address
    return body


def native_body(
    login: Login, *, send_command: bool, nonce: str, timeout: int | None, user_id: str = ""
) -> dict[str, Any]:
    """Build the same body with what only our own authority understands.

    That is context, nonce and time to live in seconds; None is the longest that the authority allows.
    """
    context = {
        "service": clean(login.service, 64),
        "host": clean(login.host, 128),
        "account": clean(login.account, 128),
        "command": shown_command(login, send_command),
        "tty": clean(login.tty, 64),
        "origin_kind": login.origin.source.value,
    }
    return {
        **v1_body(login, send_command=send_command, user_id=user_id),
        "context": context,
        "client_nonce": nonce,
        **({} if timeout is None else {"timeout": timeout}),
    }


def number_field(push: Push) -> str | None:
    """Return what a create says about a number: ``show``, two digits, nothing; None if it is no number."""
    if push.number is None:
        return SHOW_NUMBER if push.draw_number else ""
    number = push.number.value.decode("ascii", "replace")
    return number if NUMBER.fullmatch(number) else None


def read_number(body: Any) -> str:
    """Return the number that the server has drawn; nothing if there is none."""
    number = body.get("number") if isinstance(body, dict) else None
    return number if isinstance(number, str) and NUMBER.fullmatch(number) else ""


def proved_number(body: Any) -> str:
    """Return the number with which a device has signed its approval; nothing if there is none."""
    return read_number(body.get("proof")) if isinstance(body, dict) else ""


def code_fields(code: bytes) -> dict[str, str] | None:
    """Return what a create says about a code; None if it can be none.

    Nine digits are a bypass code, six to eight a one-time code; blanks and hyphens are how people read them out.
    """
    text = unicodedata.normalize("NFKC", code.decode("utf-8", "replace"))
    digits = BLANKS.sub("", text)
    if not digits.isascii() or not digits.isdigit() or not 6 <= len(digits) <= 9:
        return None
    return {"bypasscode" if len(digits) == 9 else "otp": digits}


def attributes(login: Login, send_command: bool) -> list[dict[str, str]]:
    """List what the person sees, most telling first; empty values are left out, an unknown address is not."""
    shown = {
        "IP Address": login.origin.address or describe_origin(login),
        "Username": login.account or login.user,
        "Service": login.service,
        "Host": login.host,
        "TTY": login.tty,
        "Key": login.key,
        "Command": shown_command(login, send_command),
    }
    return [{"key": key, "value": clean(value, VALUE_LIMIT)} for key, value in shown.items() if value]


def shown_command(login: Login, send_command: bool) -> str:
    """Return the command if the provider may have it; our own words about what is to be unlocked are no secret."""
    return clean(login.command, VALUE_LIMIT) if send_command or login.ours else ""


def describe_origin(login: Login) -> str:
    """Say in words where a login without an address comes from."""
    return "this machine, outside ssh" if login.origin.source is OriginSource.LOCAL else "unknown"


def read_created(reply: Reply, *, domain_known: bool) -> Approved | Denied | Pending | Failed:
    """Read the reply to a create."""
    if reply.status not in CREATED:
        return failure_of_create(reply, domain_known=domain_known)
    body = reply.body
    session_id = body.get("id") if isinstance(body, dict) else None
    if not isinstance(session_id, str) or not SESSION_ID.fullmatch(session_id):
        detail = "create: no usable session id"
        return Failed(FailureKind.PROTOCOL, asked=True, detail=detail, status=reply.status)
    return read_state(body, session_id) or Pending(Handle(session_id))


def read_code_answer(reply: Reply, *, domain_known: bool) -> Approved | Pending | Failed:
    """Read the reply to a create that had a code."""
    outcome = read_created(reply, domain_known=domain_known)
    wrong = failed_reply(reply, "create", asked=False, kind=FailureKind.BAD_CODE, hint="the code is not right")
    match outcome:
        case Approved():
            return Approved(device="code")
        case Denied("locked"):
            return Failed(FailureKind.LOCKED, asked=False, detail="codes of this user are locked for a while")
        case Denied():
            return wrong
        case Failed() if reply.status == 400:
            return wrong
        case Failed(FailureKind.NOT_ENROLLED) if error_code(reply) != NO_TOKEN:
            return wrong
        case _:
            return outcome


def read_state(body: Any, session_id: str) -> Approved | Denied | Failed | None:
    """Read a session body; None while it is pending.

    Only the exact word ``approved``, for the session that we created, opens anything.
    """
    if not isinstance(body, dict) or body.get("id", session_id) != session_id:
        return Failed(FailureKind.PROTOCOL, asked=True, detail="session: another id, or no object")
    match body.get("state"):
        case "pending":
            return None
        case "approved":
            return Approved(device=device_of(body))
        case "denied":
            return Denied(clean(str(body.get("reason") or "user"), 32))
        case "expired":
            return Failed(FailureKind.EXPIRED, asked=True, detail="expired at the provider")
        case "cancelled":
            return Failed(FailureKind.CANCELLED, asked=True, detail="cancelled at the provider")
        case _:
            return Failed(FailureKind.PROTOCOL, asked=True, detail="session: unknown state")


def device_of(body: Mapping[str, Any]) -> str:
    """Name the device that answered, where the native form's proof says so."""
    proof = body.get("proof")
    return clean(str(proof.get("device_id", "")), 64) if isinstance(proof, dict) else ""


def read_user_id(body: Any, username: str) -> str:
    """Return the id of the user of exactly that name; empty if the reply is about nobody, another one, or several.

    ``GET /users?username=X`` answers with one object; without the query the same path answers with an array.
    """
    if not isinstance(body, dict) or body.get("username") != username:
        return ""
    user_id = body.get("id")
    return user_id if isinstance(user_id, str) and SESSION_ID.fullmatch(user_id) else ""


def asks_for_another(typed: str) -> bool:
    """Whether what was typed is the word for one more e-mail."""
    return unicodedata.normalize("NFKC", typed).strip().casefold() == "resend"
