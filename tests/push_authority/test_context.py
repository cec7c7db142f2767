import json

import pytest

from push_authority.context import MAX_CTX, Asker, Context, build_ctx
from push_authority.errors import ApiError

ASKER = Asker("localhost:8080", "Staff", "default")


def test_ctx_holds_all_that_is_shown() -> None:
    """The text has every field in the documented order, attributes in theirs, and no blank outside of values."""
    context = Context(
        service="sudo",
        host="web1",
        account="root",
        command="systemctl restart nginx",
        tty="pts/3",
        ip="203.0.113.7",
        origin_kind="kernel",
        attributes=(("Zone", "b"), ("Area", "a")),
        client_nonce="AAECAwQFBgcICQoLDA0ODw",
    )
    assert build_ctx(context, ASKER, "alice", 1795298000.9, 1795298060.9) == (
        '{"v":1,"authority":"localhost:8080","domain":"Staff","user":"alice","service":"sudo","host":"web1",'
        '"account":"root","command":"systemctl restart nginx","tty":"pts/3","ip":"203.0.113.7","origin_kind":"kernel",'
        '"attributes":[{"key":"Zone","value":"b"},{"key":"Area","value":"a"}],"created":1795298000,'
        '"expires":1795298060,"number_required":false,"client_nonce":"AAECAwQFBgcICQoLDA0ODw","client":"default"}'
    )


def test_ctx_of_a_plain_call_is_complete() -> None:
    """A call without context has the same keys, empty."""
    ctx = json.loads(build_ctx(Context(attributes=(("IP Address", "203.0.113.7"),)), ASKER, "alice", 1, 2))
    assert ctx["attributes"] == [{"key": "IP Address", "value": "203.0.113.7"}]
    assert [ctx[key] for key in ("service", "host", "command", "ip", "client_nonce")] == [""] * 5


def test_ctx_shows_hidden_characters() -> None:
    """Every text of a caller is made visible before it is hashed, so that what is shown is what is signed."""
    trick = "rm\u202e -rf\x1b[0m\u200b"
    context = Context(trick, trick, trick, trick, trick, trick, trick, ((trick, trick),))
    ctx = build_ctx(context, Asker("localhost:1", trick, trick), "alice", 1, 2)
    assert not any(character in ctx for character in "\u202e\x1b\u200b")
    assert ctx.count(r"rm\\u202e -rf\\x1b[0m\\u200b") == 11
    assert json.loads(ctx)["command"] == r"rm\u202e -rf\x1b[0m\u200b"


@pytest.mark.parametrize(("hidden", "refused"), [("\\", False), ("w", False), ("\x1b", True), ("\U000e0001", True)])
def test_no_ctx_is_too_large_to_be_shown(hidden: str, refused: bool) -> None:
    """A login that its hidden characters blow up is refused; the longest one of plain text is not."""
    context = Context(command=hidden * 1024, attributes=((hidden * 64, hidden * 512),) * 20)
    if refused:
        with pytest.raises(ApiError) as refusal:
            build_ctx(context, ASKER, "alice", 1, 2)
        assert (refusal.value.status, refusal.value.code) == (400, "badrequest")
    else:
        assert len(build_ctx(context, ASKER, "alice", 1, 2)) <= MAX_CTX
