"""LoginTC's documented examples, word for word: sessions and tokens, as curl sends them and as they are answered.

``YOUR_API_KEY`` stands for a key, as in the documents.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

DOCUMENTED_DOMAIN = "9120580e94f134cb7c9f27cd1e43dbc82980e152"
DOCUMENTED_USER = "8c184f495a5b7b6e9ed732f2ce3c67e310806f38"
DOCUMENTED_SESSION = "fcbdc4c271c889825d8338d2d8f10b6e5e95c171"
DOCUMENTED_CODE = "d2mfr24l8r"
DOCUMENTED_NAME = "john.doe"
CURL = {
    "Authorization": 'LoginTC key="YOUR_API_KEY"',
    "Accept": "*/*",
    "User-Agent": "curl/7.88.1",
}
"""What each example sends."""
CURL_DATA = {"Content-Type": "application/x-www-form-urlencoded"}
"""What curl adds to ``-d``."""
OF_DOMAIN = f"/api/domains/{DOCUMENTED_DOMAIN}"
SESSIONS, USER = f"{OF_DOMAIN}/sessions", f"{OF_DOMAIN}/users/{DOCUMENTED_USER}"


@dataclass(frozen=True)
class Example:
    """One documented call."""

    title: str
    method: str
    path: str
    body: str | None
    reply: str
    """Empty where the documents show none."""
    needs: str = ""
    """What must be there before: ``session``, ``token`` (a code that waits), or ``no token``."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What curl sends with it."""
        if self.method == "PUT":
            return {**CURL, "Content-Length": "0"}
        return CURL if self.body is None else {**CURL, **CURL_DATA}


PENDING_SESSION = """{
    "id" : "fcbdc4c271c889825d8338d2d8f10b6e5e95c171",
    "state" : "pending"
}"""
PENDING_TOKEN = """{
    "state" : "pending",
    "code" : "d2mfr24l8r"
}"""
ATTRIBUTES = (
    '{"user" : {"id" : "8c184f495a5b7b6e9ed732f2ce3c67e310806f38"}, '
    '"attributes" : [{"key" : "IP Address", "value" : "10.0.10.142"}, {"key" : "username", "value" : "root"}]}'
)
EXAMPLES = (
    Example(
        "create a session, using the user's id",
        "POST",
        SESSIONS,
        '{"user" : {"id" : "8c184f495a5b7b6e9ed732f2ce3c67e310806f38"}, "attributes" : []}',
        PENDING_SESSION,
    ),
    Example(
        "create a session, using the user name",
        "POST",
        SESSIONS,
        '{"user" : {"username" : "john.doe"},  "attributes" : []}',
        PENDING_SESSION,
    ),
    Example("create a session, with attributes", "POST", SESSIONS, ATTRIBUTES, PENDING_SESSION),
    Example("retrieve a session", "GET", f"{SESSIONS}/{DOCUMENTED_SESSION}", None, PENDING_SESSION, "session"),
    # The documents write a user's id at the place of the session's: at its place it names the session.
    Example("cancel a session", "DELETE", f"{SESSIONS}/{DOCUMENTED_USER}", None, "", "session"),
    Example("create a token", "PUT", f"{USER}/token", None, PENDING_TOKEN, "no token"),
    Example("get a token", "GET", f"{USER}/token", None, PENDING_TOKEN, "token"),
    Example("revoke a token", "DELETE", f"{USER}/token", None, "", "token"),
)
BY_EMAIL = Example(
    "send an e-mail with a one-time password", "POST", f"{USER}/otp", '{"deliverableOTPType":"EMAIL"}', ""
)
INVALID = Example(
    "create a session, with a one-time password",
    "POST",
    SESSIONS,
    '{"user" : {"id" : "8c184f495a5b7b6e9ed732f2ce3c67e310806f38"}, "otp" : "123456"]}',
    """{
    "id" : "fcbdc4c271c889825d8338d2d8f10b6e5e95c171",
    "state" : "approved"
}""",
)
"""What is sent here is no JSON: a bracket is closed that nobody has opened."""


def put_in(text: str, ids: Mapping[str, str]) -> str:
    """Write real ids in place of the documented ones; in the path of a session, whatever stands there is its id."""
    text = re.sub(r"(?<=/sessions/)[0-9a-f]{40}", DOCUMENTED_SESSION, text)
    for documented, real in ids.items():
        text = text.replace(documented, real)
    return text
