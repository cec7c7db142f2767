"""What somebody who looks on sees of a request."""

import re
from contextlib import suppress

import pytest

from pushgate.observing import bare_path, is_fixed, looking, observed_by
from tests.support.project import ROOT

DOMAIN = "9120580e94f134cb7c9f27cd1e43dbc82980e152"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/api/ping", "/api/ping"),
        (f"/api/domains/{DOMAIN}/sessions/{DOMAIN[::-1]}?wait=25", "/api/domains/*/sessions/*?wait=*"),
        ("/api/1/login/verify_factor", "/api/1/login/verify_factor"),
        ("/auth/oauth2/v2/token", "/auth/oauth2/v2/token"),
        ("/api/2/mfa/users/12345/verifications/56e4c7b6-0e4d", "/api/2/mfa/users/*/verifications/*"),
        ("/v1/users?username=alice&limit=2", "/v1/users?username=*&limit=*"),
        ("/v1/client/sessions/sess_2aBcDeF/verify?_is_native=1&__clerk_session_id=x", None),
        ("/api/auth/v2/session/a%2Fb", "/api/auth/v2/session/*"),
        ("/users/ALICE/alice%20b/é/\x1b[2J/user_alice", "/users/*/*/*/*/*"),
        ("", ""),
    ],
)
def test_a_path_is_shown_without_ids(path: str, shown: str | None) -> None:
    """A person who looks on learns which call it was, and neither whose nor of which session."""
    bare = "/v1/client/sessions/*/verify?_is_native=*&__clerk_session_id=*"
    assert bare_path(path) == (bare if shown is None else shown)


def test_every_call_of_a_provider_can_be_told() -> None:
    """A person who looks on reads every fixed word of the calls that providers make."""
    texts = [file.read_text() for file in (ROOT / "pushgate" / "providers").glob("*.py")]
    paths = [path for text in texts for path in re.findall(r'"(/[a-z0-9_/{][^"?]*)', text)]
    words = {word for path in paths for word in re.sub(r"\{[^}]*\}", "*", path).split("/") if "*" not in word}
    assert {word for word in words if not is_fixed(word)} == set()
    assert {"sessions", "verify_factor", "sign_ins", "verification"} <= words


def test_nobody_looks_on_behind_the_block() -> None:
    """A client that is made behind the block is watched by nobody, also where the block has failed."""
    seen: list[object] = []
    with suppress(ZeroDivisionError), observed_by(seen.append):
        assert looking.get() == seen.append
        raise ZeroDivisionError
    assert looking.get() is None
