"""A terminal device: enrols with an activation code, lists pending logins, signs decisions about them."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pushgate.cli.device_context import PendingLogin, is_id, read_pending
from pushgate.cli.device_http import RefusedError, Server, server_address
from pushgate.cli.device_key import DeviceKey
from pushgate.cli.device_messages import (
    activation_message,
    decision_message,
    fingerprint,
    normal_code,
    request_message,
)
from pushgate.clock import Clock, SystemClock
from pushgate.errors import BadMessageError, PushgateError
from pushgate.files import read_trusted
from pushgate.text import clean

BASE = "/device/v1"
MAX_PENDING = 200
"""Logins looked at in one answer; a person has a handful."""

FIELDS = ("server", "device_id", "user", "domain", "label")
"""What the key file holds beside the key itself."""

Answer = Literal["approved", "denied", "denied.unknown_trigger"]


class NotLinkedError(PushgateError):
    """The authority does not know this device any more."""

    def __init__(self) -> None:
        super().__init__(
            "this device is not linked to the authority any more", "link it again: pushgate device enroll CODE"
        )


@dataclass
class TerminalDevice:
    """A device with its own ES256 key, linked to one person at one authority."""

    server: str
    device_id: str
    user: str
    domain: str
    label: str
    key: DeviceKey
    clock: Clock

    def __post_init__(self) -> None:
        self.http = Server(self.server, self.clock)
        # Seconds that the authority's clock is ahead of ours; learnt from its first refusal.
        self.offset = 0.0

    @classmethod
    def enroll(cls, server: str, code: str, label: str = "terminal", clock: Clock | None = None) -> "TerminalDevice":
        """Make a key and link it to the person whose activation code this is.

        Raises:
            PushgateError: if the code is not accepted, or the authority cannot be reached.
        """
        clock = clock or SystemClock()
        key, code = DeviceKey.generate(), normal_code(code)
        request = {
            "code": code,
            "jwk": key.jwk(),
            "label": label,
            "kind": "cli",
            "subscription": None,
            "sig": key.sign(activation_message(code, key.point())),
        }
        try:
            answer = Server(server, clock).call("POST", f"{BASE}/activate", json.dumps(request).encode(), {})
        except RefusedError as refused:
            raise _activation_error(refused) from None
        device_id, user, domain = (answer.get(name) for name in ("device_id", "user", "domain"))
        if not (is_id(device_id) and isinstance(user, str) and isinstance(domain, str)):
            raise BadMessageError("bad_activation", "the authority answered the activation in an unknown form")
        if answer.get("fingerprint") != fingerprint(key.point()):
            raise BadMessageError("bad_activation", "the authority has stored another key than this device's")
        return cls(server_address(server), device_id, clean(user, 128), clean(domain, 128), label, key, clock)

    @classmethod
    def load(cls, path: Path, clock: Clock | None = None) -> "TerminalDevice":
        """Read a key file that ``save`` wrote.

        Raises:
            PushgateError: if it is missing, readable by others, or not such a file.
        """
        if not path.is_symlink() and not path.exists():
            hint = "link it with an activation code: pushgate device enroll CODE"
            raise PushgateError(f"{path}: this terminal is not linked", hint)
        try:
            stored = json.loads(read_trusted(path, secret=True))
            server, device_id, user, domain, label = (stored[name] for name in FIELDS)
            if stored["v"] != 1 or not is_id(device_id) or not all(isinstance(stored[name], str) for name in FIELDS):
                raise ValueError
            key = DeviceKey.from_secret(stored["key"])
            return cls(server, device_id, user, domain, label, key, clock or SystemClock())
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            hint = "remove it and link the device again: pushgate device enroll CODE"
            raise PushgateError(f"{path}: not a device key file", hint) from None

    def save(self, path: Path) -> None:
        """Write the key file with mode 0600, whole or not at all; a folder that is missing is made with 0700."""
        content = {"v": 1, **{name: getattr(self, name) for name in FIELDS}, "key": self.key.secret()}
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=1)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise

    @property
    def fingerprint(self) -> str:
        """Four characters, the same that the authority shows for this device."""
        return fingerprint(self.key.point())

    def pending(self) -> list[PendingLogin]:
        """Return the logins that wait for this person, in the authority's order.

        Raises:
            PushgateError: if the authority cannot be asked, or describes a login in an unsafe form.
        """
        sessions = self._call("GET", "/sessions").get("sessions")
        if not isinstance(sessions, list) or len(sessions) > MAX_PENDING:
            raise BadMessageError("bad_sessions", "the authority sent its list of logins in an unknown form")
        return [read_pending(session) for session in sessions]

    def state(self, session: str) -> str:
        """Return the state of one of this person's sessions, final ones included.

        Raises:
            PushgateError: if there is no such session, or the authority cannot be asked.
        """
        state = self._call("GET", f"/sessions/{session}").get("state")
        return clean(state, 40) if isinstance(state, str) else "unknown"

    def decide(self, login: PendingLogin, decision: Answer, number: str = "") -> str:
        """Sign and send an answer to exactly what ``login.ctx`` says; return the session's new state.

        Raises:
            PushgateError: if the session is final already, the number was wrong, or the authority does not take the
                answer.
        """
        message = decision_message(login.id, self.device_id, decision, login.nonce, login.ctx, number)
        body = {
            "device_id": self.device_id,
            "decision": decision,
            "number": number,
            "sig": self.key.sign(message),
            "via": "cli",
        }
        answer = self._call("POST", f"/sessions/{login.id}/decision", json.dumps(body).encode())
        if answer.get("reason") == "wrong_number":
            raise PushgateError("that is not the number of this login: it is denied now", "begin the login again")
        state = answer.get("state")
        return clean(state, 40) if isinstance(state, str) else decision.partition(".")[0]

    def changes(self) -> Iterator[None]:
        """Yield when the authority begins to report changes, then at each of them, until it closes the stream.

        Raises:
            PushgateError: if the authority cannot be reached, or does not know this device.
        """
        target = f"{BASE}/events"
        try:
            yield from self.http.events(target, self._authorization("GET", target, b""))
        except RefusedError as refused:
            self._correct_clock(refused)
            try:
                yield from self.http.events(target, self._authorization("GET", target, b""))
            except RefusedError as again:
                raise _refusal(again) from None

    def unlink(self) -> None:
        """Ask the authority to forget this device; its key answers nothing afterwards."""
        self._call("DELETE", "/self")

    def _call(self, method: str, path: str, body: bytes = b"") -> dict[str, Any]:
        target = BASE + path
        try:
            return self.http.call(method, target, body, self._authorization(method, target, body))
        except RefusedError as refused:
            self._correct_clock(refused)
        try:
            return self.http.call(method, target, body, self._authorization(method, target, body))
        except RefusedError as again:
            raise _refusal(again) from None

    def _authorization(self, method: str, target: str, body: bytes) -> dict[str, str]:
        timestamp = int(self.clock.wall().timestamp() + self.offset)
        signature = self.key.sign(request_message(self.device_id, method, target, timestamp, body))
        return {"Authorization": f'Pushgate-Device id="{self.device_id}", ts="{timestamp}", sig="{signature}"'}

    def _correct_clock(self, refused: RefusedError) -> None:
        """Take over the authority's clock, which it names in case ours is the reason of its refusal."""
        now = refused.body.get("now")
        if refused.status != 401 or isinstance(now, bool) or not isinstance(now, int | float) or not 0 < now < 2**32:
            raise _refusal(refused) from None
        self.offset = now - self.clock.wall().timestamp()


def _activation_error(refused: RefusedError) -> PushgateError:
    if refused.status == 429:
        return PushgateError("too many wrong activation codes", "wait ten minutes, then try again")
    if refused.status in (400, 403, 404, 409, 410):
        return PushgateError(
            "the activation code is not accepted", "codes work once and for a limited time: ask for a new one"
        )
    return refused


def _refusal(refused: RefusedError) -> PushgateError:
    state = refused.body.get("state")
    if refused.status == 401:
        return NotLinkedError()
    if refused.status == 404:
        return PushgateError("there is no such login", "list them: pushgate pending")
    if refused.status == 409:
        known = isinstance(state, str) and state != "pending"
        return PushgateError(
            f"too late: the login is already {clean(str(state), 40)}" if known else "the login cannot be answered now",
            "" if known else "another one has to be answered first: pushgate pending",
        )
    if refused.status == 410:
        return PushgateError("too late: the login has expired")
    if refused.status == 403:
        return PushgateError("the authority does not accept this device's signature", "nothing was approved")
    return refused
