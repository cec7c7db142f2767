"""What daemons derive from the join key that they share."""

import re

from pushgate.providers.logintc_sharing import client_nonce, consumer, idempotency_key

BODY = {"user": {"username": "alice"}, "attributes": []}


def test_two_daemons_derive_the_same() -> None:
    """Two daemons that hold the same login send the same nonce and key, and claim under the same name."""
    key = b"attempt"
    assert client_nonce(key) == client_nonce(key)
    assert idempotency_key(key, BODY) == idempotency_key(key, dict(reversed(BODY.items())))
    assert consumer(key, "a" * 40) == consumer(key, "a" * 40)


def test_other_logins_and_sessions_derive_something_else() -> None:
    """Another login, body or session has another key, and no value tells another one."""
    values = [
        idempotency_key(b"one", BODY),
        idempotency_key(b"two", BODY),
        idempotency_key(b"one", {**BODY, "number": "57"}),
        idempotency_key(b"one", {**BODY, "number": "58"}),
        client_nonce(b"one"),
        client_nonce(b"two"),
        consumer(b"one", "a" * 40),
        consumer(b"one", "b" * 40),
        consumer(b"two", "a" * 40),
    ]
    assert len({value[:20] for value in values}) == len(values)


def test_without_a_join_key_everything_is_random() -> None:
    """A login that nobody shares is claimed under a name that nobody can derive."""
    assert len({client_nonce(None) for _ in range(20)} | {consumer(None, "a" * 40) for _ in range(20)}) == 40


def test_values_have_the_form_that_the_authority_takes() -> None:
    """Keys are at most 64 visible characters, nonces and consumers 16 bytes of base64url."""
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", idempotency_key(b"k", BODY))
    for value in (client_nonce(b"k"), client_nonce(None), consumer(b"k", "a"), consumer(None, "a")):
        assert re.fullmatch(r"[A-Za-z0-9_-]{22}", value)
