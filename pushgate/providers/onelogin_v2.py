"""OneLogin's v2 verifications: ask a person whose password OneLogin has not seen, as behind SSH keys and sudo."""

import secrets
from dataclasses import dataclass, replace

from pushgate.clock import Clock
from pushgate.login import Code, Login, Secret
from pushgate.outcome import Approved, Denied, Failed, Handle, NeedsCode, Outcome, Pending
from pushgate.providers.onelogin_devices import POLLED, Device, Kind, choose
from pushgate.providers.onelogin_polling import (
    MAX_TRIES,
    NO_CODE,
    OVER,
    TOO_MANY,
    Life,
    Seen,
    count_wrong,
    poll,
    prompt_for,
    seen_failure,
    seen_reply,
    told,
)
from pushgate.providers.onelogin_server import ASK_SECONDS, OneLoginServer
from pushgate.providers.onelogin_token import CallFailedError
from pushgate.providers.onelogin_v2_wire import (
    Attribute,
    create_body,
    devices_path,
    read_created,
    read_device_list,
    read_otp,
    read_user,
    read_verification,
    users_path,
    verifications_path,
)
from pushgate.providers.onelogin_wire import read_code


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom OneLogin knows."""

    user_id: str
    devices: tuple[Device, ...]


@dataclass(frozen=True, slots=True)
class Verification(Handle):
    """A verification that we began, or a code that a person has to type; then OneLogin knows nothing of it."""

    person: Person
    device: Device
    verification_id: str
    life: Life


class Verifications:
    """The v2 verifications of one account."""

    def __init__(self, server: OneLoginServer, clock: Clock, *, attribute: Attribute) -> None:
        self.server, self.clock, self.attribute = server, clock, attribute

    async def find(self, login: Login, deadline: float) -> Person | Failed:
        """Find the person and what they have enrolled; nobody is asked."""
        try:
            path = users_path(self.attribute, login.user)
            user_id = read_user(await self.server.call("GET", path, deadline), self.attribute, login.user)
            if isinstance(user_id, Failed):
                return user_id
            reply = await self.server.call("GET", devices_path(user_id), deadline)
        except CallFailedError as error:
            # By a read nobody is asked, whether OneLogin saw it or not.
            return told(error.problem, "users", asked=False)
        devices = read_device_list(reply)
        return devices if isinstance(devices, Failed) else Person(user_id, devices)

    async def begin(self, person: Person, device: Device, login: Login, deadline: float) -> Outcome:
        """Ask the person by this device, or check the code that was typed."""
        life = Life()
        if isinstance(login.factor, Code):
            typed = Verification("", person, device, "", life)
            return await self.submit(typed, login.factor.code.value.decode("utf-8", "replace"), deadline, asked=False)
        if device.kind is Kind.CODE:
            handle = Verification(secrets.token_hex(8), person, device, "", life)
            return NeedsCode(handle, prompt_for(device), asked=False)
        seconds = deadline - self.clock.now()
        body = create_body(device, seconds, login)
        try:
            path = verifications_path(person.user_id)
            reply = await self.server.call("POST", path, deadline, body=body, limit=ASK_SECONDS)
        except CallFailedError as error:
            return told(error.problem, "create", asked=error.sent)
        created = read_created(reply, person.user_id)
        if isinstance(created, Failed):
            return created
        handle = Verification(secrets.token_hex(8), person, device, created, life)
        if device.kind in POLLED:
            return Pending(handle)
        return NeedsCode(handle, prompt_for(device), expires_at=self.clock.now() + body["expires_in"])

    async def wait(self, question: Verification, deadline: float) -> Approved | Denied | Failed:
        """Wait for the answer on the device."""
        path = verifications_path(question.person.user_id, question.verification_id)

        async def look(until: float) -> Seen:
            try:
                reply = await self.server.call("GET", path, until)
            except CallFailedError as error:
                return seen_failure(error)
            return seen_reply(reply, read_verification(reply, question.verification_id))

        return await poll(look, question.life.is_over, self.clock, self.server.budget, deadline)

    async def submit(
        self, question: Verification, text: str, deadline: float, *, asked: bool = True
    ) -> Approved | Failed:
        """Check a code: of the verification that sent it, or of a device that makes some by itself."""
        if question.life.is_over():
            return OVER
        if question.life.wrong_codes >= MAX_TRIES:
            return TOO_MANY
        device, sent = question.device, question.verification_id
        if device.kind in POLLED:
            own = choose(question.person.devices, Code(Secret(b"")))
            if own is not None and own.id != device.id:
                device, sent = own, ""
        code = read_code(text, device)
        if not code:
            return replace(NO_CODE, asked=asked)
        path = verifications_path(question.person.user_id, sent)
        body = {"otp": code, "device_id": device.id}
        try:
            reply = await self.server.call("PUT" if sent else "POST", path, deadline, body=body, limit=ASK_SECONDS)
        except CallFailedError as error:
            return told(error.problem, "otp", asked=asked or error.sent)
        # A server that breaks down over a code may have used it up: what is typed must not make doors open.
        broken = reply.status >= 500 and reply.status != 503
        return count_wrong(read_otp(reply, asked=asked or broken), question.life)
