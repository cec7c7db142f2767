"""Every call of Clerk's Frontend API reference about sessions: request sample, responses, and the shape of the reply.

``S`` stands for the id of a session. Samples are as the reference has them, ``string`` included.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """One call as the reference describes it."""

    title: str
    method: str
    path: str
    body: str
    statuses: frozenset[int]
    keys: frozenset[str]
    """Of the sample reply."""
    allowed: frozenset[str] = frozenset()
    """Values of the enumeration that the call names."""


BOTH = frozenset({"response", "client"})
BASE = "/v1/client/sessions"
STEPS = frozenset({200, 400, 403, 422})
EXAMPLES = (
    Example("Remove client's sessions", "DELETE", BASE, "", frozenset({200, 401, 404}), BOTH),
    Example("Get Session", "GET", f"{BASE}/S", "", frozenset({200, 401, 404}), BOTH),
    Example(
        "Touch session",
        "POST",
        f"{BASE}/S/touch",
        "active_organization_id=string",
        frozenset({200, 400, 401, 403, 404, 422}),
        BOTH,
    ),
    Example("End Session", "POST", f"{BASE}/S/end", "", frozenset({200, 400, 404}), BOTH),
    Example("Remove Session", "POST", f"{BASE}/S/remove", "", frozenset({200, 400, 404}), BOTH),
    Example(
        "Create Session Token",
        "POST",
        f"{BASE}/S/tokens",
        "organization_id=string",
        frozenset({200, 401, 404}),
        frozenset({"jwt"}),
    ),
    Example(
        "Create Session Token With JWT Template",
        "POST",
        f"{BASE}/S/tokens/string",
        "",
        frozenset({200, 401}),
        frozenset({"jwt"}),
    ),
    Example(
        "Start a new session reverification",
        "POST",
        f"{BASE}/S/verify",
        "level=first_factor",
        frozenset({200, 401, 422}),
        BOTH,
        frozenset({"first_factor", "second_factor", "multi_factor"}),
    ),
    Example(
        "Prepare session reverification first factor",
        "POST",
        f"{BASE}/S/verify/prepare_first_factor",
        "strategy=email_code&email_address_id=string&phone_number_id=string",
        STEPS,
        BOTH,
        frozenset({"email_code", "phone_code"}),
    ),
    Example(
        "Attempt session reverification first factor",
        "POST",
        f"{BASE}/S/verify/attempt_first_factor",
        "strategy=email_code&code=string&password=string",
        STEPS,
        BOTH,
        frozenset({"email_code", "password", "phone_code"}),
    ),
    Example(
        "Prepare session reverification second factor",
        "POST",
        f"{BASE}/S/verify/prepare_second_factor",
        "strategy=phone_code&phone_number_id=string",
        STEPS,
        BOTH,
        frozenset({"phone_code"}),
    ),
    Example(
        "Attempt session reverification second factor",
        "POST",
        f"{BASE}/S/verify/attempt_second_factor",
        "strategy=phone_code&code=string",
        STEPS,
        BOTH,
        frozenset({"phone_code", "totp", "backup_code"}),
    ),
)
