"""What the provider logintc knows of a question that is out."""

import pytest

from pushgate.login import Code, Secret
from pushgate.providers.logintc_handles import MailedCode, OpenSession, Tally
from tests.support.core import make_login


def test_three_codes_are_all() -> None:
    """A fourth code for one question is refused, and so LoginTC never counts to five."""
    tally = Tally()
    assert [tally.take_try() for _ in range(5)] == [True, True, True, False, False]


def test_a_withdrawn_question_takes_no_code() -> None:
    """A code for a question that was withdrawn is not tried."""
    assert not Tally(withdrawn=True).take_try()


@pytest.mark.parametrize(
    "handle",
    [
        OpenSession("s", make_login(factor=Code(Secret(b"123456")), secret=Secret(b"hunter2")), False, "42"),
        MailedCode("s", make_login(secret=Secret(b"hunter2")), "8c184f"),
    ],
)
def test_a_handle_shows_no_secret(handle: object) -> None:
    """A handle in a traceback shows neither number nor login."""
    shown = repr(handle)
    assert [word for word in ("123456", "hunter2", "42", "alice", "8c184f") if word in shown] == []
