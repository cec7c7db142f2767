"""What went wrong at a LoginTC server, as pure functions: a reply or its absence becomes a failure with a hint."""

from pushgate.http import Reply, RequestFailedError
from pushgate.outcome import Failed, FailureKind
from pushgate.text import clean

NO_TOKEN = "api.error.notfound.token"  # noqa: S105 - LoginTC's word for "nothing enrolled"
HINTS = {
    401: "the API key is refused: check api_key_file",
    403: "the API key may not use this domain: check domain_id, and whose key api_key_file holds",
    407: "a proxy in between wants a password: pushgate needs a way without it",
    429: "too many requests with this API key: give each gate a key of its own, or ask the provider for more",
}
"""By status, whatever was asked for."""
UNREACHABLE = {
    FailureKind.UNAVAILABLE: "check url, name look-up and the network",
    FailureKind.PROTOCOL: "what answers is no LoginTC server: check url, and what stands in between",
}


class NotMetError(Exception):
    """A server could not be met; nobody has been asked."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.detail)
        self.failed = failed


def failure_of_status(status: int) -> FailureKind:
    """Name the kind of a status that no call gives a meaning of its own."""
    if status in (401, 403, 407):
        return FailureKind.CONFIG
    if status == 429:
        return FailureKind.RATE_LIMITED
    return FailureKind.UNAVAILABLE if status >= 500 else FailureKind.PROTOCOL


def failed_reply(reply: Reply, step: str, *, asked: bool, kind: FailureKind | None = None, hint: str = "") -> Failed:
    """Describe a reply that is no success.

    Args:
        reply: What came back.
        step: Which call it answers, for the log.
        asked: Whether the person may have been asked.
        kind: None: that of its status.
        hint: Empty: that of its status.
    """
    code = error_code(reply)
    return Failed(
        kind or failure_of_status(reply.status),
        asked=asked,
        detail=f"{step}: HTTP {reply.status} {code}".rstrip(),
        status=reply.status,
        trace=trace_of(reply),
        hint=hint or hint_of(reply.status),
    )


def failed_call(failure: RequestFailedError, step: str, *, asked: bool) -> Failed:
    """Describe a call that brought no usable reply."""
    hint = UNREACHABLE.get(failure.kind, "")
    if failure.kind is FailureKind.CONFIG and ("SSL" in failure.detail or "Certificate" in failure.detail):
        hint = "the server's certificate is not trusted: check url, ca_file and the clock of this machine"
    return Failed(failure.kind, asked=asked, detail=f"{step}: {failure.detail}", status=failure.status, hint=hint)


def failure_of_create(reply: Reply, *, domain_known: bool) -> Failed:
    """Name the failure of a create by its status (docs/providers/logintc.md)."""
    if reply.status == 404:
        return not_found(reply, "create", domain_known=domain_known)
    # A server that is out of order has made no session if it says 503, and may have made one if it says anything else.
    return failed_reply(reply, "create", asked=reply.status >= 500 and reply.status != 503)


def not_found(reply: Reply, step: str, *, domain_known: bool) -> Failed:
    """Tell a person who is not there from a domain that is not there; nobody has been asked."""
    if error_code(reply) == NO_TOKEN:
        hint = "this user has nothing linked: pushgate user code NAME makes the code that links a device"
        return failed_reply(reply, step, asked=False, kind=FailureKind.NOT_ENROLLED, hint=hint)
    if domain_known:
        hint = "the domain has no such user: pushgate user add NAME"
        return failed_reply(reply, step, asked=False, kind=FailureKind.NOT_ENROLLED, hint=hint)
    hint = "the server knows no such domain: check domain_id"
    return failed_reply(reply, step, asked=False, kind=FailureKind.CONFIG, hint=hint)


def failure_of_poll(reply: Reply) -> Failed:
    """Name the failure of a question about a session that exists."""
    if reply.status in (404, 410):
        hint = "the session ended before its answer: compare login.timeout with the domain's request timeout"
        return failed_reply(reply, "session", asked=True, kind=FailureKind.EXPIRED, hint=hint)
    return failed_reply(reply, "session", asked=True)


def hint_of(status: int) -> str:
    """Say what an administrator can do about a status."""
    if status in HINTS:
        return HINTS[status]
    if status >= 500:
        return "the provider itself is out of order"
    if 300 <= status < 400:
        return "the server sends us elsewhere, which is never followed: check url"
    return "the server speaks another API than LoginTC's v1: check url"


def error_code(reply: Reply) -> str:
    """Return the first error code of an error body, cleaned, or an empty string whatever the body looks like."""
    errors = reply.body.get("errors") if isinstance(reply.body, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    return clean(str(first.get("code", "")), 64) if isinstance(first, dict) else ""


def trace_of(reply: Reply) -> str:
    """Return the name that the server, or what stands before it, gave the request; LoginTC documents none."""
    return clean(reply.headers.get("X-Request-Id", ""), 64)
