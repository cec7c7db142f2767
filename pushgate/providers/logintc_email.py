"""Codes that LoginTC sends by e-mail: find the person's id, have the code sent, and once more where it got lost.

LoginTC knows a user by name when a session is created, and only by id when an e-mail is to be sent. What is typed is
checked like any other code.
"""

import secrets
from dataclasses import replace
from urllib.parse import quote

from pushgate.clock import Clock
from pushgate.http import Reply, RequestFailedError
from pushgate.limiter import Limiter
from pushgate.login import Login
from pushgate.outcome import Failed, FailureKind, NeedsCode
from pushgate.providers.logintc_failures import failed_call, failed_reply, not_found
from pushgate.providers.logintc_handles import MailedCode
from pushgate.providers.logintc_server import LoginTcServer, ServerFacts
from pushgate.providers.logintc_wire import SENT, read_user_id

SEND_SECONDS = 15.0
"""Longer than other calls: who gives up on an e-mail that is only slow rejects a person who is about to get it."""
GOOD_FOR_SECONDS = 120.0
"""How long a code is good unless LoginTC's administrator has changed it: the API does not tell."""
RESEND_SECONDS = 30.0
RESENDS = 3
MAILS, MAILS_WITHIN = 5, 900.0
"""E-mails to one person within so many seconds, as long as none of their codes was right."""
TOO_MANY = Failed(FailureKind.RATE_LIMITED, asked=False, detail=f"{MAILS} e-mails to this person: our own limit")
SWITCHED_OFF = "is Email OTP switched on in the domain's policy, and has the user an address?"
PROMPT = "Code sent by e-mail"
TOO_SOON = "Wait half a minute before you ask for another. Code sent by e-mail"
NO_MORE = "No more e-mails for this login. Code sent by e-mail"


class EmailCodes:
    """Has codes sent."""

    def __init__(self, server: LoginTcServer, clock: Clock) -> None:
        self.server, self.clock = server, clock
        self.mails = Limiter(clock, MAILS, MAILS_WITHIN)

    async def begin(self, login: Login, facts: ServerFacts, deadline: float) -> NeedsCode | Failed:
        """Have a code sent to the person, unless too many were."""
        # Counted before it is sent, or many logins at the same moment would each find the limit unspent.
        if not self.mails.take(login.user):
            return TOO_MANY
        handle = await self.send_first(login, facts, deadline)
        if isinstance(handle, Failed):
            if not handle.asked:
                self.mails.give_back(login.user)
            return handle
        return self.question(handle)

    async def send_first(self, login: Login, facts: ServerFacts, deadline: float) -> MailedCode | Failed:
        """Find the person, and have the first code sent."""
        user_id = await self.find_user(login.user, deadline)
        if isinstance(user_id, Failed):
            return user_id
        handle = MailedCode(secrets.token_hex(16), login, user_id)
        return await self.send(handle, facts, deadline) or handle

    def note_right_code(self, handle: MailedCode) -> None:
        """Forget what was sent to a person who is there and got in."""
        self.mails.forget(handle.login.user)

    async def pretend(self, login: Login, deadline: float) -> NeedsCode | Failed:
        """Do what ``begin`` does, as far as a stranger can see it: two calls, and a question that no code answers."""
        handle = MailedCode(secrets.token_hex(16), login, "")
        if not self.mails.take(login.user):
            return TOO_MANY
        for _ in range(2):
            failed = await self.call_for_nobody(deadline)
            if failed is not None:
                return failed
        handle.tally.sent_at = self.clock.now()
        return self.question(handle)

    async def resend(self, handle: MailedCode, facts: ServerFacts, deadline: float) -> NeedsCode | Failed:
        """Have another code sent, unless that was done a moment ago or often enough; the earlier one stays as it is."""
        tally = handle.tally
        if tally.resent < RESENDS and self.clock.now() - tally.sent_at < RESEND_SECONDS:
            return replace(self.question(handle, TOO_SOON), wrong=False)
        if tally.resent >= RESENDS or not self.mails.take(handle.login.user):
            return replace(self.question(handle, NO_MORE), wrong=False)
        tally.resent += 1
        failed = await (self.send(handle, facts, deadline) if handle.user_id else self.call_for_nobody(deadline))
        if failed is not None:
            return failed
        tally.sent_at = self.clock.now()
        return replace(self.question(handle), resent=True)

    def question(self, handle: MailedCode, prompt: str = PROMPT) -> NeedsCode:
        """Return what the person is asked."""
        return NeedsCode(handle, prompt, way="email", expires_at=handle.tally.sent_at + GOOD_FOR_SECONDS)

    async def find_user(self, username: str, deadline: float) -> str | Failed:
        """Return the id of the user of exactly that name."""
        name = quote(username.encode("utf-8", "surrogatepass"), safe="")
        try:
            reply = await self.server.call("GET", f"/api/users?username={name}", deadline)
        except RequestFailedError as failure:
            return failed_call(failure, "user", asked=False)
        if reply.status == 404:
            return not_found(reply, "user", domain_known=True)
        if reply.status != 200:
            return failed_reply(reply, "user", asked=False)
        user_id = read_user_id(reply.body, username)
        if not user_id:
            detail = "user: the reply is not about one user of this name"
            return Failed(FailureKind.NOT_ENROLLED, asked=False, detail=detail, status=reply.status)
        return user_id

    async def call_for_nobody(self, deadline: float) -> Failed | None:
        """Take as long as a call about a person does."""
        found = await self.find_user(f"nobody-{secrets.token_hex(8)}", deadline)
        return found if isinstance(found, Failed) and found.kind is not FailureKind.NOT_ENROLLED else None

    async def send(self, handle: MailedCode, facts: ServerFacts, deadline: float) -> Failed | None:
        """Have one e-mail sent; never repeated by itself."""
        path = f"{self.server.domain}/users/{quote(handle.user_id, safe='')}/otp"
        handle.tally.sent_at = self.clock.now()
        try:
            body = {"deliverableOTPType": "EMAIL"}
            reply = await self.server.call("POST", path, deadline, body=body, limit=SEND_SECONDS)
        except RequestFailedError as failure:
            if failure.status in SENT:
                return None  # the documents show no body: what it is does not matter
            self.server.stale = True
            return failed_call(failure, "e-mail", asked=failure.sent)
        return None if reply.status in SENT else failure_of_email(reply, facts)


def failure_of_email(reply: Reply, facts: ServerFacts) -> Failed:
    """Name why no e-mail was sent."""
    if reply.status == 404:
        return not_found(reply, "e-mail", domain_known=facts.domain_known)
    maybe_sent = reply.status >= 500 and reply.status != 503
    hint = SWITCHED_OFF if reply.status in (400, 403, 405, 406) else ""
    return failed_reply(reply, "e-mail", asked=maybe_sent, hint=hint)
