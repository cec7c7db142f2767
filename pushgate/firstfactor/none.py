"""First factor ``none``: the push is all there is, so the password field has nothing to say."""

from pushgate.login import Secret

PUSH_WORD = b"push"


def accepts(secret: Secret | None) -> bool:
    """Whether the field is absent, empty or the word ``push`` in any case."""
    return secret is None or secret.value.lower() in (b"", PUSH_WORD)
