from push_authority.errors import ApiError, AuthorityError, bad_request, not_found, rate_limited


def test_refusals_have_status_code_and_message() -> None:
    """Each kind of refusal carries what its answer needs."""
    cases = [bad_request("too long"), not_found("session"), rate_limited("too many", retry_after=7)]
    assert [(one.status, one.code, one.message, one.retry_after) for one in cases] == [
        (400, "badrequest", "too long", None),
        (404, "notfound.session", "no such session", None),
        (429, "ratelimited", "too many", 7),
    ]
    assert ApiError(410, "gone", "too late", extra={"state": "expired"}).extra == {"state": "expired"}


def test_administrator_gets_a_hint() -> None:
    """An error that stops the start says what is wrong and what to do."""
    error = AuthorityError("folder: open to others", "chmod 700 folder")
    assert (str(error), error.message, error.hint) == (error.message, "folder: open to others", "chmod 700 folder")
